//! The counts and the findings of one partition, as ranges of offsets.

use std::ops::Range;

use crate::audit::codes::Code;
use crate::audit::offsets::OffsetSet;
use crate::audit::report::{Counts, Finding};
use crate::audit::tally::{Lag, Tally};

/// Ranges of one kind in one partition that are listed; the counts are complete.
const RANGES_LISTED: usize = 1000;

/// The detail of a finding, and an object with a row of it.
type Told = (String, Option<String>);

/// Everything that was found of one partition.
#[derive(Debug)]
pub struct PartitionFound<'a> {
    /// The number of the partition.
    pub partition: i32,
    /// What the rows and records gave.
    pub tally: &'a Tally,
    /// Where the sources have records.
    pub covered: &'a OffsetSet,
    /// Whether records after the last row are missing.
    pub lag: Lag,
    /// Whether offsets were counted from the names of objects.
    pub counts_offsets: bool,
    /// The names of files by their numbers.
    pub files: &'a [String],
}

impl PartitionFound<'_> {
    /// The counts, and the findings in the order of offsets.
    #[must_use]
    pub fn conclude(&self) -> (Counts, Vec<Finding>) {
        let tally = self.tally;
        let missing = tally.missing(self.lag);
        let lagging = match (self.lag, tally.seen.end()) {
            (Lag::Allowed, Some(end)) => self.covered.within(&(end..i64::MAX)),
            _ => OffsetSet::default(),
        };
        let present = missing.minus(&tally.tombstones).len();
        let counts = Counts {
            rows: tally.rows,
            compared: tally.compared,
            values_compared: tally.values_compared,
            source_records: tally.source_records,
            missing: missing.len(),
            missing_tombstones: missing.len() - present,
            doubled: tally.doubled.len(),
            extra_rows: tally.extra_rows,
            altered: tally.altered.len(),
            unexpected: tally.unexpected.len(),
            lag: lagging.len(),
        };
        let mut findings = Vec::new();
        self.list(&mut findings, Code::Altered, &tally.altered, &|range| {
            self.alteration(range)
        });
        self.list(&mut findings, Code::Unexpected, &tally.unexpected, &|_| {
            (String::new(), None)
        });
        self.list(&mut findings, Code::Missing, &missing, &|range| {
            let empty = tally.tombstones.within(range).len();
            let without = if empty > 0 {
                format!("{empty} of them without a value")
            } else {
                String::new()
            };
            (without, None)
        });
        self.list(&mut findings, Code::Doubled, &tally.doubled, &|range| {
            let extra = tally.extras.iter().find(|(offset, _)| range.contains(offset));
            (
                String::new(),
                extra.and_then(|(_, file)| self.files.get(*file as usize).cloned()),
            )
        });
        let uncovered = tally.seen.minus(self.covered);
        self.list(&mut findings, Code::NotHeld, &uncovered, &|_| (String::new(), None));
        self.list(&mut findings, Code::Lag, &lagging, &|_| (String::new(), None));
        if self.counts_offsets && tally.source_records < tally.read.len() {
            let gaps = tally.read.len() - tally.source_records;
            let detail = format!("{gaps} offsets have no record");
            findings.push(
                Finding::new(Code::CountedOffsets, detail).at(self.partition, &(0..tally.read.end().unwrap_or(0))),
            );
        }
        (counts, findings)
    }

    fn list(&self, findings: &mut Vec<Finding>, code: Code, offsets: &OffsetSet, tell: &dyn Fn(&Range<i64>) -> Told) {
        for range in offsets.iter().take(RANGES_LISTED) {
            let (detail, object) = tell(&range);
            let mut finding = Finding::new(code, detail).at(self.partition, &range);
            finding.object = object;
            let times = if code == Code::Missing {
                self.tally.times(&range)
            } else {
                None
            };
            findings.push(finding.between(times));
        }
    }

    /// What differs in a range of altered rows, and a file with one.
    fn alteration(&self, range: &Range<i64>) -> Told {
        let of_range = self.tally.alterations.iter().filter(|row| range.contains(&row.offset));
        let (mut differs, mut file) = ([false; 3], None);
        for row in of_range {
            let here = [row.differs.value, row.differs.key, row.differs.timestamp];
            differs = std::array::from_fn(|index| differs[index] || here[index]);
            file = file.or_else(|| self.files.get(row.file as usize).cloned());
        }
        let names = ["value", "key", "timestamp"];
        let members: Vec<&str> = names
            .iter()
            .zip(differs)
            .filter_map(|(name, differs)| differs.then_some(*name))
            .collect();
        let detail = if members.is_empty() {
            String::new()
        } else {
            format!("different: {}", members.join(", "))
        };
        (detail, file)
    }
}

//! Compares the records that a divergence superseded with Kafka. The claim is false only if Kafka still holds every one and
//! no other at these offsets: the last flush of an archiver that had not noticed the election may hold records of the new
//! log, and may lack one that the new log has where the old had none.

use std::ops::Range as Offsets;

use crate::record::hash::Hash;
use crate::verify::chain::{Range, Superseded};
use crate::verify::findings::{Code, Finding};

/// After this many ranges, one record that Kafka does not hold ends the comparison.
const RANGES_COUNTED: usize = 50;

/// Counts the superseded records of one divergence that Kafka still holds.
#[derive(Debug)]
pub struct SupersededTally<'c> {
    superseded: &'c Superseded,
    ranges: usize,
    records: u64,
    held: u64,
    /// Kafka holds a record at these offsets that is not among them.
    has_other: bool,
    /// Some could not be compared, so nothing is said of every one.
    has_unknown: bool,
}

impl<'c> SupersededTally<'c> {
    /// A comparison before its first range.
    #[must_use]
    pub fn new(superseded: &'c Superseded) -> SupersededTally<'c> {
        SupersededTally {
            superseded,
            ranges: 0,
            records: 0,
            held: 0,
            has_other: false,
            has_unknown: !Self::covers_all(superseded),
        }
    }

    /// An incremental verification may not have read the first superseded links.
    fn covers_all(superseded: &Superseded) -> bool {
        let first = superseded.ranges.first();
        first.is_some_and(|first| first.first_offset.0 <= superseded.begins)
    }

    /// The ranges to compare, each with the offsets that were superseded. Where one has no record, Kafka may have one.
    #[must_use]
    pub fn ranges(&self) -> Vec<(Range, Offsets<i64>)> {
        let ranges = self.superseded.ranges.iter().filter(|range| !range.lost);
        ranges
            .map(|range| {
                let first = range.first_offset.0.max(self.superseded.begins);
                (*range, first..range.until.0)
            })
            .collect()
    }

    /// Adds one range: all archived leaves of its segment, and Kafka's at the superseded offsets.
    pub fn add(&mut self, archived: &[(i64, Hash)], kafka: &[(i64, Hash)], offsets: &Offsets<i64>) {
        self.ranges += 1;
        for leaf in archived.iter().filter(|(offset, _)| offsets.contains(offset)) {
            self.records += 1;
            self.held += u64::from(kafka.binary_search(leaf).is_ok());
        }
        self.has_other |= kafka.iter().any(|leaf| archived.binary_search(leaf).is_err());
    }

    /// The next range cannot be compared: its segment is unreadable, or Kafka does not hold all of its offsets.
    pub fn unknown(&mut self) {
        self.ranges += 1;
        self.has_unknown = true;
    }

    fn is_every_one(&self) -> bool {
        self.held == self.records && !self.has_other && !self.has_unknown
    }

    /// Whether further ranges cannot change the result.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.ranges >= RANGES_COUNTED && !self.is_every_one()
    }

    /// The result, if Kafka holds any.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let Superseded {
            epoch,
            begins,
            ended_at,
            ..
        } = self.superseded;
        let (held, records) = (self.held, self.records);
        let code = match held {
            0 => return None,
            _ if self.is_every_one() => Code::DivergenceFalse,
            _ => Code::SupersededHeld,
        };
        let detail = format!(
            "Kafka holds {held} of the {records} compared records that epoch {epoch} has from offset {begins} on"
        );
        Some(Finding::new(code, detail).offsets(*begins, *ended_at))
    }
}

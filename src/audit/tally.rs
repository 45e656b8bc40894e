//! What is found of one partition. Rows of a sink come in groups, sorted by offset; records of the source come in order for
//! ranges of offsets. Whatever the groups and ranges, the sets are the same in the end.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::audit::offsets::OffsetSet;
use crate::audit::row::{Compared, Row, SourceRecord};

/// Altered rows, and doubled ones, whose files are kept; of further ones the offsets are.
const DETAILS_KEPT: usize = 1000;
/// Times kept of records that were not found in their group, to say when missing records were written.
const TIMES_KEPT: usize = 100_000;

/// Times between which records are expected in the sink, in ms; the end is outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The first time.
    pub since_ms: Option<i64>,
    /// The time after the last.
    pub until_ms: Option<i64>,
}

impl Window {
    /// Whether a record with this time must be in the sink. A record without a time must.
    fn expects(self, ms: Option<i64>) -> bool {
        ms.is_none_or(|ms| {
            self.since_ms.is_none_or(|since| ms >= since) && self.until_ms.is_none_or(|until| ms < until)
        })
    }
}

/// A row that differs from its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alteration {
    /// The offset.
    pub offset: i64,
    /// The number of its file.
    pub file: u32,
    /// What differs.
    pub differs: Compared,
}

/// Whether the source has every record of a range that it ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// A row without a record is one too many.
    Complete,
    /// Compaction may have removed records: a row without a record cannot be judged.
    Compacted,
}

/// What is found of one partition.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Offsets of all rows.
    pub seen: OffsetSet,
    /// Offsets of more than one row.
    pub doubled: OffsetSet,
    /// Rows beyond the first one of each offset.
    pub extra_rows: u64,
    /// Offsets and files of the first of those.
    pub extras: Vec<(i64, u32)>,
    /// Offsets of rows that differ from their record.
    pub altered: OffsetSet,
    /// The first altered rows.
    pub alterations: Vec<Alteration>,
    /// How many rows differ in each member.
    pub altered_members: [u64; 3],
    /// Offsets of rows for which the source has no record, although it has all of that range.
    pub unexpected: OffsetSet,
    /// Offsets of records that must be in the sink.
    pub expected: OffsetSet,
    /// Those without a value.
    pub tombstones: OffsetSet,
    /// Ranges of the source that were read.
    pub read: OffsetSet,
    /// The number of records in them.
    pub source_records: u64,
    /// Rows.
    pub rows: u64,
    /// Rows that were compared with a record.
    pub compared: u64,
    /// Those whose value was compared.
    pub values_compared: u64,
    /// Times of records that may be missing.
    times_ms: BTreeMap<i64, i64>,
}

impl Tally {
    /// Takes the rows of a group, sorted by offset.
    pub fn rows(&mut self, rows: &[Row]) {
        self.rows += rows.len() as u64;
        for row in rows {
            if self.seen.contains(row.offset) {
                self.doubled.insert(row.offset);
                self.extra_rows += 1;
                if self.extras.len() < DETAILS_KEPT {
                    self.extras.push((row.offset, row.file));
                }
            } else {
                self.seen.insert(row.offset);
            }
        }
    }

    /// The offsets of records that must be in the sink and are not. Records after its last row are not counted unless
    /// `with_lag` says so: a sink is always somewhat behind.
    #[must_use]
    pub fn missing(&self, lag: Lag) -> OffsetSet {
        let missing = self.expected.minus(&self.seen);
        match (lag, self.seen.end()) {
            (Lag::Allowed, Some(end)) => missing.within(&(i64::MIN..end)),
            _ => missing,
        }
    }

    /// The earliest and the latest time of the records in a range that were not found, as far as they are known.
    #[must_use]
    pub fn times(&self, range: &Range<i64>) -> Option<(i64, i64)> {
        let mut times = self.times_ms.range(range.clone()).map(|(_, ms)| *ms);
        let first = times.next()?;
        Some(times.fold((first, first), |(min, max), ms| (min.min(ms), max.max(ms))))
    }

    /// The number of ranges of all sets, which memory depends on.
    #[must_use]
    pub fn range_count(&self) -> usize {
        let sets = [
            &self.seen,
            &self.doubled,
            &self.altered,
            &self.unexpected,
            &self.expected,
            &self.read,
        ];
        sets.iter().map(|set| set.range_count()).sum()
    }
}

/// Whether records after the last row of a partition are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// The sink may not have written them yet.
    Allowed,
    /// It must have.
    Refused,
}

/// Compares the rows of one group in a range of offsets with the records of the source in that range.
pub struct Merge<'a> {
    tally: &'a mut Tally,
    rows: &'a [Row],
    files: &'a [Compared],
    window: Window,
    range: Range<i64>,
    without_record: OffsetSet,
}

impl<'a> Merge<'a> {
    /// `rows` are sorted by offset and in the range; `files` tells by number what each file lets be compared.
    pub fn new(
        tally: &'a mut Tally,
        rows: &'a [Row],
        files: &'a [Compared],
        window: Window,
        range: Range<i64>,
    ) -> Self {
        Merge {
            tally,
            rows,
            files,
            window,
            range,
            without_record: OffsetSet::default(),
        }
    }

    /// Takes the next record, in the order of offsets.
    pub fn record(&mut self, record: &SourceRecord) {
        if !self.range.contains(&record.offset) {
            return;
        }
        self.without_record_before(record.offset);
        let tally = &mut *self.tally;
        if !tally.read.contains(record.offset) {
            tally.source_records += 1;
            if self.window.expects(record.timestamp_ms) {
                tally.expected.insert(record.offset);
                if record.is_tombstone {
                    tally.tombstones.insert(record.offset);
                }
            }
        }
        let mut is_found = false;
        while let Some((row, rest)) = self.rows.split_first().filter(|(row, _)| row.offset == record.offset) {
            self.rows = rest;
            is_found = true;
            compare(tally, row, record, self.files);
        }
        if let (false, Some(ms)) = (is_found, record.timestamp_ms)
            && tally.times_ms.len() < TIMES_KEPT
            && !tally.seen.contains(record.offset)
        {
            tally.times_ms.insert(record.offset, ms);
        }
    }

    fn without_record_before(&mut self, offset: i64) {
        while let Some((row, rest)) = self.rows.split_first().filter(|(row, _)| row.offset < offset) {
            self.rows = rest;
            self.without_record.insert(row.offset);
        }
    }

    /// Ends the range. `held_from` is the first offset that the source still had at the end of the reading: below it,
    /// nothing follows from the absence of a record.
    pub fn finish(mut self, completeness: Completeness, held_from: i64) {
        self.without_record_before(self.range.end);
        let held = self.range.start.max(held_from)..self.range.end;
        if completeness == Completeness::Complete && !held.is_empty() {
            let unexpected = self.without_record.within(&held);
            unexpected
                .iter()
                .for_each(|range| self.tally.unexpected.insert_range(range));
        }
        self.tally.read.insert_range(held);
    }
}

fn compare(tally: &mut Tally, row: &Row, record: &SourceRecord, files: &[Compared]) {
    let by = files.get(row.file as usize).copied().unwrap_or_default();
    let other_time = record.timestamp_ms.is_some() && row.timestamp_ms != record.timestamp_ms;
    let differs = Compared {
        value: by.value && row.value != record.value,
        key: by.key && row.key != record.key,
        timestamp: by.timestamp && other_time,
    };
    tally.compared += 1;
    tally.values_compared += u64::from(by.value);
    if differs == Compared::default() {
        return;
    }
    for (count, differs) in tally
        .altered_members
        .iter_mut()
        .zip([differs.value, differs.key, differs.timestamp])
    {
        *count += u64::from(differs);
    }
    tally.altered.insert(row.offset);
    if tally.alterations.len() < DETAILS_KEPT {
        tally.alterations.push(Alteration {
            offset: row.offset,
            file: row.file,
            differs,
        });
    }
}

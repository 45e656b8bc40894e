//! The open segment of a partition: records that were delivered and not sealed yet. They are only in memory: after a crash
//! the next owner reads the whole segment from Kafka again.

use crate::archive::policy::Fill;
use crate::archive::step::Now;
use crate::log::link::{Link, MAX_ABSENT_RANGES};
use crate::record::position::{FirstOffset, NextOffset, Position, TopicPartition};
use crate::record::record::Record;
use crate::segment::rows::Rows;

/// The result of appending a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was appended.
    Yes,
    /// It is in the segment or archived already: Kafka delivered it twice.
    Before,
    /// It was not appended: the gap before it would be one absent range too many. Seal first.
    TooManyHoles,
    /// It was not appended: its leader epoch is below this one, of a record before it. The log is another one.
    EpochFell(i32),
}

/// The rows and absent ranges from `first_offset` up to `expected`.
#[derive(Debug)]
pub struct OpenSegment {
    rows: Rows,
    first_offset: FirstOffset,
    expected: i64,
    absent: Vec<(i64, i64)>,
    /// The leader epoch of the record directly before `expected`, if it is known.
    leader_epoch: Option<i32>,
    /// The greatest leader epoch so far.
    greatest_epoch: Option<i32>,
    opened_at_ms: u64,
    last_record_at_ms: u64,
}

/// The content of a segment that was cut.
#[derive(Debug)]
pub struct Cut {
    /// The records.
    pub rows: Rows,
    /// The range `[first, next)`.
    pub range: (FirstOffset, i64),
    /// The ranges that Kafka did not deliver.
    pub absent: Vec<(i64, i64)>,
    /// The leader epoch of the last record, if it is known.
    pub leader_epoch: Option<i32>,
}

impl OpenSegment {
    /// An empty segment that begins at `first_offset`.
    #[must_use]
    pub fn new(partition: &TopicPartition, first_offset: FirstOffset) -> OpenSegment {
        OpenSegment {
            rows: Rows::new(partition),
            first_offset,
            expected: first_offset.0,
            absent: Vec::new(),
            leader_epoch: None,
            greatest_epoch: None,
            opened_at_ms: 0,
            last_record_at_ms: 0,
        }
    }

    /// An empty segment that continues a chain whose newest link is this one. Kafka deleted what is between the end of that
    /// link and `first_offset`.
    #[must_use]
    pub fn after(head: &Link, first_offset: FirstOffset) -> OpenSegment {
        let fresh = OpenSegment::new(&head.topic_partition(), first_offset);
        if head.is_closing() {
            return fresh;
        }
        let follows = head.next_offset.begins() == first_offset;
        OpenSegment {
            leader_epoch: head.leader_epoch_at_end().filter(|_| follows),
            greatest_epoch: head.leader_epoch,
            ..fresh
        }
    }

    /// Appends the next record; a gap before it becomes an absent range.
    #[inline]
    pub fn append(&mut self, record: &Record<'_>, leader_epoch: Option<i32>, now: Now) -> Appended {
        if record.offset != self.expected {
            if record.offset < self.expected {
                return Appended::Before;
            }
            if self.is_full_of_holes() {
                return Appended::TooManyHoles;
            }
        }
        if leader_epoch.is_some() && leader_epoch < self.greatest_epoch {
            return Appended::EpochFell(self.greatest_epoch.unwrap_or_default());
        }
        if record.offset != self.expected {
            self.absent.push((self.expected, record.offset));
        }
        self.leader_epoch = leader_epoch;
        self.greatest_epoch = self.greatest_epoch.max(leader_epoch);
        if self.rows.is_empty() {
            self.opened_at_ms = now.monotonic_ms;
        }
        self.last_record_at_ms = now.monotonic_ms;
        self.rows.push(record);
        self.expected = record.offset + 1;
        Appended::Yes
    }

    /// The offset after the last record, or the segment's first offset.
    #[must_use]
    pub fn expected(&self) -> i64 {
        self.expected
    }

    /// Where the consumer continues after the last record.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            next: NextOffset(self.expected),
            leader_epoch: self.leader_epoch,
        }
    }

    /// Whether the number of absent ranges is at the maximum of a link.
    #[must_use]
    pub fn is_full_of_holes(&self) -> bool {
        self.absent.len() == MAX_ABSENT_RANGES
    }

    /// Whether it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that count in the memory budget.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        if self.rows.is_empty() {
            0
        } else {
            self.rows.buffered_bytes()
        }
    }

    /// The values that the seal policy decides by.
    #[must_use]
    pub fn fill(&self, now: Now) -> Fill {
        Fill {
            records: self.rows.len(),
            bytes: self.buffered_bytes(),
            age_ms: now.monotonic_ms.saturating_sub(self.opened_at_ms),
            idle_ms: now.monotonic_ms.saturating_sub(self.last_record_at_ms),
        }
    }

    /// Cuts after the last record, or at `end` if that is later and one more absent range is possible, which then covers
    /// the offsets between. The open segment continues empty from there.
    pub fn cut(&mut self, partition: &TopicPartition, end: i64) -> Cut {
        let next_offset = if self.is_full_of_holes() {
            self.expected
        } else {
            end.max(self.expected)
        };
        let fresh = OpenSegment {
            leader_epoch: self.leader_epoch.filter(|_| next_offset == self.expected),
            greatest_epoch: self.greatest_epoch,
            ..OpenSegment::new(partition, FirstOffset(next_offset))
        };
        let OpenSegment {
            rows,
            first_offset,
            expected,
            mut absent,
            leader_epoch,
            ..
        } = std::mem::replace(self, fresh);
        if next_offset > expected {
            absent.push((expected, next_offset));
        }
        Cut {
            leader_epoch: leader_epoch.filter(|_| !rows.is_empty()),
            rows,
            range: (first_offset, next_offset),
            absent,
        }
    }
}

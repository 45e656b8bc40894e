//! What of each partition the archive covers, by offset and by time, and where it does not: holes, losses, removals, diverged
//! and altered parts. Made of the links and the findings of a partition, for pictures and for the sums of a report.

use serde::{Deserialize, Serialize};

use crate::log::object_key::Key;
use crate::record::position::TopicPartition;
use crate::verify::findings::{Code, Finding, Severity};
use crate::verify::timeline::Timeline;
use crate::verify::times::earliest;

/// Marks that are kept of one partition. Nearby ones of a kind are joined when there are more.
pub const MARKS_MAX: usize = 40;

/// What a part of a partition is, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// Something there was altered or added, or contradicts other evidence.
    Altered,
    /// Links or segments are missing.
    Missing,
    /// Kafka has records there that the archive does not have yet, and they count as missing.
    NotArchived,
    /// It could not be read or understood.
    Unread,
    /// An unclean leader election removed the records from Kafka; the archive keeps them.
    Diverged,
    /// Kafka deleted the records before they were archived, as a signed link declares.
    Lost,
    /// Segments were removed under a signed retention change.
    Removed,
}

impl MarkKind {
    /// All kinds, the gravest first.
    pub const ALL: [MarkKind; 7] = [
        MarkKind::Altered,
        MarkKind::Missing,
        MarkKind::NotArchived,
        MarkKind::Unread,
        MarkKind::Diverged,
        MarkKind::Lost,
        MarkKind::Removed,
    ];

    /// The kind that a finding with this code marks, if any.
    #[must_use]
    pub fn of(code: Code) -> Option<MarkKind> {
        match code {
            Code::LossDeclared | Code::LossNotAccepted => Some(MarkKind::Lost),
            Code::RecordsSuperseded | Code::LogCutBack => Some(MarkKind::Diverged),
            Code::RecordsNotArchived | Code::LossFalse => Some(MarkKind::Missing),
            Code::NotAtRest | Code::PartitionNotArchived | Code::OpenTransactionNotAtRest => {
                Some(MarkKind::NotArchived)
            }
            Code::SegmentsRemoved => Some(MarkKind::Removed),
            _ => match code.severity() {
                Severity::Tampered => Some(MarkKind::Altered),
                Severity::Incomplete => Some(MarkKind::Missing),
                Severity::Unverifiable => Some(MarkKind::Unread),
                Severity::Note => None,
            },
        }
    }
}

/// A part of a partition that is not simply covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is.
    pub kind: MarkKind,
    /// The first offset.
    pub first_offset: i64,
    /// The offset after the last; `None` if it is not known where the part ends.
    pub next_offset: Option<i64>,
    /// The time of the first record, or of the one before. `None` without one.
    pub from_ms: Option<i64>,
    /// The time of the last record, or of the one after. `None` without one.
    pub until_ms: Option<i64>,
    /// The number of records concerned, where it is known: there may be offsets without a record.
    pub records: Option<u64>,
}

/// What the archive has of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Records, as the links count them.
    pub records: u64,
    /// Records of this partition that Kafka still held, compared and equal; `None` without Kafka.
    #[serde(default)]
    pub compared_with_kafka: Option<u64>,
    /// The first archived offset; `None` where no link has records.
    pub first_offset: Option<i64>,
    /// The offset after the last archived one.
    pub next_offset: Option<i64>,
    /// The earliest time of a record, as the links give it.
    pub min_timestamp_ms: Option<i64>,
    /// The latest time of a record.
    pub max_timestamp_ms: Option<i64>,
    /// The earliest and the latest time, without those that are far from most others.
    #[serde(default)]
    pub bulk_ms: Option<(i64, i64)>,
    /// The records of links that have times outside of these: so many at most are outside.
    #[serde(default)]
    pub outside_bulk: u64,
    /// What is not simply covered, ascending by offset.
    pub marks: Vec<Mark>,
}

impl Coverage {
    /// The coverage of a partition whose links have these times and count so many records.
    #[must_use]
    pub fn new(partition: &TopicPartition, times: &Timeline, records: u64) -> Coverage {
        let (offsets, span, bulk) = (times.offsets(), times.span(), times.bulk());
        Coverage {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            records,
            compared_with_kafka: None,
            first_offset: offsets.map(|(first, _)| first),
            next_offset: offsets.map(|(_, next)| next),
            min_timestamp_ms: span.map(|(min, _)| min),
            max_timestamp_ms: span.map(|(_, max)| max),
            bulk_ms: bulk.map(|bulk| (bulk.from_ms, bulk.until_ms)),
            outside_bulk: bulk.map_or(0, |bulk| bulk.outside),
            marks: Vec::new(),
        }
    }

    /// Whether this is the coverage of the partition that a finding names.
    #[must_use]
    pub fn is_of(&self, finding: &Finding) -> bool {
        finding.partition == Some(self.partition) && finding.topic.as_deref() == Some(&*self.topic)
    }

    /// Marks what a finding about this partition says of offsets.
    pub fn mark(&mut self, finding: &Finding, times: &Timeline) {
        if let Some(kind) = MarkKind::of(finding.code) {
            self.mark_as(kind, finding, times);
        }
    }

    /// Marks the offsets of a finding as this kind.
    pub fn mark_as(&mut self, kind: MarkKind, finding: &Finding, times: &Timeline) {
        let ends_walk = matches!(finding.code, Code::LinkUnreadable | Code::LinkUnknownType);
        let (first, next) = match (finding.offsets, place_of(finding)) {
            (Some((first, i64::MAX)), _) => (first, None),
            (Some((first, next)), _) => (first, Some(next)),
            (None, _) if ends_walk => (self.next_offset.unwrap_or(0), None),
            // The object that should say where the range ends is not the signed one.
            (None, Some(first)) => (first, times.next_known(first)),
            (None, None) => return,
        };
        let (from_ms, until_ms) = times.around(first, next.unwrap_or(i64::MAX));
        self.marks.push(Mark {
            kind,
            first_offset: first,
            next_offset: next,
            from_ms,
            until_ms,
            records: finding.records,
        });
        if self.marks.len() > MARKS_MAX * 4 {
            self.settle();
        }
    }

    /// Sorts the marks and joins those that belong together, so that at most [`MARKS_MAX`] are left.
    pub fn settle(&mut self) {
        self.marks
            .sort_by_key(|mark| (mark.kind, mark.first_offset, mark.next_offset));
        let mut gap = 0_u64;
        loop {
            let mut joined: Vec<Mark> = Vec::new();
            for mark in std::mem::take(&mut self.marks) {
                match joined.last_mut() {
                    Some(last) if last.is_near(&mark, gap) => last.join(&mark),
                    _ => joined.push(mark),
                }
            }
            self.marks = joined;
            if self.marks.len() <= MARKS_MAX {
                break;
            }
            gap = gap.saturating_mul(2).max(1);
        }
        self.marks.sort_by_key(|mark| (mark.first_offset, mark.kind));
    }
}

impl Mark {
    /// The number of offsets; `None` if the end is not known.
    #[must_use]
    pub fn offsets(&self) -> Option<u64> {
        Some(self.next_offset?.saturating_sub(self.first_offset).unsigned_abs())
    }

    fn end(&self) -> i64 {
        self.next_offset.unwrap_or(i64::MAX)
    }

    fn is_near(&self, next: &Mark, gap: u64) -> bool {
        let between = next.first_offset.saturating_sub(self.end());
        self.kind == next.kind && u64::try_from(between).unwrap_or(0) <= gap
    }

    fn join(&mut self, next: &Mark) {
        // Several findings may be about the same records.
        self.records = match next.first_offset >= self.end() {
            true => self
                .records
                .zip(next.records)
                .map(|(one, other)| one.saturating_add(other)),
            false => self.records.max(next.records),
        };
        if next.end() > self.end() || self.until_ms.is_none() {
            self.until_ms = next.until_ms.max(self.until_ms);
        }
        self.from_ms = earliest(self.from_ms, next.from_ms);
        if next.end() > self.end() {
            self.next_offset = next.next_offset;
        }
    }
}

/// The first offset of the link that a finding names.
fn place_of(finding: &Finding) -> Option<i64> {
    match finding.object.as_ref()?.parse() {
        Ok(Key::Link(place, _)) => Some(place.first_offset.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage() -> Coverage {
        Coverage::new(&TopicPartition::new("payments", 0), &Timeline::default(), 0)
    }

    fn finding(code: Code, first: i64, next: i64, records: Option<u64>) -> Finding {
        Finding {
            records,
            ..Finding::new(code, "").offsets(first, next)
        }
    }

    #[test]
    fn findings_about_the_same_records_are_one_mark() {
        let mut coverage = coverage();
        for (code, first, next, records) in [
            (Code::RecordsDiffer, 0, 100, None),
            (Code::RecordsDifferFromKafka, 12, 13, Some(1)),
            (Code::SegmentMissing, 100, 110, Some(9)),
            (Code::SegmentMissing, 110, 120, Some(10)),
            (Code::SegmentMissing, 200, 210, Some(10)),
            (Code::Lag, 300, 400, None),
        ] {
            coverage.mark(&finding(code, first, next, records), &Timeline::default());
        }
        coverage.settle();
        let marks = coverage.marks.iter();
        let marks: Vec<_> = marks
            .map(|mark| (mark.kind, mark.first_offset, mark.next_offset, mark.records))
            .collect();
        assert_eq!(
            marks,
            [
                (MarkKind::Altered, 0, Some(100), Some(1)),
                (MarkKind::Missing, 100, Some(120), Some(19)),
                (MarkKind::Missing, 200, Some(210), Some(10)),
            ]
        );
    }

    #[test]
    fn a_flood_of_marks_is_joined() {
        let mut coverage = coverage();
        for index in 0..10_000 {
            let first = index * 10;
            coverage.mark(
                &finding(Code::SegmentMissing, first, first + 1, Some(1)),
                &Timeline::default(),
            );
        }
        coverage.settle();
        assert!(coverage.marks.len() <= MARKS_MAX, "{}", coverage.marks.len());
        assert_eq!(coverage.marks[0].first_offset, 0);
        assert_eq!(coverage.marks.last().unwrap().next_offset, Some(99_991));
    }
}

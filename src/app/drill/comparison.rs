//! Compares rows of the archive with rows of Kafka, as pure functions: of a restored partition by their order, because a restore
//! changes offsets, and of the original partition by their offsets.

use std::collections::{BTreeMap, VecDeque};

use crate::log::drill::{Counts, NAMED_MAX, Named, What};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record, Timestamp};

/// Where two rows differ, how many rows ahead the same record is looked for.
const AHEAD: usize = 4_096;

/// What is compared of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) offset: i64,
    pub(super) timestamp: Timestamp,
    /// The hash of key, value and headers.
    content: Hash,
}

/// Makes rows.
pub(super) struct RowMaker(LeafHasher);

impl RowMaker {
    pub(super) fn new(partition: i32) -> RowMaker {
        // Rows of topics with different names are compared.
        RowMaker(LeafHasher::new(&TopicPartition::new("any", partition)))
    }

    pub(super) fn row(&mut self, record: &Record<'_>) -> Row {
        let content = Record {
            offset: 0,
            timestamp: Timestamp::Absent,
            ..*record
        };
        Row {
            offset: record.offset,
            timestamp: record.timestamp,
            content: self.0.leaf(&content),
        }
    }
}

impl Row {
    /// Whether a restored row is this one. Kafka gives a record without a time, or with time 0, the time of sending.
    fn is_restored_as(&self, restored: &Row) -> bool {
        let ms = self.timestamp.ms();
        self.content == restored.content && (matches!(ms, None | Some(0)) || ms == restored.timestamp.ms())
    }

    fn difference_from(&self, other: &Row) -> String {
        let shown = |row: &Row| row.timestamp.ms().map_or("none".to_owned(), |ms| format!("{ms} ms"));
        match self.content == other.content {
            true => format!("the time is {} in place of {}", shown(other), shown(self)),
            false => "key, value or headers are others".to_owned(),
        }
    }
}

/// What was found in a partition, or in several.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) archived: u64,
    pub(super) equal: u64,
    pub(super) kafka_compared: u64,
    pub(super) removed: u64,
    pub(super) counts: Counts,
    pub(super) named: Vec<Named>,
}

impl Tally {
    pub(super) fn differs(&mut self, partition: &TopicPartition, (offset, what): (i64, What), detail: String) {
        *self.counts.of(what) += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(Named {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                offset,
                what,
                detail,
            });
        }
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.archived += other.archived;
        self.equal += other.equal;
        self.kafka_compared += other.kafka_compared;
        self.removed += other.removed;
        self.counts = self.counts.and(other.counts);
        let left = NAMED_MAX.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(left));
    }
}

/// What an alignment needs to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// More rows of the archive, or [`Alignment::end_archived`].
    Archived,
    /// Another row of the restored partition, or [`Alignment::end_restored`].
    Restored,
    /// Both have ended.
    Nothing,
}

/// Compares the rows of a restored partition, in order, with those of the archive.
#[derive(Debug)]
pub(super) struct Alignment {
    partition: TopicPartition,
    archived: VecDeque<Row>,
    restored: VecDeque<Row>,
    has_all_archived: bool,
    has_all_restored: bool,
    /// The offset of the last archived row: a row that was added is named by it.
    passed: i64,
}

impl Alignment {
    /// `partition` is the archived one, by which differences are named.
    pub(super) fn new(partition: TopicPartition) -> Alignment {
        Alignment {
            partition,
            archived: VecDeque::new(),
            restored: VecDeque::new(),
            has_all_archived: false,
            has_all_restored: false,
            passed: 0,
        }
    }

    pub(super) fn archived(&mut self, rows: &[Row]) {
        self.archived.extend(rows);
    }

    pub(super) fn restored(&mut self, row: Row) {
        self.restored.push_back(row);
    }

    pub(super) fn end_archived(&mut self) {
        self.has_all_archived = true;
    }

    pub(super) fn end_restored(&mut self) {
        self.has_all_restored = true;
    }

    /// Compares what is there, and tells what is needed to go on.
    pub(super) fn step(&mut self, tally: &mut Tally) -> Need {
        loop {
            match (self.archived.front().copied(), self.restored.front().copied()) {
                (Some(archived), Some(restored)) if archived.is_restored_as(&restored) => {
                    tally.equal += 1;
                    self.pass();
                    self.restored.pop_front();
                }
                (None, _) if !self.has_all_archived => return Need::Archived,
                (_, None) if !self.has_all_restored => return Need::Restored,
                (None, None) => return Need::Nothing,
                (Some(archived), None) => self.is_missing(archived, tally),
                (None, Some(restored)) => self.is_added(restored, tally),
                (Some(archived), Some(restored)) => {
                    // Rows ahead tell whether a record is missing, was added, or is another one.
                    if self.archived.len() < AHEAD && !self.has_all_archived {
                        return Need::Archived;
                    }
                    if self.restored.len() < AHEAD && !self.has_all_restored {
                        return Need::Restored;
                    }
                    self.resolve(archived, restored, tally);
                }
            }
        }
    }

    fn resolve(&mut self, archived: Row, restored: Row, tally: &mut Tally) {
        let is_ahead = |row: &Row| archived.is_restored_as(row);
        if self.restored.iter().take(AHEAD).any(is_ahead) {
            self.is_added(restored, tally);
        } else if self
            .archived
            .iter()
            .take(AHEAD)
            .any(|row| row.is_restored_as(&restored))
        {
            self.is_missing(archived, tally);
        } else {
            let detail = archived.difference_from(&restored);
            tally.differs(&self.partition, (archived.offset, What::Altered), detail);
            self.pass();
            self.restored.pop_front();
        }
    }

    fn pass(&mut self) {
        if let Some(row) = self.archived.pop_front() {
            self.passed = row.offset;
        }
    }

    fn is_missing(&mut self, archived: Row, tally: &mut Tally) {
        let detail = "the record is not in the restored topic".to_owned();
        tally.differs(&self.partition, (archived.offset, What::Missing), detail);
        self.pass();
    }

    fn is_added(&mut self, restored: Row, tally: &mut Tally) {
        let detail = format!(
            "the restored topic has another record at offset {} beside this one",
            restored.offset
        );
        tally.differs(&self.partition, (self.passed, What::Added), detail);
        self.restored.pop_front();
    }
}

/// Takes the rows that the restored topic refused out of those of a segment, and names each with the reason.
pub(super) fn without_refused(
    partition: &TopicPartition,
    rows: &mut Vec<Row>,
    refused: &BTreeMap<i64, String>,
    tally: &mut Tally,
) {
    rows.retain(|row| {
        let reason = refused.get(&row.offset);
        if let Some(reason) = reason {
            tally.differs(partition, (row.offset, What::Refused), reason.clone());
        }
        reason.is_none()
    });
}

/// Compares the rows of a segment with those that the original partition has in its range. What Kafka no longer has is not
/// compared.
pub(super) fn beside(partition: &TopicPartition, archived: &[Row], kafka: &[Row], tally: &mut Tally) {
    let mut archived = archived.iter().peekable();
    for row in kafka {
        while archived.next_if(|other| other.offset < row.offset).is_some() {}
        match archived.next_if(|other| other.offset == row.offset) {
            None => {
                let detail = "Kafka has a record here, and the archive has none".to_owned();
                tally.differs(partition, (row.offset, What::KafkaAdded), detail);
            }
            Some(other) => {
                tally.kafka_compared += 1;
                if (other.timestamp, other.content) != (row.timestamp, row.content) {
                    let detail = format!("in the original topic {}", other.difference_from(row));
                    tally.differs(partition, (row.offset, What::KafkaAltered), detail);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(offset: i64, ms: i64, value: &str) -> Row {
        RowMaker::new(0).row(&Record {
            offset,
            timestamp: Timestamp::create_ms(ms),
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        })
    }

    fn rows(values: &[&str], first: i64) -> Vec<Row> {
        (first..)
            .zip(values)
            .map(|(offset, value)| row(offset, 7, value))
            .collect()
    }

    fn partition() -> TopicPartition {
        TopicPartition::new("payments", 0)
    }

    /// Compares, with the archive's rows in segments of two.
    fn aligned(archived: &[Row], restored: &[Row]) -> Tally {
        let (mut tally, mut alignment) = (Tally::default(), Alignment::new(partition()));
        let (mut segments, mut restored) = (archived.chunks(2), restored.iter());
        loop {
            match alignment.step(&mut tally) {
                Need::Nothing => return tally,
                Need::Archived => match segments.next() {
                    Some(segment) => alignment.archived(segment),
                    None => alignment.end_archived(),
                },
                Need::Restored => match restored.next() {
                    Some(row) => alignment.restored(*row),
                    None => alignment.end_restored(),
                },
            }
        }
    }

    fn found(tally: &Tally) -> Vec<(i64, What)> {
        tally.named.iter().map(|named| (named.offset, named.what)).collect()
    }

    #[test]
    fn equal_rows_are_equal_whatever_their_offsets() {
        let tally = aligned(&rows(&["a", "b", "c"], 40), &rows(&["a", "b", "c"], 0));
        assert_eq!((tally.equal, tally.counts.total()), (3, 0));
        assert_eq!(aligned(&[], &[]).counts.total(), 0);
    }

    #[test]
    fn one_difference_is_named_once_and_what_follows_is_equal() {
        let archived = rows(&["a", "b", "c", "d", "e"], 40);
        for (restored, expected) in [
            (&["a", "b", "d", "e"][..], (42, What::Missing)),
            (&["b", "c", "d", "e"], (40, What::Missing)),
            (&["a", "b", "c", "d"], (44, What::Missing)),
            (&["a", "b", "x", "d", "e"], (42, What::Altered)),
            (&["a", "b", "c", "d", "x"], (44, What::Altered)),
            (&["a", "b", "x", "c", "d", "e"], (41, What::Added)),
            (&["a", "b", "c", "d", "e", "e"], (44, What::Added)),
        ] {
            let tally = aligned(&archived, &rows(restored, 0));
            assert_eq!(found(&tally), [expected], "{restored:?}");
            let left = if expected.1 == What::Added { 5 } else { 4 };
            assert_eq!(tally.equal, left, "{restored:?}");
        }
    }

    #[test]
    fn records_that_stand_in_another_order_are_found() {
        let tally = aligned(&rows(&["a", "b", "c"], 0), &rows(&["b", "a", "c"], 0));
        assert_eq!(found(&tally), [(0, What::Added), (1, What::Missing)]);
    }

    #[test]
    fn a_time_is_compared_unless_kafka_gives_the_record_another() {
        for (archived_ms, restored_ms, is_equal) in [(7, 7, true), (7, 8, false), (0, 8, true), (-1, 8, true)] {
            let tally = aligned(&[row(1, archived_ms, "a")], &[row(0, restored_ms, "a")]);
            assert_eq!(tally.counts.altered == 0, is_equal, "{archived_ms}");
        }
    }

    #[test]
    fn rows_beside_the_original_ones_are_compared_where_kafka_still_holds_them() {
        let archived = rows(&["a", "b", "c", "d"], 40);
        let mut tally = Tally::default();
        beside(&partition(), &archived, &rows(&["b", "x"], 41), &mut tally);
        assert_eq!(
            (tally.kafka_compared, found(&tally)),
            (2, vec![(42, What::KafkaAltered)])
        );
        let mut tally = Tally::default();
        beside(&partition(), &archived[..1], &archived[..2], &mut tally);
        assert_eq!(found(&tally), [(41, What::KafkaAdded)]);
    }

    #[test]
    fn a_refused_record_is_named_and_not_missing() {
        let (mut archived, mut tally) = (rows(&["a", "b"], 40), Tally::default());
        let refused = BTreeMap::from([(41, "too large".to_owned())]);
        without_refused(&partition(), &mut archived, &refused, &mut tally);
        assert_eq!((archived, found(&tally)), (rows(&["a"], 40), vec![(41, What::Refused)]));
    }

    #[test]
    fn more_differences_than_are_named_are_counted() {
        let values: Vec<String> = (0..NAMED_MAX + 5).map(|number| number.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let tally = aligned(&rows(&values, 0), &[]);
        assert_eq!(
            (tally.counts.missing, tally.named.len()),
            (NAMED_MAX as u64 + 5, NAMED_MAX)
        );
    }
}

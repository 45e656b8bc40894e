//! The report of a drill (FORMAT.md section 8.2): archived records were restored to topics that were removed again, and compared.
//! It is a signed note outside the bucket. This file has the content and the rules that the content alone can break.

use serde::{Deserialize, Serialize};

use crate::json::canonical::{self, NotCanonical};
use crate::log::checkpoint::CheckpointRef;
use crate::log::identity::{is_archive_id, is_origin};
use crate::record::hash::Hash;
use crate::record::position::is_topic_name;
use crate::record::utc::UtcSeconds;

/// The type of a report, which is also how its file begins.
pub const TYPE: &str = "kivend.drill/v1";
/// The most differences that a report names.
pub const NAMED_MAX: usize = 1_000;

/// What a drill did and found; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 8.2 defines each field")]
pub struct DrillReport {
    pub r#type: String,
    pub archive_id: String,
    pub archive_sha256: Hash,
    pub origin: String,
    pub checkpoint: Option<CheckpointRef>,
    pub asked: Asked,
    pub cluster_id: String,
    pub software: String,
    pub began_at: UtcSeconds,
    pub ended_at: UtcSeconds,
    pub restore_ms: u64,
    pub compare_ms: u64,
    pub records: u64,
    pub bytes: u64,
    pub min_timestamp_ms: Option<i64>,
    pub max_timestamp_ms: Option<i64>,
    pub removed: u64,
    pub lost: u64,
    pub topics: Vec<TopicDrilled>,
    pub differences: Counts,
    pub named: Vec<Named>,
    pub result: DrillResult,
}

/// Which records were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 8.2 defines each field")]
pub struct Asked {
    pub topics: Vec<String>,
    pub partition: Option<i32>,
    pub time: TimeAsked,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// The times that the bounds are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeAsked {
    /// Those of the records.
    Record,
    /// Those at which their segments were sealed.
    Archived,
}

/// One archived topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 8.2 defines each field")]
pub struct TopicDrilled {
    pub topic: String,
    pub partitions: u64,
    pub archived: u64,
    pub equal: u64,
    pub kafka_compared: u64,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An archived record is not in the restored topic.
    Missing,
    /// It is there with another key, value, header or time.
    Altered,
    /// The restored topic has a record that is not of the archive.
    Added,
    /// The restored topic refused the record.
    Refused,
    /// A segment does not hold what its link signs.
    Unreadable,
    /// The original topic has another record at the offset.
    KafkaAltered,
    /// The original topic has a record at an offset of the archive, which has none there.
    KafkaAdded,
}

/// How many differences of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named as the kinds")]
pub struct Counts {
    pub missing: u64,
    pub altered: u64,
    pub added: u64,
    pub refused: u64,
    pub unreadable: u64,
    pub kafka_altered: u64,
    pub kafka_added: u64,
}

/// One difference: a record, or a segment by its first offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 8.2 defines each field")]
pub struct Named {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub what: What,
    pub detail: String,
}

/// What the differences amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillResult {
    /// Every archived record was restored as it was.
    Equal,
    /// What was restored is equal, and some records were not restored.
    Incomplete,
    /// Some record is another one than the archive's.
    Differs,
}

impl Counts {
    /// The count of one kind.
    pub fn of(&mut self, what: What) -> &mut u64 {
        match what {
            What::Missing => &mut self.missing,
            What::Altered => &mut self.altered,
            What::Added => &mut self.added,
            What::Refused => &mut self.refused,
            What::Unreadable => &mut self.unreadable,
            What::KafkaAltered => &mut self.kafka_altered,
            What::KafkaAdded => &mut self.kafka_added,
        }
    }

    fn all(self) -> [u64; 7] {
        [
            self.missing,
            self.altered,
            self.added,
            self.refused,
            self.unreadable,
            self.kafka_altered,
            self.kafka_added,
        ]
    }

    /// All differences.
    #[must_use]
    pub fn total(self) -> u64 {
        self.all().into_iter().fold(0, u64::saturating_add)
    }

    /// Adds those of another part.
    #[must_use]
    pub fn and(self, other: Counts) -> Counts {
        Counts {
            missing: self.missing + other.missing,
            altered: self.altered + other.altered,
            added: self.added + other.added,
            refused: self.refused + other.refused,
            unreadable: self.unreadable + other.unreadable,
            kafka_altered: self.kafka_altered + other.kafka_altered,
            kafka_added: self.kafka_added + other.kafka_added,
        }
    }

    /// What they amount to.
    #[must_use]
    pub fn result(self) -> DrillResult {
        match [self.altered, self.added, self.kafka_altered, self.kafka_added] {
            [0, 0, 0, 0] if self.total() == 0 => DrillResult::Equal,
            [0, 0, 0, 0] => DrillResult::Incomplete,
            _ => DrillResult::Differs,
        }
    }
}

impl DrillReport {
    /// The canonical text.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        canonical::to_text(self)
    }

    /// Reads the text. [`DrillReport::broken_rule`] judges what it says.
    ///
    /// # Errors
    /// It is not the canonical JSON of a report.
    pub fn from_text(text: &str) -> Result<DrillReport, NotCanonical> {
        canonical::from_text(text)
    }

    fn is_in_range(&self) -> bool {
        let is_named_well = |one: &Named| is_topic_name(&one.topic) && one.partition >= 0 && one.offset >= 0;
        is_archive_id(&self.archive_id)
            && is_origin(&self.origin)
            && self.asked.partition.is_none_or(|partition| partition >= 0)
            && self.topics.iter().all(|topic| is_topic_name(&topic.topic))
            && self.named.iter().all(is_named_well)
    }

    /// The rule that the content breaks, if there is one.
    #[must_use]
    pub fn broken_rule(&self) -> Option<&'static str> {
        let sum = |of: fn(&TopicDrilled) -> u64| self.topics.iter().map(of).fold(0, u64::saturating_add);
        let of_records = [
            self.differences.missing,
            self.differences.altered,
            self.differences.refused,
        ];
        let accounted = of_records
            .into_iter()
            .fold(sum(|topic| topic.equal), u64::saturating_add);
        let named_max = u64::try_from(NAMED_MAX).unwrap_or(u64::MAX);
        let mut named = Counts::default();
        self.named.iter().for_each(|one| *named.of(one.what) += 1);
        let is_counted = named
            .all()
            .iter()
            .zip(self.differences.all())
            .all(|(named, all)| *named <= all);
        [
            (self.is_in_range(), "a name or a number is not one of its kind"),
            (self.began_at <= self.ended_at, "it ended before it began"),
            (
                self.topics.is_sorted_by(|one, next| one.topic < next.topic),
                "the topics are not in order, each once",
            ),
            (
                sum(|topic| topic.archived) == accounted,
                "the archived records are not the equal, altered, missing and refused ones",
            ),
            (
                self.differences.kafka_altered <= sum(|topic| topic.kafka_compared),
                "more records differ from Kafka's than were compared",
            ),
            (
                is_counted && named.total() == self.differences.total().min(named_max),
                "the named differences are not those that are counted",
            ),
            (
                self.result == self.differences.result(),
                "the result does not follow from the differences",
            ),
        ]
        .into_iter()
        .find_map(|(holds, rule)| (!holds).then_some(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_what_the_gravest_difference_says() {
        let counts = |what: What| {
            let mut counts = Counts::default();
            *counts.of(what) += 1;
            counts
        };
        assert_eq!(Counts::default().result(), DrillResult::Equal);
        for what in [What::Missing, What::Refused, What::Unreadable] {
            assert_eq!(counts(what).result(), DrillResult::Incomplete, "{what:?}");
        }
        for what in [What::Altered, What::Added, What::KafkaAltered, What::KafkaAdded] {
            let both = counts(what).and(counts(What::Missing));
            assert_eq!(both.result(), DrillResult::Differs, "{what:?}");
        }
    }
}

//! The report: what a verification covered, what it found, and what it may claim. The JSON of `kivend verify` is this
//! struct; [`crate::verify::text`] tells the same to people. Never claims more than was covered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::position::{Height, TopicPartition};
use crate::verify::claims::Anchors;
use crate::verify::findings::{Code, Finding};
use crate::verify::keys::Basis;
use crate::verify::shard::Shard;
use crate::verify::verdict::Verdict;

/// What a verification came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// One word.
    pub verdict: Verdict,
    /// The verdict in a sentence, with whatever was not covered.
    pub summary: String,
    /// Which archive.
    pub archive: ArchiveNamed,
    /// What was looked at, and what was not.
    pub scope: Scope,
    /// Each topic in scope.
    pub topics: Vec<TopicReport>,
    /// How far each chain is vouched for by something other than itself.
    pub anchored: Vec<Anchored>,
    /// Which keys were believed, and why.
    pub trust: TrustReport,
    /// The checkpoints.
    pub checkpoints: CheckpointsReport,
    /// What was found, the gravest first; of each code at most 200.
    pub findings: Vec<Finding>,
    /// How many there were of each code.
    pub finding_counts: BTreeMap<String, u64>,
    /// Wall time in seconds.
    pub elapsed_s: f64,
    /// Rows read from segments per second.
    pub records_per_s: f64,
}

/// Which archive was verified.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ArchiveNamed {
    /// Its name.
    pub archive: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// The hash of its `archive.json`.
    pub sha256: Option<String>,
    /// Where it stands.
    pub location: String,
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Only this topic.
    pub topic: Option<String>,
    /// Only this partition number.
    pub partition: Option<i32>,
    /// Only segments sealed at or after this moment, or with records of it, were read.
    pub since: Option<String>,
    /// Only what is newer than this checkpoint was read.
    pub since_checkpoint: Option<SinceCheckpoint>,
    /// Only the partitions of this shard.
    pub shard: Option<Shard>,
    /// Whether records beyond the heads count as missing.
    pub at_rest: bool,
    /// Whether declared losses count as missing.
    pub fail_on_loss: bool,
    /// What the archive was held against: `links`, `rows`, `kafka`.
    pub against: Vec<String>,
    /// Partitions in scope.
    pub partitions: u64,
    /// Links walked: all of the partitions in scope, or those that are newer than the checkpoint.
    pub links: u64,
    /// Segments that links own.
    pub segments: u64,
    /// Segments whose rows were read.
    pub segments_read: u64,
    /// Records that links own.
    pub records: u64,
    /// Rows read.
    pub records_read: u64,
    /// Records that Kafka still held and that were compared.
    pub records_compared: u64,
    /// Whether everything in the archive was looked at, and held against everything asked for.
    pub whole: bool,
}

/// Where a verification of new things began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceCheckpoint {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub sha256: String,
    /// When it was signed, by its writer's clock.
    pub at: String,
}

/// One topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicReport {
    /// Its name.
    pub topic: String,
    /// Partitions looked at.
    pub partitions: u64,
    /// Records, as its links count them.
    pub records: u64,
    /// Rows read.
    pub records_read: u64,
    /// Different event ids among the rows read; none where no row was read.
    pub distinct_events: Option<u64>,
    /// Rows whose event id another row had before.
    pub repeated_events: Option<u64>,
    /// Rows without an event id.
    pub without_event_id: Option<u64>,
    /// Links.
    pub links: u64,
    /// Segments.
    pub segments: u64,
    /// Segments whose rows were read.
    pub segments_read: u64,
    /// Offsets that Kafka deleted before they were archived, as links declare.
    pub lost: u64,
    /// Records that Kafka still held, compared and equal; none where Kafka was not asked.
    pub compared_with_kafka: Option<u64>,
    /// Offsets that Kafka has beyond the heads.
    pub lag: Option<u64>,
    /// Bytes of all values read.
    pub value_bytes: u64,
    /// Bytes of the segments, as links say.
    pub stored_bytes: u64,
}

/// How far a chain is vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchored {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The height of its head.
    pub height: Height,
    /// By what, and up to which height.
    #[serde(flatten)]
    pub by: Anchors,
    /// How many of the newest links nothing vouches for.
    pub unanchored: u64,
}

impl Scope {
    /// Adds one topic's counts.
    pub fn add(&mut self, topic: &TopicReport) {
        self.partitions += topic.partitions;
        self.links += topic.links;
        self.segments += topic.segments;
        self.segments_read += topic.segments_read;
        self.records += topic.records;
        self.records_read += topic.records_read;
        self.records_compared += topic.compared_with_kafka.unwrap_or(0);
    }
}

impl Anchored {
    /// Of this chain.
    #[must_use]
    pub fn new(partition: &TopicPartition, height: Height, by: Anchors) -> Anchored {
        let covered = by.highest().map_or(0, |highest| highest.0 + 1);
        Anchored {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            height,
            by,
            unanchored: (height.0 + 1).saturating_sub(covered),
        }
    }

    /// The note that stands beside the verdict where links are unanchored.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let from = (self.height.0 + 1).checked_sub(self.unanchored)?;
        (self.unanchored > 0).then(|| {
            let detail = format!("heights {from} to {}", self.height);
            Finding::new(Code::Unanchored, detail).of(&TopicPartition::new(&self.topic, self.partition))
        })
    }
}

/// Which keys were believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustReport {
    /// Why.
    pub basis: Option<Basis>,
    /// The keys.
    pub keys: Vec<String>,
}

/// The checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointsReport {
    /// Valid ones in the bucket.
    pub count: u64,
    /// The newest one's number.
    pub newest: Option<u64>,
    /// Its hash.
    pub newest_sha256: Option<String>,
    /// Ones that were brought from elsewhere.
    pub saved: u64,
    /// The numbers and hashes of the last few: by these, shards know that they saw the same sequence.
    pub recent: Vec<(u64, String)>,
    /// Second places that were read.
    pub second_places: Vec<MirrorReport>,
}

/// A second place of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorReport {
    /// Where it is, for people.
    pub place: String,
    /// The number of its newest valid checkpoint.
    pub newest: Option<u64>,
}

impl Report {
    /// The verdict in a sentence: it never leaves out what was not covered.
    #[must_use]
    pub fn summarise(verdict: Verdict, scope: &Scope, trust: &TrustReport, anchored: &[Anchored]) -> String {
        let mut parts = vec![format!(
            "{verdict}: {} records in {} segments of {} partitions",
            grouped(scope.records),
            grouped(scope.segments),
            scope.partitions
        )];
        if scope.topic.is_some() || scope.partition.is_some() {
            let topic = scope.topic.as_deref().unwrap_or("every topic");
            let partition = scope.partition.map_or(String::new(), |p| format!(" partition {p}"));
            parts.push(format!("only {topic}{partition}"));
        }
        if let Some(SinceCheckpoint { number, at, .. }) = &scope.since_checkpoint {
            parts.push(format!("only what is newer than checkpoint {number} of {at}"));
        }
        if let Some(shard) = scope.shard {
            parts.push(format!("only shard {shard}"));
        }
        if scope.segments_read < scope.segments {
            let since = scope
                .since
                .as_ref()
                .map_or(String::new(), |since| format!(" (since {since})"));
            parts.push(format!("rows of {} segments read{since}", grouped(scope.segments_read)));
        }
        if scope.against.iter().any(|against| against == "kafka") {
            parts.push(format!("{} compared with Kafka", grouped(scope.records_compared)));
        } else {
            parts.push("not compared with Kafka".to_owned());
        }
        let unanchored: u64 = anchored.iter().map(|anchored| anchored.unanchored).sum();
        if unanchored > 0 {
            parts.push(format!("{} newest links unanchored", grouped(unanchored)));
        }
        if trust.basis == Some(Basis::FirstUse) {
            parts.push("keys trusted on first use".to_owned());
        }
        parts.join("; ")
    }
}

/// A number with its thousands apart.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

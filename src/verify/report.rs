//! The report of a verification. `kivend verify --format json` prints this struct; [`crate::verify::text`] and
//! [`crate::verify::html`] show the same to people. Its fields are stable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::position::{Height, TopicPartition};
use crate::record::utc::UtcSeconds;
use crate::verify::claims::Anchors;
use crate::verify::cosigned::WitnessSeen;
use crate::verify::coverage::Coverage;
use crate::verify::findings::{Code, Finding};
use crate::verify::shard::Shard;
use crate::verify::times::earliest;
use crate::verify::trust::Basis;
use crate::verify::verdict::Verdict;

/// The report of a verification.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in one line, with everything that was not covered.
    pub summary: String,
    /// The archive that was verified.
    pub archive: ArchiveNamed,
    /// What was covered.
    pub scope: Scope,
    /// Each topic in scope.
    pub topics: Vec<TopicReport>,
    /// For each partition the height up to which its chain is confirmed from outside.
    pub anchored: Vec<Anchored>,
    /// The keys that counted, and why.
    pub trust: TrustReport,
    /// The log of the archive, and its checkpoints.
    pub checkpoints: CheckpointsReport,
    /// What retention changes removed.
    #[serde(default)]
    pub removals: Vec<RemovalReport>,
    /// The findings, highest severity first; at most 200 of each code.
    pub findings: Vec<Finding>,
    /// The number of findings of each code.
    pub finding_counts: BTreeMap<String, u64>,
    /// Wall-clock time in seconds.
    pub elapsed_s: f64,
    /// Rows read from segments per second.
    pub records_per_s: f64,
    /// When it was verified, by which version, with which command.
    #[serde(default)]
    pub run: RunReport,
    /// What the archive has of each partition in scope, by offset and by time.
    #[serde(default)]
    pub coverage: Vec<Coverage>,
}

/// When it was verified, by which version, with which command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// Name and version of the program.
    pub software: String,
    /// When the verification began, by the clock of its machine.
    pub began_at: Option<UtcSeconds>,
    /// When it ended.
    pub ended_at: Option<UtcSeconds>,
    /// The command line, with secrets removed; `None` if it was not run from one.
    pub command: Option<String>,
    /// The same without the files that it writes, and with the text of the given keys: it can be run again.
    #[serde(default)]
    pub repeat: Option<String>,
    /// The brokers that were asked, as the settings name them; empty if Kafka was not.
    #[serde(default)]
    pub brokers: Vec<String>,
    /// The name of the file with the signed form of the report, if the same command wrote one.
    #[serde(default)]
    pub note: Option<String>,
}

/// Which archive was verified.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ArchiveNamed {
    /// Its name, from `archive.json`.
    pub archive: Option<String>,
    /// Its id, from `archive.json`.
    pub id: Option<String>,
    /// The name of its keys, by which witnesses know its log, from `archive.json`.
    #[serde(default)]
    pub origin: Option<String>,
    /// The SHA-256 of its `archive.json`, in hex.
    pub sha256: Option<String>,
    /// The bucket and prefix, or the directory.
    pub location: String,
}

/// What was covered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Only this topic.
    pub topic: Option<String>,
    /// Only this partition number.
    pub partition: Option<i32>,
    /// Only segments sealed at or after this time, or with records from this time on, were read.
    pub since: Option<String>,
    /// Only links and segments newer than this checkpoint were read.
    pub since_checkpoint: Option<SinceCheckpoint>,
    /// Only the partitions of this shard.
    pub shard: Option<Shard>,
    /// Whether records beyond the heads count as missing.
    pub at_rest: bool,
    /// Whether declared losses count as missing.
    pub fail_on_loss: bool,
    /// What was checked: `links`, `rows`, `kafka`.
    pub against: Vec<String>,
    /// Partitions in scope.
    pub partitions: u64,
    /// Links walked: all of the partitions in scope, or those newer than the checkpoint.
    pub links: u64,
    /// Segments that these links name.
    pub segments: u64,
    /// Segments whose rows were read.
    pub segments_read: u64,
    /// Records that these links count.
    pub records: u64,
    /// Rows read.
    pub records_read: u64,
    /// Records that Kafka still held, compared and equal.
    pub records_compared: u64,
    /// The earliest time of a record in scope, as the links give it.
    #[serde(default)]
    pub min_timestamp_ms: Option<i64>,
    /// The latest time of a record in scope.
    #[serde(default)]
    pub max_timestamp_ms: Option<i64>,
    /// Whether the whole archive was asked for and covered: links, rows, and the records that Kafka still holds.
    pub whole: bool,
}

/// The checkpoint from which an incremental verification started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceCheckpoint {
    /// The checkpoint's number.
    pub number: u64,
    /// The root over the entries that it covers, in hex.
    pub root: String,
    /// The time of its entry, by the clock of the writer.
    pub at: String,
}

/// The counts of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicReport {
    /// The topic's name.
    pub topic: String,
    /// Partitions in scope.
    pub partitions: u64,
    /// Records, as the links count them.
    pub records: u64,
    /// Rows read from segments.
    pub records_read: u64,
    /// Different event ids among the rows read; `None` where no row was read.
    pub distinct_events: Option<u64>,
    /// Rows with an event id that an earlier row had.
    pub repeated_events: Option<u64>,
    /// Rows without an event id.
    pub without_event_id: Option<u64>,
    /// Links walked.
    pub links: u64,
    /// Segments that the links name.
    pub segments: u64,
    /// Segments whose rows were read.
    pub segments_read: u64,
    /// Offsets that Kafka deleted before they were archived, as links declare.
    pub lost: u64,
    /// Records that Kafka still held, compared and equal; `None` without Kafka.
    pub compared_with_kafka: Option<u64>,
    /// Offsets in Kafka beyond the heads; `None` without Kafka.
    pub lag: Option<u64>,
    /// Bytes of all values read.
    pub value_bytes: u64,
    /// Bytes of the segments, as the links give them.
    pub stored_bytes: u64,
    /// The earliest time of a record, as the links give it.
    #[serde(default)]
    pub min_timestamp_ms: Option<i64>,
    /// The latest time of a record.
    #[serde(default)]
    pub max_timestamp_ms: Option<i64>,
}

/// Up to which height one chain is confirmed from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchored {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The height of its head.
    pub height: Height,
    /// The heights, by the kind of confirmation.
    #[serde(flatten)]
    pub by: Anchors,
    /// The number of newest links that nothing confirms.
    pub unanchored: u64,
}

impl Scope {
    /// Adds the counts of one topic.
    pub fn add(&mut self, topic: &TopicReport) {
        self.partitions += topic.partitions;
        self.links += topic.links;
        self.segments += topic.segments;
        self.segments_read += topic.segments_read;
        self.records += topic.records;
        self.records_read += topic.records_read;
        self.records_compared += topic.compared_with_kafka.unwrap_or(0);
        self.min_timestamp_ms = earliest(self.min_timestamp_ms, topic.min_timestamp_ms);
        self.max_timestamp_ms = self.max_timestamp_ms.max(topic.max_timestamp_ms);
    }
}

impl Anchored {
    /// The heights of the chain of this partition; `height` is that of its head.
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

    /// The note about unanchored links, if there are any.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let from = (self.height.0 + 1).checked_sub(self.unanchored)?;
        (self.unanchored > 0).then(|| {
            let detail = format!("links at heights {from} to {}", self.height);
            Finding::new(Code::Unanchored, detail).of(&TopicPartition::new(&self.topic, self.partition))
        })
    }
}

/// The keys that counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustReport {
    /// Why they counted; `None` where the archive has no readable identity.
    pub basis: Option<Basis>,
    /// The public keys.
    pub keys: Vec<String>,
}

/// The log of the archive, and its checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointsReport {
    /// Valid entries that were read.
    #[serde(default)]
    pub entries: u64,
    /// The number of the newest valid entry.
    #[serde(default)]
    pub newest_entry: Option<u64>,
    /// Valid checkpoints in the bucket.
    pub count: u64,
    /// The number of the newest one: that of the last entry that it covers.
    pub newest: Option<u64>,
    /// The root over the entries that it covers, in hex.
    pub newest_root: Option<String>,
    /// Saved checkpoints that were given to the verifier.
    pub saved: u64,
    /// Number and root of the last few entries. `--merge` compares them to make sure that all shards saw the same log.
    pub recent: Vec<(u64, String)>,
    /// The checkpoint mirrors that were read.
    #[serde(rename = "second_places")]
    pub mirrors: Vec<MirrorReport>,
    /// The witnesses that the verifier knows, each with the newest size that it cosigned, and when it says it did.
    #[serde(default)]
    pub witnesses: Vec<WitnessSeen>,
    /// Cosignatures that were not checked, because no key of a witness was given.
    #[serde(default)]
    pub unchecked_cosignatures: u64,
}

/// What one retention change removed of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first height that it covers and no earlier change does.
    pub from: u64,
    /// Links below this height may be without their segments.
    pub below: u64,
    /// The segments that are missing.
    pub segments: u64,
    /// The records of the missing segments, as their links count them.
    pub records: u64,
    /// The sequence of the change.
    pub sequence: u64,
    /// When the change was signed, by the signer's clock.
    pub at: String,
    /// Why.
    pub reason: String,
}

impl RemovalReport {
    /// The note about what was removed, if anything was.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        (self.segments > 0).then(|| {
            let detail = format!(
                "{} segments with {} records at heights {} to {} are gone, by change {} of {}: {}",
                grouped(self.segments),
                grouped(self.records),
                self.from,
                self.below.saturating_sub(1),
                self.sequence,
                self.at,
                self.reason
            );
            Finding::new(Code::SegmentsRemoved, detail).of(&TopicPartition::new(&self.topic, self.partition))
        })
    }
}

/// A checkpoint mirror that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorReport {
    /// The location of the mirror.
    pub place: String,
    /// The number of its newest valid checkpoint; `None` if it has none.
    pub newest: Option<u64>,
}

/// A number with its noun: `1 record`, `2 records`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number with separators between thousands: `115,841`.
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

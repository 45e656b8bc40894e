//! The result of checking a proof file, as `kivend verify-proof --format json` prints it. Its fields are stable.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::log::checkpoint::Checkpoint;
use crate::log::entry::Leaf;
use crate::log::link::SignedLink;
use crate::log::object_key::{Attempt, Key};
use crate::record::decode::Encoded;
use crate::record::hash::Hash;
use crate::record::position::Epoch;
use crate::record::record::{self, LeafHasher, Record};
use crate::verify::findings::Finding;
use crate::verify::trust::Basis;
use crate::verify::verdict::Verdict;

/// The result of checking a proof file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofReport {
    /// Intact if the file proves what it says.
    pub verdict: Verdict,
    /// What it proves; `None` if it proves nothing.
    pub proved: Option<Proved>,
    /// The archive's name, if its identity is readable.
    pub archive: Option<String>,
    /// The archive's id.
    pub archive_id: Option<String>,
    /// Why the keys count.
    pub trust: Option<Basis>,
    /// The keys that count.
    pub keys: Vec<String>,
    /// What is wrong with the file.
    pub findings: Vec<Finding>,
}

/// What a proof file proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Proved {
    /// A record is in the archive.
    Record(Box<ProvedRecord>),
    /// Records are in the archive.
    Records(Box<ProvedRecords>),
    /// The log only grew between the two checkpoints: nothing in it was rewritten.
    Consistency {
        /// The earlier checkpoint.
        from: CheckpointNamed,
        /// The later checkpoint.
        to: CheckpointNamed,
    },
}

/// A proved record. Bytes that are not UTF-8 are replaced by U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvedRecord {
    /// The record's topic.
    pub topic: String,
    /// The record's partition.
    pub partition: i32,
    /// The epoch of its link.
    pub epoch: Epoch,
    /// The record's offset.
    pub offset: i64,
    /// The record's time in ms since the Unix epoch, if it has one.
    pub timestamp_ms: Option<i64>,
    /// The record key.
    pub key: Option<String>,
    /// The record's value.
    pub value: Option<String>,
    /// The record's headers: names and values.
    pub headers: Vec<(String, Option<String>)>,
    /// The record's leaf hash, `SHA-256(0x00 || encoding)`.
    pub leaf: Hash,
    /// The height of its link.
    pub link_height: u64,
    /// The SHA-256 of its link's object.
    pub link: Hash,
    /// The time at which its segment was sealed, as the link gives it.
    pub sealed_at: String,
    /// The number of the log entry whose heads cover its link.
    pub entry: u64,
    /// The time of that entry, by the clock of its writer.
    pub entry_at: String,
    /// The checkpoint that covers the entry.
    pub checkpoint: CheckpointNamed,
}

/// What is proved of many records. The records themselves are in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvedRecords {
    /// The records.
    pub records: u64,
    /// The records of each topic.
    pub topics: BTreeMap<String, u64>,
    /// The partitions that have records.
    pub partitions: u64,
    /// The segments that have records.
    pub segments: u64,
    /// The earliest time of a record, in ms since the Unix epoch.
    pub min_timestamp_ms: Option<i64>,
    /// The latest one.
    pub max_timestamp_ms: Option<i64>,
    /// The number of the log entry whose heads cover their links.
    pub entry: u64,
    /// The time of that entry, by the clock of its writer.
    pub entry_at: String,
    /// The checkpoint that covers the entry.
    pub checkpoint: CheckpointNamed,
}

/// A checkpoint, to compare with a saved one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointNamed {
    /// The checkpoint's number: that of the last entry that it covers.
    pub number: u64,
    /// The root over the entries.
    pub root: Hash,
}

impl CheckpointNamed {
    pub(super) fn of(checkpoint: &Checkpoint) -> CheckpointNamed {
        CheckpointNamed {
            number: checkpoint.number(),
            root: checkpoint.root,
        }
    }
}

impl ProvedRecord {
    pub(super) fn new(
        encoded: &Encoded<'_>,
        link: &SignedLink,
        (leaf, checkpoint): (&Leaf, CheckpointNamed),
    ) -> ProvedRecord {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let record: Record<'_> = encoded.record();
        let mut hasher = LeafHasher::new(&encoded.partition);
        let header = |header: &record::Header<'_>| (shown(header.name), header.value.map(shown));
        ProvedRecord {
            topic: encoded.partition.topic.to_string(),
            partition: encoded.partition.partition,
            epoch: link.link.epoch,
            offset: record.offset,
            timestamp_ms: record.timestamp.ms(),
            key: record.key.map(shown),
            value: record.value.map(shown),
            headers: record.headers.iter().map(header).collect(),
            leaf: hasher.leaf(&record),
            link_height: link.link.height.0,
            link: link.hash,
            sealed_at: link.link.sealed_at.to_string(),
            entry: leaf.number,
            entry_at: leaf.at.to_string(),
            checkpoint,
        }
    }
}

impl ProvedRecords {
    pub(super) fn new(leaf: &Leaf, checkpoint: CheckpointNamed) -> ProvedRecords {
        ProvedRecords {
            records: 0,
            topics: BTreeMap::new(),
            partitions: 0,
            segments: 0,
            min_timestamp_ms: None,
            max_timestamp_ms: None,
            entry: leaf.number,
            entry_at: leaf.at.to_string(),
            checkpoint,
        }
    }

    pub(super) fn count(&mut self, encoded: &Encoded<'_>) {
        self.records += 1;
        match self.topics.get_mut(&*encoded.partition.topic) {
            Some(records) => *records += 1,
            None => {
                self.topics.insert(encoded.partition.topic.to_string(), 1);
            }
        }
        if let Some(ms) = encoded.record().timestamp.ms() {
            self.min_timestamp_ms = Some(self.min_timestamp_ms.map_or(ms, |least| least.min(ms)));
            self.max_timestamp_ms = Some(self.max_timestamp_ms.map_or(ms, |greatest| greatest.max(ms)));
        }
    }
}

impl Proved {
    /// The place of what is proved, in a few words.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Proved::Record(record) => format!("{}/{} offset {}", record.topic, record.partition, record.offset),
            Proved::Records(records) => match records.records {
                1 => "1 record".to_owned(),
                number => format!("{number} records"),
            },
            Proved::Consistency { from, to } => {
                let name = |number| Key::Checkpoint(number, Attempt::PLAIN);
                format!("{} to {}", name(from.number), name(to.number))
            }
        }
    }
}

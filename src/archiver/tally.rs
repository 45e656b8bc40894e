//! The sums of a run, counted from durable links only.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::archive::step::{Adopted, StopReason};
use crate::log::link::SignedLink;
use crate::record::position::TopicPartition;

/// The sums of a run.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Records in durable links.
    pub records: u64,
    /// Segments of durable links.
    pub segments: u64,
    /// The length of these segments in bytes.
    pub stored_bytes: u64,
    /// The length of the records' values in bytes.
    pub value_bytes: u64,
    /// Segments among them that were adopted from an earlier owner.
    pub adopted: u64,
    /// The number of offsets that Kafka deleted before they were archived.
    pub lost_offsets: u64,
    /// Records that a stop left in memory, because they could not be sealed in time. They are still in Kafka.
    pub left_records: u64,
    /// The time of the first durable link, in ms since the start.
    pub first_link_ms: Option<u64>,
    /// Configured topics that could not be read, each with the reason.
    pub unavailable: BTreeMap<String, String>,
    /// The sums of each partition.
    pub partitions: BTreeMap<TopicPartition, PartitionTally>,
}

/// The sums of one partition.
#[derive(Debug, Default, Clone, Serialize)]
pub struct PartitionTally {
    /// Records in durable links of this run.
    pub records: u64,
    /// Segments of durable links of this run.
    pub segments: u64,
    /// The first offset that is not archived yet.
    pub next_offset: i64,
    /// Why the partition is stopped, if it is.
    pub stopped: Option<String>,
}

impl Tally {
    /// The archive of a partition continues at this offset.
    pub fn continues(&mut self, partition: &TopicPartition, next_offset: i64) {
        let tally = self.partition(partition);
        tally.next_offset = next_offset;
        // It may have been stopped before its topic was created again, or before a right was granted.
        tally.stopped = None;
    }

    /// A link became durable.
    pub fn linked(&mut self, partition: &TopicPartition, signed: &SignedLink, value_bytes: u64, adopted: Adopted) {
        let link = &signed.link;
        self.records += link.record_count;
        self.value_bytes += value_bytes;
        if let Some(segment) = &link.segment {
            self.segments += 1;
            self.stored_bytes += segment.bytes;
        }
        if let Some(lost) = &link.lost {
            self.lost_offsets += u64::try_from(lost.next_offset.0 - lost.first_offset.0).unwrap_or(0);
        }
        self.adopted += u64::from(adopted == Adopted::Found);
        let tally = self.partition(partition);
        tally.records += link.record_count;
        tally.segments += u64::from(link.segment.is_some());
        tally.next_offset = link.next_place().first_offset.0;
    }

    /// A partition was stopped.
    pub fn stopped(&mut self, partition: &TopicPartition, reason: String) {
        self.partition(partition).stopped = Some(reason);
    }

    /// A partition was returned to the group. One whose topic was deleted needs nobody's attention any more; a topic that the
    /// settings name stays among those that are [unavailable](Tally::unavailable).
    pub fn released(&mut self, partition: &TopicPartition) {
        let stopped = &mut self.partition(partition).stopped;
        if *stopped == Some(StopReason::TopicGone.to_string()) {
            *stopped = None;
        }
    }

    fn partition(&mut self, partition: &TopicPartition) -> &mut PartitionTally {
        self.partitions.entry(partition.clone()).or_default()
    }
}

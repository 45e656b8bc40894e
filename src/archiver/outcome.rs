//! What an archiver has done, for its report.

use serde::Serialize;

use crate::archiver::tally::{PartitionTally, Tally};
use crate::record::position::TopicPartition;
use crate::task::process::peak_rss_bytes;

/// What an archiver has done.
#[derive(Debug, Clone, Serialize)]
pub struct ArchiveReport {
    /// Records under durable links of this run.
    pub records: u64,
    /// Their segments.
    pub segments: u64,
    /// The segments' bytes.
    pub stored_bytes: u64,
    /// The bytes of the records' values.
    pub value_bytes: u64,
    /// Segments of a predecessor that were adopted.
    pub adopted: u64,
    /// Offsets that Kafka deleted before they were archived.
    pub lost_offsets: u64,
    /// From the start to the end of the run.
    pub elapsed_s: f64,
    /// Records per second of that time.
    pub records_per_s: f64,
    /// From the start to the first durable link.
    pub first_link_s: Option<f64>,
    /// The most memory that was resident.
    pub peak_rss_bytes: Option<u64>,
    /// By partition.
    pub partitions: Vec<PartitionReport>,
}

/// What was done of one partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Its sums.
    #[serde(flatten)]
    pub tally: PartitionTally,
}

impl ArchiveReport {
    pub(super) fn new(tally: Tally, elapsed_s: f64) -> ArchiveReport {
        let report = |(partition, tally): (TopicPartition, PartitionTally)| PartitionReport {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            tally,
        };
        ArchiveReport {
            records: tally.records,
            segments: tally.segments,
            stored_bytes: tally.stored_bytes,
            value_bytes: tally.value_bytes,
            adopted: tally.adopted,
            lost_offsets: tally.lost_offsets,
            elapsed_s,
            records_per_s: if elapsed_s > 0.0 {
                tally.records as f64 / elapsed_s
            } else {
                0.0
            },
            first_link_s: tally.first_link_ms.map(|ms| ms as f64 / 1000.0),
            peak_rss_bytes: peak_rss_bytes(),
            partitions: tally.partitions.into_iter().map(report).collect(),
        }
    }

    /// The partitions that stand still, with the reason.
    pub fn stopped(&self) -> impl Iterator<Item = (&PartitionReport, &str)> {
        self.partitions
            .iter()
            .filter_map(|partition| Some((partition, partition.tally.stopped.as_deref()?)))
    }
}

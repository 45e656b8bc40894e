//! The report of an archiver's run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::archiver::misfits::ColumnMisfits;
use crate::archiver::tally::{PartitionTally, Tally};
use crate::record::position::TopicPartition;
use crate::task::process::peak_rss_bytes;

/// The report of an archiver's run. `kivend archive --json` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct ArchiveReport {
    /// Records in durable links of this run.
    pub records: u64,
    /// Segments of durable links of this run.
    pub segments: u64,
    /// The length of these segments in bytes.
    pub stored_bytes: u64,
    /// The length of the records' values in bytes.
    pub value_bytes: u64,
    /// Segments among them that were adopted from an earlier owner.
    pub adopted: u64,
    /// The number of offsets that Kafka deleted before they were archived.
    pub lost_offsets: u64,
    /// Records that a stop left to the next owner, because they could not be sealed within `archive.shutdown_timeout`.
    pub left_records: u64,
    /// The duration of the run in seconds.
    pub elapsed_s: f64,
    /// Records per second of the run.
    pub records_per_s: f64,
    /// Seconds from the start to the first durable link.
    pub first_link_s: Option<f64>,
    /// The greatest resident memory in bytes, if the system reports it.
    pub peak_rss_bytes: Option<u64>,
    /// Typed columns that are null in records whose values are not of the column's type, in segments encoded in this run.
    pub column_misfits: Vec<ColumnMisfits>,
    /// The partitions that this archiver owned.
    pub partitions: Vec<PartitionReport>,
    /// Configured topics that could not be read, each with the reason.
    pub unavailable: BTreeMap<String, String>,
}

/// The report of one partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The partition's sums.
    #[serde(flatten)]
    pub tally: PartitionTally,
}

impl ArchiveReport {
    pub(super) fn new(tally: Tally, column_misfits: Vec<ColumnMisfits>, elapsed_s: f64) -> ArchiveReport {
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
            left_records: tally.left_records,
            elapsed_s,
            records_per_s: if elapsed_s > 0.0 {
                tally.records as f64 / elapsed_s
            } else {
                0.0
            },
            first_link_s: tally.first_link_ms.map(|ms| ms as f64 / 1000.0),
            peak_rss_bytes: peak_rss_bytes(),
            column_misfits,
            partitions: tally.partitions.into_iter().map(report).collect(),
            unavailable: tally.unavailable,
        }
    }

    /// The stopped partitions, each with the reason.
    pub fn stopped(&self) -> impl Iterator<Item = (&PartitionReport, &str)> {
        self.partitions
            .iter()
            .filter_map(|partition| Some((partition, partition.tally.stopped.as_deref()?)))
    }
}

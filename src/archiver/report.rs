//! The log lines of the state machine's reports.

use crate::archive::step::{Adopted, Report};
use crate::log::link::{Link, SealReason};
use crate::record::position::TopicPartition;

/// How the line of a link is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinkLine {
    /// At INFO, and otherwise at DEBUG.
    pub is_info: bool,
    /// Seconds from the link's oldest record to now.
    pub latency_s: Option<f64>,
}

/// Logs a report of the state machine: one line, and one for each rejected segment of a link.
pub fn log(partition: &TopicPartition, report: &Report, line: LinkLine) {
    let (topic, partition) = (&*partition.topic, partition.partition);
    match report {
        Report::Continues(next) => {
            tracing::debug!(
                event = "partition_started",
                topic,
                partition,
                next_offset = next.0,
                "archiving"
            );
        }
        Report::Linked {
            link, adopted, seal_ms, ..
        } => {
            log_link(&link.link, *adopted, *seal_ms, line);
            for rejected in &link.link.rejected {
                tracing::warn!(
                    event = "segment_rejected",
                    topic,
                    partition,
                    key = rejected.key,
                    "another segment has this key: not adopted, and listed in the link as rejected"
                );
            }
        }
        Report::LossFound {
            first_offset,
            next_offset,
        } => tracing::error!(
            event = "records_lost",
            topic,
            partition,
            first_offset,
            next_offset,
            "LOSS: Kafka deleted records before they were archived; the next link records the range as lost"
        ),
        Report::NewEpoch(epoch, first_offset) => tracing::warn!(
            event = "epoch_began",
            topic,
            partition,
            epoch = epoch.0,
            first_offset = first_offset.0,
            "the epoch before has ended, as declared: a new epoch begins"
        ),
        Report::Fenced => tracing::warn!(
            event = "fenced",
            topic,
            partition,
            "fenced: another writer archived this partition; dropping the buffered records and loading the head again"
        ),
        Report::PassedOver(key) => tracing::warn!(
            event = "object_passed_over",
            topic,
            partition,
            %key,
            "an object with the key of the next link is not a valid link: skipped, and the link takes the next attempt's key"
        ),
        Report::Stopped(reason) => tracing::error!(
            event = "partition_stopped",
            topic,
            partition,
            reason = reason.word(),
            error = %reason,
            "the partition is stopped until somebody acts"
        ),
    }
}

/// One line for a link; with a segment, it says what was sealed.
fn log_link(link: &Link, adopted: Adopted, seal_ms: u64, line: LinkLine) {
    let (topic, partition) = (link.topic.as_str(), link.partition);
    let (first_offset, next_offset) = (link.first_offset.0, link.next_offset.0);
    let (height, reason) = (link.height.0, word(link.seal_reason));
    let Some(segment) = &link.segment else {
        tracing::debug!(
            event = "range_sealed",
            topic,
            partition,
            first_offset,
            next_offset,
            height,
            reason,
            "archived a range without records"
        );
        return;
    };
    let (records, bytes, adopted) = (link.record_count, segment.bytes, adopted == Adopted::Found);
    let LinkLine { is_info, latency_s } = line;
    if is_info {
        tracing::info!(
            event = "segment_sealed",
            topic,
            partition,
            first_offset,
            next_offset,
            records,
            bytes,
            reason,
            latency_s,
            seal_ms,
            height,
            adopted,
            "archived a segment"
        );
    } else {
        tracing::debug!(
            event = "segment_sealed",
            topic,
            partition,
            first_offset,
            next_offset,
            records,
            bytes,
            reason,
            latency_s,
            seal_ms,
            height,
            adopted,
            "archived a segment"
        );
    }
}

/// The reason as links have it.
fn word(reason: SealReason) -> &'static str {
    match reason {
        SealReason::Bytes => "bytes",
        SealReason::Records => "records",
        SealReason::Age => "age",
        SealReason::Idle => "idle",
        SealReason::Shutdown => "shutdown",
        SealReason::Revoked => "revoked",
        SealReason::Absent => "absent",
        SealReason::Lost => "lost",
        SealReason::Recreated => "recreated",
        SealReason::Diverged => "diverged",
    }
}

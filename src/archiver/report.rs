//! The log lines of the state machine's reports.

use crate::archive::step::{Adopted, Report};
use crate::record::position::TopicPartition;

/// Logs a report of the state machine: one line, and one for each rejected segment of a link.
pub fn log(partition: &TopicPartition, report: &Report) {
    match report {
        Report::Continues(next) => tracing::info!(%partition, next_offset = %next, "archiving"),
        Report::Linked { link, adopted, .. } => {
            let link = &link.link;
            let adopted = *adopted == Adopted::Found;
            tracing::debug!(%partition, height = %link.height, next_offset = %link.next_offset, records = link.record_count, reason = ?link.seal_reason, adopted, "linked");
            for rejected in &link.rejected {
                tracing::warn!(%partition, key = rejected.key, "another segment has this key: not adopted, and listed in the link as rejected");
            }
        }
        Report::LossFound {
            first_offset,
            next_offset,
        } => {
            tracing::error!(%partition, first_offset, next_offset, "LOSS: Kafka deleted records before they were archived; the next link records the range as lost");
        }
        Report::NewEpoch(epoch, first_offset) => {
            tracing::warn!(%partition, %epoch, %first_offset, "the epoch before has ended, as declared: a new epoch begins");
        }
        Report::Fenced => {
            tracing::warn!(%partition, "fenced: another writer archived this partition; dropping the buffered records and loading the head again");
        }
        Report::PassedOver(key) => {
            tracing::warn!(%partition, %key, "an object with the key of the next link is not a valid link: skipped, and the link takes the next attempt's key");
        }
        Report::Stopped(reason) => tracing::error!(%partition, "stopped: {reason}"),
    }
}

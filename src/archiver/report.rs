//! What the log says of what the machine reports: one line each, at the level that it deserves.

use crate::archive::step::{Adopted, Report};
use crate::record::position::TopicPartition;

/// Writes the line.
pub fn log(partition: &TopicPartition, report: &Report) {
    match report {
        Report::Continues(next) => tracing::info!(%partition, next_offset = %next, "archiving"),
        Report::Linked { link, adopted, .. } => {
            let link = &link.link;
            let adopted = *adopted == Adopted::Found;
            tracing::debug!(%partition, height = %link.height, next_offset = %link.next_offset, records = link.record_count, reason = ?link.seal_reason, adopted, "linked");
            for rejected in &link.rejected {
                tracing::warn!(%partition, key = rejected.key, "a segment that is not ours stood at our key: not taken, and named in the link");
            }
        }
        Report::LossFound {
            first_offset,
            next_offset,
        } => {
            tracing::error!(%partition, first_offset, next_offset, "LOSS: Kafka deleted records before they were archived; the range is on record for ever");
        }
        Report::NewEpoch(epoch) => {
            tracing::warn!(%partition, %epoch, "a new epoch, as declared: the topic was deleted and created again");
        }
        Report::Fenced => {
            tracing::warn!(%partition, "fenced: another writer was first; our state of this partition is dropped");
        }
        Report::PassedOver(key) => {
            tracing::warn!(%partition, %key, "an object that is no valid link stands where ours belongs: passed over");
        }
        Report::Stopped(reason) => tracing::error!(%partition, "stopped: {reason}"),
    }
}

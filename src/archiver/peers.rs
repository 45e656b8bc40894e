//! What other members of the group have of the target. They may be archivers at work, or the shade of one that died and
//! whose session has not ended: only what was committed tells. Never takes anything from them; Kafka does, in its time.

use std::collections::HashSet;

use crate::archiver::source::Source;
use crate::archiver::target::Target;
use crate::record::position::TopicPartition;

/// Between two looks.
const INTERVAL_MS: u64 = 500;

/// The looks so far.
#[derive(Debug, Default)]
pub struct PeerProgress {
    /// The group has given us what it gives us, be it nothing.
    is_member: bool,
    next_look_ms: u64,
    told: bool,
}

impl PeerProgress {
    /// The group has given us what it gives us for now.
    pub fn joined(&mut self) {
        self.is_member = true;
    }

    /// Whether the target's partitions that are not ours are archived to their ends. A commit never runs ahead of the
    /// archive (AR-1).
    pub fn is_archived(
        &mut self,
        (target, ours): (&Target, &HashSet<TopicPartition>),
        source: &impl Source,
        now_ms: u64,
    ) -> bool {
        if !self.is_member || now_ms < self.next_look_ms {
            return false;
        }
        let ends = target.ends_of_others(ours);
        if ends.is_empty() {
            return true;
        }
        self.next_look_ms = now_ms + INTERVAL_MS;
        let names: Vec<TopicPartition> = ends.iter().map(|(partition, _)| partition.clone()).collect();
        let behind = match source.committed(&names) {
            Ok(committed) => {
                let next = committed.iter().map(|known| known.map_or(0, |next| next.0));
                ends.iter().zip(next).filter(|((_, end), next)| next < end).count()
            }
            Err(error) => {
                tracing::debug!(%error, "cannot tell how far other members are");
                return false;
            }
        };
        if behind > 0 && !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                partitions = behind,
                "other members of the group hold partitions that are not archived to the end yet: waiting until they are, or are ours"
            );
        }
        behind == 0
    }
}

//! The progress of other members of the group towards the target. A member may be a running archiver, or one that died
//! and whose session has not expired yet; only the group's commits show which partitions are archived.

use std::collections::HashSet;

use crate::archiver::source::Source;
use crate::archiver::target::Target;
use crate::record::position::TopicPartition;

/// The time between two requests for the commits, in ms.
const INTERVAL_MS: u64 = 500;

/// What is known of the other members.
#[derive(Debug, Default)]
pub struct PeerProgress {
    /// The group has answered with an assignment, which may be empty.
    is_member: bool,
    next_check_ms: u64,
    has_warned: bool,
}

impl PeerProgress {
    /// The group has assigned partitions to this member, or none.
    pub fn joined(&mut self) {
        self.is_member = true;
    }

    /// Whether the target's partitions outside `own` are archived to their ends, by the group's commits: a commit is
    /// never ahead of the archive (AR-1). Asks Kafka at most every 500 ms, and answers `false` in between.
    pub fn is_archived(
        &mut self,
        target: &Target,
        own: &HashSet<TopicPartition>,
        source: &impl Source,
        now_ms: u64,
    ) -> bool {
        if !self.is_member || now_ms < self.next_check_ms {
            return false;
        }
        let ends = target.ends_of_others(own);
        if ends.is_empty() {
            return true;
        }
        self.next_check_ms = now_ms + INTERVAL_MS;
        let names: Vec<TopicPartition> = ends.iter().map(|(partition, _)| partition.clone()).collect();
        let behind = match source.committed(&names) {
            Ok(committed) => {
                let next = committed.iter().map(|known| known.map_or(0, |next| next.0));
                ends.iter().zip(next).filter(|((_, end), next)| next < end).count()
            }
            Err(error) => {
                tracing::debug!(event = "peers_unknown", %error, "cannot read the commits of other members of the group");
                return false;
            }
        };
        if behind > 0 && !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(
                event = "waiting_for_peers",
                partitions = behind,
                "other members of the group hold partitions that are not archived to the end yet: waiting until they are, or until the group assigns them to this archiver"
            );
        }
        behind == 0
    }
}

//! Commits to Kafka: those without an answer, and those that were refused, which are sent again while nothing newer is committed.
//! A quiet partition would otherwise stay without one until its next segment.

use std::collections::BTreeMap;

use crate::archive::step::Ticket;
use crate::record::position::{NextOffset, TopicPartition};

/// The time between two tries of a refused commit, in ms. A rebalance, the usual reason, takes about as long.
const AGAIN_MS: u64 = 1_000;

/// An offset to commit, with its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Committing {
    pub(super) next: NextOffset,
    pub(super) metadata: String,
}

/// A commit without an answer.
#[derive(Debug)]
pub(super) struct Sent {
    /// Whom the answer is for; `None` for a commit that is sent again.
    pub(super) ticket: Option<Ticket>,
    pub(super) partition: TopicPartition,
    pub(super) committing: Committing,
    pub(super) sent_ms: u64,
}

/// The commits that concern the driver.
#[derive(Debug, Default)]
pub(super) struct Commits {
    sent: Vec<Sent>,
    refused: BTreeMap<TopicPartition, Committing>,
    again_at_ms: u64,
}

impl Commits {
    /// A commit was sent. What was refused before it is covered.
    pub(super) fn sent(&mut self, sent: Sent) {
        self.refused.remove(&sent.partition);
        self.sent.push(sent);
    }

    /// The commit that an answer is for.
    pub(super) fn answered(&mut self, partition: &TopicPartition, next: NextOffset) -> Option<Sent> {
        let is_it = |sent: &Sent| sent.partition == *partition && sent.committing.next == next;
        let index = self.sent.iter().position(is_it)?;
        Some(self.sent.swap_remove(index))
    }

    /// Kafka refused a commit. A newer one of the partition takes its place.
    pub(super) fn refused(&mut self, partition: TopicPartition, committing: Committing, now_ms: u64) {
        let is_newer = |sent: &Sent| sent.partition == partition && sent.committing.next > committing.next;
        if self.sent.iter().any(is_newer) {
            return;
        }
        if self.refused.is_empty() {
            self.again_at_ms = now_ms + AGAIN_MS;
        }
        self.refused.insert(partition, committing);
    }

    /// The partition is no longer owned: nothing is committed for it (EP-1).
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.refused.remove(partition);
    }

    /// The refused commits, when it is time to send them again.
    pub(super) fn take_due(&mut self, now_ms: u64) -> BTreeMap<TopicPartition, Committing> {
        if now_ms < self.again_at_ms {
            return BTreeMap::new();
        }
        std::mem::take(&mut self.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committing(next: i64) -> Committing {
        Committing {
            next: NextOffset(next),
            metadata: String::new(),
        }
    }

    fn sent(partition: &TopicPartition, next: i64) -> Sent {
        Sent {
            ticket: None,
            partition: partition.clone(),
            committing: committing(next),
            sent_ms: 0,
        }
    }

    #[test]
    fn a_refused_commit_is_due_after_a_second_unless_a_newer_one_was_sent_or_the_partition_is_gone() {
        let [one, other, gone] = [0, 1, 2].map(|number| TopicPartition::new("orders", number));
        let mut commits = Commits::default();
        for partition in [&one, &other, &gone] {
            commits.refused(partition.clone(), committing(5), 0);
        }
        commits.sent(sent(&other, 9));
        commits.forget(&gone);
        assert!(commits.take_due(AGAIN_MS - 1).is_empty());
        let due = commits.take_due(AGAIN_MS);
        assert_eq!(due.into_iter().collect::<Vec<_>>(), [(one, committing(5))]);
        assert!(commits.take_due(AGAIN_MS).is_empty());
    }

    #[test]
    fn a_refused_commit_with_a_newer_one_in_flight_is_not_sent_again() {
        let partition = TopicPartition::new("orders", 0);
        let mut commits = Commits::default();
        commits.sent(sent(&partition, 5));
        commits.sent(sent(&partition, 9));
        let refused = commits.answered(&partition, NextOffset(5)).unwrap();
        commits.refused(partition.clone(), refused.committing, 0);
        assert!(commits.take_due(AGAIN_MS).is_empty());
        assert!(commits.answered(&partition, NextOffset(9)).is_some());
    }
}

//! Whether records are taken while memory is short: first by not polling, then, before the group loses patience, by pausing
//! partitions by name.

use crate::record::position::TopicPartition;

/// How long not polling is enough; after that partitions are paused, because a member that does not poll
/// (`max.poll.interval.ms`) is thrown out of its group.
const UNPOLLED_MAX_MS: u64 = 1_000;

/// Whether records are taken.
#[derive(Debug, Default)]
pub enum Hold {
    /// They are.
    #[default]
    Flowing,
    /// Not polled since this moment: librdkafka's queue fills, and its fetchers stop.
    NotPolling {
        /// In ms of the monotonic clock.
        since_ms: u64,
    },
    /// These are paused by name, and polling goes on.
    Paused(Vec<TopicPartition>),
}

impl Hold {
    /// Memory is short from this moment on.
    pub fn begin(&mut self, now_ms: u64) {
        if matches!(self, Hold::Flowing) {
            *self = Hold::NotPolling { since_ms: now_ms };
        }
    }

    /// Whether polling must wait at this moment.
    #[must_use]
    pub fn forbids_polling(&self, now_ms: u64) -> bool {
        matches!(self, Hold::NotPolling { since_ms } if now_ms < since_ms + UNPOLLED_MAX_MS)
    }

    /// Whether it is time to pause by name.
    #[must_use]
    pub fn is_overdue(&self, now_ms: u64) -> bool {
        matches!(self, Hold::NotPolling { since_ms } if now_ms >= since_ms + UNPOLLED_MAX_MS)
    }

    /// Memory is free again: the partitions that were paused by name.
    pub fn end(&mut self) -> Vec<TopicPartition> {
        match std::mem::take(self) {
            Hold::Paused(partitions) => partitions,
            Hold::Flowing | Hold::NotPolling { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_waits_a_second_and_then_partitions_are_paused_by_name() {
        let mut hold = Hold::default();
        assert!(!hold.forbids_polling(0) && !hold.is_overdue(0));
        hold.begin(500);
        hold.begin(900);
        assert!(hold.forbids_polling(1_499) && !hold.is_overdue(1_499));
        assert!(!hold.forbids_polling(1_500) && hold.is_overdue(1_500));
        hold = Hold::Paused(vec![TopicPartition::new("orders", 1)]);
        hold.begin(2_000);
        assert!(!hold.forbids_polling(9_000) && !hold.is_overdue(9_000));
        assert_eq!(hold.end(), [TopicPartition::new("orders", 1)]);
        assert!(hold.end().is_empty());
    }
}

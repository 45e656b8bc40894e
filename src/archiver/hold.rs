//! Back-pressure while memory is short (MEM-1): the driver first stops polling. After a second it pauses the partitions
//! and polls again, before the group removes it (docs/decisions/0005-stop-polling-before-pausing.md).

use crate::record::position::TopicPartition;

/// How long the driver does not poll before it pauses the partitions. A member that does not poll for
/// `max.poll.interval.ms` is removed from its group.
const UNPOLLED_MAX_MS: u64 = 1_000;

/// Whether the driver takes records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hold {
    /// It polls, and every partition is fetched.
    #[default]
    Flowing,
    /// It does not poll: librdkafka's queue fills, and its fetchers stop.
    NotPolling {
        /// When this began, in ms of the monotonic clock.
        since_ms: u64,
    },
    /// It polls, and these partitions are paused.
    Paused(Vec<TopicPartition>),
}

impl Hold {
    /// Memory is short from `now_ms` on.
    pub fn begin(&mut self, now_ms: u64) {
        if matches!(self, Hold::Flowing) {
            *self = Hold::NotPolling { since_ms: now_ms };
        }
    }

    /// Whether the driver must not poll yet.
    #[must_use]
    pub fn forbids_polling(&self, now_ms: u64) -> bool {
        matches!(self, Hold::NotPolling { since_ms } if now_ms < since_ms + UNPOLLED_MAX_MS)
    }

    /// Whether the driver must pause the partitions now.
    #[must_use]
    pub fn is_overdue(&self, now_ms: u64) -> bool {
        matches!(self, Hold::NotPolling { since_ms } if now_ms >= since_ms + UNPOLLED_MAX_MS)
    }

    /// Memory is available again. Returns the partitions to resume.
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
    fn polling_stops_for_a_second_before_partitions_are_paused() {
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

//! When to seal a segment. Exactly-once does not depend on where segments are cut, so the limits may change at any time.

use std::fmt;
use std::sync::Arc;

use crate::log::link::SealReason;

/// The bytes that an open segment may hold before the next record, however long the seal before it takes. With one record more
/// its object stays below the format's limit of 512 MiB, even if nothing compresses.
pub const OPEN_MAX_BYTES: usize = 128 << 20;
/// The largest key and value of a record together. Kafka's own limit is the topic's `max.message.bytes`, 1 MiB by default.
pub const RECORD_MAX_BYTES: usize = 320 << 20;

/// The limits of one open segment, and of all open segments together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealPolicy {
    /// Buffered bytes of one segment.
    pub seal_max_bytes: usize,
    /// Records of one segment.
    pub seal_max_records: usize,
    /// Time since the segment's first record, in ms.
    pub seal_max_age_ms: u64,
    /// Time since the segment's last record, in ms.
    pub seal_max_idle_ms: u64,
    /// Buffered bytes of all partitions together, at which consumption pauses (MEM-1).
    pub memory_budget_bytes: usize,
}

/// The limits of each topic.
#[derive(Clone)]
pub struct SealPolicies {
    shared: SealPolicy,
    of_topic: Arc<dyn Fn(&str) -> SealPolicy + Send + Sync>,
}

impl SealPolicies {
    /// These limits for all topics together, and for each one what `of_topic` returns.
    #[must_use]
    pub fn new(shared: SealPolicy, of_topic: impl Fn(&str) -> SealPolicy + Send + Sync + 'static) -> SealPolicies {
        SealPolicies {
            shared,
            of_topic: Arc::new(of_topic),
        }
    }

    /// The limits of all topics together.
    #[must_use]
    pub fn shared(&self) -> &SealPolicy {
        &self.shared
    }

    /// The limits of one topic.
    #[must_use]
    pub fn of(&self, topic: &str) -> SealPolicy {
        (self.of_topic)(topic)
    }
}

impl From<SealPolicy> for SealPolicies {
    fn from(shared: SealPolicy) -> SealPolicies {
        SealPolicies::new(shared, move |_| shared)
    }
}

impl fmt::Debug for SealPolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealPolicies")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

/// The size and age of an open segment.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    /// The number of records.
    pub records: usize,
    /// The buffered bytes.
    pub bytes: usize,
    /// Time since the first record, in ms.
    pub age_ms: u64,
    /// Time since the last record, in ms.
    pub idle_ms: u64,
}

impl SealPolicy {
    /// The limit of size that a segment has reached, if any.
    #[must_use]
    pub fn full(&self, records: usize, bytes: usize) -> Option<SealReason> {
        if bytes >= self.seal_max_bytes {
            Some(SealReason::Bytes)
        } else if records >= self.seal_max_records {
            Some(SealReason::Records)
        } else {
            None
        }
    }

    /// The limit that a segment has reached, if any; a segment without records reaches none.
    #[must_use]
    pub fn due(&self, fill: Fill) -> Option<SealReason> {
        if fill.records == 0 {
            return None;
        }
        self.full(fill.records, fill.bytes)
            .or((fill.age_ms >= self.seal_max_age_ms).then_some(SealReason::Age))
            .or((fill.idle_ms >= self.seal_max_idle_ms).then_some(SealReason::Idle))
    }

    /// The time until a segment is sealed if no record comes, in ms; none for a segment without records.
    #[must_use]
    pub fn due_in_ms(&self, fill: Fill) -> Option<u64> {
        if fill.records == 0 {
            return None;
        }
        if self.due(fill).is_some() {
            return Some(0);
        }
        let (age_ms, idle_ms) = (self.seal_max_age_ms - fill.age_ms, self.seal_max_idle_ms - fill.idle_ms);
        Some(age_ms.min(idle_ms))
    }

    /// Above this, the largest segments are sealed early, so that the encoder has work before consumption must pause.
    #[must_use]
    pub fn pressure_bytes(&self) -> usize {
        self.memory_budget_bytes / 3
    }

    /// Below this, consumption resumes after a pause.
    #[must_use]
    pub fn resume_bytes(&self) -> usize {
        self.memory_budget_bytes / 8 * 7
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: SealPolicy = SealPolicy {
        seal_max_bytes: 1000,
        seal_max_records: 10,
        seal_max_age_ms: 300,
        seal_max_idle_ms: 30,
        memory_budget_bytes: 8000,
    };

    #[test]
    fn each_limit_alone_seals_with_its_reason() {
        let below = Fill {
            records: 1,
            bytes: 1,
            age_ms: 0,
            idle_ms: 0,
        };
        assert_eq!(POLICY.due(below), None);
        assert_eq!(POLICY.due(Fill { bytes: 1000, ..below }), Some(SealReason::Bytes));
        assert_eq!(POLICY.due(Fill { records: 10, ..below }), Some(SealReason::Records));
        assert_eq!(POLICY.due(Fill { age_ms: 300, ..below }), Some(SealReason::Age));
        assert_eq!(POLICY.due(Fill { idle_ms: 30, ..below }), Some(SealReason::Idle));
    }

    #[test]
    fn the_time_until_a_seal_is_that_of_the_limit_that_is_reached_first() {
        let fill = Fill {
            records: 1,
            bytes: 1,
            age_ms: 100,
            idle_ms: 10,
        };
        assert_eq!(POLICY.due_in_ms(fill), Some(20));
        assert_eq!(POLICY.due_in_ms(Fill { age_ms: 295, ..fill }), Some(5));
        assert_eq!(POLICY.due_in_ms(Fill { records: 10, ..fill }), Some(0));
        assert_eq!(POLICY.due_in_ms(Fill { records: 0, ..fill }), None);
    }

    proptest! {
        #[test]
        fn a_segment_that_was_due_stays_due_as_it_grows(records in 1usize..20, bytes in 0usize..2000, age_ms in 0u64..600, idle_ms in 0u64..60) {
            let fill = Fill { records, bytes, age_ms, idle_ms };
            let grown = Fill { records: records + 1, bytes: bytes + 1, age_ms: age_ms + 1, idle_ms };
            prop_assert!(POLICY.due(fill).is_none() || POLICY.due(grown).is_some());
            prop_assert_eq!(POLICY.due(Fill { records: 0, ..fill }), None);
        }
    }
}

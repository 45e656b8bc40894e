//! When a segment is sealed. Exactly-once does not depend on cutting the same way twice, so every limit may be changed
//! at any time; never a rule of the format.

use crate::log::link::SealReason;

/// The limits of an open segment, and of all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealPolicy {
    /// Buffered bytes of one segment.
    pub seal_max_bytes: usize,
    /// Records of one segment.
    pub seal_max_records: usize,
    /// Age of a segment's first record in this process, in ms.
    pub seal_max_age_ms: u64,
    /// Time without a new record, in ms.
    pub seal_max_idle_ms: u64,
    /// Buffered bytes of all partitions together, at which consumption pauses (MEM-1).
    pub memory_budget_bytes: usize,
}

/// What is known of an open segment when the policy is asked.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    /// Its records.
    pub records: usize,
    /// Its buffered bytes.
    pub bytes: usize,
    /// How old its first record is, in ms.
    pub age_ms: u64,
    /// How long ago its last record came, in ms.
    pub idle_ms: u64,
}

impl SealPolicy {
    /// Whether a segment has reached a limit of size.
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

    /// Whether a segment has reached any limit; one without records never has.
    #[must_use]
    pub fn due(&self, fill: Fill) -> Option<SealReason> {
        if fill.records == 0 {
            return None;
        }
        self.full(fill.records, fill.bytes)
            .or((fill.age_ms >= self.seal_max_age_ms).then_some(SealReason::Age))
            .or((fill.idle_ms >= self.seal_max_idle_ms).then_some(SealReason::Idle))
    }

    /// From here on the largest segments are sealed early, so that the encoder has work before consumption must pause.
    #[must_use]
    pub fn pressure_bytes(&self) -> usize {
        self.memory_budget_bytes / 3
    }

    /// Below this consumption goes on after a pause.
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
    fn each_limit_alone_seals_and_says_so() {
        let calm = Fill {
            records: 1,
            bytes: 1,
            age_ms: 0,
            idle_ms: 0,
        };
        assert_eq!(POLICY.due(calm), None);
        assert_eq!(POLICY.due(Fill { bytes: 1000, ..calm }), Some(SealReason::Bytes));
        assert_eq!(POLICY.due(Fill { records: 10, ..calm }), Some(SealReason::Records));
        assert_eq!(POLICY.due(Fill { age_ms: 300, ..calm }), Some(SealReason::Age));
        assert_eq!(POLICY.due(Fill { idle_ms: 30, ..calm }), Some(SealReason::Idle));
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

//! What an open transaction of a topic holds, so that it can be sent again without the records that Kafka refused.

use std::collections::{BTreeMap, HashSet};

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::app::restore::report::{Refusal, Times};
use crate::app::restore::segments::Checked;
use crate::kafka::replay::{Batching, Refused};

/// Bits of a mark that hold an offset; the bits above hold the index of a part.
const OFFSET_BITS: u32 = 48;
/// The mark of what is no record of a partition.
pub(super) const LEDGER_MARK: usize = usize::MAX;
/// A transaction is committed when it has this many bytes,
const COMMIT_BYTES: u64 = 48 << 20;
/// or is this old. Kafka aborts one that is open for a minute.
const COMMIT_AFTER_MS: u64 = 2_000;

/// The records of a segment that belong to the transaction.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) checked: Checked,
    /// The first offset.
    pub(super) from: i64,
    /// The offset after the last one that was looked at.
    pub(super) until: i64,
}

/// A place after the records of a partition that were looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) height: u64,
    pub(super) offset: i64,
    pub(super) records: u64,
    pub(super) refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) began_ms: u64,
    pub(super) parts: Vec<Part>,
    /// By the index of the partition.
    pub(super) reached: BTreeMap<usize, Reached>,
    pub(super) refusals: Vec<Refusal>,
    /// Records that were refused after they were sent: part and offset.
    left_out: HashSet<(usize, i64)>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) restamped: u64,
    pub(super) times: Times,
}

impl Transaction {
    /// An empty one.
    pub(super) fn new(began_ms: u64) -> Transaction {
        Transaction {
            began_ms,
            ..Transaction::default()
        }
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.bytes >= COMMIT_BYTES || now_ms.saturating_sub(self.began_ms) >= COMMIT_AFTER_MS
    }

    /// The mark of a record of the newest part.
    pub(super) fn mark(&self, offset: i64) -> usize {
        mark(self.parts.len().saturating_sub(1), offset)
    }

    pub(super) fn is_left_out(&self, part: usize, offset: i64) -> bool {
        self.left_out.contains(&(part, offset))
    }

    /// Leaves out a record that Kafka refused. Whether it is news.
    pub(super) fn leave_out(&mut self, refused: &Refused) -> bool {
        let (part, offset) = place(refused.mark);
        let Some(of) = self.parts.get(part) else { return false };
        if !self.left_out.insert((part, offset)) {
            return false;
        }
        let link = &of.checked.link;
        self.refusals.push(Refusal {
            topic: link.topic.clone(),
            partition: link.partition,
            offset,
            reason: format!("Kafka refuses it: {}", refused.code),
        });
        let reached = self.reached.entry(of.checked.partition).or_default();
        reached.records = reached.records.saturating_sub(1);
        reached.refused += 1;
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(refused.bytes as u64);
        true
    }
}

/// The mark of a record of a part.
pub(super) fn mark(part: usize, offset: i64) -> usize {
    part << OFFSET_BITS | usize::try_from(offset).unwrap_or(0) & ((1 << OFFSET_BITS) - 1)
}

fn place(mark: usize) -> (usize, i64) {
    let offset = i64::try_from(mark & ((1 << OFFSET_BITS) - 1)).unwrap_or(i64::MAX);
    (mark >> OFFSET_BITS, offset)
}

/// The refused records that are at fault; none if that cannot be known, because Kafka refused them together.
pub(super) fn at_fault(refused: &[Refused], batching: Batching, batch_max_bytes: usize) -> Vec<Refused> {
    if batching == Batching::Alone || refused.len() == 1 {
        return refused.to_vec();
    }
    let is_other = |refused: &Refused| refused.code == Code::InvalidDifferentRecord;
    let named = refused.iter().any(is_other);
    let is_at_fault = |refused: &&Refused| match refused.code {
        Code::InvalidDifferentRecord => false,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            refused.bytes > batch_max_bytes
        }
        _ => named,
    };
    refused.iter().filter(is_at_fault).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(offset: i64, code: Code, bytes: usize) -> Refused {
        Refused {
            mark: mark(1, offset),
            code,
            bytes,
        }
    }

    #[test]
    fn a_mark_holds_a_part_and_an_offset() {
        for (part, offset) in [(0, 0), (1, 7), (40_000, (1 << 48) - 1)] {
            assert_eq!(place(mark(part, offset)), (part, offset));
        }
    }

    #[test]
    fn the_records_at_fault_are_those_that_kafka_names_or_that_are_too_large() {
        let up_to = Batching::UpTo(1_000);
        let named = [
            refused(1, Code::InvalidDifferentRecord, 10),
            refused(2, Code::InvalidTimestamp, 10),
        ];
        assert_eq!(at_fault(&named, up_to, 1_000), [named[1]]);
        let sizes = [
            refused(1, Code::MessageSizeTooLarge, 10),
            refused(2, Code::MessageSizeTooLarge, 2_000),
        ];
        assert_eq!(at_fault(&sizes, up_to, 1_000), [sizes[1]]);
        let unclear = [refused(1, Code::InvalidRecord, 10), refused(2, Code::InvalidRecord, 10)];
        assert_eq!(at_fault(&unclear, up_to, 1_000), []);
        assert_eq!(at_fault(&unclear, Batching::Alone, 1_000), unclear);
    }
}

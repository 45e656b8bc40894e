//! Which chunks librdkafka still reads from, and what became of the records in them. Pure counting: a lease ends when
//! the last of its records was told of, and the chunk with its last lease.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode as Code;

/// What may be on its way at once, in bytes of values and [`RECORD_COST_BYTES`] for each.
const IN_FLIGHT_MAX_BYTES: usize = 64 << 20;

/// What a record on its way costs in memory besides its value: librdkafka's message, rounded up.
const RECORD_COST_BYTES: usize = 256;

/// Low bits of a mark that hold the record's ordinal; the others hold the slot of its lease.
const ORDINAL_BITS: u32 = 40;
const _: () = assert!(usize::BITS == 64, "a mark holds slot and ordinal");

/// A record that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// As it was sent.
    pub ordinal: u64,
    /// Why.
    pub code: Code,
    /// Its value.
    pub value: Vec<u8>,
}

/// What became of all records handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acknowledged by Kafka, by topic.
    pub acked: Vec<u64>,
    /// Given up, by cause. A time-out, or having been given up by us, does not say that Kafka has it not.
    pub failed: BTreeMap<String, u64>,
    /// Still on their way.
    pub in_flight: u64,
    /// A failure that is not about one record: others will follow.
    pub broken: Option<Code>,
}

#[derive(Debug)]
pub(super) struct Leases {
    leases: Vec<Lease>,
    free: Vec<usize>,
    cost_bytes: usize,
    tally: Tally,
    failed: Vec<Failed>,
}

#[derive(Debug, Default)]
struct Lease {
    chunk: Option<Arc<Vec<u8>>>,
    topic: usize,
    outstanding: usize,
}

impl Leases {
    pub(super) fn new(topics: usize) -> Leases {
        Leases {
            leases: Vec::new(),
            free: Vec::new(),
            cost_bytes: 0,
            tally: Tally {
                acked: vec![0; topics],
                ..Tally::default()
            },
            failed: Vec::new(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.cost_bytes < IN_FLIGHT_MAX_BYTES
    }

    pub(super) fn is_idle(&self) -> bool {
        self.tally.in_flight == 0
    }

    pub(super) fn is_broken(&self) -> bool {
        self.tally.broken.is_some()
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    pub(super) fn take_failed(&mut self) -> Vec<Failed> {
        std::mem::take(&mut self.failed)
    }

    /// A free slot.
    pub(super) fn reserve(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.leases.push(Lease::default());
            self.leases.len() - 1
        })
    }

    /// What a record of the lease in `slot` is known by.
    pub(super) fn mark(slot: usize, ordinal: u64) -> usize {
        let ordinal = usize::try_from(ordinal).unwrap_or(usize::MAX);
        slot << ORDINAL_BITS | ordinal & ((1 << ORDINAL_BITS) - 1)
    }

    /// Leases `chunk` to so many records of a topic, whose values have so many bytes altogether.
    pub(super) fn begin(&mut self, slot: usize, chunk: &Arc<Vec<u8>>, topic: usize, (records, bytes): (usize, usize)) {
        if records == 0 {
            self.free.push(slot);
            return;
        }
        self.leases[slot] = Lease {
            chunk: Some(Arc::clone(chunk)),
            topic,
            outstanding: records,
        };
        self.tally.in_flight += records as u64;
        self.cost_bytes += bytes + records * RECORD_COST_BYTES;
    }

    pub(super) fn acked(&mut self, mark: usize, bytes: usize) {
        if let Some(topic) = self.end_one(mark, bytes) {
            self.tally.acked[topic] += 1;
        }
    }

    pub(super) fn failed(&mut self, mark: usize, code: Code, value: &[u8]) {
        if self.end_one(mark, value.len()).is_some() {
            self.refuse(mark as u64 & ((1 << ORDINAL_BITS) - 1), code, value);
        }
    }

    /// Counts a failure of a record that has no lease.
    pub(super) fn refuse(&mut self, ordinal: u64, code: Code, value: &[u8]) {
        *self.tally.failed.entry(format!("{code:?}")).or_default() += 1;
        if !is_about_one_record(code) {
            self.tally.broken = Some(code);
        }
        self.failed.push(Failed {
            ordinal,
            code,
            value: value.to_vec(),
        });
    }

    /// One record less on its way; answers its topic. None for a mark that is not out: librdkafka tells each once.
    fn end_one(&mut self, mark: usize, bytes: usize) -> Option<usize> {
        let slot = mark >> ORDINAL_BITS;
        let lease = self.leases.get_mut(slot).filter(|lease| lease.outstanding > 0)?;
        let topic = lease.topic;
        lease.outstanding -= 1;
        if lease.outstanding == 0 {
            // The last record of the lease: nothing reads from the chunk through it any more.
            lease.chunk = None;
            self.free.push(slot);
        }
        self.tally.in_flight -= 1;
        self.cost_bytes = self.cost_bytes.saturating_sub(bytes + RECORD_COST_BYTES);
        Some(topic)
    }
}

/// Whether others may well be delivered after this failure.
fn is_about_one_record(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge | Code::InvalidRecord | Code::InvalidMessageSize | Code::MessageBatchTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_held_until_its_last_record_was_told_of() {
        let mut leases = Leases::new(2);
        let chunk = Arc::new(vec![1, 2, 3]);
        let (one, other) = (leases.reserve(), leases.reserve());
        leases.begin(one, &chunk, 0, (2, 2));
        leases.begin(other, &chunk, 1, (1, 1));
        assert_eq!(Arc::strong_count(&chunk), 3);
        leases.acked(Leases::mark(one, 7), 1);
        leases.acked(Leases::mark(other, 8), 1);
        assert_eq!(Arc::strong_count(&chunk), 2);
        leases.failed(Leases::mark(one, 9), Code::InvalidRecord, &[2]);
        assert_eq!(Arc::strong_count(&chunk), 1);
        assert!(leases.is_idle() && leases.cost_bytes == 0);
        let tally = leases.tally();
        assert_eq!((tally.acked, tally.broken), (vec![1, 1], None));
        let failed = leases.take_failed();
        assert_eq!((failed[0].ordinal, &*failed[0].value), (9, &[2][..]));
    }

    #[test]
    fn a_slot_is_used_again_and_a_mark_that_is_not_out_changes_nothing() {
        let mut leases = Leases::new(1);
        let chunk = Arc::new(vec![0; 10]);
        let slot = leases.reserve();
        leases.begin(slot, &chunk, 0, (1, 10));
        leases.acked(Leases::mark(slot, 1), 10);
        leases.acked(Leases::mark(slot, 1), 10);
        leases.acked(Leases::mark(slot + 1, 1), 10);
        assert_eq!(leases.tally().acked, [1]);
        assert_eq!(leases.reserve(), slot);
    }

    #[test]
    fn there_is_no_room_beyond_the_bound() {
        let mut leases = Leases::new(1);
        let chunk = Arc::new(Vec::new());
        let slot = leases.reserve();
        leases.begin(slot, &chunk, 0, (1, IN_FLIGHT_MAX_BYTES));
        assert!(!leases.has_room());
        leases.failed(
            Leases::mark(slot, 1),
            Code::MessageTimedOut,
            &vec![0; IN_FLIGHT_MAX_BYTES],
        );
        assert!(leases.has_room());
        assert_eq!(leases.tally().broken, Some(Code::MessageTimedOut));
    }
}

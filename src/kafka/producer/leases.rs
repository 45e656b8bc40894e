//! Which chunks librdkafka still reads from, and what became of the records in them. Only counts: a lease ends when the
//! last of its records was told of, and the chunk with its last lease.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode as Code;

/// What may be on its way at once, in bytes of values and [`RECORD_COST_BYTES`] for each.
const IN_FLIGHT_MAX_BYTES: usize = 64 << 20;

/// What a record on its way costs in memory besides its value: ours and librdkafka's, rounded up.
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
    /// Its value; empty where it never lay in its chunk.
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
    /// Keys that do not lie in the chunk.
    keys: Vec<Box<str>>,
    /// What the records have in common; the producer's business.
    lane: usize,
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

    pub(super) fn broken(&self) -> Option<Code> {
        self.tally.broken
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn take_failed(&mut self) -> Vec<Failed> {
        std::mem::take(&mut self.failed)
    }

    /// Leases `chunk` to records of one lane, of which there are none yet.
    pub(super) fn begin(&mut self, chunk: &Arc<Vec<u8>>, lane: usize) -> usize {
        let slot = self.free.pop().unwrap_or(self.leases.len());
        if slot == self.leases.len() {
            self.leases.push(Lease::default());
        }
        let lease = &mut self.leases[slot];
        lease.chunk = Some(Arc::clone(chunk));
        lease.lane = lane;
        slot
    }

    /// One more record in the lease of `slot`; answers its mark.
    #[inline]
    pub(super) fn add(&mut self, slot: usize, ordinal: u64, bytes: usize) -> usize {
        self.leases[slot].outstanding += 1;
        self.tally.in_flight += 1;
        self.cost_bytes += bytes + RECORD_COST_BYTES;
        let ordinal = usize::try_from(ordinal).unwrap_or(usize::MAX);
        slot << ORDINAL_BITS | ordinal & ((1 << ORDINAL_BITS) - 1)
    }

    /// Keeps a key as long as the lease of `slot`.
    pub(super) fn keep_key(&mut self, slot: usize, key: &str) -> &[u8] {
        let keys = &mut self.leases[slot].keys;
        keys.push(key.into());
        keys.last().map(|key| key.as_bytes()).unwrap_or_default()
    }

    /// A record was acknowledged; answers its lane. None for a mark that is not out: librdkafka tells each once.
    #[inline]
    pub(super) fn acked(&mut self, mark: usize, bytes: usize, topic_of: impl Fn(usize) -> usize) -> Option<usize> {
        let lane = self.end_one(mark, bytes)?;
        self.tally.acked[topic_of(lane)] += 1;
        Some(lane)
    }

    /// A record was given up; answers its lane.
    pub(super) fn failed(&mut self, mark: usize, code: Code, value: Vec<u8>) -> Option<usize> {
        let lane = self.end_one(mark, value.len())?;
        self.refuse(mark as u64 & ((1 << ORDINAL_BITS) - 1), code, value);
        Some(lane)
    }

    /// Counts a failure of a record that has no lease.
    pub(super) fn refuse(&mut self, ordinal: u64, code: Code, value: Vec<u8>) {
        *self.tally.failed.entry(format!("{code:?}")).or_default() += 1;
        if !is_about_one_record(code) {
            self.tally.broken = Some(code);
        }
        self.failed.push(Failed { ordinal, code, value });
    }

    fn end_one(&mut self, mark: usize, bytes: usize) -> Option<usize> {
        let slot = mark >> ORDINAL_BITS;
        let lease = self.leases.get_mut(slot).filter(|lease| lease.outstanding > 0)?;
        lease.outstanding -= 1;
        if lease.outstanding == 0 {
            // The last record of the lease: nothing reads from the chunk through it any more.
            lease.chunk = None;
            lease.keys.clear();
            self.free.push(slot);
        }
        self.tally.in_flight -= 1;
        self.cost_bytes = self.cost_bytes.saturating_sub(bytes + RECORD_COST_BYTES);
        Some(lease.lane)
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
        let (one, other) = (leases.begin(&chunk, 10), leases.begin(&chunk, 11));
        let marks = [leases.add(one, 7, 1), leases.add(one, 9, 1), leases.add(other, 8, 1)];
        assert_eq!(Arc::strong_count(&chunk), 3);
        let topic_of = |lane| lane - 10;
        assert_eq!(leases.acked(marks[0], 1, topic_of), Some(10));
        assert_eq!(leases.acked(marks[2], 1, topic_of), Some(11));
        assert_eq!(Arc::strong_count(&chunk), 2);
        assert_eq!(leases.failed(marks[1], Code::InvalidRecord, vec![2]), Some(10));
        assert_eq!(Arc::strong_count(&chunk), 1);
        assert!(leases.is_idle() && leases.cost_bytes == 0);
        assert_eq!((&*leases.tally().acked, leases.broken()), (&[1, 1][..], None));
        let failed = leases.take_failed();
        assert_eq!((failed[0].ordinal, &*failed[0].value), (9, &[2][..]));
    }

    #[test]
    fn a_slot_is_used_again_and_a_mark_that_is_not_out_changes_nothing() {
        let mut leases = Leases::new(1);
        let chunk = Arc::new(vec![0; 10]);
        let slot = leases.begin(&chunk, 0);
        let mark = leases.add(slot, 1, 10);
        for told in [mark, mark, mark + (1 << ORDINAL_BITS)] {
            leases.acked(told, 10, |_| 0);
        }
        assert_eq!(leases.tally().acked, [1]);
        assert_eq!(leases.begin(&chunk, 0), slot);
    }

    #[test]
    fn there_is_no_room_beyond_the_bound() {
        let mut leases = Leases::new(1);
        let slot = leases.begin(&Arc::new(Vec::new()), 0);
        let mark = leases.add(slot, 1, IN_FLIGHT_MAX_BYTES);
        assert!(!leases.has_room());
        leases.failed(mark, Code::MessageTimedOut, vec![0; IN_FLIGHT_MAX_BYTES]);
        assert!(leases.has_room());
        assert_eq!(leases.broken(), Some(Code::MessageTimedOut));
    }
}

//! The records of one partition: some in flight in librdkafka, the others waiting.
//!
//! An idempotent librdkafka has one request of a partition in flight at a time, and its thread spins while records wait
//! behind that request. So a lane hands over the records of one request, and the next ones when all of them were
//! delivered: the rate is the same, and it takes much less CPU. Records of a lane keep their order.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::producer::outcomes::{Failed, Outcomes, mark};

/// What a record takes in a request besides key and value, at most: lengths, deltas, attributes.
const RECORD_FRAME_BYTES: usize = 40;

/// What a request's batch takes besides its records.
const BATCH_FRAME_BYTES: usize = 512;

pub(super) struct Lane {
    pub(super) topic: usize,
    number: usize,
    partition: i32,
    batch_max_bytes: usize,
    waiting: VecDeque<Run>,
    /// Records given to librdkafka so far.
    handed_over: usize,
    /// Deliveries that were failures.
    pub(super) failed: usize,
}

/// Waiting records of one chunk. There is no empty run in a lane.
struct Run {
    chunk: Arc<Vec<u8>>,
    records: VecDeque<Waiting>,
}

/// A record that waits.
pub(super) struct Waiting {
    pub(super) key: Option<Key>,
    /// Within its chunk.
    pub(super) value: Range<usize>,
    pub(super) ordinal: u64,
}

pub(super) enum Key {
    /// A part of the chunk.
    Within(Range<usize>),
    Owned(Box<str>),
}

impl Run {
    fn parts<'r>(&'r self, record: &'r Waiting) -> (Option<&'r [u8]>, &'r [u8]) {
        let key = record.key.as_ref().map(|key| match key {
            Key::Within(range) => &self.chunk[range.clone()],
            Key::Owned(key) => key.as_bytes(),
        });
        (key, &self.chunk[record.value.clone()])
    }

    fn failed(&self, record: &Waiting, code: Code) -> Failed {
        Failed {
            ordinal: record.ordinal,
            code,
            value: self.chunk[record.value.clone()].to_vec(),
        }
    }
}

impl Lane {
    /// The lane with this number among the producer's, of one partition of one topic.
    pub(super) fn new(number: usize, topic: usize, partition: i32, batch_max_bytes: usize) -> Lane {
        Lane {
            topic,
            number,
            partition,
            batch_max_bytes: batch_max_bytes.saturating_sub(BATCH_FRAME_BYTES),
            waiting: VecDeque::new(),
            handed_over: 0,
            failed: 0,
        }
    }

    /// Adds a record, whose value and key must be within `chunk`.
    #[inline]
    pub(super) fn push(&mut self, chunk: &Arc<Vec<u8>>, record: Waiting) {
        match self.waiting.back_mut() {
            Some(run) if Arc::ptr_eq(&run.chunk, chunk) => run.records.push_back(record),
            _ => self.waiting.push_back(Run {
                chunk: Arc::clone(chunk),
                records: VecDeque::from([record]),
            }),
        }
    }

    /// Hands the records of the next request to `client`, with `now_ms` as their time, if all before them were delivered.
    /// Returns the records that librdkafka will never take; those that do not fit into its queue stay.
    pub(super) fn pump(&mut self, client: &BaseProducer<Outcomes>, topic: &str, now_ms: i64) -> Vec<Failed> {
        let mut refused = Vec::new();
        if self.handed_over > client.context().delivered_of(self.number) {
            return refused;
        }
        let (mut bytes, before) = (0, self.handed_over);
        while let Some(run) = self.waiting.front_mut() {
            while let Some(record) = run.records.front() {
                let (key, value) = run.parts(record);
                bytes += key.map_or(0, <[u8]>::len) + value.len() + RECORD_FRAME_BYTES;
                if bytes > self.batch_max_bytes && self.handed_over > before {
                    return refused;
                }
                let mut outgoing = BaseRecord::with_opaque_to(topic, mark(self.number, record.ordinal))
                    .partition(self.partition)
                    .timestamp(now_ms)
                    .payload(value);
                outgoing.key = key;
                match client.send(outgoing) {
                    Ok(()) => self.handed_over += 1,
                    Err((Rdkafka::MessageProduction(Code::QueueFull), _)) => return refused,
                    Err((error, _)) => {
                        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                        refused.push(run.failed(record, code));
                    }
                }
                run.records.pop_front();
            }
            self.waiting.pop_front();
        }
        refused
    }

    /// Takes out all records that wait, as failed for `code`.
    pub(super) fn drain(&mut self, code: Code) -> Vec<Failed> {
        let fail = |run: Run| -> Vec<Failed> { run.records.iter().map(|record| run.failed(record, code)).collect() };
        self.waiting.drain(..).flat_map(fail).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(ordinal: u64, value: Range<usize>) -> Waiting {
        Waiting {
            key: None,
            value,
            ordinal,
        }
    }

    #[test]
    fn a_chunk_is_held_while_a_record_of_it_waits() {
        let mut lane = Lane::new(0, 0, 0, 1_000);
        let (one, other) = (Arc::new(b"abc".to_vec()), Arc::new(b"de".to_vec()));
        lane.push(&one, waiting(1, 0..1));
        lane.push(&one, waiting(2, 1..3));
        lane.push(&other, waiting(3, 0..2));
        assert_eq!((Arc::strong_count(&one), Arc::strong_count(&other)), (2, 2));
        let drained = lane.drain(Code::PurgeQueue);
        let values: Vec<_> = drained.iter().map(|failed| (failed.ordinal, &*failed.value)).collect();
        assert_eq!(values, [(1, &b"a"[..]), (2, b"bc"), (3, b"de")]);
        assert_eq!((Arc::strong_count(&one), Arc::strong_count(&other)), (1, 1));
    }
}

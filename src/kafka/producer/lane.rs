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

use crate::kafka::producer::outcomes::{Failed, Outcomes, fate_unsent, mark};
use crate::kafka::producer::refusal::{BatchLimit, judge, size_in_batch};

pub(super) struct Lane {
    pub(super) topic: usize,
    number: usize,
    partition: i32,
    limit: BatchLimit,
    waiting: VecDeque<Run>,
    /// Records given to librdkafka so far.
    handed_over: usize,
    /// Deliveries that were failures.
    pub(super) failed: usize,
    /// Records of the request in flight that Kafka refused.
    refused: Vec<Failed>,
    /// Records at the head of those that wait that Kafka refused before; `None` if there were none.
    again: Option<usize>,
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
            fate: fate_unsent(code),
            key: self.parts(record).0.map(<[u8]>::to_vec),
            value: self.chunk[record.value.clone()].to_vec(),
        }
    }

    /// Records that came back, in a chunk of their own.
    fn of_returned(returned: &[Failed]) -> Run {
        let (mut chunk, mut records) = (Vec::new(), VecDeque::new());
        let mut add = |bytes: &[u8]| {
            let start = chunk.len();
            chunk.extend_from_slice(bytes);
            start..chunk.len()
        };
        for failed in returned {
            records.push_back(Waiting {
                key: failed.key.as_deref().map(|key| Key::Within(add(key))),
                value: add(&failed.value),
                ordinal: failed.ordinal,
            });
        }
        Run {
            chunk: Arc::new(chunk),
            records,
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
            limit: BatchLimit::new(batch_max_bytes),
            waiting: VecDeque::new(),
            handed_over: 0,
            failed: 0,
            refused: Vec::new(),
            again: None,
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
    /// Returns the records that Kafka or librdkafka will never take; those that do not fit into librdkafka's queue stay.
    pub(super) fn pump(&mut self, client: &BaseProducer<Outcomes>, topic: &str, now_ms: i64) -> Vec<Failed> {
        if self.handed_over > client.context().delivered_of(self.number) {
            return Vec::new();
        }
        let mut refused = self.send_refused_again();
        let (mut bytes, before) = (0, self.handed_over);
        while let Some(run) = self.waiting.front_mut() {
            while let Some(record) = run.records.front() {
                let (key, value) = run.parts(record);
                bytes += size_in_batch(key.map_or(0, <[u8]>::len), value.len());
                if bytes > self.limit.bytes() && self.handed_over > before {
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
                self.again = self.again.map(|again| again.saturating_sub(1));
            }
            self.waiting.pop_front();
        }
        refused
    }

    /// Notes a record that Kafka refused, maybe only for another one of its batch.
    pub(super) fn refuse(&mut self, failed: Failed) {
        self.refused.push(failed);
    }

    /// Whether Kafka refused records that were not sent again.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Puts the refused records of the last request before those that wait, in smaller batches, and returns those at fault.
    fn send_refused_again(&mut self) -> Vec<Failed> {
        if self.refused.is_empty() {
            if self.again == Some(0) {
                self.restore_limit();
            }
            return Vec::new();
        }
        let judged = judge(std::mem::take(&mut self.refused), &mut self.limit);
        self.again = Some(self.again.unwrap_or(0) + judged.again.len());
        if !judged.again.is_empty() {
            self.waiting.push_front(Run::of_returned(&judged.again));
        }
        judged.at_fault
    }

    /// Forgets what Kafka refused, because the transaction is aborted and its records are sent again: in smaller batches,
    /// until [`Lane::restore_limit`]. Returns the refused records at fault.
    pub(super) fn start_over(&mut self) -> Vec<Failed> {
        if self.refused.is_empty() {
            return Vec::new();
        }
        judge(std::mem::take(&mut self.refused), &mut self.limit).at_fault
    }

    /// To be called when all records that Kafka refused were sent again.
    pub(super) fn restore_limit(&mut self) {
        self.limit.restore();
        self.again = None;
    }

    /// Forgets the records that wait, and returns how many they were and the bytes of their values.
    pub(super) fn forget_waiting(&mut self) -> (usize, usize) {
        let runs = std::mem::take(&mut self.waiting);
        let records = || runs.iter().flat_map(|run| &run.records);
        self.again = None;
        (records().count(), records().map(|record| record.value.len()).sum())
    }

    /// Takes out all records that wait, as failed for `code`.
    pub(super) fn drain(&mut self, code: Code) -> Vec<Failed> {
        let fail = |run: Run| -> Vec<Failed> { run.records.iter().map(|record| run.failed(record, code)).collect() };
        self.again = None;
        self.waiting.drain(..).flat_map(fail).collect()
    }

    /// Takes out the records that Kafka refused and that were not sent again.
    pub(super) fn take_refused(&mut self) -> Vec<Failed> {
        std::mem::take(&mut self.refused)
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

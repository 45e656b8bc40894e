//! The producer: each record that is sent is counted once, as acknowledged, failed or unknown. Besides what librdkafka
//! retries, only a batch that Kafka refused is sent again, in parts, so that one record does not keep others from being
//! delivered. Memory is bounded: see [`Producer::has_room`].

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::clock::Clock;
use crate::kafka::partitioner;
use crate::kafka::producer::lane::{Key, Lane, Waiting};
use crate::kafka::producer::outcomes::{Failed, Fate, Outcomes, Tally};

/// What may be in flight at once: bytes of values, and [`RECORD_COST_BYTES`] for each record.
const IN_FLIGHT_MAX_BYTES: usize = 64 << 20;

/// The memory that a record in flight takes besides its value, ours and librdkafka's, rounded up.
const RECORD_COST_BYTES: usize = 256;

/// How long to wait before looking for deliveries again.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A record to send; its value is a part of a chunk.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Index in the list of topics that the producer was made with.
    pub topic: usize,
    /// Decides on the partition; without one, partitions take turns.
    pub key: Option<Cow<'a, str>>,
    /// Where the value is in its chunk.
    pub value: Range<usize>,
    /// Returned if the record fails. Below 2⁴⁰.
    pub ordinal: u64,
}

/// A connection that sends: idempotent, acknowledged by all replicas in sync, partitioned as Java's client does.
pub struct Producer {
    pub(super) client: BaseProducer<Outcomes>,
    pub(super) topics: Vec<Option<Partitions>>,
    pub(super) lanes: Vec<Lane>,
    pub(super) addresses: String,
    pub(super) turn: usize,
    /// Records that were put into lanes and not taken out of them as failed, and their bytes.
    pub(super) taken: usize,
    pub(super) taken_bytes: usize,
    pub(super) tally: Tally,
    pub(super) failed: Vec<Failed>,
    pub(super) clock: Clock,
    pub(super) transaction: Option<Transaction>,
}

/// What a producer with transactions needs to know besides.
#[derive(Default)]
pub(super) struct Transaction {
    /// Kafka refused a record of the open transaction, or librdkafka dropped one.
    pub(super) must_abort: bool,
    /// Records of the open transaction that librdkafka will never take.
    pub(super) at_fault: Vec<Failed>,
    /// A record that librdkafka dropped. When Kafka refuses a batch, it drops all that waits, and takes nothing more; the
    /// refusal may be told after that.
    pub(super) dropped: Option<Failed>,
    /// Transactions in a row that had to be aborted although no record was refused.
    pub(super) aborted_in_a_row: u32,
}

/// A topic's partitions, each of which has a lane.
pub(super) struct Partitions {
    pub(super) name: String,
    pub(super) lanes: Range<usize>,
}

impl Producer {
    /// Whether more may be sent now; if not, call [`Producer::poll`] until it is so.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.taken_bytes.saturating_sub(cost(
            self.client.context().delivered(),
            self.client.context().delivered_bytes(),
        )) < IN_FLIGHT_MAX_BYTES
    }

    /// Takes records to be sent in the background, in their order per partition. Does not wait.
    ///
    /// A record whose value is not within `chunk`, or whose topic the producer does not know, counts as failed.
    pub fn send(&mut self, chunk: &Arc<Vec<u8>>, records: &[Outgoing<'_>]) {
        self.turn += 1;
        for record in records {
            let value = chunk.get(record.value.clone());
            let (Some(number), Some(value)) = (self.lane_of(record), value) else {
                self.fail(Failed {
                    ordinal: record.ordinal,
                    code: Code::UnknownTopic,
                    fate: Fate::NotDelivered,
                    key: None,
                    value: value.unwrap_or_default().to_vec(),
                });
                continue;
            };
            self.taken += 1;
            self.taken_bytes += cost(1, value.len());
            let key = record.key.as_ref().map(|key| match within(chunk, key.as_bytes()) {
                Some(range) => Key::Within(range),
                None => Key::Owned(Box::from(&**key)),
            });
            let waiting = Waiting {
                key,
                value: record.value.clone(),
                ordinal: record.ordinal,
            };
            self.lanes[number].push(chunk, waiting);
        }
        self.pump();
    }

    fn lane_of(&self, record: &Outgoing<'_>) -> Option<usize> {
        let lanes = &self.topics.get(record.topic)?.as_ref()?.lanes;
        let place = match &record.key {
            Some(key) => partitioner::of_key(key.as_bytes(), u32::try_from(lanes.len()).ok()?) as usize,
            None => self.turn % lanes.len().max(1),
        };
        (place < lanes.len()).then(|| lanes.start + place)
    }

    /// Hands over what may go now, and counts what came back.
    fn pump(&mut self) {
        self.take_back();
        if let Some(code) = self.tally.broken {
            self.drop_waiting(code);
        } else if self.must_abort() {
            self.forget_waiting();
        } else {
            let mut refused = Vec::new();
            // Without a time of ours librdkafka reads the clock for each record.
            let now_ms = self.clock.wall().as_millisecond();
            for partitions in self.topics.iter().flatten() {
                for lane in &mut self.lanes[partitions.lanes.clone()] {
                    refused.append(&mut lane.pump(&self.client, &partitions.name, now_ms));
                }
            }
            self.give_back(refused);
        }
        self.count();
    }

    /// Takes the records that came back: those that Kafka refused are sent again, maybe, and the others have failed.
    fn take_back(&mut self) {
        for (number, failed) in self.client.context().take_failed() {
            let lane = &mut self.lanes[number];
            lane.failed += 1;
            if failed.fate == Fate::Refused && self.tally.broken.is_none() {
                if self.transaction.is_none() {
                    self.taken += 1;
                    self.taken_bytes += cost(1, failed.value.len());
                }
                lane.refuse(failed);
                self.set_must_abort();
            } else {
                self.fail_or_note(failed);
            }
        }
    }

    /// Counts a record as failed, unless it was dropped with its transaction: whether that is a failure shows when all have
    /// come back.
    fn fail_or_note(&mut self, failed: Failed) {
        match &mut self.transaction {
            Some(transaction) if is_dropped(failed.code) => {
                transaction.must_abort = true;
                transaction.dropped = Some(failed);
            }
            _ => self.fail(failed),
        }
    }

    /// Counts the dropped record, if there is one, as failed.
    pub(super) fn fail_dropped(&mut self) {
        if let Some(dropped) = self
            .transaction
            .as_mut()
            .and_then(|transaction| transaction.dropped.take())
        {
            self.fail(dropped);
        }
    }

    /// In a transaction nothing more is sent after a refusal. What is in flight is waited for: taken back, its sequence
    /// numbers would be missing, and the brokers would refuse the next transaction.
    fn set_must_abort(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.must_abort = true;
        }
    }

    /// Whether the open transaction can only be aborted, by [`Producer::take_refused`], because Kafka refused a record of it or
    /// librdkafka gave it up.
    #[must_use]
    pub fn must_abort(&self) -> bool {
        self.transaction
            .as_ref()
            .is_some_and(|transaction| transaction.must_abort)
    }

    /// Takes out what waits, without counting it.
    fn forget_waiting(&mut self) {
        for lane in &mut self.lanes {
            let (records, bytes) = lane.forget_waiting();
            self.taken -= records;
            self.taken_bytes -= cost(records, bytes);
        }
    }

    /// Counts all records that wait as failed.
    fn drop_waiting(&mut self, code: Code) {
        let dropped = self.lanes.iter_mut().flat_map(|lane| lane.drain(code)).collect();
        self.give_back(dropped);
        let refused: Vec<Failed> = self.lanes.iter_mut().flat_map(Lane::take_refused).collect();
        // A transaction is aborted as a whole.
        if self.transaction.is_none() {
            self.give_back(refused);
        }
    }

    /// Counts records as failed that were taken and not handed over.
    fn give_back(&mut self, failed: Vec<Failed>) {
        for failed in failed {
            self.taken -= 1;
            self.taken_bytes -= cost(1, failed.value.len());
            match &mut self.transaction {
                Some(transaction) if failed.fate == Fate::Refused => {
                    transaction.at_fault.push(failed);
                    transaction.must_abort = true;
                }
                _ => self.fail_or_note(failed),
            }
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.tally.fail(&failed);
        self.failed.push(failed);
    }

    /// Brings the tally up to date.
    fn count(&mut self) {
        let outcomes = self.client.context();
        self.tally.in_flight = self.taken.saturating_sub(outcomes.delivered()) as u64;
        self.tally.acked.fill(0);
        for (number, lane) in self.lanes.iter().enumerate() {
            self.tally.acked[lane.topic] += outcomes.delivered_of(number).saturating_sub(lane.failed) as u64;
        }
    }

    /// Takes what Kafka answered, waiting for a moment of at most `wait` if there is nothing, and hands over what may go
    /// after it.
    pub fn poll(&mut self, wait: Duration) {
        if !self.take_deliveries() && !wait.is_zero() {
            // The wrapper's poll does not return before its time is over, and spins through the last millisecond of it.
            std::thread::sleep(wait.min(POLL_INTERVAL));
            self.take_deliveries();
        }
        self.pump();
    }

    /// Takes all deliveries that are there; whether there were any.
    fn take_deliveries(&self) -> bool {
        let before = self.client.context().delivered();
        let mut latest = before;
        loop {
            // One event, such as the deliveries of one request.
            self.client.poll(Duration::ZERO);
            let now = self.client.context().delivered();
            if now == latest {
                return now > before;
            }
            latest = now;
        }
    }

    /// Whether every record was acknowledged or has failed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.tally.in_flight == 0
    }

    /// Whether a failure means that others will follow: nothing more should be sent.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.tally.broken.is_some()
    }

    /// Gives up what is in flight. Kafka may have some of it, which counts as unknown.
    pub fn give_up(&mut self) {
        self.drop_waiting(Code::PurgeQueue);
        self.client.purge(PurgeConfig::default().queue().inflight());
        self.take_back();
        self.fail_dropped();
        self.count();
    }

    /// What became of the records so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The records that failed since the last call.
    #[must_use]
    pub fn take_failed(&mut self) -> Vec<Failed> {
        std::mem::take(&mut self.failed)
    }
}

/// Whether librdkafka does not send a record because its transaction has failed.
fn is_dropped(code: Code) -> bool {
    matches!(code, Code::PurgeQueue | Code::PurgeInflight | Code::State)
}

/// The memory that records in flight take, with values of that many bytes.
#[inline]
fn cost(records: usize, value_bytes: usize) -> usize {
    records * RECORD_COST_BYTES + value_bytes
}

/// Where `part` is in `chunk`, if its bytes are those of the chunk and no copy.
#[inline]
fn within(chunk: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(chunk.as_ptr().addr())?;
    let range = start..start + part.len();
    (range.end <= chunk.len()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_within_its_chunk_only_where_it_is_a_part_of_it() {
        let chunk = b"one two".to_vec();
        assert_eq!(within(&chunk, &chunk[4..]), Some(4..7));
        assert_eq!(within(&chunk, &chunk[7..]), Some(7..7));
        assert_eq!(within(&chunk[..3], &chunk[2..5]), None);
        assert_eq!(within(&chunk, b"two".to_vec().as_slice()), None);
    }
}

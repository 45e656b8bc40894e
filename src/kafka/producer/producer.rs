//! The producer: each record that is sent is counted once, as acknowledged or as failed. Nothing is retried beyond what
//! librdkafka retries, and memory is bounded: see [`Producer::has_room`].

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::cluster::{ask_first, is_silence};
use crate::kafka::error::KafkaError;
use crate::kafka::partitioner;
use crate::kafka::producer::lane::{Key, Lane, Waiting};
use crate::kafka::producer::outcomes::{Failed, Outcomes, Tally};
use crate::kafka::producer::settings::{Sending, producer_config};

/// What may be in flight at once: bytes of values, and [`RECORD_COST_BYTES`] for each record.
const IN_FLIGHT_MAX_BYTES: usize = 64 << 20;

/// The memory that a record in flight takes besides its value, ours and librdkafka's, rounded up.
const RECORD_COST_BYTES: usize = 256;

/// How long to wait before looking for deliveries again.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How many waiting events (log lines among them) are searched for the cause of a failed request.
const EVENTS_PER_FAILURE: usize = 200;

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
    topics: Vec<Option<Partitions>>,
    lanes: Vec<Lane>,
    addresses: String,
    turn: usize,
    /// Records that were put into lanes and not taken out of them as failed, and their bytes.
    taken: usize,
    taken_bytes: usize,
    tally: Tally,
    failed: Vec<Failed>,
    clock: Clock,
}

/// A topic's partitions, each of which has a lane.
struct Partitions {
    name: String,
    lanes: Range<usize>,
}

impl Producer {
    /// Connects, and checks that every topic whose index is `needed` exists. Creates no topic.
    ///
    /// # Errors
    /// Settings that librdkafka refuses, no broker that answers, or a topic that is missing.
    pub fn connect(
        settings: &KafkaSettings,
        sending: &Sending,
        topics: &[String],
        needed: impl Fn(usize) -> bool,
    ) -> Result<Producer, KafkaError> {
        let client = producer_config(settings, sending)?
            .create_with_context(Outcomes::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a producer"))?;
        let mut producer = Producer {
            client,
            topics: Vec::new(),
            lanes: Vec::new(),
            addresses: settings.brokers.join(","),
            turn: 0,
            taken: 0,
            taken_bytes: 0,
            tally: Tally {
                acked: vec![0; topics.len()],
                ..Tally::default()
            },
            failed: Vec::new(),
            clock: Clock::start(),
        };
        for (index, name) in topics.iter().enumerate() {
            let opened = needed(index).then(|| producer.open(index, name, sending)).transpose()?;
            producer.topics.push(opened);
        }
        producer.client.context().count_lanes(producer.lanes.len());
        Ok(producer)
    }

    fn open(&mut self, index: usize, name: &str, sending: &Sending) -> Result<Partitions, KafkaError> {
        let first = self.lanes.len();
        let batch_max_bytes = usize::try_from(sending.batch_size_bytes).unwrap_or(usize::MAX);
        let partitions = self.partitions(name)?;
        let lane = |partition: i32| {
            let number = first + usize::try_from(partition).unwrap_or(0);
            Lane::new(number, index, partition, batch_max_bytes)
        };
        self.lanes.extend((0..partitions).map(lane));
        Ok(Partitions {
            name: name.to_owned(),
            lanes: first..self.lanes.len(),
        })
    }

    /// How many partitions a topic has.
    fn partitions(&self, topic: &str) -> Result<i32, KafkaError> {
        let doing = "describe a topic";
        let asked = ask_first(
            |patience| self.client.client().fetch_metadata(Some(topic), patience),
            || {
                self.take_events();
                self.client.context().errors.is_refused_by_all()
            },
        );
        let metadata = asked.map_err(|error| self.explain(&error, doing))?;
        let unknown = || KafkaError::UnknownTopic {
            topic: topic.to_owned(),
        };
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.ok_or_else(unknown)?;
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Err(unknown()),
            Some(code) if found.partitions().is_empty() => {
                Err(KafkaError::from_code(code, doing, format!("{code} topic={topic}")))
            }
            _ => Ok(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)),
        }
    }

    /// Takes the events that wait, errors among them.
    fn take_events(&self) {
        for _ in 0..EVENTS_PER_FAILURE {
            self.client.poll(Duration::ZERO);
        }
    }

    /// librdkafka reports a failed request as a time-out: the reason came earlier, as an event.
    fn explain(&self, error: &Rdkafka, doing: &'static str) -> KafkaError {
        self.take_events();
        match self.client.context().errors.take_refusal() {
            Some(refusal) => refusal,
            None if is_silence(error) => KafkaError::Unreachable {
                brokers: self.addresses.clone(),
            },
            None => KafkaError::from_rdkafka(error, doing),
        }
    }

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
        if let Some(code) = self.tally.broken {
            self.drop_waiting(code);
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

    /// Counts all records that wait as failed.
    fn drop_waiting(&mut self, code: Code) {
        let dropped = self.lanes.iter_mut().flat_map(|lane| lane.drain(code)).collect();
        self.give_back(dropped);
    }

    /// Counts records as failed that were taken and not handed over.
    fn give_back(&mut self, failed: Vec<Failed>) {
        for failed in failed {
            self.taken -= 1;
            self.taken_bytes -= cost(1, failed.value.len());
            self.fail(failed);
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.tally.fail(failed.code);
        self.failed.push(failed);
    }

    /// Brings the tally up to date.
    fn count(&mut self) {
        for (lane, failed) in self.client.context().take_failed() {
            self.lanes[lane].failed += 1;
            self.fail(failed);
        }
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

    /// Gives up what is in flight: it counts as failed, though Kafka may have some of it.
    pub fn give_up(&mut self) {
        self.drop_waiting(Code::PurgeQueue);
        self.client.purge(PurgeConfig::default().queue().inflight());
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

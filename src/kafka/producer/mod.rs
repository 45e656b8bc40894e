//! Sends records, counts what Kafka acknowledged, and keeps in memory no more than it must.
//!
//! Values are not copied: a chunk of input is leased to librdkafka until every record that lies in it was delivered or
//! given up. Every record handed over is told of exactly once, as acknowledged or as failed. Never retries what
//! librdkafka gave up, and never decides which events are sent.

mod lane;
mod leases;
mod native;
mod settings;
mod transactions;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::kafka::cluster::{ask_first, is_silence};
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::native::{Event, Queue, Topic as About};
use crate::kafka::partitioner;

pub use leases::{Failed, Tally};
pub use settings::Sending;

use lane::Lane;
use leases::Leases;
use native::Topic;

/// A record to send, its value a part of a chunk.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Place in the list of topics that the producer was made with.
    pub topic: usize,
    /// Decides on the partition; without one, partitions take turns.
    pub key: Option<Cow<'a, str>>,
    /// Where the value stands in its chunk.
    pub value: Range<usize>,
    /// Comes back if the record fails. Below 2⁴⁰.
    pub ordinal: u64,
}

/// A connection that sends: idempotent, acknowledged by all replicas in sync, partitioned as Java's client does.
pub struct Producer {
    // The order of fields is the order of dropping: what refers to the client goes before it, and what librdkafka
    // reads from (the leases) after it.
    topics: Vec<Option<Partitions>>,
    queue: Queue,
    client: BaseProducer<Silent>,
    lanes: Vec<Lane>,
    leases: Leases,
    errors: Context,
    addresses: String,
    turn: usize,
}

/// A topic's partitions, each of which is a lane.
struct Partitions {
    topic: Topic,
    lanes: Range<usize>,
}

/// The client's events are taken from its queue: it has nothing to call back.
struct Silent;

impl ClientContext for Silent {}

impl ProducerContext for Silent {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

impl Producer {
    /// Connects, and makes sure that every topic is there whose number is `needed`. Never creates one.
    ///
    /// # Errors
    /// Settings that librdkafka refuses, no broker that answers, or a topic that is missing.
    pub fn connect(
        settings: &KafkaSettings,
        sending: &Sending,
        topics: &[String],
        needed: impl Fn(usize) -> bool,
    ) -> Result<Producer, KafkaError> {
        let doing = "start a producer";
        let client: BaseProducer<Silent> = settings::producer_config(settings, sending)?
            .create_with_context(Silent)
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        let queue = Queue::of_producer(client.client().native_client()).ok_or(KafkaError::Other {
            doing,
            reason: "the client has no queue".to_owned(),
        })?;
        let mut producer = Producer {
            topics: Vec::new(),
            queue,
            client,
            lanes: Vec::new(),
            leases: Leases::new(topics.len()),
            errors: Context::default(),
            addresses: settings.brokers.join(","),
            turn: 0,
        };
        for (number, name) in topics.iter().enumerate() {
            let opened = needed(number)
                .then(|| producer.open(number, name, sending))
                .transpose()?;
            producer.topics.push(opened);
        }
        Ok(producer)
    }

    fn open(&mut self, number: usize, name: &str, sending: &Sending) -> Result<Partitions, KafkaError> {
        let doing = "describe a topic";
        let client = self.client.client();
        let asked = ask_first(
            |patience| client.fetch_metadata(Some(name), patience),
            || {
                self.hear();
                self.errors.is_refused_by_all()
            },
        );
        let metadata = asked.map_err(|error| self.explain(&error, doing))?;
        let failed = |code: Code| KafkaError::from_code(code, doing, format!("{code} topic={name}"));
        let unknown = || KafkaError::UnknownTopic { topic: name.to_owned() };
        let found = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == name)
            .ok_or_else(unknown)?;
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Err(unknown()),
            Some(code) if found.partitions().is_empty() => return Err(failed(code)),
            _ => {}
        }
        let first = self.lanes.len();
        let batch_max_bytes = usize::try_from(sending.batch_size_bytes).unwrap_or(usize::MAX);
        let count = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
        self.lanes
            .extend((0..count).map(|partition| Lane::new(number, partition, batch_max_bytes)));
        Ok(Partitions {
            topic: Topic::new(self.client.client().native_client(), name).map_err(failed)?,
            lanes: first..self.lanes.len(),
        })
    }

    /// Lets librdkafka tell what it has to tell before anything is sent: there is no delivery that could be missed.
    fn hear(&self) {
        while let Some(event) = self.queue.poll(Duration::ZERO) {
            match event.topic() {
                About::Error => self.errors.remember(event.code(), &event.reason()),
                About::Log => tell(&event),
                _ => {}
            }
        }
    }

    /// librdkafka reports a failed question as a time-out: the reason came earlier, as an event.
    fn explain(&self, error: &Rdkafka, doing: &'static str) -> KafkaError {
        self.hear();
        match self.errors.take_refusal() {
            Some(refusal) => refusal,
            None if is_silence(error) => KafkaError::Unreachable {
                brokers: self.addresses.clone(),
            },
            None => KafkaError::from_rdkafka(error, doing),
        }
    }

    /// Whether more may be sent now; if not, [`Producer::poll`] until it may.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.leases.has_room()
    }

    /// Takes records to be sent in the background, in their order per partition. Never waits.
    ///
    /// A record whose value does not lie in `chunk`, or whose topic is none of the producer's, is counted as failed.
    pub fn send(&mut self, chunk: &Arc<Vec<u8>>, records: &[Outgoing<'_>]) {
        self.turn += 1;
        let mut slots = vec![None; self.lanes.len()];
        for record in records {
            let value = chunk.get(record.value.clone());
            let (Some(number), Some(value)) = (self.lane_of(record), value) else {
                self.leases
                    .refuse(record.ordinal, Code::UnknownTopic, value.unwrap_or_default().to_vec());
                continue;
            };
            let slot = *slots[number].get_or_insert_with(|| self.leases.begin(chunk, number));
            let mark = self.leases.add(slot, record.ordinal, value.len());
            let key = match &record.key {
                None => None,
                // Not of the chunk for certain: the keys of a batch must last until it is handed over.
                Some(Cow::Owned(key)) => Some(self.leases.keep_key(slot, key)),
                Some(Cow::Borrowed(key)) if is_within(chunk, key.as_bytes()) => Some(key.as_bytes()),
                Some(Cow::Borrowed(key)) => Some(self.leases.keep_key(slot, key)),
            };
            self.lanes[number].push(key, value, mark);
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

    /// Executor over what may go now.
    #[allow(unsafe_code)]
    fn pump(&mut self) {
        if let Some(code) = self.leases.broken() {
            return self.drop_waiting(code);
        }
        for partitions in self.topics.iter().flatten() {
            for lane in &mut self.lanes[partitions.lanes.clone()] {
                let mut refused = Vec::new();
                // SAFETY: keys and values lie in a chunk, or in a list of keys, that the lease of the record's mark
                // holds, unchanged, until the record was told of. Leases are dropped after the client.
                unsafe {
                    lane.pump(&partitions.topic, |mark, code, value| {
                        refused.push((mark, code, value.to_vec()))
                    })
                };
                for (mark, code, value) in refused {
                    self.leases.failed(mark, code, value);
                }
            }
        }
    }

    /// Counts as failed what waits and will not be handed over any more.
    #[allow(unsafe_code)]
    fn drop_waiting(&mut self, code: Code) {
        for lane in &mut self.lanes {
            let mut dropped = Vec::new();
            // SAFETY: as in `pump`; no lease ends before all were copied.
            unsafe { lane.drain(|mark, value| dropped.push((mark, value.to_vec()))) };
            for (mark, value) in dropped {
                self.leases.failed(mark, code, value);
            }
        }
    }

    /// Takes what Kafka answered, waiting for at most `wait`, and hands over what may go after it.
    pub fn poll(&mut self, wait: Duration) {
        let mut next = self.queue.poll(wait);
        while let Some(event) = next {
            self.take(&event);
            next = self.queue.poll(Duration::ZERO);
        }
        self.pump();
    }

    fn take(&mut self, event: &Event) {
        match event.topic() {
            About::Delivery => self.take_deliveries(event),
            About::Error => self.errors.remember(event.code(), &event.reason()),
            About::Log => tell(event),
            _ => {}
        }
    }

    #[allow(unsafe_code)]
    fn take_deliveries(&mut self, event: &Event) {
        while let Some(message) = event.message() {
            let (mark, lanes) = (message.mark(), &self.lanes);
            let lane = match message.code() {
                Code::NoError => self.leases.acked(mark, message.value_bytes(), |lane| lanes[lane].topic),
                code => {
                    // SAFETY: the record has not been told of before now, so its lease holds the value.
                    let value = unsafe { message.copy_value() };
                    self.leases.failed(mark, code, value)
                }
            };
            if let Some(lane) = lane {
                self.lanes[lane].told();
            }
        }
    }

    /// Whether every record was told of.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.leases.is_idle()
    }

    /// Whether a failure says that others will follow: nothing more should be sent.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.leases.broken().is_some()
    }

    /// Gives up what is still on its way: it counts as failed, though Kafka may have some of it.
    pub fn give_up(&mut self) {
        self.drop_waiting(Code::PurgeQueue);
        self.client.purge(PurgeConfig::default().queue().inflight());
    }

    /// What became of the records so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.leases.tally()
    }

    /// The records that failed since this was last asked.
    #[must_use]
    pub fn take_failed(&mut self) -> Vec<Failed> {
        self.leases.take_failed()
    }
}

fn is_within(chunk: &[u8], part: &[u8]) -> bool {
    let (all, part) = (chunk.as_ptr_range(), part.as_ptr_range());
    all.start <= part.start && part.end <= all.end
}

fn tell(event: &Event) {
    let Some((level, facility, line)) = event.log_line() else {
        return;
    };
    let level = match level {
        // The settings serve consumers too: that a producer ignores some of them is no news.
        _ if facility.trim() == "CONFWARN" => RDKafkaLogLevel::Debug,
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5..=6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    };
    Context::log_line(level, facility.trim(), line.trim());
}

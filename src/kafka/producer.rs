//! Sends records, counts what Kafka acknowledged, and keeps in memory no more than it must.
//!
//! Values are not copied: a chunk of input is leased to librdkafka until every record that lies in it was delivered or
//! given up. Every record handed over is told of exactly once, as acknowledged or as failed. Never retries what
//! librdkafka gave up, and never decides which events are sent.

mod leases;
mod native;
mod settings;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::kafka::error::{Context, KafkaError};

pub use leases::{Failed, Tally};
pub use settings::Sending;

use leases::Leases;
use native::{Batch, Topic};

/// How long Kafka may take to say whether a topic is there.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How many waiting events (log lines among them) are looked through for the cause of a failure.
const EVENTS_PER_FAILURE: usize = 200;

/// How long to wait for room in librdkafka's own queue before trying again.
const ROOM_WAIT: Duration = Duration::from_millis(2);

/// A record to send, its value a part of a chunk.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Place in the list of topics that the producer was made with.
    pub topic: usize,
    /// None for a partition by chance.
    pub key: Option<Cow<'a, str>>,
    /// Where the value stands in its chunk.
    pub value: Range<usize>,
    /// Comes back if the record fails. Below 2⁴⁰.
    pub ordinal: u64,
}

/// A connection that sends: idempotent, acknowledged by all replicas in sync, partitioned as Java's client does.
pub struct Producer {
    // Before the client, which must outlive them.
    topics: Vec<Option<Topic>>,
    client: BaseProducer<Deliveries>,
    addresses: String,
}

/// librdkafka's callbacks of a producer.
struct Deliveries {
    log: Context,
    leases: Mutex<Leases>,
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
        let deliveries = Deliveries {
            log: Context::default(),
            leases: Mutex::new(Leases::new(topics.len())),
        };
        let client: BaseProducer<Deliveries> = settings::producer_config(settings, sending)?
            .create_with_context(deliveries)
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        let mut producer = Producer {
            topics: Vec::new(),
            client,
            addresses: settings.brokers.join(","),
        };
        for (number, name) in topics.iter().enumerate() {
            let topic = needed(number).then(|| producer.find_topic(name)).transpose()?;
            producer.topics.push(topic);
        }
        Ok(producer)
    }

    #[allow(unsafe_code)]
    fn open_topic(&self, name: &str) -> Result<Topic, Code> {
        // SAFETY: the client is alive, and is dropped after the topics, by the order of the fields.
        unsafe { Topic::new(self.client.client().native_ptr(), name) }
    }

    fn find_topic(&self, name: &str) -> Result<Topic, KafkaError> {
        let doing = "describe a topic";
        let asked = self.client.client().fetch_metadata(Some(name), QUESTION_TIMEOUT);
        let metadata = asked.map_err(|error| self.explain(&error, doing))?;
        let failed = |code: Code| KafkaError::from_code(code, doing, format!("{code} topic={name}"));
        let found = metadata.topics().iter().find(|topic| topic.name() == name);
        match found.map(|topic| topic.error().map(Code::from)) {
            None | Some(Some(Code::UnknownTopicOrPartition | Code::UnknownTopic)) => {
                Err(KafkaError::UnknownTopic { topic: name.to_owned() })
            }
            Some(Some(Code::LeaderNotAvailable) | None) => self.open_topic(name).map_err(failed),
            Some(Some(code)) => Err(failed(code)),
        }
    }

    /// librdkafka reports a failed question as a time-out: the reason came earlier, as an event.
    fn explain(&self, error: &Rdkafka, doing: &'static str) -> KafkaError {
        for _ in 0..EVENTS_PER_FAILURE {
            self.client.poll(Duration::ZERO);
        }
        if let Some((code, reason)) = self.client.context().log.take_last() {
            let cause = KafkaError::from_code(code, doing, reason);
            if matches!(cause, KafkaError::Credentials { .. }) {
                return cause;
            }
        }
        match error.rdkafka_error_code() {
            Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::Resolve) => {
                KafkaError::Unreachable {
                    brokers: self.addresses.clone(),
                }
            }
            _ => KafkaError::from_rdkafka(error, doing),
        }
    }

    /// Whether more may be sent now; if not, [`Producer::poll`] until it may.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.leases().has_room()
    }

    /// Hands records over to be sent in the background, in their order per topic. Waits only where `kafka.properties`
    /// make librdkafka's queue smaller than ours.
    ///
    /// A record whose value does not lie in `chunk`, or whose topic is none of the producer's, is counted as failed.
    pub fn send(&mut self, chunk: &Arc<Vec<u8>>, records: &[Outgoing<'_>]) {
        for (number, topic) in self.topics.iter().enumerate() {
            if let Some(topic) = topic {
                self.send_to(number, topic, chunk, records);
            }
        }
        let is_lost = |record: &&Outgoing<'_>| !matches!(self.topics.get(record.topic), Some(Some(_)));
        for record in records.iter().filter(is_lost) {
            let value = chunk.get(record.value.clone()).unwrap_or_default();
            self.leases().refuse(record.ordinal, Code::UnknownTopic, value);
        }
    }

    #[allow(unsafe_code)]
    fn send_to(&self, number: usize, topic: &Topic, chunk: &Arc<Vec<u8>>, records: &[Outgoing<'_>]) {
        let ours = || records.iter().filter(|record| record.topic == number);
        let (mut batch, slot) = (Batch::with_capacity(ours().count()), self.leases().reserve());
        for record in ours() {
            match chunk.get(record.value.clone()) {
                Some(value) => {
                    let key = record.key.as_deref().map(str::as_bytes);
                    batch.push(key, value, Leases::mark(slot, record.ordinal));
                }
                None => self.leases().refuse(record.ordinal, Code::InvalidArgument, &[]),
            }
        }
        self.leases()
            .begin(slot, chunk, number, (batch.len(), batch.value_bytes()));
        while batch.len() > 0 {
            let refused = |mark: usize, code: Code, value: &[u8]| self.leases().failed(mark, code, value);
            // SAFETY: the values lie in `chunk`, whose bytes stay and are not changed while it is shared; the lease
            // shares it until the delivery of every mark was told. Leases live in the client's context, which the
            // client drops after its last thread ended.
            unsafe { batch.hand_over(topic, refused) };
            if batch.len() > 0 {
                self.client.poll(ROOM_WAIT);
            }
        }
    }

    /// Takes what Kafka answered, waiting for `wait`.
    pub fn poll(&self, wait: Duration) {
        self.client.poll(wait);
    }

    /// Hurries all that is still on its way, for about `wait`; answers whether nothing is any more.
    #[must_use]
    pub fn flush(&self, wait: Duration) -> bool {
        // A time-out only says that there is more to wait for.
        let _ = self.client.flush(wait);
        self.leases().is_idle()
    }

    /// Gives up what is still on its way: it counts as failed, though Kafka may have it.
    pub fn give_up(&self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
    }

    /// Whether a failure says that others will follow: nothing more should be sent.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.leases().is_broken()
    }

    /// What became of the records so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.leases().tally()
    }

    /// The records that failed since this was last asked.
    #[must_use]
    pub fn take_failed(&self) -> Vec<Failed> {
        self.leases().take_failed()
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.client.context().leases()
    }
}

impl Deliveries {
    fn leases(&self) -> MutexGuard<'_, Leases> {
        // No call between lock and unlock leaves the counts half changed.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // The settings serve consumers too: that a producer ignores some of them is no news.
        let level = if facility == "CONFWARN" {
            RDKafkaLogLevel::Debug
        } else {
            level
        };
        Context::log_line(level, facility, line);
    }

    fn error(&self, error: Rdkafka, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        match result {
            Ok(message) => self.leases().acked(mark, message.payload_len()),
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                self.leases().failed(mark, code, message.payload().unwrap_or_default());
            }
        }
    }
}

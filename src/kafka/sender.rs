//! Sends whole records (key, value, headers, time), as a restore does, unchanged and in the order given. A stream of events
//! goes through [`crate::kafka::producer`] instead.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::message::{Header as NamedValue, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::settings::client_config;
use crate::record::record::Record;

/// How long a record may be in flight before it counts as failed.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
const DOING: &str = "send a record";
/// The largest batch, before compression.
const BATCH_BYTES: usize = 1_000_000;

/// A connection that sends whole records: idempotent, acknowledged by all replicas in sync.
pub struct Sender {
    producer: BaseProducer<Outcomes>,
}

/// What to do with a record that Kafka refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusals {
    /// It ends the sending.
    Fatal,
    /// It is set aside, and the others are sent.
    SetAside,
}

/// A record that Kafka refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it was sent with.
    pub mark: usize,
    /// Why.
    pub reason: String,
}

/// What became of the records, as librdkafka reports it while it is polled.
struct Outcomes {
    refusals: Refusals,
    acked: AtomicU64,
    /// Whether one record at a time is sent, so that a refusal is about that one.
    alone: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failure: Option<KafkaError>,
    /// Refused together with others. Which one is at fault shows when each is sent alone.
    again: VecDeque<(usize, OwnedMessage)>,
    refused: Vec<Refused>,
}

impl ClientContext for Outcomes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        Context::log_line(level, facility, line);
    }

    fn error(&self, error: Rdkafka, reason: &str) {
        tracing::debug!(target: "librdkafka", event = "client_error", code = %error, error = reason, "an error of the Kafka client that passes");
    }
}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        let Err((error, message)) = result else {
            self.acked.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let mut state = self.state();
        if self.refusals == Refusals::Fatal || !is_about_records(code) {
            state
                .failure
                .get_or_insert_with(|| KafkaError::from_rdkafka(error, DOING));
        } else if self.alone.load(Ordering::Relaxed) {
            let reason = code.to_string();
            state.refused.push(Refused { mark, reason });
        } else {
            state.again.push_back((mark, message.detach()));
        }
    }
}

impl Outcomes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether Kafka refuses for what is in a batch, so that other records can still be delivered.
fn is_about_records(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidMessage
            | Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::InvalidDifferentRecord
            | Code::PolicyViolation
    )
}

impl Sender {
    /// Connects when the first record is sent.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Sender, KafkaError> {
        Sender::with(settings, Refusals::Fatal, BATCH_BYTES)
    }

    /// The same, but what Kafka refuses is set aside. Batches have at most this size, so that the target takes them.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn setting_aside(settings: &KafkaSettings, batch_bytes: usize) -> Result<Sender, KafkaError> {
        Sender::with(settings, Refusals::SetAside, batch_bytes.min(BATCH_BYTES))
    }

    fn with(settings: &KafkaSettings, refusals: Refusals, batch_bytes: usize) -> Result<Sender, KafkaError> {
        let mut config = client_config(settings)?;
        for (name, value) in [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
            ("linger.ms", "10"),
            ("compression.type", "lz4"),
            ("message.max.bytes", "1000000000"),
        ] {
            config.set(name, value);
        }
        config.set("batch.size", batch_bytes.to_string());
        config.set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string());
        let outcomes = Outcomes {
            refusals,
            acked: AtomicU64::new(0),
            alone: AtomicBool::new(false),
            state: Mutex::default(),
        };
        let producer = config
            .create_with_context(outcomes)
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a producer"))?;
        Ok(Sender { producer })
    }

    /// Sends a record in the background, to this partition or to the one of its key; waits while librdkafka's queue is
    /// full. No time, or the time 0, becomes the time of sending: the protocol has no other value for it.
    ///
    /// # Errors
    /// The record cannot be sent, or one before it failed.
    pub fn send(&self, topic: &str, partition: Option<i32>, record: &Record<'_>) -> Result<(), KafkaError> {
        self.send_marked((topic, partition), record, 0)
    }

    /// The same, with a mark that comes back if Kafka refuses the record.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send_marked(
        &self,
        (topic, partition): (&str, Option<i32>),
        record: &Record<'_>,
        mark: usize,
    ) -> Result<(), KafkaError> {
        self.send_again()?;
        let mut outgoing = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, mark);
        if !record.headers.is_empty() {
            outgoing = outgoing.headers(headers(record)?);
        }
        outgoing.partition = partition;
        outgoing.timestamp = record.timestamp.ms();
        outgoing.key = record.key;
        outgoing.payload = record.value;
        self.enqueue(outgoing)
    }

    fn enqueue(&self, mut outgoing: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), KafkaError> {
        loop {
            self.check()?;
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((Rdkafka::MessageProduction(Code::QueueFull), back)) => {
                    outgoing = back;
                    self.producer.poll(POLL_TIMEOUT);
                }
                Err((error, back)) => return self.not_taken(&error, back.delivery_opaque),
            }
        }
    }

    /// librdkafka itself refuses a record, such as one that is larger than any broker takes.
    fn not_taken(&self, error: &Rdkafka, mark: usize) -> Result<(), KafkaError> {
        let outcomes = self.producer.context();
        match error.rdkafka_error_code() {
            Some(code) if outcomes.refusals == Refusals::SetAside && is_about_records(code) => {
                let reason = code.to_string();
                outcomes.state().refused.push(Refused { mark, reason });
                Ok(())
            }
            _ => Err(KafkaError::from_rdkafka(error, DOING)),
        }
    }

    /// Sends what was refused together, one by one: those at fault are refused again. What was sent after them is in Kafka
    /// before them.
    fn send_again(&self) -> Result<(), KafkaError> {
        let outcomes = self.producer.context();
        if outcomes.state().again.is_empty() {
            return Ok(());
        }
        self.flush()?;
        outcomes.alone.store(true, Ordering::Relaxed);
        loop {
            let next = outcomes.state().again.pop_front();
            let Some((mark, message)) = next else { break };
            let mut outgoing = BaseRecord::<[u8], [u8], usize>::with_opaque_to(message.topic(), mark);
            outgoing.partition = Some(message.partition());
            outgoing.timestamp = message.timestamp().to_millis();
            outgoing.key = message.key();
            outgoing.payload = message.payload();
            if let Some(headers) = message.headers() {
                outgoing = outgoing.headers(headers.clone());
            }
            self.enqueue(outgoing)?;
            self.flush()?;
        }
        outcomes.alone.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until nothing is in flight.
    fn flush(&self) -> Result<(), KafkaError> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(POLL_TIMEOUT);
            self.check()?;
        }
        self.check()
    }

    /// Waits until Kafka acknowledged every record, and returns their number.
    ///
    /// # Errors
    /// The failure of the first record that failed.
    pub fn finish(&self) -> Result<u64, KafkaError> {
        self.flush()?;
        self.send_again()?;
        Ok(self.producer.context().acked.load(Ordering::Relaxed))
    }

    /// The records that Kafka refused since the last call.
    #[must_use]
    pub fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut self.producer.context().state().refused)
    }

    fn check(&self) -> Result<(), KafkaError> {
        self.producer.context().state().failure.clone().map_or(Ok(()), Err)
    }
}

fn headers(record: &Record<'_>) -> Result<OwnedHeaders, KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for header in record.headers {
        let Ok(key) = std::str::from_utf8(header.name) else {
            return Err(KafkaError::Other {
                doing: DOING,
                reason: format!(
                    "librdkafka's wrapper sends only header names in UTF-8 header=`{}`",
                    header.name.escape_ascii()
                ),
            });
        };
        headers = headers.insert(NamedValue {
            key,
            value: header.value,
        });
    }
    Ok(headers)
}

//! Sends whole records (key, value, headers, time), unchanged and in the order given. A stream of events goes through
//! [`crate::kafka::producer`], and a restore through [`crate::kafka::replay`] instead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::message::{Header as NamedValue, OwnedHeaders};
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

/// What became of the records, as librdkafka reports it while it is polled.
#[derive(Default)]
struct Outcomes {
    acked: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
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
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.acked.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.failure()
                    .get_or_insert_with(|| KafkaError::from_rdkafka(error, DOING));
            }
        }
    }
}

impl Outcomes {
    fn failure(&self) -> MutexGuard<'_, Option<KafkaError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Connects when the first record is sent.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Sender, KafkaError> {
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
        config.set("batch.size", BATCH_BYTES.to_string());
        config.set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string());
        let producer = config
            .create_with_context(Outcomes::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a producer"))?;
        Ok(Sender { producer })
    }

    /// Sends a record in the background, to this partition or to the one of its key; waits while librdkafka's queue is
    /// full. No time, or the time 0, becomes the time of sending: the protocol has no other value for it.
    ///
    /// # Errors
    /// The record cannot be sent, or one before it failed.
    pub fn send(&self, topic: &str, partition: Option<i32>, record: &Record<'_>) -> Result<(), KafkaError> {
        let mut outgoing = BaseRecord::<[u8], [u8]>::to(topic);
        if !record.headers.is_empty() {
            outgoing = outgoing.headers(headers(record)?);
        }
        outgoing.partition = partition;
        outgoing.timestamp = record.timestamp.ms();
        outgoing.key = record.key;
        outgoing.payload = record.value;
        loop {
            self.check()?;
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((Rdkafka::MessageProduction(Code::QueueFull), back)) => {
                    outgoing = back;
                    self.producer.poll(POLL_TIMEOUT);
                }
                Err((error, _)) => return Err(KafkaError::from_rdkafka(&error, DOING)),
            }
        }
    }

    /// Waits until Kafka acknowledged every record, and returns their number.
    ///
    /// # Errors
    /// The failure of the first record that failed.
    pub fn finish(&self) -> Result<u64, KafkaError> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(POLL_TIMEOUT);
            self.check()?;
        }
        self.check()?;
        Ok(self.producer.context().acked.load(Ordering::Relaxed))
    }

    fn check(&self) -> Result<(), KafkaError> {
        self.producer.context().failure().clone().map_or(Ok(()), Err)
    }
}

fn headers(record: &Record<'_>) -> Result<OwnedHeaders, KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for header in record.headers {
        let Ok(key) = std::str::from_utf8(header.name) else {
            return Err(KafkaError::Other {
                doing: DOING,
                reason: format!(
                    "librdkafka's wrapper sends only header names in UTF-8, not `{}`",
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

//! Sends whole records (key, value, headers, time) to a partition or by their key, one after the other, and knows at the
//! end whether Kafka acknowledged all. For what is sent seldom or again; a stream of events goes through
//! [`crate::kafka::producer`]. Never splits, changes or reorders what it is given.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// How long a record may be on its way before it counts as failed.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
const DOING: &str = "send a record";

/// A connection that sends whole records: idempotent, acknowledged by all replicas in sync.
pub struct Sender {
    producer: BaseProducer<Outcomes>,
}

/// What became of records, told by librdkafka while it is polled.
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
        tracing::debug!(target: "librdkafka", %error, "{reason}");
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
                if let Ok(mut failure) = self.failure.lock() {
                    failure.get_or_insert_with(|| KafkaError::from_rdkafka(error, DOING));
                }
            }
        }
    }
}

impl Sender {
    /// Nothing is sent until something is given to it.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Sender, KafkaError> {
        let mut config = client_config(settings)?;
        for (name, value) in [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
            ("batch.size", "1000000"),
            ("linger.ms", "10"),
            ("compression.type", "lz4"),
            ("message.max.bytes", "1000000000"),
        ] {
            config.set(name, value);
        }
        config.set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string());
        let producer = config
            .create_with_context(Outcomes::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a producer"))?;
        Ok(Sender { producer })
    }

    /// Takes a record on its way, to this partition or to the one of its key; waits while too many are on theirs. A time
    /// of none or 0 becomes that of sending, which no client can help.
    ///
    /// # Errors
    /// The record cannot be sent at all, or one before it failed.
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

    /// Waits until Kafka acknowledged every record, and tells how many that were.
    ///
    /// # Errors
    /// The first that failed.
    pub fn finish(&self) -> Result<u64, KafkaError> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(POLL_TIMEOUT);
            self.check()?;
        }
        self.check()?;
        Ok(self.producer.context().acked.load(Ordering::Relaxed))
    }

    fn check(&self) -> Result<(), KafkaError> {
        let failure = self.producer.context().failure.lock();
        failure.map_or(Ok(()), |failure| failure.clone().map_or(Ok(()), Err))
    }
}

fn headers(record: &Record<'_>) -> Result<OwnedHeaders, KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for header in record.headers {
        let Ok(key) = std::str::from_utf8(header.name) else {
            return Err(KafkaError::Other {
                doing: DOING,
                reason: "a header's name is not UTF-8, which this client cannot send".to_owned(),
            });
        };
        headers = headers.insert(NamedValue {
            key,
            value: header.value,
        });
    }
    Ok(headers)
}

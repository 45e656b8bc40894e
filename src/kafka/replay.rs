//! Sends whole records (key, value, headers, time) in transactions, as a restore does: unchanged, to given partitions, in the
//! order given. Readers of committed records see all of a transaction or nothing. What Kafka refuses is named.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::native::produce::{Destination, produce};
use crate::kafka::native::topic::Topic;
use crate::kafka::producer::{again, replay_config};
use crate::record::record::Record;

/// How long one step of a transaction may take, the election of a coordinator included.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a poll waits for deliveries. The wrapper's poll always takes that long.
const POLL_TIMEOUT: Duration = Duration::from_millis(5);
/// Records that are sent between two polls for deliveries.
const RECORDS_A_POLL: usize = 256;
/// The bytes of records in flight.
const IN_FLIGHT_MAX_BYTES: usize = 48 << 20;
/// What a record takes besides key and value.
const RECORD_COST_BYTES: usize = 200;
const DOING: &str = "send a record";

/// How records go into batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batching {
    /// Up to this many bytes.
    UpTo(usize),
    /// Each record alone, so that a refusal is about that record.
    Alone,
}

/// A record that Kafka refused. Its transaction can only be aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What it was sent with.
    pub mark: usize,
    /// Why.
    pub code: Code,
    /// The bytes of its key and value.
    pub bytes: usize,
}

/// A topic of a [`Replayer`].
pub struct ReplayTopic(Topic<Arc<BaseProducer<Outcomes>>>);

/// A producer with transactions, which fences all earlier ones with the same id.
pub struct Replayer {
    producer: Arc<BaseProducer<Outcomes>>,
    since_poll: AtomicUsize,
    /// The cost of the records that were handed over.
    taken_bytes: AtomicUsize,
}

/// What became of the records, as librdkafka reports it while it is polled.
#[derive(Default)]
struct Outcomes {
    errors: Context,
    has_failed: AtomicBool,
    /// The cost of the records that came back.
    returned_bytes: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failure: Option<KafkaError>,
    refused: Vec<Refused>,
}

impl ClientContext for Outcomes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        Context::log_line(level, facility, line);
    }

    fn error(&self, error: Rdkafka, reason: &str) {
        self.errors.error(error, reason);
    }
}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        let message = match result {
            Ok(message) | Err((_, message)) => message,
        };
        let cost = cost(message.key_len() + message.payload_len());
        self.returned_bytes.fetch_add(cost, Ordering::Relaxed);
        let Err((error, message)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let mut state = self.state();
        if matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
            // What a failed transaction takes back. It may be told before the reason.
        } else if is_about_records(code) {
            state.refused.push(Refused {
                mark,
                code,
                bytes: message.key_len() + message.payload_len(),
            });
        } else {
            let failure = || KafkaError::from_rdkafka(error, DOING);
            state.failure.get_or_insert_with(failure);
        }
        self.has_failed.store(true, Ordering::Release);
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
            // What a broker answers for a batch that its own code cannot handle, such as one with negative times.
            | Code::Unknown
    )
}

/// What a record of so many bytes takes in memory while it is in flight.
fn cost(bytes: usize) -> usize {
    bytes + RECORD_COST_BYTES
}

/// Whether a record was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was handed over.
    Yes,
    /// No: the transaction has failed, and must be settled.
    TransactionFailed,
}

impl Replayer {
    /// Connects, and fences earlier producers with the same id. Kafka aborts their open transaction, or completes a commit that
    /// had begun.
    ///
    /// # Errors
    /// Settings that librdkafka refuses, no coordinator, or missing rights.
    pub fn connect(settings: &KafkaSettings, id: &str, batching: Batching) -> Result<Replayer, KafkaError> {
        let mut config = replay_config(settings, id)?;
        match batching {
            Batching::UpTo(bytes) => config.set("batch.size", bytes.to_string()),
            Batching::Alone => config.set("batch.num.messages", "1"),
        };
        let producer: BaseProducer<Outcomes> = config
            .create_with_context(Outcomes::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a producer"))?;
        let replayer = Replayer {
            producer: Arc::new(producer),
            since_poll: AtomicUsize::new(0),
            taken_bytes: AtomicUsize::new(0),
        };
        again("take over the transactional id", || {
            replayer.producer.init_transactions(STEP_TIMEOUT)
        })?;
        Ok(replayer)
    }

    /// A topic to send to.
    ///
    /// # Errors
    /// A name that no topic can have.
    pub fn topic(&self, name: &str) -> Result<ReplayTopic, KafkaError> {
        let topic = Topic::new(Arc::clone(&self.producer), name);
        let topic = topic.map_err(|code| KafkaError::of_topic(code, DOING, name))?;
        Ok(ReplayTopic(topic))
    }

    /// Begins a transaction, to which everything belongs that is sent until its end.
    ///
    /// # Errors
    /// [`KafkaError::TakenOver`], or a transaction that is open already.
    pub fn begin(&self) -> Result<(), KafkaError> {
        let outcomes = self.producer.context();
        *outcomes.state() = State::default();
        outcomes.has_failed.store(false, Ordering::Release);
        again("begin a transaction", || self.producer.begin_transaction())
    }

    /// Sends a record in the background; waits while librdkafka's queue is full.
    ///
    /// # Errors
    /// librdkafka does not take it.
    pub fn send(
        &self,
        topic: &ReplayTopic,
        (partition, mark): (i32, usize),
        record: &Record<'_>,
    ) -> Result<Sent, KafkaError> {
        let outcomes = self.producer.context();
        if self.since_poll.fetch_add(1, Ordering::Relaxed) >= RECORDS_A_POLL {
            self.since_poll.store(0, Ordering::Relaxed);
            self.producer.poll(Duration::ZERO);
        }
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        while self.in_flight_bytes() > IN_FLIGHT_MAX_BYTES && !self.has_failed() {
            self.producer.poll(POLL_TIMEOUT);
        }
        loop {
            if outcomes.has_failed.load(Ordering::Acquire) {
                return Ok(Sent::TransactionFailed);
            }
            match produce(&topic.0, Destination { partition, mark }, record) {
                Ok(()) => {
                    self.taken_bytes.fetch_add(cost(bytes), Ordering::Relaxed);
                    return Ok(Sent::Yes);
                }
                Err(Code::QueueFull) => self.producer.poll(POLL_TIMEOUT),
                // A delivery that failed meanwhile forbids to send more; its report says why.
                Err(Code::State | Code::Fenced | Code::Inconsistent | Code::InvalidTransactionalState) => {
                    self.producer.poll(POLL_TIMEOUT);
                    outcomes.has_failed.store(true, Ordering::Release);
                }
                Err(code) if is_about_records(code) => {
                    outcomes.state().refused.push(Refused { mark, code, bytes });
                    outcomes.has_failed.store(true, Ordering::Release);
                }
                Err(code) => return Err(KafkaError::from_code(code, DOING, code.to_string())),
            }
        }
    }

    fn in_flight_bytes(&self) -> usize {
        let returned = self.producer.context().returned_bytes.load(Ordering::Relaxed);
        self.taken_bytes.load(Ordering::Relaxed).saturating_sub(returned)
    }

    /// Waits until nothing is in flight. Returns the records that Kafka refused. If the transaction has failed, another replayer
    /// with the same id aborts it: this one lacks the sequence numbers of what was taken back, and brokers would refuse what
    /// follows.
    ///
    /// # Errors
    /// A failure that is not about single records.
    pub fn settle(&self) -> Result<Vec<Refused>, KafkaError> {
        self.wait();
        let mut state = self.producer.context().state();
        state.failure.take().map_or(Ok(()), Err)?;
        Ok(std::mem::take(&mut state.refused))
    }

    /// Waits until nothing is in flight.
    pub fn wait(&self) {
        while self.producer.in_flight_count() > 0 {
            if self.has_failed() {
                // What is under way comes back at once: the transaction cannot be committed.
                self.producer.purge(PurgeConfig::default().queue().inflight());
            }
            self.producer.poll(POLL_TIMEOUT);
        }
    }

    /// Whether the transaction has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.producer.context().has_failed.load(Ordering::Acquire)
    }

    /// Commits what was sent since [`Replayer::begin`], which must be settled.
    ///
    /// # Errors
    /// The transaction is not committed; after a time-out it may be, which only the next producer with the id can find out.
    pub fn commit(&self) -> Result<(), KafkaError> {
        again("commit a transaction", || {
            self.producer.commit_transaction(STEP_TIMEOUT)
        })
    }

    /// Aborts the transaction.
    ///
    /// # Errors
    /// Kafka refused. The next producer with the id aborts it then.
    pub fn abort(&self) -> Result<(), KafkaError> {
        again("abort a transaction", || self.producer.abort_transaction(STEP_TIMEOUT))
    }
}

//! Transactions of a producer: what is sent between `begin` and `commit` stands in Kafka wholly, or not at all, for
//! readers of committed records (KIP-98). Whoever has the same transactional id later shuts out whoever had it before.

use std::time::Duration;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::error::KafkaError;
use crate::kafka::producer::producer::Producer;

/// How long one step may take: the coordinator may have to be elected first.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// A step that may be tried again is, so often.
const TRIES: u32 = 3;

impl Producer {
    /// Takes over from whoever had the transactional id: an open transaction of theirs is taken back, one that was being
    /// committed is committed, and they can send nothing any more. To be called once, before anything is sent.
    ///
    /// # Errors
    /// No coordinator, or missing rights.
    pub fn take_over(&mut self) -> Result<(), KafkaError> {
        again("take over the transactional id", || {
            self.client.init_transactions(STEP_TIMEOUT)
        })
    }

    /// Begins a transaction: everything sent from here on belongs to it.
    ///
    /// # Errors
    /// [`KafkaError::TakenOver`], or a transaction that is open already.
    pub fn begin(&mut self) -> Result<(), KafkaError> {
        again("begin a transaction", || self.client.begin_transaction())
    }

    /// Makes everything that was sent since [`Producer::begin`] stand. Every record must have been told of before.
    ///
    /// # Errors
    /// Nothing stands yet where it fails, but may where nobody answered: only the next owner of the id can tell.
    pub fn commit(&mut self) -> Result<(), KafkaError> {
        again("commit a transaction", || self.client.commit_transaction(STEP_TIMEOUT))
    }

    /// Takes back everything that was sent since [`Producer::begin`].
    ///
    /// # Errors
    /// Kafka's; the next owner of the id takes it back then.
    pub fn abort(&mut self) -> Result<(), KafkaError> {
        again("take back a transaction", || {
            self.client.abort_transaction(STEP_TIMEOUT)
        })
    }
}

fn again(doing: &'static str, step: impl Fn() -> Result<(), Rdkafka>) -> Result<(), KafkaError> {
    let mut tries = 1;
    loop {
        match step() {
            Ok(()) => return Ok(()),
            Err(Rdkafka::Transaction(error)) if error.is_retriable() && tries < TRIES => tries += 1,
            Err(Rdkafka::Transaction(error)) => return Err(explain(error.code(), doing, error.string())),
            Err(error) => return Err(KafkaError::from_rdkafka(&error, doing)),
        }
    }
}

fn explain(code: Code, doing: &'static str, reason: String) -> KafkaError {
    match code {
        Code::ProducerFenced | Code::InvalidProducerEpoch | Code::Fenced => KafkaError::TakenOver { doing },
        Code::TransactionalIdAuthorizationFailed => KafkaError::Forbidden { doing, reason },
        code => KafkaError::from_code(code, doing, reason),
    }
}

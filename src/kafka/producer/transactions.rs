//! Transactions of a producer: readers of committed records see all of what is sent between `begin` and `commit`, or nothing
//! (KIP-98). A producer fences all earlier producers with the same transactional id.

use std::time::Duration;

use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::error::KafkaError;
use crate::kafka::producer::lane::Lane;
use crate::kafka::producer::outcomes::Failed;
use crate::kafka::producer::producer::Producer;

/// How long one step may take, the election of a coordinator included.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait before looking for deliveries again.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How often a step is tried that fails with a retriable error.
const TRIES: u32 = 3;

impl Producer {
    /// Fences earlier producers with the same transactional id. Kafka aborts their open transaction, or completes a commit
    /// that had begun. To be called once, before anything is sent.
    ///
    /// # Errors
    /// No coordinator, or missing rights.
    pub fn take_over(&mut self) -> Result<(), KafkaError> {
        again("take over the transactional id", || {
            self.client.init_transactions(STEP_TIMEOUT)
        })
    }

    /// Begins a transaction, to which everything belongs that is sent until its end.
    ///
    /// # Errors
    /// [`KafkaError::TakenOver`], or a transaction that is open already.
    pub fn begin(&mut self) -> Result<(), KafkaError> {
        again("begin a transaction", || self.client.begin_transaction())
    }

    /// Commits what was sent since [`Producer::begin`]. The producer must be idle.
    ///
    /// # Errors
    /// The transaction is not committed; after a time-out it may be, which only the next producer with the id can find out.
    pub fn commit(&mut self) -> Result<(), KafkaError> {
        again("commit a transaction", || self.client.commit_transaction(STEP_TIMEOUT))?;
        self.lanes.iter_mut().for_each(Lane::restore_limit);
        Ok(())
    }

    /// Aborts the transaction.
    ///
    /// # Errors
    /// Kafka refused. The next producer with the id aborts it then.
    pub fn abort(&mut self) -> Result<(), KafkaError> {
        again("abort a transaction", || self.client.abort_transaction(STEP_TIMEOUT))
    }

    /// Aborts the open transaction, in which Kafka refused records, and returns those at fault. The others can be sent in the
    /// next transaction. If Kafka did not say which ones are at fault, there may be none here: the next refusal is about
    /// fewer records.
    ///
    /// # Errors
    /// As [`Producer::abort`].
    pub fn take_refused(&mut self) -> Result<Vec<Failed>, KafkaError> {
        while !self.is_idle() {
            self.poll(POLL_INTERVAL);
        }
        let mut at_fault: Vec<Failed> = self.lanes.iter_mut().flat_map(Lane::start_over).collect();
        self.abort()?;
        if let Some(transaction) = &mut self.transaction {
            at_fault.append(&mut transaction.at_fault);
            transaction.must_abort = false;
        }
        Ok(at_fault)
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
        code => KafkaError::from_code(code, doing, reason),
    }
}

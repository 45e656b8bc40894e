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

/// How often a step is tried that fails with a retriable error, and a transaction that is aborted for no refusal.
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
        if let Some(transaction) = &mut self.transaction {
            transaction.aborted_in_a_row = 0;
        }
        Ok(())
    }

    /// Aborts the transaction.
    ///
    /// # Errors
    /// Kafka refused. The next producer with the id aborts it then.
    pub fn abort(&mut self) -> Result<(), KafkaError> {
        again("abort a transaction", || self.client.abort_transaction(STEP_TIMEOUT))
    }

    /// Aborts the open transaction, which cannot be committed, and returns the records at fault. The others can be sent in the
    /// next transaction. There may be none here: if Kafka did not say which of several it refuses, the next refusal is about
    /// fewer; and if it missed sequence numbers, the next transaction has new ones (KIP-360). When that happens several times
    /// in a row, the producer is broken, and the transaction still open.
    ///
    /// # Errors
    /// As [`Producer::abort`].
    pub fn take_refused(&mut self) -> Result<Vec<Failed>, KafkaError> {
        while !self.is_idle() {
            self.poll(POLL_INTERVAL);
        }
        if self.is_given_up() {
            self.fail_dropped();
            return Ok(Vec::new());
        }
        let mut at_fault: Vec<Failed> = self.lanes.iter_mut().flat_map(Lane::start_over).collect();
        self.abort()?;
        if let Some(transaction) = &mut self.transaction {
            at_fault.append(&mut transaction.at_fault);
            transaction.must_abort = false;
            transaction.dropped = None;
        }
        Ok(at_fault)
    }

    /// Counts an abort, and tells whether there were too many for which no record was refused.
    fn is_given_up(&mut self) -> bool {
        let is_refused = self.lanes.iter().any(Lane::has_refused);
        let Some(transaction) = &mut self.transaction else {
            return false;
        };
        if is_refused || !transaction.at_fault.is_empty() {
            transaction.aborted_in_a_row = 0;
        } else {
            transaction.aborted_in_a_row += 1;
        }
        transaction.aborted_in_a_row > TRIES
    }
}

/// One step of a transaction, again where librdkafka says that this may help.
pub(in crate::kafka) fn again(doing: &'static str, step: impl Fn() -> Result<(), Rdkafka>) -> Result<(), KafkaError> {
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

#[cfg(test)]
mod tests {
    use crate::clock::Clock;
    use crate::config::{KafkaSettings, Properties};
    use crate::kafka::producer::outcomes::{Fate, Outcomes, Tally};
    use crate::kafka::producer::producer::Transaction;
    use crate::kafka::producer::settings::{Sending, producer_config};

    use super::*;

    /// A producer of one partition in a transaction, whose brokers are away: what came back is put in by the tests.
    fn producer() -> Producer {
        let settings = KafkaSettings {
            brokers: vec!["localhost:1".to_owned()],
            group_id: "test".to_owned(),
            properties: Properties::default(),
        };
        let sending = Sending {
            batch_size_bytes: 1_000_000,
            linger_ms: 10,
            record_max_bytes: 1_000_000,
            transactional_id: Some("test".to_owned()),
        };
        let client = producer_config(&settings, &sending).unwrap();
        Producer {
            client: client.create_with_context(Outcomes::default()).unwrap(),
            topics: Vec::new(),
            lanes: vec![Lane::new(0, 0, 0, 1_000_000)],
            addresses: String::new(),
            turn: 0,
            taken: 0,
            taken_bytes: 0,
            tally: Tally {
                acked: vec![0],
                ..Tally::default()
            },
            failed: Vec::new(),
            clock: Clock::start(),
            transaction: Some(Transaction::default()),
        }
    }

    fn come_back(producer: &mut Producer, code: Code, fate: Fate) {
        let failed = Failed {
            ordinal: 1,
            code,
            fate,
            key: None,
            value: Vec::new(),
        };
        producer.client.context().put_failed(0, failed);
        producer.poll(Duration::ZERO);
    }

    #[test]
    fn a_record_that_librdkafka_drops_before_the_refusal_is_told_does_not_break_the_producer() {
        let mut producer = producer();
        come_back(&mut producer, Code::PurgeQueue, Fate::NotDelivered);
        assert!(producer.must_abort() && !producer.is_broken());
        come_back(&mut producer, Code::MessageSizeTooLarge, Fate::Refused);
        assert!(producer.lanes[0].has_refused() && !producer.is_broken());
    }

    #[test]
    fn records_that_librdkafka_drops_for_no_refusal_break_the_producer_if_it_happens_again_and_again() {
        let mut producer = producer();
        producer.transaction.as_mut().unwrap().aborted_in_a_row = TRIES;
        come_back(&mut producer, Code::PurgeQueue, Fate::NotDelivered);
        assert_eq!(producer.take_refused(), Ok(Vec::new()));
        assert_eq!(producer.tally().broken, Some(Code::PurgeQueue));
    }
}

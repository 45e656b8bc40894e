//! The commit of a restore's transaction, and what is done where Kafka refuses records of it.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::app::restore::connection::Connection;
use crate::app::restore::mark::Mark;
use crate::app::restore::segments::unreadable;
use crate::app::restore::topic_run::{BATCH_BYTES, TopicRun};
use crate::app::restore::transaction::{LEDGER_MARK, Reached, Transaction, at_fault, mark};
use crate::error::{Explain as _, Kind};
use crate::kafka::replay::{Batching, Sent};
use crate::record::position::Height;
use crate::record::record::{Record, Timestamp};
use crate::task::error::AppError;

/// How often in a row a transaction is sent again that failed for another reason than a refusal.
const UNEXPLAINED: u32 = 3;

impl TopicRun<'_> {
    /// Marks the target as that of this restore before its first record is sent. A run that is killed in its first transaction
    /// leaves records in the target that are aborted later, and the next run must know that they are of this restore.
    pub(super) fn claim(&mut self) -> Result<(), AppError> {
        if self.marks.iter().any(Option::is_some) {
            return Ok(());
        }
        let marks = vec![Some(Mark::default()); self.subjects.len()];
        self.connection.replayer.begin()?;
        self.commit_marks(0..self.subjects.len(), &marks)?;
        self.marks = marks;
        Ok(())
    }

    /// Sends the marks of these partitions, and commits the open transaction.
    fn commit_marks(&self, partitions: impl Iterator<Item = usize>, marks: &[Option<Mark>]) -> Result<(), AppError> {
        let Connection { replayer, ledger, .. } = &self.connection;
        for partition in partitions {
            let (key, value) = (
                self.subjects[partition].key(),
                marks[partition].unwrap_or_default().to_text(),
            );
            let entry = Record {
                offset: 0,
                timestamp: Timestamp::Absent,
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &[],
            };
            replayer.send(ledger, (0, LEDGER_MARK), &entry)?;
        }
        let refused = replayer.settle()?;
        if !refused.is_empty() || replayer.has_failed() {
            let why = refused.first().map_or(Code::Unknown, |refused| refused.code);
            return Err(AppError::transient(format!(
                "Kafka does not take the marks of a transaction: {why}"
            )));
        }
        Ok(replayer.commit()?)
    }

    /// The commit: after it readers see the records, and the next run the marks. If it fails, they see neither.
    pub(super) fn commit(&mut self) -> Result<(), AppError> {
        if self.open.is_none() {
            return Ok(());
        }
        self.settle()?;
        let Some(open) = self.open.take() else { return Ok(()) };
        self.shared.rejects.write(&open.refusals)?;
        let mut marks = self.marks.clone();
        for (partition, reached) in &open.reached {
            marks[*partition] = Some(after(marks[*partition].unwrap_or_default(), *reached));
        }
        self.commit_marks(open.reached.keys().copied(), &marks)?;
        self.marks = marks;
        self.shared.restoring.advance(open.records);
        self.committed(open);
        if self.connection.batching == Batching::Alone {
            let batching = Batching::UpTo(self.batch_max_bytes.min(BATCH_BYTES));
            self.connection = Connection::open(self.shared, self.plan, batching)?;
        }
        Ok(())
    }

    fn committed(&mut self, open: Transaction) {
        self.share.topic.records += open.records;
        self.share.bytes += open.bytes;
        self.share.restamped += open.restamped;
        self.share.times.join(open.times);
        for refusal in open.refusals {
            tracing::warn!(
                topic = refusal.topic,
                partition = refusal.partition,
                offset = refusal.offset,
                reason = refusal.reason,
                "the target topic refuses a record: set aside"
            );
            self.share.refuse(refusal);
        }
    }

    /// Waits until Kafka has the records of the transaction, without those that it refuses.
    pub(super) fn settle(&mut self) -> Result<(), AppError> {
        self.connection.replayer.wait();
        self.send_again_without_refused()
    }

    /// Sends a transaction in which Kafka refused records again without them, until none is refused, and one that failed for
    /// another reason that passes a few times. Connecting again aborts the open one.
    pub(super) fn send_again_without_refused(&mut self) -> Result<(), AppError> {
        let mut unexplained = 0;
        loop {
            let (refused, failure) = match self.connection.replayer.settle() {
                Ok(refused) => (refused, None),
                Err(error) if error.kind() == Kind::Transient => (Vec::new(), Some(error)),
                Err(error) => return Err(error.into()),
            };
            if !self.connection.replayer.has_failed() {
                return Ok(());
            }
            let mut batching = self.connection.batching;
            let at_fault = at_fault(&refused, batching, self.batch_max_bytes);
            let open = self.open.get_or_insert_with(Transaction::default);
            let mut is_news = false;
            for refused in &at_fault {
                is_news |= open.leave_out(refused);
            }
            if !is_news && !refused.is_empty() && batching != Batching::Alone {
                batching = Batching::Alone;
            } else if !is_news {
                unexplained += 1;
            }
            if unexplained > UNEXPLAINED {
                let unknown = || AppError::transient("Kafka ends a transaction again and again, and does not say why");
                return Err(failure.map_or_else(unknown, AppError::from));
            }
            if let Some(error) = failure {
                tracing::warn!(%error, topic = self.plan.to, "a transaction of the restore failed: sending it again");
            }
            self.connection = Connection::open(self.shared, self.plan, batching)?;
            self.connection.replayer.begin()?;
            if self.send_parts()? == Sent::Yes {
                self.connection.replayer.wait();
            }
        }
    }

    /// Sends what the transaction holds once more.
    fn send_parts(&self) -> Result<Sent, AppError> {
        let Some(open) = &self.open else { return Ok(Sent::Yes) };
        for (number, part) in open.parts.iter().enumerate() {
            let Some(segment) = &part.checked.segment else { continue };
            let Connection { replayer, topic, .. } = &self.connection;
            let mut sent = Ok(Sent::Yes);
            let read = segment.for_each_record(|record| {
                let is_in_part = (part.from..part.until).contains(&record.offset);
                if matches!(sent, Ok(Sent::Yes)) && is_in_part && self.is_sent_again(open, number, record) {
                    sent = replayer.send(
                        topic,
                        (part.checked.link.partition, mark(number, record.offset)),
                        record,
                    );
                }
            });
            read.map_err(|error| unreadable(&part.checked.link, &error))?;
            if sent? == Sent::TransactionFailed {
                return Ok(Sent::TransactionFailed);
            }
        }
        Ok(Sent::Yes)
    }

    fn is_sent_again(&self, open: &Transaction, part: usize, record: &Record<'_>) -> bool {
        let (now_ms, limits) = (self.now_ms, self.target.limits.as_ref());
        self.shared.request.span.covers(record.timestamp.ms())
            && !open.is_left_out(part, record.offset)
            && limits.is_none_or(|limits| limits.refusal(record, now_ms).is_none())
    }
}

/// The mark after a transaction.
fn after(before: Mark, reached: Reached) -> Mark {
    Mark {
        height: Height(reached.height),
        offset: reached.offset,
        records: before.records + reached.records,
        refused: before.refused + reached.refused,
    }
}

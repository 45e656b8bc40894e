//! Events from the consumer group: assignment, revocation, loss, log ends, outcomes of commits, and errors.

use crate::archive::step::{Event, StopReason};
use crate::archiver::driver::driver::Driver;
use crate::archiver::executor::Executor;
use crate::archiver::logins::Refusal;
use crate::archiver::observers::Observer;
use crate::archiver::source::Source;
use crate::error::{Explain as _, Kind};
use crate::kafka::consumer::CommitOutcome;
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, TopicPartition};
use crate::task::error::AppError;

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    pub(super) fn step_each(&mut self, partitions: Vec<TopicPartition>, event: fn(TopicPartition) -> Event) {
        for partition in partitions {
            self.step(event(partition));
        }
    }

    pub(super) fn assigned(&mut self, partitions: &[TopicPartition]) {
        self.peers.joined();
        self.observer.assigned(partitions);
        for partition in partitions {
            self.topic_is_back(&partition.topic);
            self.assigned.insert(partition.clone());
            self.step(Event::Assigned(partition.clone()));
            let (Some(slot), Some(index)) = (self.machine.slot(partition), self.source.index(partition)) else {
                continue;
            };
            if self.slots.len() <= index.0 {
                self.slots.resize(index.0 + 1, None);
            }
            self.slots[index.0] = Some(slot);
            self.target.bind(slot, partition);
        }
    }

    /// librdkafka calls partitions lost when another member may have them, and when their topic no longer exists.
    pub(super) fn lost(&mut self, partitions: Vec<TopicPartition>) {
        let is_gone = |partition: &TopicPartition| self.unavailable.does_not_exist(&partition.topic);
        let (gone, partitions): (Vec<_>, Vec<_>) = partitions.into_iter().partition(is_gone);
        self.step_each(gone, |partition| Event::CannotRead(partition, StopReason::TopicGone));
        self.observer.lost(&partitions);
        for partition in &partitions {
            self.drop_partition(partition);
        }
        self.step_each(partitions, Event::Lost);
    }

    pub(super) fn revoked(&mut self, partitions: Vec<TopicPartition>) {
        tracing::info!(
            event = "partitions_revoked",
            partitions = partitions.len(),
            "the group assigns partitions to another member: sealing and committing them"
        );
        self.step_each(partitions, Event::Revoked);
    }

    /// Cancels the partition's operation and ends its metrics: nothing may be created or committed from here on (EP-1).
    pub(super) fn drop_partition(&mut self, partition: &TopicPartition) {
        self.assigned.remove(partition);
        self.loading.remove(partition);
        self.started.remove(partition);
        self.unavailable.forget(partition);
        self.commits.forget(partition);
        self.observer.released(partition);
        if let Some(slot) = self.machine.slot(partition) {
            self.executor.cancel(slot);
            self.to_encode.retain(|(ticket, _)| ticket.slot != slot);
        }
    }

    /// Reports a log end to the machine. Ends beyond the target are ignored, because records there were not delivered
    /// to it.
    pub(super) fn end_reached(&mut self, partition: TopicPartition, position: NextOffset) {
        if self.target.covers(&partition, position.0) {
            let until = self.machine.delivered_until(&partition).unwrap_or(position.0);
            self.target.advance(&partition, position.0, until);
            self.step(Event::EndReached(partition, position.0));
        }
    }

    /// Durability point: the offset is committed to Kafka. A crash or a refusal costs nothing, because the bucket has
    /// the head: a later commit covers it, and the next owner commits the bucket's head (AR-1).
    pub(super) fn committed(&mut self, outcomes: Vec<CommitOutcome>) {
        for CommitOutcome {
            partition,
            next_offset,
            outcome,
        } in outcomes
        {
            let Some(sent) = self.commits.answered(&partition, next_offset) else {
                continue;
            };
            if let Err(error) = outcome {
                self.refused(sent.ticket, partition, sent.committing, &error);
                continue;
            }
            let took_ms = self.now.monotonic_ms.saturating_sub(sent.sent_ms);
            self.observer.committed(&partition, took_ms, self.now.wall);
            if let Some(ticket) = sent.ticket {
                self.step(Event::Committed(ticket));
            }
        }
    }

    pub(super) fn failed(&mut self, error: KafkaError) -> Result<(), AppError> {
        match error.kind() {
            // librdkafka's fatal errors end the client for good; only a new process has a new client.
            _ if matches!(error, KafkaError::Fatal { .. }) => Err(error.into()),
            _ if matches!(error, KafkaError::Credentials { .. }) => self.login_refused(error),
            Kind::Transient | Kind::Fenced => {
                tracing::warn!(event = "kafka_error", %error, "Kafka reports an error: the client retries");
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    /// The archiver was logged in when it started, so that a refusal may pass.
    fn login_refused(&mut self, error: KafkaError) -> Result<(), AppError> {
        match self.logins.refused(self.now.monotonic_ms) {
            Refusal::First => tracing::warn!(
                event = "login_refused",
                %error,
                "a broker refuses the login: trying again for two minutes"
            ),
            Refusal::Again => tracing::debug!(event = "login_refused", %error, "a broker still refuses the login"),
            Refusal::Lasting => return Err(error.into()),
        }
        Ok(())
    }
}

/// Logs that Kafka refused a commit.
pub(super) fn log_refusal(partition: &TopicPartition, next_offset: NextOffset, error: &KafkaError) {
    tracing::warn!(
        event = "commit_refused",
        topic = &*partition.topic,
        partition = partition.partition,
        next_offset = next_offset.0,
        %error,
        "Kafka refused a commit: trying again, unless the partition goes to another member"
    );
}

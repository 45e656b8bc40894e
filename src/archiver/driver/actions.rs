//! Carrying out the state machine's actions.

use crate::archive::step::{Action, Event, Report, StopReason, Ticket};
use crate::archiver::driver::commits::{Committing, Sent};
use crate::archiver::driver::driver::Driver;
use crate::archiver::driver::group::log_refusal;
use crate::archiver::executor::Executor;
use crate::archiver::hold::Hold;
use crate::archiver::observers::Observer;
use crate::archiver::operation::Operation;
use crate::archiver::requests::{Creation, LinkToCreate};
use crate::archiver::source::Source;
use crate::kafka::error::KafkaError;
use crate::record::position::{Position, TopicPartition};
use crate::task::error::AppError;

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    /// Carries out all actions, including those that follow from them.
    pub(super) fn carry_out(&mut self) -> Result<(), AppError> {
        while let Some(job) = self.to_encode.pop_front() {
            if let Some(full) = self.executor.encode(job)? {
                self.to_encode.push_front(full);
                break;
            }
        }
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                self.act(action)?;
            }
        }
        Ok(())
    }

    pub(super) fn act(&mut self, action: Action) -> Result<(), AppError> {
        match action {
            Action::LoadHead(ticket, partition) => {
                self.loading.insert(partition.clone());
                self.executor.start(Operation::LoadHead(ticket, partition));
            }
            Action::Encode(ticket, job) => {
                let full = self.executor.encode((ticket, job))?;
                self.to_encode.extend(full);
            }
            Action::CreateSegment(ticket, key, object, topic_id, look) => {
                let creation = Creation { key, object, topic_id };
                self.executor.start(Operation::CreateSegment(ticket, creation, look));
            }
            Action::CreateLink(ticket, key, link, topic_id) => {
                let unsigned = LinkToCreate { key, link, topic_id };
                self.executor.start(Operation::CreateLink(ticket, unsigned));
            }
            Action::Commit(ticket, partition, next, metadata) => {
                let metadata = metadata.to_string();
                self.commit(Some(ticket), partition, Committing { next, metadata });
            }
            Action::Consume(partition, from) => self.consume(partition, from)?,
            Action::Release(partition) => self.release(&partition),
            Action::Pause => self.hold.begin(self.now.monotonic_ms),
            Action::Resume => self.resume()?,
            Action::Report(partition, report) => self.report(&partition, report),
        }
        Ok(())
    }

    pub(super) fn consume(&mut self, partition: TopicPartition, from: Position) -> Result<(), AppError> {
        self.loading.remove(&partition);
        self.target.restart(&partition, from.next.0);
        if self.started.contains(&partition) {
            self.source.seek(&partition, from)?;
        } else {
            self.source.start(&partition, from)?;
            // A partition that arrives while memory is short is paused with the others (MEM-1).
            if let Hold::Paused(paused) = &mut self.hold {
                self.source.pause(std::slice::from_ref(&partition))?;
                paused.push(partition.clone());
            }
            self.started.insert(partition);
        }
        Ok(())
    }

    /// Sends a commit. The consumer refuses a partition that is no longer assigned (EP-1); the machine
    /// handles a refusal like any answer.
    pub(super) fn commit(&mut self, ticket: Option<Ticket>, partition: TopicPartition, committing: Committing) {
        match self.source.commit(&partition, committing.next, &committing.metadata) {
            Ok(()) => self.commits.sent(Sent {
                ticket,
                partition,
                committing,
                sent_ms: self.now.monotonic_ms,
            }),
            Err(error) => {
                self.refused(ticket, partition, committing, &error);
            }
        }
    }

    /// Kafka did not take a commit. Those of partitions that are still owned are sent again.
    pub(super) fn refused(
        &mut self,
        ticket: Option<Ticket>,
        partition: TopicPartition,
        committing: Committing,
        error: &KafkaError,
    ) {
        if ticket.is_some() {
            log_refusal(&partition, committing.next, error);
        }
        if self.started.contains(&partition) {
            self.commits.refused(partition, committing, self.now.monotonic_ms);
        }
        if let Some(ticket) = ticket {
            self.step(Event::Committed(ticket));
        }
    }

    /// Sends the refused commits again when it is time.
    pub(super) fn commit_again(&mut self) {
        for (partition, committing) in self.commits.take_due(self.now.monotonic_ms) {
            self.commit(None, partition, committing);
        }
    }

    pub(super) fn release(&mut self, partition: &TopicPartition) {
        self.drop_partition(partition);
        if !self.machine.is_shutting_down() {
            self.tally.released(partition);
        }
        let released = self.source.release(partition);
        let (topic, partition) = (&*partition.topic, partition.partition);
        tracing::debug!(event = "partition_released", topic, partition, "released");
        if let Err(error) = released {
            tracing::warn!(
                event = "release_refused",
                topic,
                partition,
                %error,
                "Kafka's client refuses to release the partition: another member can own it from here on"
            );
        }
    }

    pub(super) fn resume(&mut self) -> Result<(), AppError> {
        let mut paused = self.hold.end();
        paused.retain(|partition| self.started.contains(partition));
        if paused.is_empty() {
            return Ok(());
        }
        Ok(self.source.resume(&paused)?)
    }

    pub(super) fn report(&mut self, partition: &TopicPartition, report: Report) {
        self.observer.reported(partition, &report, self.now.wall);
        match report {
            Report::Continues(next) => self.tally.continues(partition, next.0),
            Report::Linked {
                link,
                value_bytes,
                adopted,
                ..
            } => {
                self.tally.first_link_ms.get_or_insert(self.now.monotonic_ms);
                self.tally.linked(partition, &link, value_bytes, adopted);
            }
            Report::Stopped(reason) => {
                self.loading.remove(partition);
                self.target.give_up(partition);
                self.tally.stopped(partition, reason.to_string());
                match reason {
                    StopReason::NotAllowed(_) => self.was_refused(partition),
                    StopReason::TopicGone => self.unavailable.gone(partition),
                    _ => {}
                }
            }
            Report::LossFound { .. } | Report::NewEpoch(..) | Report::Fenced | Report::PassedOver(_) => {}
        }
    }
}

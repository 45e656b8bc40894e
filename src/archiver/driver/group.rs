//! What the group and Kafka tell the driver: partitions that come and go, ends, commits, failures.

use crate::archive::step::Event;
use crate::archiver::driver::driver::Driver;
use crate::archiver::executor::Executor;
use crate::archiver::observers::Observer;
use crate::archiver::source::Source;
use crate::error::{Explain as _, Kind};
use crate::kafka::consumer::CommitOutcome;
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, TopicPartition};
use crate::task::error::AppError;

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    pub(super) fn each(&mut self, partitions: Vec<TopicPartition>, event: fn(TopicPartition) -> Event) {
        for partition in partitions {
            self.step(event(partition));
        }
    }

    pub(super) fn assigned(&mut self, partitions: &[TopicPartition]) {
        self.peers.joined();
        for partition in partitions {
            tracing::info!(%partition, "assigned");
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

    pub(super) fn lost(&mut self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            tracing::warn!(%partition, "lost: another member has it already");
            self.let_go(partition);
        }
        self.each(partitions, Event::Lost);
    }

    /// Nothing is done for it from here on, whatever was under way (EP-1).
    pub(super) fn let_go(&mut self, partition: &TopicPartition) {
        self.assigned.remove(partition);
        self.loading.remove(partition);
        self.started.remove(partition);
        self.observer.released(partition);
        if let Some(slot) = self.machine.slot(partition) {
            self.executor.cancel(slot);
        }
    }

    /// Beyond the target records were not taken, so an end there says nothing about what was delivered.
    pub(super) fn end_reached(&mut self, partition: TopicPartition, position: NextOffset) {
        if self.target.covers(&partition, position.0) {
            self.target.advance(&partition, position.0);
            self.step(Event::EndReached(partition, position.0));
        }
    }

    /// A refused commit costs nothing: the bucket knows better, and the next one covers it.
    pub(super) fn committed(&mut self, outcomes: Vec<CommitOutcome>) {
        for CommitOutcome {
            partition,
            next_offset,
            outcome,
        } in outcomes
        {
            if let Err(error) = outcome {
                tracing::warn!(%partition, %next_offset, %error, "commit refused");
            } else {
                self.observer.committed(&partition, self.now.wall);
            }
            if let Some(waiting) = self
                .commits
                .iter()
                .position(|(_, name, next)| *name == partition && *next == next_offset)
            {
                let (ticket, ..) = self.commits.swap_remove(waiting);
                self.step(Event::Committed(ticket));
            }
        }
    }

    pub(super) fn failed(&mut self, error: KafkaError) -> Result<(), AppError> {
        match error.kind() {
            // This client is dead, and only a new process has a new one.
            _ if matches!(error, KafkaError::Fatal { .. }) => Err(error.into()),
            Kind::Transient | Kind::Fenced => {
                tracing::warn!(%error, "kafka");
                Ok(())
            }
            _ => Err(error.into()),
        }
    }
}

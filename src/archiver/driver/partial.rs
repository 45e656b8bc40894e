//! Topics and partitions that cannot be read while the others are archived, and what a run to an end did not reach.

use std::sync::Arc;

use crate::archive::step::{Event, StopReason};
use crate::archiver::driver::driver::Driver;
use crate::archiver::executor::Executor;
use crate::archiver::observers::Observer;
use crate::archiver::source::Source;
use crate::archiver::unavailable::Why;
use crate::error::{Explain as _, Kind};
use crate::kafka::consumer::TopicIds;
use crate::kafka::error::KafkaError;
use crate::record::position::TopicPartition;

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    /// A topic cannot be read, now or from the start on.
    pub fn topic_unavailable(&mut self, topic: &str, error: &KafkaError) {
        let why = match error {
            KafkaError::UnknownTopic { .. } => Why::DoesNotExist,
            _ => Why::Refused,
        };
        if self.unavailable.topic(topic, why, self.now.monotonic_ms) {
            self.observer.topic_unavailable(topic, error);
            self.tally.unavailable.insert(topic.to_owned(), error.to_string());
        }
    }

    /// A run to an end does not wait for this topic, whose state at the start is known.
    pub fn leave_out_topic(&mut self, topic: &str, error: &KafkaError) {
        self.topic_unavailable(topic, error);
        self.target.give_up_topic(topic);
    }

    /// A run to an end does not wait for this partition.
    pub fn leave_out(&mut self, partition: &TopicPartition, why: &str) {
        log_left_out(partition, why);
        self.target.give_up(partition);
        self.tally.stopped(partition, why.to_owned());
    }

    /// A run to an end was told to archive records of which it does not know that they are archived: another writer took their
    /// partitions over while it sealed them. Unless the group's commits show that they are archived (AR-1), the run has not done its
    /// task.
    pub(super) fn admit_unreached(&mut self) {
        let archived = |partition: &TopicPartition| {
            self.tally
                .partitions
                .get(partition)
                .map_or(0, |tally| tally.next_offset)
        };
        let awaited = self.target.awaited();
        let behind: Vec<_> = awaited
            .filter(|(partition, until)| archived(partition) < *until)
            .collect();
        if behind.is_empty() {
            return;
        }
        let names: Vec<TopicPartition> = behind.iter().map(|(partition, _)| partition.clone()).collect();
        let committed = self
            .source
            .committed(&names)
            .unwrap_or_else(|_| vec![None; names.len()]);
        for ((partition, until), next_offset) in behind.into_iter().zip(committed) {
            if next_offset.is_none_or(|next| next.0 < until) {
                let why = format!(
                    "another archiver took the partition over before its last records were archived, up to offset {until}; run `kivend archive` again"
                );
                log_left_out(&partition, &why);
                self.tally.stopped(&partition, why);
            }
        }
    }

    /// The ids of the topics now. A partition whose topic has another one than before stops, unless that was declared.
    pub(super) fn topic_ids(&mut self, ids: &Arc<TopicIds>) {
        for partition in self.unavailable.topic_ids(ids) {
            if self.assigned.contains(&partition) && !self.machine.is_shutting_down() {
                self.step(Event::Assigned(partition));
            }
        }
        let seen = self.assigned.iter().filter_map(|partition| {
            let id = ids.get(&*partition.topic)?;
            Some(Event::TopicIdSeen(partition.clone(), id.clone()))
        });
        let seen: Vec<Event> = seen.collect();
        seen.into_iter().for_each(|event| self.step(event));
    }

    pub(super) fn topic_is_back(&mut self, topic: &str) {
        if self.unavailable.topic_is_back(topic) {
            self.observer.topic_available(topic);
            self.tally.unavailable.remove(topic);
        }
    }

    /// The partition cannot be read: whatever was delivered is sealed, and the others go on.
    pub(super) fn unreadable(&mut self, partition: TopicPartition, error: &KafkaError) {
        let why = match error.kind() {
            Kind::Permission => StopReason::NotAllowed(error.to_string()),
            _ => StopReason::Unreadable(error.to_string()),
        };
        self.step(Event::CannotRead(partition, why));
    }

    /// A run without an end tries a partition again that it may not read: rights can be granted meanwhile.
    pub(super) fn was_refused(&mut self, partition: &TopicPartition) {
        if self.target.is_endless() {
            self.unavailable.refused(partition, self.now.monotonic_ms);
        }
    }

    /// What is due by time: refused partitions again, and topics that a run to an end waits for no longer.
    pub(super) fn review_unavailable(&mut self) {
        for partition in self.unavailable.to_try_again(self.now.monotonic_ms) {
            if self.assigned.contains(&partition) && !self.machine.is_shutting_down() {
                self.step(Event::Assigned(partition));
            }
        }
        for topic in self.unavailable.to_give_up(self.now.monotonic_ms) {
            self.target.give_up_topic(&topic);
        }
    }
}

fn log_left_out(partition: &TopicPartition, why: &str) {
    tracing::error!(
        event = "partition_left_out",
        topic = &*partition.topic,
        partition = partition.partition,
        error = why,
        "the partition is not archived to its end"
    );
}

//! The archiver's consumer: one client, polled by one thread that the caller owns, and everything that happens comes
//! out of [`Consumer::poll`] as one [`Polled`]. Records are lent, never copied.
//!
//! Rebalances are told, not carried out: a partition that is assigned is fetched only once [`Consumer::start`] says
//! from where (the head must be loaded first), and one that is revoked stays ours until [`Consumer::release`] (what
//! is open must be sealed first). Never commits by itself, never chooses an offset, never skips one.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::kafka::assignment::{Assignment, PartitionIndex, Protocol};
use crate::kafka::cluster::{Cluster, list};
use crate::kafka::context::Context;
use crate::kafka::error::{KafkaError, is_quiet};
use crate::kafka::native::{self, Event, HeaderList, Listed, Queue, Topic};
pub use crate::kafka::polled::{CommitOutcome, Polled};
use crate::record::position::{NextOffset, TopicPartition};

/// A member of the archivers' group. Dropping it leaves the group.
pub struct Consumer {
    // The order matters: what refers to the client goes before it.
    lent: Option<Event>,
    queue: Queue,
    headers: HeaderList,
    assignment: Assignment,
    /// Seeks that wait until a revocation is answered.
    sought: Vec<TopicPartition>,
    cluster: Cluster,
}

impl Consumer {
    /// Joins the group for these topics. The first poll after it begins to talk to Kafka.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn subscribe(settings: &KafkaSettings, topics: &[&str]) -> Result<Consumer, KafkaError> {
        let cluster = Cluster::of_consumer(settings)?;
        let queue = Queue::of_group(cluster.client.client().native_client()).ok_or(KafkaError::Property {
            name: "group.id".to_owned(),
            reason: "a consumer needs a group".to_owned(),
        })?;
        cluster
            .client
            .subscribe(topics)
            .map_err(|e| KafkaError::from_rdkafka(&e, "subscribe"))?;
        Ok(Consumer {
            lent: None,
            queue,
            headers: HeaderList::default(),
            assignment: Assignment::default(),
            sought: Vec::new(),
            cluster,
        })
    }

    /// Questions over the same connection. They block: ask before the records flow, or between two polls.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The partition behind an index.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> &TopicPartition {
        self.assignment.partition(index)
    }

    /// The index behind a partition, from its first assignment on.
    #[must_use]
    pub fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex> {
        self.assignment.index(partition)
    }

    /// Where the partition's log ended when a broker last told; nothing before the first fetch. Asks nobody.
    #[must_use]
    pub fn known_log_end(&self, partition: &TopicPartition) -> Option<i64> {
        native::known_log_end(self.cluster.client.client().native_client(), partition)
    }

    /// What happens next, waiting at most `timeout`. Must be called at least every `max.poll.interval.ms`.
    #[inline]
    pub fn poll(&mut self, timeout: Duration) -> Polled<'_> {
        self.lent = None;
        let Some(event) = self.queue.poll(timeout) else {
            return Polled::Nothing;
        };
        if event.topic() == Topic::Record {
            self.lend(event)
        } else {
            self.tell(&event)
        }
    }

    #[inline]
    fn lend(&mut self, event: Event) -> Polled<'_> {
        let Some(message) = self.lent.insert(event).message() else {
            return Polled::Nothing;
        };
        if message.code() != Code::NoError {
            return Polled::Failed(KafkaError::from_code(
                message.code(),
                "read a record",
                message.code().to_string(),
            ));
        }
        match self
            .assignment
            .advance(message.topic(), message.partition(), NextOffset(message.offset() + 1))
        {
            Some(partition) => Polled::Record {
                partition,
                record: message.record(&mut self.headers),
            },
            // Prefetched before the partition was let go.
            None => Polled::Nothing,
        }
    }

    #[cold]
    fn tell(&mut self, event: &Event) -> Polled<'static> {
        match event.topic() {
            Topic::Rebalance => self.rebalance(event),
            Topic::Commit => commit_outcome(event),
            Topic::Error => self.failure(event),
            Topic::Log => {
                if let Some((level, facility, line)) = event.log_line() {
                    Context::log_line(level_of(level), facility.trim(), line.trim());
                }
                Polled::Nothing
            }
            Topic::Record | Topic::Other => Polled::Nothing,
        }
    }

    fn failure(&mut self, event: &Event) -> Polled<'static> {
        let (code, position) = (event.code(), event.position());
        match (code, position) {
            (Code::PartitionEOF, Some((partition, offset))) => Polled::EndReached {
                partition,
                position: NextOffset(offset),
            },
            (Code::AutoOffsetReset, Some((partition, _))) => Polled::OutOfRange { partition },
            (Code::UnknownPartition | Code::UnknownTopicOrPartition | Code::UnknownTopic, Some((partition, _)))
                if partition.partition >= 0 =>
            {
                Polled::TopicGone { partition }
            }
            (Code::UnknownTopicOrPartition | Code::UnknownTopic, Some((partition, _))) => {
                Polled::Failed(KafkaError::UnknownTopic {
                    topic: partition.topic.to_string(),
                })
            }
            _ if event.is_fatal() => Polled::Failed(KafkaError::Fatal { reason: event.reason() }),
            _ if is_quiet(code) => {
                tracing::debug!(target: "librdkafka", ?code, "{}", event.reason());
                Polled::Nothing
            }
            _ => {
                self.cluster.client.context().remember(code, &event.reason());
                Polled::Failed(match code {
                    Code::AllBrokersDown => self.cluster.unreachable(),
                    _ => KafkaError::from_code(code, "consume", event.reason()),
                })
            }
        }
    }

    /// librdkafka waits for our answer and fetches nothing meanwhile. An assignment is answered at once with "nothing
    /// yet", so that the group goes on while heads are loaded; a revocation when everything was released.
    fn rebalance(&mut self, event: &Event) -> Polled<'static> {
        let partitions: Vec<_> = event.partitions().into_iter().map(|entry| entry.partition).collect();
        let told = match event.code() {
            Code::AssignPartitions => {
                let protocol = match self.cluster.client.rebalance_protocol() {
                    RebalanceProtocol::Cooperative => Protocol::Cooperative,
                    RebalanceProtocol::Eager | RebalanceProtocol::None => Protocol::Eager,
                };
                self.assignment.grant(protocol, &partitions);
                self.apply_start(&[]).map(|()| Polled::Assign(partitions))
            }
            Code::RevokePartitions if self.cluster.client.assignment_lost() => {
                self.assignment.revoke(&partitions);
                self.release(&partitions).map(|()| Polled::Lost(partitions))
            }
            Code::RevokePartitions => {
                self.assignment.revoke(&partitions);
                if partitions.is_empty() {
                    self.release(&[]).map(|()| Polled::Nothing)
                } else {
                    Ok(Polled::Revoke(partitions))
                }
            }
            code => Err(KafkaError::from_code(code, "rebalance", event.reason())),
        };
        told.unwrap_or_else(Polled::Failed)
    }

    /// Begins to fetch assigned partitions, each from its offset.
    ///
    /// # Errors
    /// A partition that is not ours, or is being revoked, or fetched already; then nothing was started.
    pub fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), KafkaError> {
        self.assignment.start(positions)?;
        self.apply_start(positions)
    }

    /// Waits until librdkafka has stopped what the change before this one stopped. A partition that is told to stop
    /// once more while it is stopping ends the process on an assertion of librdkafka's (2.12). Its main thread takes
    /// what it is told in turn: the first question comes after the order to stop, the second after the word that it did.
    fn settle(&self) {
        for _ in 0..2 {
            self.cluster.client.rebalance_protocol();
        }
    }

    fn apply_start(&self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), KafkaError> {
        let doing = "start fetching partitions";
        let client = &self.cluster.client;
        // In librdkafka a pause outlives the assignment: one from an earlier time must not hold the partition now.
        let started: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        client
            .resume(&names(&started))
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        self.settle();
        match self.assignment.protocol() {
            Protocol::Cooperative => client.incremental_assign(&offsets(positions.iter().cloned(), doing)?),
            // An eager assignment is always told whole: who was started already goes on where it stands.
            Protocol::Eager => client.assign(&offsets(self.assignment.positions(), doing)?),
        }
        .map_err(|error| KafkaError::from_rdkafka(&error, doing))
    }

    /// Lets go of revoked partitions. librdkafka is answered when the last of them was released.
    ///
    /// # Errors
    /// librdkafka refused; the partitions count as released all the same.
    pub fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let doing = "let go of partitions";
        let Some(stopped) = self.assignment.release(partitions) else {
            return Ok(());
        };
        self.settle();
        match self.assignment.protocol() {
            Protocol::Cooperative => self.cluster.client.incremental_unassign(&names(&stopped)),
            Protocol::Eager => self.cluster.client.unassign(),
        }
        .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        std::mem::take(&mut self.sought)
            .iter()
            .try_for_each(|partition| self.fetch_anew(partition))
    }

    /// Stops fetching these; records that were prefetched are dropped and fetched again later.
    ///
    /// # Errors
    /// A partition that is not started.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        partitions
            .iter()
            .try_for_each(|partition| self.assignment.require_started(partition))?;
        self.cluster
            .client
            .pause(&names(partitions))
            .map_err(|e| KafkaError::from_rdkafka(&e, "pause partitions"))
    }

    /// Fetches these again, from where they stand.
    ///
    /// # Errors
    /// A partition that is not started.
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        partitions
            .iter()
            .try_for_each(|partition| self.assignment.require_started(partition))?;
        self.cluster
            .client
            .resume(&names(partitions))
            .map_err(|e| KafkaError::from_rdkafka(&e, "resume partitions"))
    }

    /// Goes on at another offset of a started partition; records from before the seek are no longer delivered.
    ///
    /// # Errors
    /// A partition that is not started, or librdkafka's refusal.
    pub fn seek(&mut self, partition: &TopicPartition, offset: NextOffset) -> Result<(), KafkaError> {
        self.assignment.seek(partition, offset)?;
        self.lent = None;
        if self.assignment.is_answer_due() {
            // Nothing is fetched during a revocation, and stopping a partition now would count as its answer.
            self.sought.push(partition.clone());
            return Ok(());
        }
        self.fetch_anew(partition)
    }

    /// librdkafka refuses its own seek after an offset was out of range; taking the partition anew always works.
    fn fetch_anew(&self, partition: &TopicPartition) -> Result<(), KafkaError> {
        let doing = "seek";
        let Some(position) = self.assignment.position(partition) else {
            return Ok(());
        };
        let client = &self.cluster.client;
        let anew = offsets([(partition.clone(), position)], doing)?;
        self.settle();
        match self.assignment.protocol() {
            Protocol::Cooperative => client
                .incremental_unassign(&names(std::slice::from_ref(partition)))
                .and_then(|()| client.incremental_assign(&anew)),
            Protocol::Eager => client.assign(&offsets(self.assignment.positions(), doing)?),
        }
        .map_err(|error| KafkaError::from_rdkafka(&error, doing))
    }

    /// Commits, without waiting; [`Polled::Committed`] tells what became of it.
    ///
    /// # Errors
    /// A partition that is not ours: nothing was sent.
    pub fn commit(
        &self,
        partition: &TopicPartition,
        next_offset: NextOffset,
        metadata: &str,
    ) -> Result<(), KafkaError> {
        let doing = "commit";
        self.assignment.require_ours(partition)?;
        let mut list = TopicPartitionList::with_capacity(1);
        let mut entry = list.add_partition(&partition.topic, partition.partition);
        entry
            .set_offset(Offset::Offset(next_offset.0))
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        entry.set_metadata(metadata);
        self.queue
            .commit(self.cluster.client.client().native_client(), &list)
            .map_err(|code| KafkaError::from_code(code, doing, code.to_string()))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.lent = None;
        // A revocation left unanswered would keep the client waiting for ever when it leaves the group.
        let open = self.assignment.revoking();
        if let Err(error) = self.release(&open) {
            tracing::debug!(%error, "on leaving the group");
        }
    }
}

fn commit_outcome(event: &Event) -> Polled<'static> {
    let (all, reason) = (event.code(), event.reason());
    let outcome = |entry: Listed| {
        let code = if entry.code == Code::NoError { all } else { entry.code };
        CommitOutcome {
            partition: entry.partition,
            next_offset: NextOffset(entry.offset),
            outcome: match code {
                Code::NoError => Ok(()),
                _ => Err(KafkaError::from_code(code, "commit", reason.clone())),
            },
        }
    };
    let outcomes: Vec<_> = event.partitions().into_iter().map(outcome).collect();
    if outcomes.is_empty() {
        Polled::Nothing
    } else {
        Polled::Committed(outcomes)
    }
}

fn offsets(
    positions: impl IntoIterator<Item = (TopicPartition, NextOffset)>,
    doing: &'static str,
) -> Result<TopicPartitionList, KafkaError> {
    let raw: Vec<_> = positions
        .into_iter()
        .map(|(partition, next)| (partition, next.0))
        .collect();
    list(&raw, doing)
}

fn names(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

fn level_of(syslog: i32) -> RDKafkaLogLevel {
    match syslog {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5..=6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

//! A consumer's membership in its group: reports rebalances and other events, and carries out what the caller answers.
//!
//! An assigned partition is fetched only when [`Membership::start`] gives its offset (the head must be loaded first), and a
//! revoked one stays ours until [`Membership::release`] (what is open must be sealed first).

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError as Rdkafka;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::assignment::{Assignment, Protocol};
use crate::kafka::cluster::Cluster;
use crate::kafka::codes::is_quiet;
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::native::event::{Event, EventKind};
use crate::kafka::native::listed::Listed;
use crate::kafka::partition_lists::{names, validate, with_positions};
use crate::kafka::polled::{CommitOutcome, Polled};
use crate::record::position::{NextOffset, Position, TopicPartition};

/// What the group assigned, and the connection that fetches it.
pub(super) struct Membership {
    pub(super) assignment: Assignment,
    /// Seeks that wait until a revocation is answered.
    sought: Vec<TopicPartition>,
    pub(super) cluster: Cluster,
}

impl Membership {
    pub(super) fn new(cluster: Cluster) -> Membership {
        Membership {
            assignment: Assignment::default(),
            sought: Vec::new(),
            cluster,
        }
    }

    /// Takes an event that is not a record.
    #[cold]
    pub(super) fn take(&mut self, event: &Event) -> Polled<'static> {
        match event.kind() {
            EventKind::Rebalance => self.rebalance(event),
            EventKind::Commit => commit_outcome(event),
            EventKind::Error => self.failure(event),
            EventKind::Log => {
                if let Some((level, facility, line)) = event.log_line() {
                    Context::log_line(level_of(level), facility.trim(), line.trim());
                }
                Polled::Nothing
            }
            EventKind::Record | EventKind::Other => Polled::Nothing,
        }
    }

    fn failure(&mut self, event: &Event) -> Polled<'static> {
        let (code, position) = (event.code(), event.position());
        if let Some(topic) = unavailable_topic(&event.reason()) {
            return topic_unavailable(code, topic);
        }
        match (code, position) {
            (Code::PartitionEOF, Some((partition, offset))) => Polled::EndReached {
                partition,
                position: NextOffset(offset),
            },
            (Code::AutoOffsetReset, Some((partition, _))) if event.is_truncation() => {
                tracing::warn!(
                    event = "log_truncated",
                    topic = &*partition.topic,
                    partition = partition.partition,
                    error = event.reason(),
                    "the broker reports that the log was cut back"
                );
                Polled::Truncated { partition }
            }
            (Code::AutoOffsetReset, Some((partition, _))) => Polled::OutOfRange { partition },
            (Code::UnknownPartition | Code::UnknownTopicOrPartition | Code::UnknownTopic, Some((partition, _)))
                if partition.partition >= 0 =>
            {
                Polled::TopicGone { partition }
            }
            _ if event.is_fatal() => Polled::Failed(KafkaError::Fatal { reason: event.reason() }),
            _ if is_quiet(code) => {
                tracing::debug!(target: "librdkafka", event = "client_error", ?code, error = event.reason(), "an error of the Kafka client that passes");
                Polled::Nothing
            }
            (_, Some((partition, offset))) if is_of_partition(code) => {
                let reason = format!("{}, at {partition} offset {offset}", event.reason());
                let error = KafkaError::from_code(code, "consume", reason);
                if partition.partition < 0 {
                    let topic = partition.topic.to_string();
                    Polled::TopicUnavailable { topic, error }
                } else {
                    Polled::Unreadable { partition, error }
                }
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

    /// librdkafka fetches nothing until we answer. An assignment is answered at once with no partitions, so that the group
    /// continues while heads are loaded; a revocation when everything was released.
    fn rebalance(&mut self, event: &Event) -> Polled<'static> {
        let partitions: Vec<_> = event.partitions().into_iter().map(|entry| entry.partition).collect();
        let polled = match event.code() {
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
        polled.unwrap_or_else(Polled::Failed)
    }

    pub(super) fn start(&mut self, positions: &[(TopicPartition, Position)]) -> Result<(), KafkaError> {
        self.assignment.start(positions)?;
        self.apply_start(positions)
    }

    fn apply_start(&self, positions: &[(TopicPartition, Position)]) -> Result<(), KafkaError> {
        let doing = "start fetching partitions";
        let client = &self.cluster.client;
        // In librdkafka a pause outlives the assignment: one from an earlier assignment must not hold the partition now.
        let started: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        client
            .resume(&names(&started))
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        self.settle();
        match self.assignment.protocol() {
            Protocol::Cooperative => client.incremental_assign(&with_positions(positions, doing)?),
            Protocol::Eager => self.assign_all(doing)?,
        }
        .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
        validate(client, positions, doing)
    }

    /// An eager assignment is always given as a whole; partitions that were started before continue at their offsets.
    fn assign_all(&self, doing: &'static str) -> Result<Result<(), Rdkafka>, KafkaError> {
        let list = with_positions(&self.assignment.positions(), doing)?;
        Ok(self.cluster.client.assign(&list))
    }

    /// Waits until librdkafka has carried out the previous stop of a partition. If a partition is told to stop again while
    /// it is stopping, an assertion of librdkafka (2.12) ends the process. Its main thread takes its orders in turn: the
    /// first request here comes after the order to stop, the second after the report that the partition stopped.
    fn settle(&self) {
        for _ in 0..2 {
            self.cluster.client.rebalance_protocol();
        }
    }

    pub(super) fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let doing = "give up partitions";
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
            .try_for_each(|partition| self.fetch_again(partition))
    }

    /// Answers a revocation that is open. Unanswered, it would keep the client from leaving the group.
    pub(super) fn release_all(&mut self) {
        let open = self.assignment.revoking();
        if let Err(error) = self.release(&open) {
            tracing::debug!(event = "leave_failed", %error, "could not release all partitions when leaving the group");
        }
    }

    pub(super) fn pause(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.require_started(partitions)?;
        self.cluster
            .client
            .pause(&names(partitions))
            .map_err(|error| KafkaError::from_rdkafka(&error, "pause partitions"))
    }

    pub(super) fn resume(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.require_started(partitions)?;
        self.cluster
            .client
            .resume(&names(partitions))
            .map_err(|error| KafkaError::from_rdkafka(&error, "resume partitions"))
    }

    fn require_started(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        partitions
            .iter()
            .try_for_each(|partition| self.assignment.require_started(partition))
    }

    pub(super) fn seek(&mut self, partition: &TopicPartition, at: Position) -> Result<(), KafkaError> {
        self.assignment.seek(partition, at)?;
        if self.assignment.is_answer_due() {
            // Nothing is fetched during a revocation, and stopping a partition now would count as its answer.
            self.sought.push(partition.clone());
            return Ok(());
        }
        self.fetch_again(partition)
    }

    /// librdkafka refuses its own seek after an offset was out of range; giving the partition up and taking it again
    /// always works.
    fn fetch_again(&self, partition: &TopicPartition) -> Result<(), KafkaError> {
        let doing = "seek";
        let Some(position) = self.assignment.position(partition) else {
            return Ok(());
        };
        let client = &self.cluster.client;
        self.settle();
        match self.assignment.protocol() {
            Protocol::Cooperative => {
                let again = with_positions(&[(partition.clone(), position)], doing)?;
                client
                    .incremental_unassign(&names(std::slice::from_ref(partition)))
                    .and_then(|()| client.incremental_assign(&again))
            }
            Protocol::Eager => self.assign_all(doing)?,
        }
        .map_err(|error| KafkaError::from_rdkafka(&error, doing))
    }
}

/// Whether an error that names a partition is the partition's own, and lasts.
fn is_of_partition(code: Code) -> bool {
    let error = KafkaError::from_code(code, "consume", String::new());
    let lasts = matches!(
        error,
        KafkaError::BadBatch { .. }
            | KafkaError::Refused { .. }
            | KafkaError::Unsupported { .. }
            | KafkaError::Other { .. }
    );
    lasts || error.is_topic_forbidden()
}

/// The topic that librdkafka says is not available. Only its text names it (2.12).
fn unavailable_topic(reason: &str) -> Option<&str> {
    let named = reason.strip_prefix("Subscribed topic not available: ")?;
    named.split(':').next()
}

fn topic_unavailable(code: Code, topic: &str) -> Polled<'static> {
    let topic = topic.to_owned();
    let error = match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic => KafkaError::UnknownTopic { topic: topic.clone() },
        _ => KafkaError::of_topic(code, "read the topic", &topic),
    };
    Polled::TopicUnavailable { topic, error }
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

fn level_of(syslog: i32) -> RDKafkaLogLevel {
    match syslog {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5..=6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

//! The driver's reports to the log, the metrics, liveness and readiness.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::archive::step::{Now, Report, Standing, StopReason};
use crate::archiver::degradations::Degradations;
use crate::archiver::doing::Doing;
use crate::archiver::report::{self, LinkLine};
use crate::archiver::retention::ArchivedPositions;
use crate::archiver::shown::Shown;
use crate::archiver::summary::SegmentLines;
use crate::config::TopicSelection;
use crate::kafka::error::KafkaError;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::{PartitionMetrics, Vitals};

/// Where a partition stands.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// What the state machine says.
    pub standing: Standing,
    /// The first offset that is not archived.
    pub next_offset: i64,
    /// The offsets from there to Kafka's log end, if that is known. Buffered records count.
    pub lag: Option<i64>,
}

/// Receives the driver's reports. The simulation implements it to count events.
pub trait Observer {
    /// The loop starts.
    fn started(&mut self);

    /// The group has assigned these partitions, or none.
    fn assigned(&mut self, partitions: &[TopicPartition]);

    /// The group has assigned these to another member already.
    fn lost(&mut self, partitions: &[TopicPartition]);

    /// The loop made a turn, at this time of the monotonic clock.
    fn turned(&mut self, monotonic_ms: u64);

    /// The state machine reports news of a partition.
    fn reported(&mut self, partition: &TopicPartition, report: &Report, now: UtcSeconds);

    /// Where a partition stands, ten times a second.
    fn measured(&mut self, partition: &TopicPartition, measured: &Measured, now: Now);

    /// Bytes of records in memory that count in the budget, and their limit.
    fn memory(&mut self, used: usize, budget: usize);

    /// Kafka accepted a commit, `took_ms` after it was sent.
    fn committed(&mut self, partition: &TopicPartition, took_ms: u64, now: UtcSeconds);

    /// A configured topic cannot be read.
    fn topic_unavailable(&mut self, topic: &str, error: &KafkaError);

    /// A topic that could not be read is there.
    fn topic_available(&mut self, topic: &str);

    /// The partition was released or lost.
    fn released(&mut self, partition: &TopicPartition);
}

/// Reports to the log, the metrics and the health endpoints.
pub struct Observers {
    /// The archived positions, which the retention monitor reads.
    pub archived: ArchivedPositions,
    /// Which topics are archived.
    pub topics: TopicSelection,
    /// The current degradations, which decide readiness.
    pub degradations: Arc<Degradations>,
    /// Liveness and metrics.
    pub vitals: Vitals,
    /// The metrics of each partition.
    pub metrics: HashMap<TopicPartition, PartitionMetrics>,
    /// The partitions that the group has assigned.
    pub assigned: HashSet<TopicPartition>,
    /// Whether Kafka answered the newest probe.
    pub kafka_answers: bool,
    /// The lines about segments.
    pub lines: Arc<SegmentLines>,
    /// How far a run with an end is.
    pub shown: Option<Shown>,
    /// How long a member that died stays in the group.
    pub session_timeout: Duration,
}

impl Observers {
    fn count_assigned(&mut self, change: impl FnOnce(&mut HashSet<TopicPartition>)) {
        change(&mut self.assigned);
        self.vitals.metrics.assigned(self.assigned.len());
    }

    fn await_group(&self) {
        let leaves = self.vitals.clock.utc_seconds().unix() + self.session_timeout.as_secs() as i64;
        self.degradations.awaits(format!(
            "waiting for the group to assign partitions; a member that died leaves it by {}",
            UtcSeconds::from_unix(leaves)
        ));
    }
}

impl Observer for Observers {
    fn started(&mut self) {
        self.await_group();
    }

    fn assigned(&mut self, partitions: &[TopicPartition]) {
        self.degradations.begin();
        self.shown.iter_mut().for_each(Shown::assigned);
        self.count_assigned(|known| known.extend(partitions.iter().cloned()));
        if partitions.is_empty() {
            return;
        }
        tracing::info!(
            event = "partitions_assigned",
            partitions = partitions.len(),
            names = some_names(partitions),
            "the group has assigned partitions"
        );
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        self.await_group();
        tracing::warn!(
            event = "partitions_lost",
            partitions = partitions.len(),
            names = some_names(partitions),
            "the group takes partitions away, for another member or because their topic is gone: their records in memory are dropped"
        );
        for partition in partitions {
            tracing::debug!(
                event = "partition_lost",
                topic = &*partition.topic,
                partition = partition.partition,
                "lost"
            );
        }
    }

    fn turned(&mut self, monotonic_ms: u64) {
        self.vitals.health.turned(monotonic_ms);
    }

    fn reported(&mut self, partition: &TopicPartition, report: &Report, now: UtcSeconds) {
        self.shown
            .iter_mut()
            .for_each(|shown| shown.reported(partition, report));
        // That a topic was deleted which only a pattern names is reported once, when the cluster no longer lists it.
        if matches!(report, Report::Stopped(StopReason::TopicGone)) && !self.topics.is_named(&partition.topic) {
            tracing::debug!(
                event = "partition_gone",
                topic = &*partition.topic,
                partition = partition.partition,
                "the topic no longer exists"
            );
            return;
        }
        let line = match report {
            Report::Linked { link, .. } => self.lines.line(&link.link, &self.vitals.clock),
            _ => LinkLine::default(),
        };
        if let Report::Linked { link, seal_ms, .. } = report
            && link.link.segment.is_some()
        {
            self.vitals.metrics.sealed(*seal_ms as f64 / 1_000.0, line.latency_s);
        }
        report::log(partition, report, line);
        let all = &self.vitals.metrics;
        let metrics = self
            .metrics
            .entry(partition.clone())
            .or_insert_with(|| all.partition(partition, now));
        match report {
            Report::Linked { link, .. } => {
                let stored = link.link.segment.as_ref().map(|segment| segment.bytes);
                metrics.linked(link.link.record_count, stored);
                let next = link.link.next_place().first_offset;
                self.archived.archived(partition, next.0, metrics);
            }
            Report::LossFound {
                first_offset,
                next_offset,
            } => {
                metrics.lost(u64::try_from(next_offset - first_offset).unwrap_or(0));
            }
            Report::Fenced => metrics.fenced(),
            Report::Stopped(reason) => {
                self.degradations.stopped(&partition.to_string(), &reason.to_string());
                all.stopped(&partition.topic, Some(partition.partition), Some(reason.word()));
            }
            Report::Continues(next) => {
                self.archived.archived(partition, next.0, metrics);
                self.degradations.clear(&partition.to_string());
                all.stopped(&partition.topic, Some(partition.partition), None);
            }
            Report::NewEpoch(..) | Report::PassedOver(_) => {}
        }
    }

    fn measured(&mut self, partition: &TopicPartition, measured: &Measured, now: Now) {
        let unarchived = measured.standing.unarchived_records;
        self.shown
            .iter_mut()
            .for_each(|shown| shown.measured(partition, unarchived));
        let Some(metrics) = self.metrics.get(partition) else {
            return;
        };
        let standing = &measured.standing;
        metrics.buffered(standing.buffered_bytes as u64);
        let now = now.wall.unix();
        metrics.seal_due(standing.sealed_in_ms.map(|in_ms| now + (in_ms / 1_000) as i64));
        // Producers may set timestamps in the future.
        let newest = standing
            .newest_archived_ms
            .map(|newest_ms| (newest_ms / 1_000).min(now));
        metrics.archived(measured.next_offset, newest);
        if let Some(lag) = measured.lag {
            metrics.lagging(lag.max(0));
            // Without an answer of Kafka the log end is an old one.
            if lag <= 0 && self.kafka_answers {
                metrics.caught_up(now);
            }
        }
    }

    fn memory(&mut self, used: usize, budget: usize) {
        self.kafka_answers = !self.degradations.is_failing(Doing::ReachKafka);
        self.vitals.metrics.memory(used, budget);
    }

    fn committed(&mut self, partition: &TopicPartition, took_ms: u64, now: UtcSeconds) {
        self.vitals.metrics.commit_answered(took_ms as f64 / 1_000.0);
        if let Some(metrics) = self.metrics.get(partition) {
            metrics.committed(now);
        }
    }

    fn topic_unavailable(&mut self, topic: &str, error: &KafkaError) {
        tracing::error!(event = "topic_unavailable", topic, %error, "the topic is not archived; the others are");
        self.degradations.stopped(&format!("topic {topic}"), &error.to_string());
        let reason = match error {
            error if error.is_topic_forbidden() => "not_allowed",
            KafkaError::UnknownTopic { .. } => "unknown_topic",
            _ => "unreadable",
        };
        self.vitals.metrics.stopped(topic, None, Some(reason));
    }

    fn topic_available(&mut self, topic: &str) {
        tracing::info!(
            event = "topic_available",
            topic,
            "the topic is there: it is archived from here on"
        );
        self.degradations.clear(&format!("topic {topic}"));
        self.vitals.metrics.stopped(topic, None, None);
    }

    fn released(&mut self, partition: &TopicPartition) {
        self.count_assigned(|known| {
            known.remove(partition);
        });
        let number = Some(partition.partition);
        self.vitals.metrics.stopped(&partition.topic, number, None);
        self.metrics.remove(partition);
        self.degradations.clear(&partition.to_string());
        self.archived.released(partition);
        self.vitals.metrics.release(partition);
    }
}

/// The names of the first partitions.
fn some_names(partitions: &[TopicPartition]) -> String {
    const SOME: usize = 20;
    let mut names: Vec<String> = partitions.iter().take(SOME).map(ToString::to_string).collect();
    if partitions.len() > SOME {
        names.push("…".to_owned());
    }
    names.join(" ")
}

//! The driver's reports to the log, the metrics, liveness and readiness.

use std::collections::HashMap;
use std::sync::Arc;

use crate::archive::step::Report;
use crate::archiver::degradations::Degradations;
use crate::archiver::report;
use crate::archiver::retention::ArchivedPositions;
use crate::kafka::error::KafkaError;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::{PartitionMetrics, Vitals};

/// Receives the driver's reports. The simulation implements it to count events.
pub trait Observer {
    /// The loop starts.
    fn started(&mut self);

    /// The loop made a turn, at this time of the monotonic clock.
    fn turned(&mut self, monotonic_ms: u64);

    /// The state machine reports news of a partition.
    fn reported(&mut self, partition: &TopicPartition, report: &Report, now: UtcSeconds);

    /// A partition's buffered bytes, and its lag: the offsets between the durable head and Kafka's log end, if known.
    fn measured(&mut self, partition: &TopicPartition, buffered_bytes: usize, lag: Option<i64>);

    /// Kafka accepted a commit.
    fn committed(&mut self, partition: &TopicPartition, now: UtcSeconds);

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
    /// The current degradations, which decide readiness.
    pub degradations: Arc<Degradations>,
    /// Liveness and metrics.
    pub vitals: Vitals,
    /// The metrics of each partition.
    pub metrics: HashMap<TopicPartition, PartitionMetrics>,
}

impl Observer for Observers {
    fn started(&mut self) {
        self.degradations.begin();
    }

    fn turned(&mut self, monotonic_ms: u64) {
        self.vitals.health.turned(monotonic_ms);
    }

    fn reported(&mut self, partition: &TopicPartition, report: &Report, now: UtcSeconds) {
        report::log(partition, report);
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

    fn measured(&mut self, partition: &TopicPartition, buffered_bytes: usize, lag: Option<i64>) {
        let Some(metrics) = self.metrics.get(partition) else {
            return;
        };
        metrics.buffered(buffered_bytes as u64);
        if let Some(lag) = lag {
            metrics.lagging(lag.max(0));
        }
    }

    fn committed(&mut self, partition: &TopicPartition, now: UtcSeconds) {
        if let Some(metrics) = self.metrics.get(partition) {
            metrics.committed(now);
        }
    }

    fn topic_unavailable(&mut self, topic: &str, error: &KafkaError) {
        tracing::error!(topic, %error, "the topic is not archived; the others are");
        self.degradations.stopped(&format!("topic {topic}"), &error.to_string());
        let reason = match error {
            error if error.is_topic_forbidden() => "not_allowed",
            KafkaError::UnknownTopic { .. } => "unknown_topic",
            _ => "unreadable",
        };
        self.vitals.metrics.stopped(topic, None, Some(reason));
    }

    fn topic_available(&mut self, topic: &str) {
        tracing::info!(topic, "the topic is there: it is archived from here on");
        self.degradations.clear(&format!("topic {topic}"));
        self.vitals.metrics.stopped(topic, None, None);
    }

    fn released(&mut self, partition: &TopicPartition) {
        let number = Some(partition.partition);
        self.vitals.metrics.stopped(&partition.topic, number, None);
        self.metrics.remove(partition);
        self.degradations.clear(&partition.to_string());
        self.archived.released(partition);
        self.vitals.metrics.release(partition);
    }
}

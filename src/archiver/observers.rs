//! Where the driver reports: log, metrics, liveness, readiness.

use std::collections::HashMap;
use std::sync::Arc;

use crate::archive::step::Report;
use crate::archiver::degradations::Degradations;
use crate::archiver::report;
use crate::archiver::retention::ArchivedPositions;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::{PartitionMetrics, Vitals};

/// What the driver reports to. The simulator implements it too.
pub trait Observer {
    /// The loop begins.
    fn begun(&mut self);

    /// The loop has turned, at this moment of the monotonic clock.
    fn turned(&mut self, monotonic_ms: u64);

    /// The machine reports of a partition.
    fn reported(&mut self, partition: &TopicPartition, report: &Report, now: UtcSeconds);

    /// Bytes that are buffered of a partition, and how many offsets Kafka is ahead of the durable head, where known.
    fn measured(&mut self, partition: &TopicPartition, buffered_bytes: usize, lag: Option<i64>);

    /// Kafka has taken a commit.
    fn committed(&mut self, partition: &TopicPartition, now: UtcSeconds);

    /// The partition is no longer this archiver's.
    fn released(&mut self, partition: &TopicPartition);
}

/// The log, the metrics, and the endpoints of the real archiver.
pub struct Observers {
    /// Where the monitor of retention finds what is archived.
    pub archived: ArchivedPositions,
    /// What does not work at the moment.
    pub degradations: Arc<Degradations>,
    /// Liveness and metrics.
    pub vitals: Vitals,
    /// The metrics of each partition.
    pub metrics: HashMap<TopicPartition, PartitionMetrics>,
}

impl Observer for Observers {
    fn begun(&mut self) {
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
                self.archived.archived(partition, link.link.next_offset.0, metrics);
            }
            Report::LossFound {
                first_offset,
                next_offset,
            } => {
                metrics.lost(u64::try_from(next_offset - first_offset).unwrap_or(0));
            }
            Report::Fenced => metrics.fenced(),
            Report::Stopped(reason) => self.degradations.lasting(&partition.to_string(), &reason.to_string()),
            Report::Continues(next) => self.archived.archived(partition, next.0, metrics),
            Report::NewEpoch(_) | Report::PassedOver(_) => {}
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

    fn released(&mut self, partition: &TopicPartition) {
        self.metrics.remove(partition);
        self.degradations.forget(&partition.to_string());
        self.archived.released(partition);
        self.vitals.metrics.release(partition);
    }
}

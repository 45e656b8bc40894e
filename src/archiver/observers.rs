//! Who is told how the archiver gets on: log, metrics, readiness. Never asked anything.

use std::collections::HashMap;
use std::sync::Arc;

use crate::archive::step::Report;
use crate::archiver::degradations::Degradations;
use crate::archiver::retention::ArchivedPositions;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::{PartitionMetrics, Vitals};

/// Who is told how it goes.
pub struct Observers {
    /// Who looks how long Kafka keeps what waits.
    pub archived: ArchivedPositions,
    /// What does not work.
    pub degradations: Arc<Degradations>,
    /// Liveness and metrics.
    pub vitals: Vitals,
    /// The numbers of each partition.
    pub metrics: HashMap<TopicPartition, PartitionMetrics>,
}

impl Observers {
    /// A partition reports.
    pub fn tell(&mut self, partition: &TopicPartition, report: &Report, now: UtcSeconds) {
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

    /// How much waits in memory, and how far Kafka is ahead of the durable head.
    pub fn gauges(&self, partition: &TopicPartition, buffered_bytes: usize, lag: Option<i64>) {
        let Some(metrics) = self.metrics.get(partition) else {
            return;
        };
        metrics.buffered(buffered_bytes as u64);
        if let Some(lag) = lag {
            metrics.lagging(lag.max(0));
        }
    }

    /// Kafka has taken a commit.
    pub fn committed(&self, partition: &TopicPartition, now: UtcSeconds) {
        if let Some(metrics) = self.metrics.get(partition) {
            metrics.committed(now);
        }
    }

    /// The partition is somebody else's now.
    pub fn released(&mut self, partition: &TopicPartition) {
        self.metrics.remove(partition);
        self.degradations.forget(&partition.to_string());
        self.archived.released(partition);
        self.vitals.metrics.release(partition);
    }
}

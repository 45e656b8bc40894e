//! The archiver's metrics for Prometheus. They must be updated once per segment or batch, not per record; updates of a
//! partition take no lock. Times come in as values, and durations are computed when the metrics are read.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::archiver_metrics::ArchiverMetrics;
use crate::telemetry::latency_metrics::Latencies;
use crate::telemetry::partition_metrics::{Partitions, Totals};
use crate::telemetry::partition_values::PartitionMetrics;
use crate::telemetry::process_metrics::ProcessMetrics;
use crate::telemetry::stopped_metrics::Stopped;
use crate::telemetry::witness_metrics::{WitnessMetrics, Witnesses};

/// How many partitions have series of their own, unless the settings say otherwise.
const PARTITION_LIMIT: usize = 1_000;

/// All metrics of one archiver; shared behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(super) partitions: Arc<Partitions>,
    pub(super) families: Families,
}

#[derive(Debug, Default)]
pub(super) struct Families {
    pub(super) archiver: ArchiverMetrics,
    column_misfits: Family<ColumnLabels, Counter>,
    retries: Family<RetryLabels, Counter>,
    pub(super) latencies: Latencies,
    pub(super) witnesses: Witnesses,
    pub(super) stopped: Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ColumnLabels {
    topic: String,
    column: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RetryLabels {
    operation: &'static str,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::with_partition_limit(PARTITION_LIMIT)
    }
}

impl Families {
    fn register(&self, all: &mut Registry) {
        self.archiver.register(all);
        let misfits = self.column_misfits.clone();
        let help = "Values that are not of the type of their typed column, in segments encoded here";
        all.register("column_misfits", help, misfits);
        let help = "Attempts that failed and were repeated, by operation";
        all.register("retries", help, self.retries.clone());
        self.latencies.register(all);
        self.witnesses.register(all);
        self.stopped.register(all);
    }
}

impl Metrics {
    /// Metrics where at most this many partitions have series of their own.
    #[must_use]
    pub fn with_partition_limit(limit: usize) -> Metrics {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessMetrics));
        let own = registry.sub_registry_with_prefix("kivend");
        let partitions = Arc::new(Partitions::with_limit(limit));
        own.register_collector(Box::new(Arc::clone(&partitions)));
        let families = Families::default();
        families.register(own);
        Metrics {
            registry,
            partitions,
            families,
        }
    }

    /// The archiver starts at `now`, and will attempt these operations: their counts of retries begin at 0.
    pub fn begin(&self, operations: &[&'static str], now: UtcSeconds) {
        self.families.archiver.begin(now);
        for &operation in operations {
            drop(self.families.retries.get_or_create(&RetryLabels { operation }));
        }
    }

    /// The metrics of a partition, which this archiver owns from `now` on if it did not before.
    pub fn partition(&self, place: &TopicPartition, now: UtcSeconds) -> PartitionMetrics {
        self.partitions.hold(place, now)
    }

    /// The partition has another owner now: removes its gauges and keeps its counters.
    pub fn release(&self, place: &TopicPartition) {
        self.partitions.release(place);
    }

    /// The sums over all partitions at `now`.
    pub fn totals(&self, now: UtcSeconds) -> Totals {
        self.partitions.totals(now)
    }

    /// Sets how many partitions the group has assigned.
    pub fn assigned(&self, partitions: usize) {
        let partitions = i64::try_from(partitions).unwrap_or(i64::MAX);
        self.families.archiver.assigned_partitions.set(partitions);
    }

    /// Sets the bytes of records in memory, and their limit.
    pub fn memory(&self, used: usize, budget: usize) {
        self.families.archiver.memory(used, budget);
    }

    /// A checkpoint over `size` entries was found to cover every link at `now`.
    pub fn covered(&self, size: u64, now: UtcSeconds) {
        self.families.archiver.covered(size, now);
    }

    /// Sets how many checkpoints a mirror lacks.
    pub fn mirror_behind(&self, mirror: &str, checkpoints: u64) {
        self.families.archiver.mirror_behind(mirror, checkpoints);
    }

    /// The metrics of a witness by the name of its key, created at `now` if it is new.
    pub fn witness(&self, name: &str, now: UtcSeconds) -> WitnessMetrics {
        self.families.witnesses.witness(name, now)
    }

    /// Counts values that are not of the type of their typed column.
    pub fn did_not_fit(&self, topic: &str, column: &str, values: u64) {
        let labels = ColumnLabels {
            topic: topic.to_owned(),
            column: column.to_owned(),
        };
        self.families.column_misfits.get_or_create(&labels).inc_by(values);
    }

    /// Sets why a topic, or one partition of it, is not archived; none once it is.
    pub fn stopped(&self, topic: &str, partition: Option<i32>, reason: Option<&'static str>) {
        self.families.stopped.set(topic, partition, reason);
    }

    /// Counts a retry of an operation, such as `create_segment`.
    pub fn retried(&self, operation: &'static str) {
        self.families.retries.get_or_create(&RetryLabels { operation }).inc();
    }

    /// An operation succeeded, this long after its first attempt began.
    pub fn done(&self, operation: &'static str, seconds: f64) {
        self.families.latencies.done(operation, seconds);
    }

    /// Records a request to the store: its duration, and `ok` or the code of its error.
    pub fn store_answered(&self, operation: &'static str, code: &str, seconds: f64) {
        self.families.latencies.store_answered(operation, code, seconds);
    }

    /// A segment was sealed in `seal_s` seconds; its oldest record was `age_s` seconds old then.
    pub fn sealed(&self, seal_s: f64, age_s: Option<f64>) {
        self.families.latencies.sealed(seal_s, age_s);
    }

    /// Kafka answered a commit after this many seconds.
    pub fn commit_answered(&self, seconds: f64) {
        self.families.latencies.committed(seconds);
    }

    /// All metrics at `now` in the OpenMetrics text format.
    pub fn encode(&self, now: UtcSeconds) -> String {
        let families = &self.families;
        self.partitions.set_now(now);
        families.archiver.set_durations(now);
        families
            .witnesses
            .set_durations(families.archiver.checkpoint_size(), now);
        let mut encoded = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut encoded, &self.registry);
        encoded
    }
}

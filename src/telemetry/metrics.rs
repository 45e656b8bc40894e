//! The archiver's metrics for Prometheus. They must be updated once per segment or batch, not per record; updates of a
//! partition take no lock. Times come in as values, and durations are computed when the metrics are read.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::call_times::CallTimes;
use crate::telemetry::partition_metrics::{Partitions, Totals};
use crate::telemetry::partition_values::PartitionMetrics;
use crate::telemetry::stopped_metrics::Stopped;
use crate::telemetry::witness_metrics::{WitnessMetrics, Witnesses};

/// How many partitions have series of their own, unless the settings say otherwise.
const PARTITION_LIMIT: usize = 1_000;

/// All metrics of one archiver; shared behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    partitions: Arc<Partitions>,
    families: Families,
}

#[derive(Debug, Default)]
struct Families {
    column_misfits: Family<ColumnLabels, Counter>,
    retries: Family<RetryLabels, Counter>,
    store_calls: CallTimes,
    witnesses: Witnesses,
    stopped: Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ColumnLabels {
    topic: String,
    column: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RetryLabels {
    cause: &'static str,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::with_partition_limit(PARTITION_LIMIT)
    }
}

impl Families {
    fn register(&self, all: &mut Registry) {
        let misfits = self.column_misfits.clone();
        let help = "Values that are not of the type of their typed column, in segments encoded here";
        all.register("column_misfits", help, misfits);
        all.register("retries", "Calls tried again, by cause", self.retries.clone());
        self.store_calls.register(all);
        self.witnesses.register(all);
        self.stopped.register(all);
    }
}

impl Metrics {
    /// Metrics where at most this many partitions have series of their own.
    #[must_use]
    pub fn with_partition_limit(limit: usize) -> Metrics {
        let mut registry = Registry::with_prefix("kivend");
        let partitions = Arc::new(Partitions::with_limit(limit));
        registry.register_collector(Box::new(Arc::clone(&partitions)));
        let families = Families::default();
        families.register(&mut registry);
        Metrics {
            registry,
            partitions,
            families,
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

    /// Counts a retry by its `cause`, such as `store_transient`.
    pub fn retried(&self, cause: &'static str) {
        self.families.retries.get_or_create(&RetryLabels { cause }).inc();
    }

    /// Records the duration of a `create`, `get` or `list` of the store.
    pub fn store_answered(&self, operation: &'static str, seconds: f64) {
        self.families.store_calls.answered(operation, seconds);
    }

    /// All metrics at `now` in the OpenMetrics text format.
    pub fn encode(&self, now: UtcSeconds) -> String {
        self.partitions.set_now(now);
        self.families.witnesses.set_durations(now);
        let mut encoded = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut encoded, &self.registry);
        encoded
    }
}

//! The archiver's metrics for Prometheus. They must be updated once per segment or batch, not per record; updates of a
//! partition take no lock. Times come in as values, and durations are computed when the metrics are read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::call_times::CallTimes;
use crate::telemetry::stopped_metrics::Stopped;
use crate::telemetry::witness_metrics::{WitnessMetrics, Witnesses};

type FloatGauge = Gauge<f64, AtomicU64>;

/// All metrics of one archiver; shared behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    partitions: Mutex<BTreeMap<TopicPartition, PartitionMetrics>>,
}

#[derive(Debug, Default)]
struct Families {
    records: Family<PartitionLabels, Counter>,
    segments: Family<PartitionLabels, Counter>,
    links: Family<PartitionLabels, Counter>,
    stored_bytes: Family<PartitionLabels, Counter>,
    lost_records: Family<PartitionLabels, Counter>,
    fenced: Family<PartitionLabels, Counter>,
    buffered_bytes: Family<PartitionLabels, Gauge>,
    lag: Family<PartitionLabels, Gauge>,
    since_commit: Family<PartitionLabels, FloatGauge>,
    until_deletion: Family<PartitionLabels, FloatGauge>,
    column_misfits: Family<ColumnLabels, Counter>,
    unstable: Family<PartitionLabels, Gauge>,
    open_transaction: Family<PartitionLabels, FloatGauge>,
    retries: Family<RetryLabels, Counter>,
    store_calls: CallTimes,
    witnesses: Witnesses,
    stopped: Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    topic: String,
    partition: i32,
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

/// The metrics of one partition. Cheap to clone and to update.
#[derive(Debug, Clone)]
pub struct PartitionMetrics {
    records: Counter,
    segments: Counter,
    links: Counter,
    stored_bytes: Counter,
    lost_records: Counter,
    fenced: Counter,
    buffered_bytes: Gauge,
    lag: Gauge,
    since_commit: FloatGauge,
    until_deletion: FloatGauge,
    unstable: Gauge,
    open_transaction: FloatGauge,
    times: Arc<Times>,
}

/// Unix seconds; [`NEVER`] for a time that is not set.
#[derive(Debug)]
struct Times {
    last_commit: AtomicI64,
    deletion: AtomicI64,
    open_since: AtomicI64,
}

const NEVER: i64 = i64::MAX;

impl Default for Metrics {
    fn default() -> Metrics {
        let families = Families::default();
        Metrics {
            registry: families.registry(),
            families,
            partitions: Mutex::default(),
        }
    }
}

impl Families {
    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("kivend");
        all.register(
            "records",
            "Records in the archive, by links written here",
            self.records.clone(),
        );
        all.register("segments", "Segments created or adopted", self.segments.clone());
        all.register("links", "Links created: the commit points", self.links.clone());
        let stored = self.stored_bytes.clone();
        all.register_with_unit("stored", "Bytes of the segments that links own", Unit::Bytes, stored);
        all.register(
            "lost_records",
            "Offsets that Kafka deleted before they were archived",
            self.lost_records.clone(),
        );
        all.register(
            "fenced",
            "Times another writer was found to own the partition",
            self.fenced.clone(),
        );
        let buffered = self.buffered_bytes.clone();
        all.register_with_unit(
            "buffered",
            "Bytes of records in memory, not yet durable",
            Unit::Bytes,
            buffered,
        );
        all.register("lag_records", "High watermark minus next offset", self.lag.clone());
        let since = self.since_commit.clone();
        all.register_with_unit(
            "since_commit",
            "Since an offset was last committed",
            Unit::Seconds,
            since,
        );
        let until = self.until_deletion.clone();
        let help =
            "Until Kafka deletes the oldest record that is not archived, committed or not; +Inf where none waits";
        all.register_with_unit("until_deletion", help, Unit::Seconds, until);
        let misfits = self.column_misfits.clone();
        let help = "Values that are not of the type of their typed column, in segments encoded here";
        all.register("column_misfits", help, misfits);
        let unstable = self.unstable.clone();
        let help = "High watermark minus last stable offset: what waits for an open transaction";
        all.register("unstable_records", help, unstable);
        let open = self.open_transaction.clone();
        let help = "Since the partition's oldest open transaction was first seen; 0 where none is open";
        all.register_with_unit("open_transaction", help, Unit::Seconds, open);
        all.register("retries", "Calls tried again, by cause", self.retries.clone());
        self.store_calls.register(&mut all);
        self.witnesses.register(&mut all);
        self.stopped.register(&mut all);
        all
    }

    fn partition(&self, place: &TopicPartition, now: UtcSeconds) -> PartitionMetrics {
        let labels = labels(place);
        PartitionMetrics {
            records: self.records.get_or_create_owned(&labels),
            segments: self.segments.get_or_create_owned(&labels),
            links: self.links.get_or_create_owned(&labels),
            stored_bytes: self.stored_bytes.get_or_create_owned(&labels),
            lost_records: self.lost_records.get_or_create_owned(&labels),
            fenced: self.fenced.get_or_create_owned(&labels),
            buffered_bytes: self.buffered_bytes.get_or_create_owned(&labels),
            lag: self.lag.get_or_create_owned(&labels),
            since_commit: self.since_commit.get_or_create_owned(&labels),
            until_deletion: self.until_deletion.get_or_create_owned(&labels),
            unstable: self.unstable.get_or_create_owned(&labels),
            open_transaction: self.open_transaction.get_or_create_owned(&labels),
            times: Arc::new(Times {
                last_commit: now.unix().into(),
                deletion: NEVER.into(),
                open_since: NEVER.into(),
            }),
        }
    }
}

fn labels(place: &TopicPartition) -> PartitionLabels {
    PartitionLabels {
        topic: place.topic.to_string(),
        partition: place.partition,
    }
}

impl Metrics {
    /// The metrics of a partition, created at `now` if the partition is new.
    pub fn partition(&self, place: &TopicPartition, now: UtcSeconds) -> PartitionMetrics {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions
            .entry(place.clone())
            .or_insert_with(|| self.families.partition(place, now))
            .clone()
    }

    /// The partition has another owner now: removes its gauges and keeps its counters.
    pub fn release(&self, place: &TopicPartition) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.remove(place);
        let labels = labels(place);
        self.families.buffered_bytes.remove(&labels);
        self.families.lag.remove(&labels);
        self.families.since_commit.remove(&labels);
        self.families.until_deletion.remove(&labels);
        self.families.unstable.remove(&labels);
        self.families.open_transaction.remove(&labels);
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
        for partition in self.partitions.lock().unwrap_or_else(PoisonError::into_inner).values() {
            partition.set_durations(now);
        }
        self.families.witnesses.set_durations(now);
        let mut encoded = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut encoded, &self.registry);
        encoded
    }
}

impl PartitionMetrics {
    /// A link was created with `records` records in a segment of `stored_bytes`; none for a link without a segment.
    pub fn linked(&self, records: u64, stored_bytes: Option<u64>) {
        self.links.inc();
        self.records.inc_by(records);
        if let Some(bytes) = stored_bytes {
            self.segments.inc();
            self.stored_bytes.inc_by(bytes);
        }
    }

    /// Sets the bytes of records in memory.
    pub fn buffered(&self, bytes: u64) {
        self.buffered_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Sets the lag: high watermark minus next offset.
    pub fn lagging(&self, records: i64) {
        self.lag.set(records);
    }

    /// An offset was committed to Kafka at `now`.
    pub fn committed(&self, now: UtcSeconds) {
        self.times.last_commit.store(now.unix(), Ordering::Relaxed);
    }

    /// Sets when Kafka deletes the oldest record that is not archived; none if all are archived.
    pub fn deletion_due(&self, at: Option<UtcSeconds>) {
        self.times
            .deletion
            .store(at.map_or(NEVER, UtcSeconds::unix), Ordering::Relaxed);
    }

    /// Sets how many offsets wait for an open transaction, and when it was first seen; none if none is open.
    pub fn open_transaction(&self, waiting: u64, since: Option<UtcSeconds>) {
        self.unstable.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let since = since.map_or(NEVER, UtcSeconds::unix);
        self.times.open_since.store(since, Ordering::Relaxed);
    }

    /// Counts offsets that Kafka deleted before they were archived.
    pub fn lost(&self, records: u64) {
        self.lost_records.inc_by(records);
    }

    /// Counts a fencing: another writer owns the partition.
    pub fn fenced(&self) {
        self.fenced.inc();
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of a lifetime fit")]
    fn set_durations(&self, now: UtcSeconds) {
        let since = now
            .unix()
            .saturating_sub(self.times.last_commit.load(Ordering::Relaxed));
        self.since_commit.set(since.max(0) as f64);
        let open_for = match self.times.open_since.load(Ordering::Relaxed) {
            NEVER => 0,
            since => now.unix().saturating_sub(since).max(0),
        };
        self.open_transaction.set(open_for as f64);
        let due = self.times.deletion.load(Ordering::Relaxed);
        self.until_deletion.set(if due == NEVER {
            f64::INFINITY
        } else {
            due.saturating_sub(now.unix()) as f64
        });
    }
}

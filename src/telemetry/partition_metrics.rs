//! The metrics of partitions, made from their values when they are read. At most a given number of partitions have series of their own, the others share one of each metric, so that the
//! number of series is bounded whatever the number of partitions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::partition_values::{NEVER, PartitionMetrics, Values, signed, since, until, whole};

/// The topic and the partition of the series that further partitions share. No topic's name may have a bracket.
pub(super) const OTHERS: &str = "(other)";

/// The metrics of all partitions.
#[derive(Debug)]
pub(super) struct Partitions {
    /// How many partitions have series of their own.
    limit: usize,
    known: Mutex<BTreeMap<TopicPartition, Known>>,
    /// The time of the scrape, in Unix seconds.
    now: AtomicI64,
}

#[derive(Debug)]
struct Known {
    metrics: PartitionMetrics,
    /// Whether this archiver owns the partition now. Otherwise only its counters are shown.
    is_held: bool,
    has_own_series: bool,
}

/// The sums over the partitions of an archiver.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Partitions that it holds.
    pub partitions: u64,
    /// Records in links written since the start.
    pub records: u64,
    /// Records between the durable heads and the ends of Kafka's logs.
    pub lag: i64,
    /// Bytes of records in memory.
    pub buffered_bytes: i64,
    /// The partition whose oldest record that is not archived is deleted first, and the seconds until then.
    pub next_deletion: Option<(TopicPartition, i64)>,
}

/// How the values of partitions that share a series become one.
#[derive(Debug, Clone, Copy)]
enum Fold {
    Sum,
    Greatest,
    Least,
}

/// What a value counts or measures.
#[derive(Debug, Clone, Copy)]
enum Measure {
    Number,
    Bytes,
    Seconds,
}

struct Definition {
    name: &'static str,
    measure: Measure,
    kind: MetricType,
    fold: Fold,
    help: &'static str,
    read: fn(&Values, i64) -> f64,
}

const fn counter(name: &'static str, help: &'static str, read: fn(&Values, i64) -> f64) -> Definition {
    Definition {
        name,
        measure: Measure::Number,
        kind: MetricType::Counter,
        fold: Fold::Sum,
        help,
        read,
    }
}

const fn gauge(name: &'static str, help: &'static str, read: fn(&Values, i64) -> f64) -> Definition {
    Definition {
        kind: MetricType::Gauge,
        ..counter(name, help, read)
    }
}

const fn seconds(name: &'static str, fold: Fold, help: &'static str, read: fn(&Values, i64) -> f64) -> Definition {
    Definition {
        measure: Measure::Seconds,
        fold,
        ..gauge(name, help, read)
    }
}

const fn in_bytes(definition: Definition) -> Definition {
    Definition {
        measure: Measure::Bytes,
        ..definition
    }
}

static DEFINITIONS: [Definition; 13] = [
    counter("records", "Records in the archive, by links written here", |v, _| {
        whole(&v.records)
    }),
    counter("segments", "Segments created or adopted", |v, _| whole(&v.segments)),
    counter("links", "Links created: the commit points", |v, _| whole(&v.links)),
    in_bytes(counter("stored", "Bytes of the segments that links own", |v, _| {
        whole(&v.stored_bytes)
    })),
    counter(
        "lost_records",
        "Offsets that Kafka deleted before they were archived",
        |v, _| whole(&v.lost_records),
    ),
    counter(
        "fenced",
        "Times another writer was found to own the partition",
        |v, _| whole(&v.fenced),
    ),
    in_bytes(gauge(
        "buffered",
        "Bytes of records in memory, not yet durable",
        |v, _| signed(&v.buffered_bytes),
    )),
    gauge(
        "lag_records",
        "High watermark minus the first offset that is not archived",
        |v, _| signed(&v.lag),
    ),
    gauge(
        "stable_lag_records",
        "Last stable offset minus the first offset that is not archived: what can be archived now; checked every minute",
        |v, _| signed(&v.stable_lag),
    ),
    gauge(
        "unstable_records",
        "High watermark minus last stable offset: what waits for an open transaction",
        |v, _| signed(&v.unstable),
    ),
    seconds(
        "since_commit",
        Fold::Greatest,
        "Since an offset was last committed, or since the assignment",
        |v, now| since(&v.last_commit, now),
    ),
    seconds(
        "until_deletion",
        Fold::Least,
        "Until Kafka deletes the oldest record that is not archived, committed or not; +Inf where none waits",
        |v, now| until(&v.deletion, now),
    ),
    seconds(
        "open_transaction",
        Fold::Greatest,
        "Since the partition's oldest open transaction was first seen; 0 where none is open",
        |v, now| since(&v.open_since, now),
    ),
];

impl Partitions {
    pub(super) fn with_limit(limit: usize) -> Partitions {
        Partitions {
            limit,
            known: Mutex::default(),
            now: AtomicI64::new(0),
        }
    }

    /// The metrics of a partition that is held from `now` on.
    pub(super) fn hold(&self, place: &TopicPartition, now: UtcSeconds) -> PartitionMetrics {
        self.change(|known| {
            let own = known.values().filter(|other| other.has_own_series).count();
            let entry = known.entry(place.clone()).or_insert_with(|| Known {
                metrics: PartitionMetrics::new(),
                is_held: false,
                has_own_series: own < self.limit,
            });
            if !std::mem::replace(&mut entry.is_held, true) {
                entry.metrics.values().begin(now);
            }
            entry.metrics.clone()
        })
    }

    /// The partition has another owner now: its gauges end, and its counters stay.
    pub(super) fn release(&self, place: &TopicPartition) {
        self.change(|known| {
            if let Some(known) = known.get_mut(place) {
                known.is_held = false;
            }
        });
    }

    /// The metrics of every partition, and whether this archiver owns it now.
    pub(super) fn all(&self) -> Vec<(TopicPartition, PartitionMetrics, bool)> {
        self.change(|known| {
            let each = known.iter();
            each.map(|(place, known)| (place.clone(), known.metrics.clone(), known.is_held))
                .collect()
        })
    }

    /// Sets the time that durations are measured to.
    pub(super) fn set_now(&self, now: UtcSeconds) {
        self.now.store(now.unix(), Ordering::Relaxed);
    }

    pub(super) fn totals(&self, now: UtcSeconds) -> Totals {
        self.change(|known| {
            let mut totals = Totals::default();
            for (place, known) in known.iter() {
                let values = known.metrics.values();
                totals.records += values.records.load(Ordering::Relaxed);
                if !known.is_held {
                    continue;
                }
                totals.partitions += 1;
                totals.lag += values.lag.load(Ordering::Relaxed);
                totals.buffered_bytes += values.buffered_bytes.load(Ordering::Relaxed);
                let deletion = values.deletion.load(Ordering::Relaxed);
                let left_s = deletion.saturating_sub(now.unix());
                let is_first = totals.next_deletion.as_ref().is_none_or(|(_, first)| left_s < *first);
                if deletion != NEVER && is_first {
                    totals.next_deletion = Some((place.clone(), left_s));
                }
            }
            totals
        })
    }

    /// A poisoned lock is ignored: no change panics half way.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<TopicPartition, Known>) -> T) -> T {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Collector for Partitions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.now.load(Ordering::Relaxed);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for definition in &DEFINITIONS {
            let (name, help, unit) = (definition.name, definition.help, definition.measure.unit());
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), definition.kind)?;
            let is_counter = matches!(definition.kind, MetricType::Counter);
            let mut others: Option<f64> = None;
            for (place, known) in known.iter().filter(|(_, known)| known.is_held || is_counter) {
                let value = (definition.read)(known.metrics.values(), now);
                if known.has_own_series {
                    let labels = [
                        ("topic", place.topic.to_string()),
                        ("partition", place.partition.to_string()),
                    ];
                    definition.sample(family.encode_family(&labels)?, value)?;
                } else {
                    others = Some(others.map_or(value, |others| definition.fold.of(others, value)));
                }
            }
            if let Some(value) = others {
                let labels = [("topic", OTHERS), ("partition", OTHERS)];
                definition.sample(family.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }
}

impl Definition {
    fn sample(&self, mut encoder: MetricEncoder<'_>, value: f64) -> fmt::Result {
        match (self.kind, self.measure) {
            (MetricType::Counter, _) => encoder.encode_counter::<NoLabelSet, _, f64>(&(value as u64), None),
            (_, Measure::Seconds) => encoder.encode_gauge(&value),
            _ => encoder.encode_gauge(&(value as i64)),
        }
    }
}

impl Measure {
    fn unit(self) -> Option<Unit> {
        match self {
            Measure::Number => None,
            Measure::Bytes => Some(Unit::Bytes),
            Measure::Seconds => Some(Unit::Seconds),
        }
    }
}

impl Fold {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Fold::Sum => one + other,
            Fold::Greatest => one.max(other),
            Fold::Least => one.min(other),
        }
    }
}

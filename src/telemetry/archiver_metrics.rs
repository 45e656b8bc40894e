//! Metrics of the archiver as a whole: its build, its memory, its partitions, and the checkpoints with their mirrors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::record::utc::UtcSeconds;

type FloatGauge = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MirrorLabels {
    mirror: String,
}

#[derive(Debug, Default)]
pub(super) struct ArchiverMetrics {
    build: Family<BuildLabels, Gauge>,
    pub(super) assigned_partitions: Gauge,
    memory_budget: Gauge,
    memory_used: Gauge,
    checkpoint_size: Gauge,
    checkpoint_age: FloatGauge,
    mirrors_behind: Family<MirrorLabels, Gauge>,
    mirrors: Mutex<BTreeMap<String, u64>>,
    /// When every link was last found covered by a checkpoint, or the start, in Unix seconds; 0 before it.
    covered: AtomicI64,
}

impl ArchiverMetrics {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register("build_info", "1, with the version as a label", self.build.clone());
        let version = env!("CARGO_PKG_VERSION");
        self.build.get_or_create(&BuildLabels { version }).set(1);
        let help = "Partitions that this archiver owns";
        all.register("assigned_partitions", help, self.assigned_partitions.clone());
        let help = "Limit of the bytes of records in memory: archive.memory_budget";
        all.register_with_unit("memory_budget", help, Unit::Bytes, self.memory_budget.clone());
        let help = "Bytes of records in memory that count in the budget, with those in the encoder";
        all.register_with_unit("memory_used", help, Unit::Bytes, self.memory_used.clone());
        let help = "Entries of the archive's log that the newest checkpoint covers";
        all.register("checkpoint_size", help, self.checkpoint_size.clone());
        let help = "Since a checkpoint was last found to cover every link, or since the start";
        all.register_with_unit("checkpoint_age", help, Unit::Seconds, self.checkpoint_age.clone());
        let help = "Checkpoints that a mirror lacks";
        all.register("mirror_behind_checkpoints", help, self.mirrors_behind.clone());
    }

    pub(super) fn memory(&self, used: usize, budget: usize) {
        self.memory_used.set(i64::try_from(used).unwrap_or(i64::MAX));
        self.memory_budget.set(i64::try_from(budget).unwrap_or(i64::MAX));
    }

    pub(super) fn begin(&self, now: UtcSeconds) {
        self.covered.store(now.unix(), Ordering::Relaxed);
    }

    pub(super) fn covered(&self, size: u64, now: UtcSeconds) {
        self.checkpoint_size.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.covered.store(now.unix(), Ordering::Relaxed);
    }

    pub(super) fn checkpoint_size(&self) -> i64 {
        self.checkpoint_size.get()
    }

    pub(super) fn mirror_behind(&self, mirror: &str, checkpoints: u64) {
        let labels = MirrorLabels {
            mirror: mirror.to_owned(),
        };
        let behind = i64::try_from(checkpoints).unwrap_or(i64::MAX);
        self.mirrors_behind.get_or_create(&labels).set(behind);
        let mut mirrors = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        mirrors.insert(mirror.to_owned(), checkpoints);
    }

    /// How many checkpoints each mirror lacks.
    pub(super) fn mirrors(&self) -> BTreeMap<String, u64> {
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bytes of records in memory, and their limit.
    pub(super) fn memory_used(&self) -> (i64, i64) {
        (self.memory_used.get(), self.memory_budget.get())
    }

    /// Since a checkpoint was last found to cover every link, or since the start, in seconds.
    pub(super) fn checkpoint_age_s(&self, now: UtcSeconds) -> i64 {
        match self.covered.load(Ordering::Relaxed) {
            0 => 0,
            covered => now.unix().saturating_sub(covered).max(0),
        }
    }

    pub(super) fn set_durations(&self, now: UtcSeconds) {
        self.checkpoint_age.set(self.checkpoint_age_s(now) as f64);
    }
}

//! Metrics of the witnesses that cosign the archive's checkpoints.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::record::utc::UtcSeconds;

type FloatGauge = Gauge<f64, AtomicU64>;

/// The metrics of all witnesses, by the names of their keys.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    size: Family<WitnessLabels, Gauge>,
    since: Family<WitnessLabels, FloatGauge>,
    behind: Family<WitnessLabels, Gauge>,
    failures: Family<FailureLabels, Counter>,
    each: Mutex<BTreeMap<String, WitnessMetrics>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WitnessLabels {
    witness: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    witness: String,
    cause: &'static str,
}

/// The metrics of one witness. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WitnessMetrics {
    witness: String,
    size: Gauge,
    since: FloatGauge,
    behind: Gauge,
    failures: Family<FailureLabels, Counter>,
    /// Unix seconds of the last cosignature, or of the start.
    last: Arc<AtomicI64>,
    failed: Arc<AtomicU64>,
}

/// How far a witness has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WitnessStanding {
    pub(super) name: String,
    /// Size of the newest tree that it cosigned; 0 before the first.
    pub(super) size: i64,
    /// Since its last cosignature, or since the start.
    pub(super) since_cosigned_s: i64,
    /// Submissions that brought no cosignature.
    pub(super) failures: u64,
}

impl Witnesses {
    pub(super) fn register(&self, all: &mut Registry) {
        let help = "Size of the newest tree that the witness cosigned for this archiver";
        all.register("witness_size", help, self.size.clone());
        let help = "Since the witness last cosigned a checkpoint, or since the start";
        all.register_with_unit("since_cosigned", help, Unit::Seconds, self.since.clone());
        let help = "Checkpoints since the newest one that the witness cosigned for this archiver";
        all.register("witness_behind_checkpoints", help, self.behind.clone());
        let help = "Submissions that brought no cosignature, by cause";
        all.register("witness_failures", help, self.failures.clone());
    }

    /// The metrics of a witness, created at `now` if it is new.
    pub(super) fn witness(&self, name: &str, now: UtcSeconds) -> WitnessMetrics {
        let labels = WitnessLabels {
            witness: name.to_owned(),
        };
        let create = || WitnessMetrics {
            witness: name.to_owned(),
            size: self.size.get_or_create_owned(&labels),
            since: self.since.get_or_create_owned(&labels),
            behind: self.behind.get_or_create_owned(&labels),
            failures: self.failures.clone(),
            last: Arc::new(now.unix().into()),
            failed: Arc::default(),
        };
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.entry(name.to_owned()).or_insert_with(create).clone()
    }

    /// How far each has come at `now`.
    pub(super) fn standings(&self, now: UtcSeconds) -> Vec<WitnessStanding> {
        let each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = |witness: &WitnessMetrics| WitnessStanding {
            name: witness.witness.clone(),
            size: witness.size.get(),
            since_cosigned_s: now.unix().saturating_sub(witness.last.load(Ordering::Relaxed)).max(0),
            failures: witness.failed.load(Ordering::Relaxed),
        };
        each.values().map(standing).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of a lifetime fit")]
    pub(super) fn set_durations(&self, checkpoint_size: i64, now: UtcSeconds) {
        for witness in self.each.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let since = now.unix().saturating_sub(witness.last.load(Ordering::Relaxed));
            witness.since.set(since.max(0) as f64);
            witness.behind.set((checkpoint_size - witness.size.get()).max(0));
        }
    }
}

impl WitnessMetrics {
    /// The witness cosigned a tree of this size at `now`.
    pub fn cosigned(&self, size: u64, now: UtcSeconds) {
        self.size.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.last.store(now.unix(), Ordering::Relaxed);
    }

    /// Counts a submission that brought no cosignature, by its `cause`, such as `no_answer`.
    pub fn failed(&self, cause: &'static str) {
        let labels = FailureLabels {
            witness: self.witness.clone(),
            cause,
        };
        self.failures.get_or_create(&labels).inc();
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

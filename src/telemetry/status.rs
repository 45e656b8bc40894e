//! What `/status.json` says: the archiver as it is now, and its last hour. docs/STATUS.md describes every field.

use serde::Serialize;

use crate::clock::Clock;
use crate::record::utc::UtcSeconds;
use crate::telemetry::attention::Level;
use crate::telemetry::health::Health;
use crate::telemetry::history::{EVERY, History, Sample};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::partition_rows::{Listing, PartitionPage, Sums, page_of};
use crate::telemetry::witness_metrics::WitnessStanding;

/// Stopped topics and partitions that are listed; the others are counted.
const STOPPED_MAX: usize = 20;

/// The answer. Times are in Unix seconds.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    now: i64,
    uptime_s: u64,
    level: Level,
    alive: bool,
    ready: bool,
    reasons: Vec<String>,
    further_reasons: usize,
    archive: Archive,
    checkpoint: Checkpoint,
    witnesses: Vec<Witness>,
    mirrors: Vec<Mirror>,
    store: Store,
    stopped: Vec<Stopped>,
    further_stopped: usize,
    partitions: PartitionPage,
    history: Hour,
}

#[derive(Debug, Serialize)]
struct Archive {
    archived_until: Option<i64>,
    lag: i64,
    records: u64,
    stored_bytes: u64,
    lost_records: u64,
    memory_used_bytes: i64,
    memory_budget_bytes: i64,
    memory_level: Level,
}

#[derive(Debug, Serialize)]
struct Checkpoint {
    size: i64,
    age_s: i64,
    level: Level,
}

#[derive(Debug, Serialize)]
struct Witness {
    name: String,
    size: i64,
    behind: i64,
    since_cosigned_s: i64,
    failures: u64,
    level: Level,
}

#[derive(Debug, Serialize)]
struct Mirror {
    name: String,
    behind: u64,
    level: Level,
}

#[derive(Debug, Serialize)]
struct Store {
    requests: u64,
    errors: u64,
    codes: Vec<(String, u64)>,
}

#[derive(Debug, Serialize)]
struct Stopped {
    topic: String,
    /// Empty for the whole topic.
    partition: String,
    reason: &'static str,
}

#[derive(Debug, Serialize)]
struct Hour {
    every_s: u64,
    /// Time, records archived since the start, lag, errors of the store since the start, and whether it was ready (1 or 0).
    samples: Vec<(i64, u64, i64, u64, u8)>,
}

impl Status {
    pub(super) fn of(
        metrics: &Metrics,
        health: &Health,
        clock: &Clock,
        history: &History,
        listing: &Listing,
    ) -> Status {
        let now = clock.utc_seconds();
        let families = &metrics.families;
        let stopped = families.stopped.open();
        let (partitions, sums) = page_of(&metrics.partitions.all(), &stopped, listing, now);
        let mut unready = health.reasons();
        let stuck = health.alive(clock.monotonic_ms()).err();
        let alive = stuck.is_none();
        unready
            .reasons
            .extend(stuck.filter(|why| !unready.reasons.contains(why)));
        let (size, age_s) = (
            families.archiver.checkpoint_size(),
            families.archiver.checkpoint_age_s(now),
        );
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION"),
            now: now.unix(),
            uptime_s: clock.monotonic_ms() / 1_000,
            level: sums.level,
            alive,
            ready: alive && unready.reasons.is_empty(),
            further_reasons: unready.further,
            reasons: unready.reasons,
            archive: Archive::of(&sums, families.archiver.memory_used()),
            checkpoint: Checkpoint {
                size,
                age_s,
                level: Level::of_checkpoint(age_s),
            },
            witnesses: witnesses(metrics, size, now),
            mirrors: mirrors(metrics),
            store: Store::of(metrics),
            further_stopped: stopped.len().saturating_sub(STOPPED_MAX),
            stopped: stopped.into_iter().take(STOPPED_MAX).map(Stopped::of).collect(),
            partitions,
            history: Hour::of(&history.samples()),
        };
        status.level = status.worst();
        status
    }

    /// The level of the whole.
    fn worst(&self) -> Level {
        let of_readiness = if self.ready { Level::Ok } else { Level::Critical };
        let parts = [
            of_readiness,
            self.level,
            self.checkpoint.level,
            self.archive.memory_level,
        ];
        let others = self.witnesses.iter().map(|witness| witness.level);
        let others = others.chain(self.mirrors.iter().map(|mirror| mirror.level));
        parts.into_iter().chain(others).max().unwrap_or_default()
    }
}

/// The state for the history.
pub(super) fn sample(metrics: &Metrics, health: &Health, clock: &Clock) -> Sample {
    let now = clock.utc_seconds();
    let totals = metrics.totals(now);
    Sample {
        at: now.unix(),
        records: totals.records,
        lag: totals.lag,
        store_errors: Store::of(metrics).errors,
        is_ready: health.readiness().is_ok(),
    }
}

fn witnesses(metrics: &Metrics, checkpoint_size: i64, now: UtcSeconds) -> Vec<Witness> {
    let of = |standing: WitnessStanding| {
        let behind = (checkpoint_size - standing.size).max(0);
        Witness {
            behind,
            level: Level::of_witness(behind, standing.since_cosigned_s),
            name: standing.name,
            size: standing.size,
            since_cosigned_s: standing.since_cosigned_s,
            failures: standing.failures,
        }
    };
    metrics.families.witnesses.standings(now).into_iter().map(of).collect()
}

fn mirrors(metrics: &Metrics) -> Vec<Mirror> {
    let of = |(name, behind)| Mirror {
        name,
        behind,
        level: Level::of_mirror(behind),
    };
    metrics.families.archiver.mirrors().into_iter().map(of).collect()
}

impl Archive {
    fn of(sums: &Sums, (used, budget): (i64, i64)) -> Archive {
        Archive {
            archived_until: sums.archived_until,
            lag: sums.lag,
            records: sums.records,
            stored_bytes: sums.stored_bytes,
            lost_records: sums.lost_records,
            memory_used_bytes: used,
            memory_budget_bytes: budget,
            memory_level: Level::of_memory(used, budget),
        }
    }
}

impl Store {
    fn of(metrics: &Metrics) -> Store {
        let outcomes = metrics.families.latencies.store_outcomes();
        let requests = outcomes.values().sum();
        let mut codes: Vec<_> = outcomes.into_iter().filter(|(code, _)| code != "ok").collect();
        codes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Store {
            requests,
            errors: codes.iter().map(|(_, count)| count).sum(),
            codes,
        }
    }
}

impl Stopped {
    fn of(((topic, partition), reason): ((String, String), &'static str)) -> Stopped {
        Stopped {
            topic,
            partition,
            reason,
        }
    }
}

impl Hour {
    fn of(samples: &[Sample]) -> Hour {
        let of = |sample: &Sample| {
            (
                sample.at,
                sample.records,
                sample.lag,
                sample.store_errors,
                u8::from(sample.is_ready),
            )
        };
        Hour {
            every_s: EVERY.as_secs(),
            samples: samples.iter().map(of).collect(),
        }
    }
}

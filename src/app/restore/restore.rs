//! The whole restore: reads the archive, checks all targets before anything is changed, and restores several topics at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt as _, TryStreamExt as _};

use crate::app::restore::dry_run;
use crate::app::restore::groups::restore_groups;
use crate::app::restore::mark::Marks;
use crate::app::restore::pace::Pace;
use crate::app::restore::plan::{TopicPlan, plan};
use crate::app::restore::rejects::Rejects;
use crate::app::restore::report::{RestoreReport, Share};
use crate::app::restore::request::{Mode, Request};
use crate::app::restore::shared::Shared;
use crate::app::restore::target::{Target, Targets};
use crate::app::restore::topic_run::TopicRun;
use crate::app::restore::visible::await_visible;
use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::ledger::Ledger;
use crate::reading::archive::Archive;
use crate::store::Store;
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit};
use crate::task::stop::Stop;
use crate::verify::given::Given;

/// Topics that are restored at the same time.
const TOPICS_AT_ONCE: usize = 3;

/// What a restore runs with.
pub struct Surroundings {
    /// The archive's store.
    pub store: Arc<dyn Store>,
    /// Keys of the archive from elsewhere.
    pub given: Given,
    /// The cluster of the targets.
    pub kafka: KafkaSettings,
    /// Whether to stop before the end.
    pub stop: Stop,
    /// Is told of records.
    pub progress: Arc<dyn Progress>,
}

/// Restores the records, or finds out what would happen.
///
/// # Errors
/// `Config` if a target must not be used; `Corrupt` if the archive contradicts itself; errors of the store and of Kafka. What
/// was committed stays, and the same request continues after it.
pub async fn restore(surroundings: Surroundings, request: Request) -> Result<RestoreReport, AppError> {
    let clock = Clock::start();
    let reading = surroundings.progress.begin("reading the links", Unit::Uncounted);
    let archive = Arc::new(Archive::open(surroundings.store, &surroundings.given).await?);
    let plans = plan(&archive, &request).await?;
    drop(reading);
    let conditions = Conditions {
        kafka: surroundings.kafka,
        stop: surroundings.stop,
        progress: surroundings.progress,
    };
    let (mut report, _) = restore_planned(conditions, Planned { archive, plans }, request).await?;
    report.elapsed_s = clock.elapsed_s();
    Ok(report)
}

/// The archive, and what of it is to be restored.
pub(in crate::app) struct Planned {
    pub(in crate::app) archive: Arc<Archive>,
    pub(in crate::app) plans: Vec<TopicPlan>,
}

/// What a planned restore runs with.
pub(in crate::app) struct Conditions {
    pub(in crate::app) kafka: KafkaSettings,
    pub(in crate::app) stop: Stop,
    pub(in crate::app) progress: Arc<dyn Progress>,
}

/// Restores what is planned, and returns the plans too.
///
/// # Errors
/// Those of [`restore`].
pub(in crate::app) async fn restore_planned(
    conditions: Conditions,
    Planned { archive, plans }: Planned,
    request: Request,
) -> Result<(RestoreReport, Vec<TopicPlan>), AppError> {
    let clock = Clock::start();
    let what = match request.mode {
        Mode::Restore => "restoring",
        Mode::DryRun => "reading",
    };
    let restoring = conditions.progress.begin(what, Unit::Records);
    restoring.add_total(plans.iter().map(TopicPlan::records).sum());
    let shared = Arc::new(Shared {
        pace: Pace::new(request.rate),
        rejects: Rejects::open(request.rejects.as_deref().filter(|_| request.mode == Mode::Restore))?,
        archive,
        kafka: conditions.kafka,
        request,
        stop: conditions.stop,
        restoring,
        clock,
        has_failed: AtomicBool::new(false),
    });
    let own = Arc::clone(&shared);
    let prepared = tokio::task::spawn_blocking(move || prepare(&own, plans)).await;
    let prepared = prepared.map_err(|error| AppError::internal(error.to_string()))??;
    let mut report = RestoreReport {
        dry_run: shared.request.mode == Mode::DryRun,
        ..RestoreReport::default()
    };
    let mut runs = futures::stream::iter(prepared)
        .map(|(plan, target)| one_topic(Arc::clone(&shared), plan, target))
        .buffer_unordered(TOPICS_AT_ONCE);
    let mut plans = Vec::new();
    while let Some((plan, share)) = runs.try_next().await? {
        plans.push(plan);
        report.add(share);
    }
    drop(runs);
    if shared.request.mode == Mode::Restore {
        let own = Arc::clone(&shared);
        let waited = tokio::task::spawn_blocking(move || await_visible(&own.kafka, &plans).map(|()| plans)).await;
        plans = waited.map_err(|error| AppError::internal(error.to_string()))??;
    }
    if shared.request.mode == Mode::Restore && !shared.request.groups.is_empty() && !shared.stop.is_requested() {
        let _translating = conditions
            .progress
            .begin("translating the offsets of consumer groups", Unit::Uncounted);
        let own = Arc::clone(&shared);
        let groups = tokio::task::spawn_blocking(move || {
            restore_groups(&own, &plans, &own.request.groups).map(|groups| (groups, plans))
        })
        .await;
        (report.groups, plans) = groups.map_err(|error| AppError::internal(error.to_string()))??;
    }
    report.topics.sort_by(|a, b| a.from.cmp(&b.from));
    report.interrupted = shared.stop.is_requested();
    plans.sort_by(|a, b| a.from.cmp(&b.from));
    report.elapsed_s = clock.elapsed_s();
    Ok((report, plans))
}

/// Checks all targets, then creates what is missing. Blocks.
fn prepare(shared: &Shared, plans: Vec<TopicPlan>) -> Result<Vec<(TopicPlan, Target)>, AppError> {
    let request = &shared.request;
    let targets = Targets::connect(&shared.kafka, request, shared.clock.wall().as_millisecond())?;
    let ledger = &request.ledger.topic;
    let entries = match request.mode {
        Mode::Restore => Ledger::open(&shared.kafka, ledger, request.ledger.replication_factor)?.entries()?,
        Mode::DryRun if targets.exists(ledger)? => Ledger::existing(&shared.kafka, ledger)?.entries()?,
        Mode::DryRun => Vec::new(),
    };
    let marks = Marks::parse(entries, ledger)?;
    let mut prepared = Vec::with_capacity(plans.len());
    for plan in plans {
        let target = targets.require(&plan, &marks)?;
        prepared.push((plan, target));
    }
    if request.mode == Mode::Restore {
        for (plan, target) in &mut prepared {
            targets.prepare(plan, target)?;
        }
    }
    Ok(prepared)
}

async fn one_topic(shared: Arc<Shared>, plan: TopicPlan, target: Target) -> Result<(TopicPlan, Share), AppError> {
    if shared.is_over() {
        let share = plan.share();
        return Ok((plan, share));
    }
    let own = Arc::clone(&shared);
    let run = tokio::task::spawn_blocking(move || {
        let share = match shared.request.mode {
            Mode::Restore => TopicRun::begin(&shared, &plan, target)?.run(),
            Mode::DryRun => dry_run::of_topic(&shared, &plan, &target),
        }?;
        Ok((plan, share))
    });
    let outcome = run
        .await
        .map_err(|error| AppError::internal(error.to_string()))
        .flatten();
    if outcome.is_err() {
        own.has_failed.store(true, Ordering::Relaxed);
    }
    outcome
}

//! One run of the archiver, from preflight to report.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::{AbortHandle, JoinHandle};

use crate::archive::machine::Machine;
use crate::archiver::background::{BackgroundExecutor, Encode, Tools};
use crate::archiver::checkpoints::{Beside, Checkpoints};
use crate::archiver::degradations::Degradations;
use crate::archiver::discovery::{Discovery, Follower, Topics};
use crate::archiver::doing::Doing;
use crate::archiver::driver::Driver;
use crate::archiver::fenced_client::NewClients;
use crate::archiver::group_offsets::GroupOffsets;
use crate::archiver::instance::Instance;
use crate::archiver::liveness;
use crate::archiver::measured_store::MeasuredStore;
use crate::archiver::misfits::Misfits;
use crate::archiver::observers::Observers;
use crate::archiver::orders::{Mode, Orders};
use crate::archiver::outcome::ArchiveReport;
use crate::archiver::preflight;
use crate::archiver::projections::Projections;
use crate::archiver::retention::{ArchivedPositions, RetentionThread};
use crate::archiver::shown::Shown;
use crate::archiver::start::{self, ClusterAtStart};
use crate::archiver::summary::{self, SegmentLines};
use crate::archiver::tally::Tally;
use crate::archiver::target::Target;
use crate::archiver::topic_ids::TopicIdWatch;
use crate::archiver::witnesses;
use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::error::{Explain as _, Kind};
use crate::kafka::consumer::Consumer;
use crate::kafka::settings::fetching_of;
use crate::record::position::TopicPartition;
use crate::store::retry::Backoff;
use crate::store::{self, Store};
use crate::task::error::AppError;
use crate::task::panic::log_panics;
use crate::task::stop::Stop;
use crate::telemetry::{self, Vitals};

/// How long the end of a run waits for tasks that were cancelled.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// Archives the configured topics, until a stop is requested or, with [`Mode::Once`], until everything that Kafka had
/// at the start is archived.
///
/// # Errors
/// Those of preflight: a store without the create-only contract, a missing topic, a signing key of another archive. Later
/// any error that is not transient. Links that were created stay, and the next run continues after them.
pub fn run(
    settings: &Settings,
    orders: impl Into<Orders>,
    vitals: &Vitals,
    stop: &Stop,
) -> Result<ArchiveReport, AppError> {
    run_with_encoder(Tools::ENCODE, settings, orders, vitals, stop)
}

/// [`run`] with another encoder, for tests of what happens when it panics.
///
/// # Errors
/// Those of [`run`].
pub fn run_with_encoder(
    encode: Encode,
    settings: &Settings,
    orders: impl Into<Orders>,
    vitals: &Vitals,
    stop: &Stop,
) -> Result<ArchiveReport, AppError> {
    log_panics();
    let orders = orders.into();
    start::require_configured(&orders, settings)?;
    let clock = Clock::start();
    let runtime = Runtime::new().map_err(|error| {
        AppError::internal(format!("the async runtime cannot be started: {error}"))
            .fix("raise the limits on processes and memory of this user or container")
    })?;
    if let (Some(listen), Mode::Daemon) = (settings.telemetry.listen, orders.mode) {
        let address = runtime.block_on(telemetry::serve(listen, vitals.clone()))?;
        tracing::info!(event = "listening", %address, "metrics, health and readiness");
    }
    let operations = Doing::ALL.map(Doing::label);
    vitals.metrics.begin(&operations, clock.utc_seconds());
    runtime.spawn(summary::report_start(vitals.clone()));
    let misfits = Arc::new(Misfits::new(Arc::clone(&vitals.metrics)));
    let encoder = (encode, Arc::clone(&misfits));
    let archived = archive_on(&runtime, (settings, orders, encoder), vitals, stop).inspect_err(|error| {
        vitals.health.failed(error.to_string());
    });
    // A probe or a request that still waits for an answer does not keep the process.
    runtime.shutdown_timeout(LAST_TASKS);
    let tally = archived?;
    Ok(ArchiveReport::new(tally, misfits.by_column(), clock.elapsed_s()))
}

/// Archives, and goes on with a new client where [`NewClients`] allows it.
fn archive_on(
    runtime: &Runtime,
    (settings, orders, encoder): (&Settings, Orders, (Encode, Arc<Misfits>)),
    vitals: &Vitals,
    stop: &Stop,
) -> Result<Tally, AppError> {
    let mut new_clients = NewClients::of(settings, &orders);
    loop {
        let since = Clock::start();
        let run = (settings, orders.clone(), encoder.clone());
        match archive(runtime, run, (vitals, &new_clients), stop) {
            Err(error) if new_clients.allow(&error) && !stop.is_requested() => {
                tracing::warn!(event = "client_replaced", %error, "Kafka's client has ended: going on with a new one");
                let wait = new_clients.begin(&error, since);
                runtime.block_on(async {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        _ = stop.requested() => {}
                    }
                });
            }
            ended => return ended,
        }
    }
}

fn archive(
    runtime: &Runtime,
    (settings, orders, (encode, misfits)): (&Settings, Orders, (Encode, Arc<Misfits>)),
    (vitals, new_clients): (&Vitals, &NewClients),
    stop: &Stop,
) -> Result<Tally, AppError> {
    let Orders {
        mode,
        new_epochs,
        diverged,
        reloaded,
        progress,
    } = orders;
    vitals
        .health
        .unready("starting: reading Kafka's metadata and opening the store");
    let kafka = ClusterAtStart::read(settings);
    let store = runtime.block_on(store::open(&settings.store))?;
    let store: Arc<dyn Store> = Arc::new(MeasuredStore::new(store, Arc::clone(&vitals.metrics)));
    let own = runtime.block_on(start::open(&store, settings))?;
    vitals.health.unready("starting: reading Kafka's metadata");
    let ClusterAtStart {
        cluster,
        cluster_id,
        ends,
        unavailable,
        leaderless,
    } = kafka
        .join()
        .map_err(|_| AppError::internal("the thread that reads the cluster's metadata panicked"))??;

    let beside = Beside::of(settings, &store, &own)?;
    let checkpoints = Checkpoints::new(Arc::clone(&store), &own, beside).measured_by(Arc::clone(&vitals.metrics));
    vitals
        .health
        .unready("starting: asking mirrors and witnesses for newer checkpoints");
    runtime.block_on(checkpoints.refuse_cut())?;
    runtime.block_on(preflight::require_cluster(store.as_ref(), &own.trust, &cluster_id))?;
    // A daemon archives a missing topic as soon as it is created.
    let is_subscribed = |name: &str| mode == Mode::Daemon || unavailable.iter().all(|(missing, _)| missing != name);
    let mut at_start = topics_at_start(settings, &ends);
    at_start.names.retain(|name| is_subscribed(name));
    if mode == Mode::Once && at_start.names.is_empty() {
        tracing::warn!(
            event = "no_topics",
            "no topic of the cluster matches the patterns in `topics`: there is nothing to archive"
        );
        return Ok(Tally::default());
    }
    let mut machine = Machine::new(start::author(&own, cluster_id), start::seal_policies(settings));
    machine.declare_new_epochs(new_epochs);
    machine.declare_divergences(diverged);
    let degradations = Arc::new(Degradations::none(vitals.clone()));
    let tools = Tools {
        store,
        offsets: Arc::new(GroupOffsets(Arc::clone(&cluster))),
        log: Arc::clone(&own.log),
        signer: Arc::clone(&own.signer),
        projections: Projections::of(settings)?,
        reloaded,
        encode,
        misfits,
        degradations: Arc::clone(&degradations),
        backoff: Backoff::patient(u64::from_le_bytes(clock::random_bytes()?)),
    };
    let executor = BackgroundExecutor::new(tools, runtime.handle().clone())?;
    let announcer = executor.announcer();
    let mut tasks: Vec<AbortHandle> = Vec::new();
    let signing = checkpoints.every(settings.archive.checkpoint_interval, announcer.clone());
    tasks.push(announcer.supervise(runtime.handle(), "sign checkpoints", signing));
    let lines = Arc::new(SegmentLines::default());
    let reporting = summary::report(vitals.clone(), Arc::clone(&degradations), Arc::clone(&lines));
    tasks.push(announcer.supervise(runtime.handle(), "report to the log", reporting));
    let submitters = checkpoints.submit(runtime.handle())?;
    let archived = ArchivedPositions::default();
    let names: Vec<&str> = at_start.names.iter().map(String::as_str).collect();
    let instance = Instance::of(settings);
    tracing::info!(
        event = "joining",
        group = settings.kafka.group_id,
        instance = instance.name,
        "joining the group"
    );
    // Topics that match a pattern may come later, with any number of partitions.
    let partitions = match mode {
        Mode::Daemon if settings.archived.has_patterns() => usize::MAX,
        Mode::Daemon | Mode::Once => at_start.partitions.len(),
    };
    let fetching = fetching_of(&settings.kafka, partitions);
    let mut consumer = Consumer::subscribe(&instance.settings(&fetching), &names)?;
    if instance.name.is_some() {
        consumer = consumer.leaving();
    }
    let (discovery, topics) = Discovery::new(&settings.archived, &cluster, at_start);
    let (id_watch, ids) = TopicIdWatch::new(&cluster, topics.clone());
    let shown = (mode == Mode::Once).then(|| Shown::new(ends.clone(), progress));
    let (target, retention) = match mode {
        Mode::Once => (Target::up_to(ends), None),
        Mode::Daemon => {
            if settings.archived.has_patterns() {
                tasks.push(announcer.supervise(runtime.handle(), "find topics", discovery.run()));
            }
            tasks.push(announcer.supervise(runtime.handle(), "watch topic ids", id_watch.run()));
            let probing = liveness::probe(cluster, topics.clone(), Arc::clone(&degradations));
            tasks.push(announcer.supervise(runtime.handle(), "probe Kafka", probing));
            let retention = RetentionThread::start(&settings.kafka, archived.clone(), Clock::start())?;
            (Target::endless(), Some(retention))
        }
    };
    let source = Follower::new(consumer, &settings.archived, topics, ids);
    let observers = Observers {
        archived,
        topics: settings.archived.clone(),
        degradations,
        vitals: vitals.clone(),
        metrics: HashMap::new(),
        assigned: HashSet::new(),
        kafka_answers: true,
        lines,
        shown,
        session_timeout: settings.kafka.session_timeout(),
    };
    let shutdown = settings.archive.shutdown_timeout;
    let mut driver = Driver::new(source, machine, executor, target, observers).stopping_within(shutdown * 3 / 5);
    for (topic, error) in &unavailable {
        driver.leave_out_topic(topic, error);
    }
    if mode == Mode::Once {
        for partition in &leaderless {
            driver.leave_out(
                partition,
                "the partition has no leader: start the brokers that have its replicas",
            );
        }
    }
    let done = driver.run(Clock::start(), stop);
    if let Err(error) = &done
        && !new_clients.allow(error)
    {
        // Before the group is left, which takes seconds: `/healthz` must fail from here on.
        vitals.health.failed(error.to_string());
    }
    let tally = std::mem::take(&mut driver.tally);
    tasks.iter().for_each(AbortHandle::abort);
    let last = done.is_ok().then(|| runtime.spawn(finish(checkpoints, submitters)));
    let limit = stop.is_requested().then(|| shutdown / 5);
    // Leaves the group while the last checkpoint is signed, so that other members take over at once. A crash here costs
    // only that checkpoint: the next archiver signs the same heads.
    drop(driver);
    drop(retention);
    done?;
    if let Some(last) = last {
        runtime.block_on(within(limit, last))?;
    }
    Ok(tally)
}

/// The archived topics, of those that the cluster had at the start.
fn topics_at_start(settings: &Settings, ends: &HashMap<TopicPartition, i64>) -> Topics {
    let mut partitions: Vec<TopicPartition> = ends.keys().cloned().collect();
    partitions.sort();
    Topics {
        names: settings
            .archived
            .among(partitions.iter().map(|partition| &*partition.topic)),
        partitions,
    }
}

/// Signs the last checkpoint, and waits some seconds for its cosignatures.
async fn finish(checkpoints: Checkpoints, submitters: Vec<JoinHandle<()>>) -> Result<(), AppError> {
    checkpoints.last().await?;
    witnesses::finish(submitters).await;
    Ok(())
}

/// Waits for the end of a run; at a requested stop only for so long, because the next archiver signs the same heads.
async fn within(limit: Option<Duration>, last: JoinHandle<Result<(), AppError>>) -> Result<(), AppError> {
    let cancel = last.abort_handle();
    let ended = match limit {
        None => last.await,
        Some(limit) => match tokio::time::timeout(limit, last).await {
            Ok(ended) => ended,
            Err(_) => {
                cancel.abort();
                tracing::warn!(
                    event = "last_checkpoint_left",
                    "archive.shutdown_timeout passes: the last checkpoint is not signed or not copied here; the next archiver does both"
                );
                return Ok(());
            }
        },
    };
    match ended.map_err(|error| AppError::internal(error.to_string()))? {
        Err(error) if limit.is_some() && error.kind() == Kind::Transient => {
            tracing::warn!(event = "last_checkpoint_left", %error, "the last checkpoint is not signed or not copied here; the next archiver does both");
            Ok(())
        }
        outcome => outcome,
    }
}

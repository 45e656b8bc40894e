//! One run of the archiver, from preflight to its report.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::archive::machine::Machine;
use crate::archiver::background::{BackgroundExecutor, Tools};
use crate::archiver::checkpoints::Checkpoints;
use crate::archiver::degradations::Degradations;
use crate::archiver::driver::Driver;
use crate::archiver::group_offsets::GroupOffsets;
use crate::archiver::liveness;
use crate::archiver::observers::Observers;
use crate::archiver::orders::{Mode, Orders};
use crate::archiver::outcome::ArchiveReport;
use crate::archiver::preflight;
use crate::archiver::retention::{ArchivedPositions, RetentionWatch};
use crate::archiver::start::{self, KafkaSide};
use crate::archiver::tally::Tally;
use crate::archiver::target::Target;
use crate::clock::{self, Clock};
use crate::config::Settings;
use crate::kafka::consumer::Consumer;
use crate::store;
use crate::store::retry::Backoff;
use crate::task::error::AppError;
use crate::task::panic::log_panics;
use crate::task::stop::Stop;
use crate::telemetry::{self, Vitals};
use crate::writing::mirrors::Mirrors;

/// Archives the configured topics.
///
/// # Errors
/// Preflight's: a store that does not keep the create-only contract, a missing topic, a key that is not this archive's.
/// Later only what trying again cannot help. What was linked before stays.
pub fn run(
    settings: &Settings,
    orders: impl Into<Orders>,
    vitals: &Vitals,
    stop: &Stop,
) -> Result<ArchiveReport, AppError> {
    log_panics();
    let orders = orders.into();
    start::must_be_configured(&orders.new_epochs, settings)?;
    let clock = Clock::start();
    let runtime = Runtime::new().map_err(|error| AppError::internal(format!("no async runtime: {error}")))?;
    if let (Some(listen), Mode::Daemon) = (settings.telemetry.listen, orders.mode) {
        let address = runtime.block_on(telemetry::serve(listen, vitals.clone()))?;
        tracing::info!(%address, "metrics, health and readiness");
    }
    let tally = archive(&runtime, (settings, orders), vitals, stop).inspect_err(|error| {
        vitals.health.failed(error.to_string());
    })?;
    Ok(ArchiveReport::new(tally, clock.elapsed_s()))
}

fn archive(
    runtime: &Runtime,
    (settings, orders): (&Settings, Orders),
    vitals: &Vitals,
    stop: &Stop,
) -> Result<Tally, AppError> {
    let Orders { mode, new_epochs } = orders;
    let kafka = KafkaSide::ask(settings);
    let store = runtime.block_on(store::open(&settings.store))?;
    let own = runtime.block_on(start::open(&store, &settings.archive))?;
    let KafkaSide {
        cluster,
        cluster_id,
        ends,
    } = kafka
        .join()
        .map_err(|_| AppError::internal("asking Kafka panicked"))??;

    let checkpoints = Checkpoints::new(Arc::clone(&store), &own, Mirrors::of(own.identity.id(), settings));
    runtime.block_on(preflight::must_be_of_cluster(store.as_ref(), &own.trust, &cluster_id))?;
    let mut machine = Machine::new(start::author(&own, cluster_id), start::seal_policy(&settings.archive));
    machine.declare_new_epochs(new_epochs);
    let degradations = Arc::new(Degradations::none(vitals.clone()));
    let tools = Tools {
        store,
        offsets: Arc::new(GroupOffsets(Arc::clone(&cluster))),
        keys: Arc::clone(&own.keys),
        projection: start::projection(&settings.archive)?,
        encode: Tools::ENCODE,
        degradations: Arc::clone(&degradations),
        backoff: Backoff::patient(u64::from_le_bytes(clock::random_bytes()?)),
    };
    let executor = BackgroundExecutor::new(tools, runtime.handle().clone())?;
    let announcer = executor.announcer();
    let mut beside: Vec<AbortHandle> = Vec::new();
    let signing = checkpoints.every(settings.archive.checkpoint_interval, announcer.clone());
    beside.push(announcer.supervise(runtime.handle(), "sign checkpoints", signing));
    let archived = ArchivedPositions::default();
    let (target, retention) = match mode {
        Mode::Once => (Target::up_to(ends), None),
        Mode::Daemon => {
            let partitions = ends.into_keys().collect();
            let probing = liveness::probe(cluster, partitions, Arc::clone(&degradations));
            beside.push(announcer.supervise(runtime.handle(), "ask whether Kafka answers", probing));
            let retention = RetentionWatch::watch(&settings.kafka, archived.clone(), Clock::start())?;
            (Target::endless(), Some(retention))
        }
    };
    let names: Vec<&str> = settings.topics.iter().map(|topic| topic.name.as_str()).collect();
    let consumer = Consumer::subscribe(&settings.kafka, &names)?;
    let observers = Observers {
        archived,
        degradations,
        vitals: vitals.clone(),
        metrics: HashMap::new(),
    };
    let mut driver = Driver::new(consumer, machine, executor, target, observers);
    let done = driver.run(Clock::start(), stop);
    if let Err(error) = &done {
        // Leaving the group takes a while: until then probes must not call this process alive.
        vitals.health.failed(error.to_string());
    }
    let tally = std::mem::take(&mut driver.tally);
    beside.iter().for_each(AbortHandle::abort);
    let last = done.is_ok().then(|| runtime.spawn(checkpoints.last()));
    // Leaves the group while the last checkpoint is signed, so that others take over meanwhile.
    drop(driver);
    drop(retention);
    done?;
    if let Some(last) = last {
        let signed = runtime.block_on(last);
        signed.map_err(|error| AppError::internal(error.to_string()))??;
    }
    Ok(tally)
}

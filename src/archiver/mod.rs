//! The archiver: preflight, then one loop over Kafka's consumer, the pure machine and the hands that carry out what it
//! asks for. Never decides about a record: `archive` does.
//!
//! - [`driver`]: the loop · [`hands`]: store and encoder in the background, by the [`requests`]
//! - [`target`]: how far to go · [`rest`]: what others have of it
//! - [`tally`], [`report`], [`degradations`], [`pulse`], [`deadlines`]: what is told to people

pub mod checkpoints;
pub mod degradations;
pub mod driver;
pub mod executor;
pub mod liveness;
pub mod observers;
pub mod peers;
pub mod preflight;
pub mod report;
pub mod requests;
pub mod retention;
pub mod tally;
pub mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::archive::author::Author;
use crate::archive::machine::Machine;
use crate::archive::policy::SealPolicy;
use crate::archiver::checkpoints::Checkpoints;
use crate::archiver::degradations::Degradations;
use crate::archiver::driver::Driver;
use crate::archiver::executor::{Executor, Tools};
use crate::archiver::observers::Observers;
use crate::archiver::retention::{ArchivedPositions, RetentionWatch};
use crate::archiver::tally::{PartitionTally, Tally};
use crate::archiver::target::Target;
use crate::clock::{self, Clock};
use crate::config::{self, ArchiveSettings, Settings};
use crate::kafka::cluster::Cluster;
use crate::kafka::consumer::Consumer;
use crate::record::position::TopicPartition;
use crate::segment::projection::rules::{ColumnType, Projection, Rule};
use crate::store::retry::Backoff;
use crate::store::{self, Store, probe};
use crate::task::error::AppError;
use crate::task::process::peak_rss_bytes;
use crate::task::stop::Stop;
use crate::telemetry::{self, Vitals};
use crate::writing::init::{self, OwnArchive};
use crate::writing::mirrors::Mirrors;

/// Whether the archiver ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until it is told to stop.
    Daemon,
    /// When everything that Kafka held at the start is archived.
    Once,
}

/// What an archiver is told to do.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Whether it ends by itself.
    pub mode: Mode,
    /// Topics that were deleted and created again, as the operator declares: of each, the next link begins a new epoch.
    pub new_epochs: Vec<String>,
}

impl From<Mode> for Orders {
    fn from(mode: Mode) -> Orders {
        Orders {
            mode,
            new_epochs: Vec::new(),
        }
    }
}

/// What an archiver has done.
#[derive(Debug, Clone, Serialize)]
pub struct ArchiveReport {
    /// Records under durable links of this run.
    pub records: u64,
    /// Their segments.
    pub segments: u64,
    /// The segments' bytes.
    pub stored_bytes: u64,
    /// The bytes of the records' values.
    pub value_bytes: u64,
    /// Segments of a predecessor that were adopted.
    pub adopted: u64,
    /// Offsets that Kafka deleted before they were archived.
    pub lost_offsets: u64,
    /// From the start to the end of the run.
    pub elapsed_s: f64,
    /// Records per second of that time.
    pub records_per_s: f64,
    /// From the start to the first durable link.
    pub first_link_s: Option<f64>,
    /// The most memory that was resident.
    pub peak_rss_bytes: Option<u64>,
    /// By partition.
    pub partitions: Vec<PartitionReport>,
}

/// What was done of one partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Its sums.
    #[serde(flatten)]
    pub tally: PartitionTally,
}

impl ArchiveReport {
    fn new(tally: Tally, elapsed_s: f64) -> ArchiveReport {
        let report = |(partition, tally): (TopicPartition, PartitionTally)| PartitionReport {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            tally,
        };
        ArchiveReport {
            records: tally.records,
            segments: tally.segments,
            stored_bytes: tally.stored_bytes,
            value_bytes: tally.value_bytes,
            adopted: tally.adopted,
            lost_offsets: tally.lost_offsets,
            elapsed_s,
            records_per_s: if elapsed_s > 0.0 {
                tally.records as f64 / elapsed_s
            } else {
                0.0
            },
            first_link_s: tally.first_link_ms.map(|ms| ms as f64 / 1000.0),
            peak_rss_bytes: peak_rss_bytes(),
            partitions: tally.partitions.into_iter().map(report).collect(),
        }
    }

    /// The partitions that stand still, with the reason.
    pub fn stopped(&self) -> impl Iterator<Item = (&PartitionReport, &str)> {
        self.partitions
            .iter()
            .filter_map(|partition| Some((partition, partition.tally.stopped.as_deref()?)))
    }
}

/// Archives the configured topics.
///
/// # Errors
/// Preflight's: a store that cannot keep the promise, a missing topic, a key that is not this archive's. Later only
/// what trying again cannot help. Everything that was linked before stays.
pub fn run(
    settings: &Settings,
    orders: impl Into<Orders>,
    vitals: &Vitals,
    stop: &Stop,
) -> Result<ArchiveReport, AppError> {
    let Orders { mode, new_epochs } = orders.into();
    must_be_configured(&new_epochs, settings)?;
    let clock = Clock::start();
    let runtime = Runtime::new().map_err(|error| AppError::internal(format!("no async runtime: {error}")))?;
    if let (Some(listen), Mode::Daemon) = (settings.telemetry.listen, mode) {
        let address = runtime.block_on(telemetry::serve(listen, vitals.clone()))?;
        tracing::info!(%address, "metrics, health and readiness");
    }
    let source = Source::ask(settings);
    let store = runtime.block_on(store::open(&settings.store))?;
    let own = runtime.block_on(open(&store, &settings.archive))?;
    let Source {
        cluster,
        cluster_id,
        ends,
    } = source
        .join()
        .map_err(|_| AppError::internal("asking Kafka panicked"))??;

    let checkpoints = Checkpoints::new(Arc::clone(&store), &own, Mirrors::of(own.identity.id(), settings));
    runtime.block_on(preflight::must_be_of_cluster(store.as_ref(), &own.trust, &cluster_id))?;
    let mut machine = Machine::new(author(&own, cluster_id), seal_policy(&settings.archive));
    machine.declare_new_epochs(new_epochs);
    let degradations = Arc::new(Degradations::none(vitals.clone()));
    let pulse = match mode {
        Mode::Daemon => {
            let partitions = ends.keys().cloned().collect();
            Some(runtime.spawn(liveness::probe(
                Arc::clone(&cluster),
                partitions,
                Arc::clone(&degradations),
            )))
        }
        Mode::Once => None,
    };
    let tools = Tools {
        store,
        cluster,
        keys: Arc::clone(&own.keys),
        projection: projection(&settings.archive)?,
        degradations: Arc::clone(&degradations),
        backoff: Backoff::patient(u64::from_le_bytes(clock::random_bytes()?)),
    };
    let executor = Executor::new(tools, runtime.handle().clone())?;
    let every = checkpoints.every(settings.archive.checkpoint_interval, executor.0.clone());
    let following = runtime.spawn(every);
    let names: Vec<&str> = settings.topics.iter().map(|topic| topic.name.as_str()).collect();
    let consumer = Consumer::subscribe(&settings.kafka, &names)?;
    let target = match mode {
        Mode::Daemon => Target::endless(),
        Mode::Once => Target::up_to(ends),
    };
    let archived = ArchivedPositions::default();
    let deadlines = match mode {
        Mode::Daemon => Some(RetentionWatch::watch(&settings.kafka, archived.clone(), clock)?),
        Mode::Once => None,
    };
    let observers = Observers {
        archived,
        degradations,
        vitals: vitals.clone(),
        metrics: HashMap::new(),
    };
    let mut driver = Driver::new(consumer, machine, executor, runtime.handle().clone(), target, observers);
    let done = driver.run(stop);
    let tally = std::mem::take(&mut driver.tally);
    following.abort();
    pulse.iter().for_each(JoinHandle::abort);
    let last = done.is_ok().then(|| runtime.spawn(checkpoints.last()));
    // Leaves the group while the last checkpoint is signed, so that others take over meanwhile.
    drop(driver);
    drop(deadlines);
    done?;
    if let Some(last) = last {
        let signed = runtime.block_on(last);
        signed.map_err(|error| AppError::internal(error.to_string()))??;
    }
    Ok(ArchiveReport::new(tally, clock.elapsed_s()))
}

/// Kafka's side of a run, as it was found at the start.
struct Source {
    cluster: Arc<Cluster>,
    cluster_id: String,
    /// Where the logs end.
    ends: HashMap<TopicPartition, i64>,
}

impl Source {
    /// Asks on a thread of its own, while the store is asked what it is.
    fn ask(settings: &Settings) -> std::thread::JoinHandle<Result<Source, AppError>> {
        let settings = settings.clone();
        std::thread::spawn(move || {
            let cluster = Arc::new(Cluster::connect_to_group(&settings.kafka)?);
            Ok(Source {
                ends: log_ends(&cluster, &settings)?,
                cluster_id: cluster.cluster_id()?,
                cluster,
            })
        })
    }
}

/// A misspelt declaration would change nothing and say nothing.
fn must_be_configured(topics: &[String], settings: &Settings) -> Result<(), AppError> {
    let is_known = |topic: &&String| settings.topics.iter().any(|known| known.name == **topic);
    match topics.iter().find(|topic| !is_known(topic)) {
        None => Ok(()),
        Some(unknown) => Err(AppError::config(format!(
            "a new epoch is declared for a topic that is not archived topic=`{unknown}`"
        ))),
    }
}

/// Proves what the archive rests on before anything is written, then opens the archive or makes it.
async fn open(store: &Arc<dyn Store>, settings: &ArchiveSettings) -> Result<OwnArchive, AppError> {
    let nonce = u128::from_le_bytes(clock::random_bytes()?);
    probe::probe(store, &format!("{nonce:032x}")).await?;
    let own = init::open_or_make(store.as_ref(), &settings.name, &settings.into()).await?;
    let report = init::InitReport::from(&own);
    if own.made == init::Made::Now {
        tracing::warn!(archive = report.archive, id = report.archive_id, public_key = report.public_key, key_file = %report.key_file.display(), "made a new archive; keep the key file safe, and give the public key to whoever verifies");
    }
    Ok(own)
}

/// Where Kafka's logs end now, by partition.
fn log_ends(cluster: &Cluster, settings: &Settings) -> Result<HashMap<TopicPartition, i64>, AppError> {
    let mut partitions = Vec::new();
    for topic in &settings.topics {
        partitions.extend(cluster.topic(&topic.name)?.positions());
    }
    let ends = cluster.log_ends(&partitions)?;
    Ok(partitions.into_iter().zip(ends).collect())
}

fn author(own: &OwnArchive, cluster_id: String) -> Author {
    Author {
        archive_id: own.trust.archive_id.clone(),
        identity: own.trust.identity,
        cluster_id,
        sealed_by: concat!("kivend-archiver ", env!("CARGO_PKG_VERSION")).to_owned(),
        key: own.key.clone(),
        keyring: own.trust.keyring.clone(),
        checkpoint: own.checkpoint,
    }
}

fn seal_policy(settings: &ArchiveSettings) -> SealPolicy {
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    SealPolicy {
        seal_max_bytes: settings.seal_max_bytes,
        seal_max_records: settings.seal_max_records,
        seal_max_age_ms: ms(settings.seal_max_age),
        seal_max_idle_ms: ms(settings.seal_max_idle),
        memory_budget_bytes: settings.memory_budget_bytes,
    }
}

fn projection(settings: &ArchiveSettings) -> Result<Projection, AppError> {
    let rules = settings
        .projection
        .iter()
        .map(|rule| Rule::new(&rule.column, &rule.path, column_type(rule.column_type)));
    Projection::new(rules.collect()).map_err(|error| AppError::config(error.to_string()))
}

/// Settings know no layer above the model, so the names are matched here.
fn column_type(configured: config::ColumnType) -> ColumnType {
    match configured {
        config::ColumnType::String => ColumnType::String,
        config::ColumnType::Int64 => ColumnType::Int64,
        config::ColumnType::Float64 => ColumnType::Float64,
        config::ColumnType::Bool => ColumnType::Bool,
        config::ColumnType::TimestampUs => ColumnType::TimestampUs,
        config::ColumnType::Json => ColumnType::Json,
    }
}

//! The whole drill: topics are created, filled, compared and removed again, whatever happens in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::app::drill::compare::{self, Comparing, by_place};
use crate::app::drill::comparison::Tally;
use crate::app::drill::names::Names;
use crate::app::drill::source::interrupted;
use crate::app::restore::{
    Axis, Conditions, Planned, Rename, Request, RestoreReport, TopicPlan, plan, restore_planned,
};
use crate::clock::{Clock, random_bytes};
use crate::config::KafkaSettings;
use crate::kafka::topics::Topics;
use crate::log::drill::{Asked, DrillReport, TYPE, TimeAsked, TopicDrilled};
use crate::log::signed_note::Note;
use crate::log::signer::Signer;
use crate::reading::archive::Archive;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::store::Store;
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit};
use crate::task::stop::Stop;
use crate::verify::given::Given;
use crate::writing::key_source::KeySource;

/// What a drill runs with.
pub struct Surroundings {
    /// The archive's store.
    pub store: Arc<dyn Store>,
    /// Keys of the archive from elsewhere.
    pub given: Given,
    /// The cluster that records are restored to.
    pub kafka: KafkaSettings,
    /// The key that signs the report.
    pub key: KeySource,
    /// Whether to stop before the end.
    pub stop: Stop,
    /// Is told of records.
    pub progress: Arc<dyn Progress>,
}

/// The outcome of a drill.
#[derive(Debug, Clone)]
pub struct Drilled {
    /// The signed report.
    pub note: Note,
    /// Its content.
    pub report: DrillReport,
    /// The public key that verifies it.
    pub key: String,
    /// Topics that could not be removed: how their names begin. The next drill removes them.
    pub left: Option<String>,
}

/// Drills. The request says which records, and how topics are created; its names, ledger, groups and rejects are not used.
///
/// # Errors
/// `Input` if a stop was requested, or if there is no record to restore; `Config`, `Corrupt`, and errors of the store and of
/// Kafka as [`restore`](crate::app::restore::restore). Then there is no report.
pub async fn drill(surroundings: Surroundings, mut request: Request) -> Result<Drilled, AppError> {
    let clock = Clock::start();
    let archive = Arc::new(Archive::open(surroundings.store, &surroundings.given).await?);
    let signer = surroundings.key.read(archive.content().origin())?;
    let names = Names::new(archive.content().id(), random_bytes()?);
    let kafka = surroundings.kafka.clone();
    remove(&kafka, names.of_archive().to_owned()).await?;
    request.naming.prefix = None;
    request.naming.renames = targets(&archive, &names);
    request.ledger.topic = names.ledger();
    let drill = Drill {
        archive,
        kafka: surroundings.kafka,
        request,
        stop: surroundings.stop,
        progress: surroundings.progress,
        clock,
        began_at: clock.utc_seconds(),
    };
    let progress = Arc::clone(&drill.progress);
    let outcome = drill.run().await;
    let removing = progress.begin("removing the throw-away topics", Unit::Uncounted);
    let removed = remove(&kafka, names.of_run()).await;
    drop(removing);
    let report = outcome?;
    let left = removed.err().map(|error| {
        tracing::warn!(%error, topics = names.of_run(), "the topics of the drill were not removed; the next drill removes them");
        names.of_run()
    });
    let (key, note) = sign(signer, &report).await?;
    Ok(Drilled {
        note,
        report,
        key,
        left,
    })
}

fn targets(archive: &Archive, names: &Names) -> Vec<Rename> {
    let partitions = archive.partitions();
    let topics: BTreeSet<&str> = partitions.iter().map(|of: &TopicPartition| &*of.topic).collect();
    names.targets(topics.into_iter())
}

async fn cluster_id(kafka: KafkaSettings) -> Result<String, AppError> {
    let asked = tokio::task::spawn_blocking(move || Topics::connect(&kafka)?.cluster().cluster_id());
    Ok(asked.await.map_err(|error| AppError::internal(error.to_string()))??)
}

/// Removes the topics whose names begin so.
async fn remove(kafka: &KafkaSettings, beginning: String) -> Result<(), AppError> {
    let kafka = kafka.clone();
    let removed = tokio::task::spawn_blocking(move || {
        let topics = Topics::connect(&kafka)?;
        let found = topics.cluster().topics_with(&beginning)?;
        topics.remove_throw_away(&found)
    });
    let removed = removed.await.map_err(|error| AppError::internal(error.to_string()))?;
    Ok(removed?)
}

async fn sign(signer: Arc<dyn Signer>, report: &DrillReport) -> Result<(String, Note), AppError> {
    let text = report
        .to_text()
        .map_err(|error| AppError::internal(error.to_string()))?;
    // A token may take long.
    let signed = tokio::task::spawn_blocking(move || (signer.verifying_key().to_string(), signer.sign(text))).await;
    let (key, note) = signed.map_err(|error| AppError::internal(error.to_string()))?;
    Ok((key, note?))
}

struct Drill {
    archive: Arc<Archive>,
    kafka: KafkaSettings,
    request: Request,
    stop: Stop,
    progress: Arc<dyn Progress>,
    clock: Clock,
    began_at: UtcSeconds,
}

impl Drill {
    async fn run(self) -> Result<DrillReport, AppError> {
        let reading = self.progress.begin("reading the links", Unit::Uncounted);
        let planned = Planned {
            plans: plan(&self.archive, &self.request).await?,
            archive: Arc::clone(&self.archive),
        };
        drop(reading);
        let conditions = Conditions {
            kafka: self.kafka.clone(),
            stop: self.stop.clone(),
            progress: Arc::clone(&self.progress),
        };
        let (restored, plans) = restore_planned(conditions, planned, self.request.clone()).await?;
        if restored.interrupted {
            return Err(interrupted());
        }
        let restored_ms = self.clock.monotonic_ms();
        let work = self.progress.begin("comparing", Unit::Records);
        work.add_total(restored.records);
        let comparing = Arc::new(Comparing {
            archive: Arc::clone(&self.archive),
            kafka: self.kafka.clone(),
            span: self.request.span,
            refused: by_place(&restored.refused_records),
            stop: self.stop.clone(),
            work,
        });
        let mut topics = Vec::new();
        let mut sum = Tally::default();
        for plan in plans {
            let plan = Arc::new(plan);
            let tally = compare::topic(&comparing, Arc::clone(&plan)).await?;
            topics.push(of_topic(&plan, &tally));
            sum.add(tally);
        }
        if sum.archived == 0 && sum.counts.total() == 0 {
            return Err(
                AppError::input("the archive has no record in the range, so that a drill would show nothing")
                    .fix("choose other times or topics, or none for all"),
            );
        }
        let ended_ms = self.clock.monotonic_ms();
        Ok(DrillReport {
            cluster_id: cluster_id(self.kafka.clone()).await?,
            restore_ms: restored_ms,
            compare_ms: ended_ms - restored_ms,
            topics,
            ..self.report(&restored, sum)
        })
    }

    /// The report without what only the run knows.
    fn report(&self, restored: &RestoreReport, sum: Tally) -> DrillReport {
        let (identity, request) = (self.archive.content(), &self.request);
        DrillReport {
            r#type: TYPE.to_owned(),
            archive_id: identity.id().to_owned(),
            archive_sha256: self.archive.identity_hash(),
            origin: identity.origin().to_owned(),
            checkpoint: self.archive.newest_checkpoint(),
            asked: Asked {
                topics: request.topics.iter().map(ToString::to_string).collect(),
                partition: request.partition,
                time: match request.span.axis {
                    Axis::Record => TimeAsked::Record,
                    Axis::Archived => TimeAsked::Archived,
                },
                since_ms: request.span.since_ms,
                until_ms: request.span.until_ms,
            },
            cluster_id: String::new(),
            software: format!("kivend {}", env!("CARGO_PKG_VERSION")),
            began_at: self.began_at,
            ended_at: self.clock.utc_seconds().max(self.began_at),
            restore_ms: 0,
            compare_ms: 0,
            records: restored.records,
            bytes: restored.bytes,
            min_timestamp_ms: restored.from_ms,
            max_timestamp_ms: restored.until_ms,
            removed: sum.removed,
            lost: restored.lost_offsets,
            topics: Vec::new(),
            result: sum.counts.result(),
            differences: sum.counts,
            named: sum.named,
        }
    }
}

fn of_topic(plan: &TopicPlan, tally: &Tally) -> TopicDrilled {
    TopicDrilled {
        topic: plan.from.clone(),
        partitions: plan.partitions.len() as u64,
        archived: tally.archived,
        equal: tally.equal,
        kafka_compared: tally.kafka_compared,
    }
}

//! Preparation of the archiver's loop: the cluster's metadata, the archive with its signing key, and the settings
//! translated into the state machine's types.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::author::Author;
use crate::archive::policy::SealPolicy;
use crate::archiver::orders::Orders;
use crate::clock;
use crate::config::{ArchiveSettings, Settings};
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::kafka::open_transactions::OpenTransactions;
use crate::record::position::TopicPartition;
use crate::segment::projection::rules::{Projection, Rule};
use crate::store::{Store, probe};
use crate::task::error::AppError;
use crate::writing::init::{self, NewArchive, OwnArchive};

/// The cluster as it was when the archiver started.
pub(super) struct ClusterAtStart {
    pub(super) cluster: Arc<Cluster>,
    pub(super) cluster_id: String,
    /// The log end offsets of all partitions.
    pub(super) ends: HashMap<TopicPartition, i64>,
}

impl ClusterAtStart {
    /// Reads it on a thread of its own, at the same time as the store is probed.
    pub(super) fn read(settings: &Settings) -> std::thread::JoinHandle<Result<ClusterAtStart, AppError>> {
        let settings = settings.clone();
        std::thread::spawn(move || {
            let cluster = Arc::new(Cluster::connect_to_group(&settings.kafka)?);
            Ok(ClusterAtStart {
                ends: log_ends(&cluster, &settings)?,
                cluster_id: cluster.cluster_id()?,
                cluster,
            })
        })
    }
}

/// Refuses a declared topic that is not configured: a misspelt name would have no effect.
pub(super) fn require_configured(orders: &Orders, settings: &Settings) -> Result<(), AppError> {
    let is_known = |topic: &&str| settings.topics.iter().any(|known| known.name == **topic);
    let recreated = orders.new_epochs.iter().map(String::as_str);
    let mut declared = recreated.chain(orders.diverged.iter().map(|declared| &*declared.partition.topic));
    match declared.find(|topic| !is_known(topic)) {
        None => Ok(()),
        Some(unknown) => Err(AppError::config(format!(
            "a new epoch is declared for a topic that is not configured topic=`{unknown}`"
        ))
        .fix("correct the name after --new-epoch or --diverged, or add the topic to the settings")),
    }
}

/// Probes the store's create-only contract before anything is written, then opens the archive or creates it.
pub(super) async fn open(store: &Arc<dyn Store>, settings: &ArchiveSettings) -> Result<OwnArchive, AppError> {
    let nonce = u128::from_le_bytes(clock::random_bytes()?);
    probe::probe(store, &format!("{nonce:032x}")).await?;
    let own = init::open_or_make(store.as_ref(), &settings.name, &settings.into(), &NewArchive::default()).await?;
    let report = init::InitReport::from(&own);
    if own.made == init::Made::Now {
        tracing::warn!(archive = report.archive, id = report.archive_id, public_key = report.public_key, private_key = %report.private_key, "created a new archive: keep the private key safe, and give the public key to everyone who verifies the archive");
    }
    Ok(own)
}

/// The log end offsets of the configured topics' partitions.
fn log_ends(cluster: &Cluster, settings: &Settings) -> Result<HashMap<TopicPartition, i64>, AppError> {
    let mut partitions = Vec::new();
    for topic in &settings.topics {
        partitions.extend(cluster.topic(&topic.name)?.positions());
    }
    let ends = cluster.log_ends(&partitions)?;
    warn_of_open_transactions(cluster, settings, &partitions)?;
    Ok(partitions.into_iter().zip(ends).collect())
}

/// A run up to the current log ends stops before them, so that it must say that records follow.
fn warn_of_open_transactions(
    stable: &Cluster,
    settings: &Settings,
    partitions: &[TopicPartition],
) -> Result<(), KafkaError> {
    for open in OpenTransactions::connect(&settings.kafka)?.among(partitions, stable)? {
        tracing::warn!(partition = %open.partition, first_offset = open.first_offset, waiting = open.offsets(), "a transaction is open: the records behind its first one cannot be archived before it ends");
    }
    Ok(())
}

pub(super) fn author(own: &OwnArchive, cluster_id: String) -> Author {
    Author {
        archive_id: own.trust.archive_id().to_owned(),
        identity: own.trust.identity(),
        cluster_id,
        sealed_by: concat!("kivend-archiver ", env!("CARGO_PKG_VERSION")).to_owned(),
        signer: own.signer.verifying_key().id(),
        keyring: own.trust.keyring().clone(),
        checkpoint: own.checkpoint,
    }
}

pub(super) fn seal_policy(settings: &ArchiveSettings) -> SealPolicy {
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    SealPolicy {
        seal_max_bytes: settings.seal_max_bytes,
        seal_max_records: settings.seal_max_records,
        seal_max_age_ms: ms(settings.seal_max_age),
        seal_max_idle_ms: ms(settings.seal_max_idle),
        memory_budget_bytes: settings.memory_budget_bytes,
    }
}

pub(super) fn projection(settings: &ArchiveSettings) -> Result<Projection, AppError> {
    let rules = settings
        .projection
        .iter()
        .map(|rule| Rule::new(&rule.column, &rule.path, rule.column_type));
    Projection::new(rules.collect()).map_err(|error| AppError::config(error.to_string()))
}

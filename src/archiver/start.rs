//! Preparation of the archiver's loop: the cluster's metadata, the archive with its signing key, and the settings
//! translated into the state machine's types.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::author::Author;
use crate::archive::policy::{OPEN_MAX_BYTES, SealPolicies, SealPolicy};
use crate::archiver::orders::Orders;
use crate::clock::{self, Clock};
use crate::config::{ArchiveSettings, SEAL_MAX_BYTES_LIMIT, Settings};
use crate::kafka::cluster::{Cluster, TopicLayout};
use crate::kafka::error::KafkaError;
use crate::kafka::open_transactions::OpenTransactions;
use crate::record::position::TopicPartition;
use crate::store::{Store, probe};
use crate::task::error::AppError;
use crate::writing::init::{self, NewArchive, OwnArchive};

/// The cluster as it was when the archiver started.
pub(super) struct ClusterAtStart {
    pub(super) cluster: Arc<Cluster>,
    pub(super) cluster_id: String,
    /// The log end offsets of the partitions that can be read.
    pub(super) ends: HashMap<TopicPartition, i64>,
    /// Configured topics that do not exist or may not be read, while others can.
    pub(super) unavailable: Vec<(String, KafkaError)>,
    /// Partitions without a leader.
    pub(super) leaderless: Vec<TopicPartition>,
}

/// What a user may set is what an open segment may hold.
const _: () = assert!(OPEN_MAX_BYTES == SEAL_MAX_BYTES_LIMIT);

/// How long partitions without a leader, or whose leader is not ready, are waited for: an election takes less.
const ELECTION: Duration = Duration::from_secs(10);
/// The wait between two questions for their leaders.
const ELECTION_INTERVAL: Duration = Duration::from_millis(500);

/// How long the markers of a transaction that was committed just now are waited for.
const MARKERS: Duration = Duration::from_secs(2);
/// The wait between two looks for them.
const MARKERS_INTERVAL: Duration = Duration::from_millis(50);

impl ClusterAtStart {
    /// Reads it on a thread of its own, at the same time as the store is probed.
    pub(super) fn read(settings: &Settings) -> std::thread::JoinHandle<Result<ClusterAtStart, AppError>> {
        let settings = settings.clone();
        std::thread::spawn(move || {
            let cluster = Arc::new(Cluster::connect_to_group(&settings.kafka)?);
            let clock = Clock::start();
            loop {
                match Self::ask(&cluster, &settings, clock) {
                    // A leader that was elected just now does not know yet where its partitions end (KIP-207).
                    Err(KafkaError::Busy { .. }) if clock.elapsed_s() < ELECTION.as_secs_f64() => {
                        std::thread::sleep(ELECTION_INTERVAL);
                    }
                    asked => break Ok(asked?),
                }
            }
        })
    }

    fn ask(cluster: &Arc<Cluster>, settings: &Settings, clock: Clock) -> Result<ClusterAtStart, KafkaError> {
        let mut found = Found::ask(cluster, settings)?;
        while !found.leaderless.is_empty() && clock.elapsed_s() < ELECTION.as_secs_f64() {
            std::thread::sleep(ELECTION_INTERVAL);
            found = Found::ask(cluster, settings)?;
        }
        wait_for_markers(cluster, settings, &found.led)?;
        let ends = cluster.log_ends(&found.led)?;
        Ok(ClusterAtStart {
            ends: found.led.into_iter().zip(ends).collect(),
            unavailable: found.unavailable,
            leaderless: found.leaderless,
            cluster_id: cluster.cluster_id()?,
            cluster: Arc::clone(cluster),
        })
    }
}

/// Refuses a declared topic that is not configured: a misspelt name would have no effect.
pub(super) fn require_configured(orders: &Orders, settings: &Settings) -> Result<(), AppError> {
    let is_known = |topic: &&str| settings.archived.takes(topic);
    let recreated = orders.new_epochs.iter().map(String::as_str);
    let mut declared = recreated.chain(orders.diverged.iter().map(|declared| &*declared.partition.topic));
    match declared.find(|topic| !is_known(topic)) {
        None => Ok(()),
        Some(unknown) => Err(AppError::config(format!(
            "a new epoch is declared for the topic `{unknown}`, which is not configured"
        ))
        .fix("correct the name after --new-epoch or --diverged, or add the topic to the settings")),
    }
}

/// Probes the store's create-only contract before anything is written, then opens the archive or creates it.
pub(super) async fn open(store: &Arc<dyn Store>, settings: &Settings) -> Result<OwnArchive, AppError> {
    let nonce = u128::from_le_bytes(clock::random_bytes()?);
    let conditions = probe::Conditions::of(&settings.store);
    probe::probe_once(store, &conditions, &format!("{nonce:032x}")).await?;
    let archive = &settings.archive;
    let own = init::open_or_make(store.as_ref(), &archive.name, &archive.into(), &NewArchive::default()).await?;
    let report = init::InitReport::from(&own);
    if own.made == init::Made::Now {
        tracing::warn!(event = "archive_created", archive = report.archive, id = report.archive_id, public_key = report.public_key, private_key = %report.private_key, "created a new archive: keep the private key safe, and give the public key to everyone who verifies the archive");
    }
    Ok(own)
}

/// What Kafka has of the configured topics.
struct Found {
    /// Partitions with a leader.
    led: Vec<TopicPartition>,
    leaderless: Vec<TopicPartition>,
    unavailable: Vec<(String, KafkaError)>,
}

impl Found {
    /// Fails if none of the named topics can be read and there are no others: then the settings, or the user's rights, are wrong
    /// as a whole.
    fn ask(cluster: &Cluster, settings: &Settings) -> Result<Found, KafkaError> {
        let mut found = Found {
            led: Vec::new(),
            leaderless: Vec::new(),
            unavailable: Vec::new(),
        };
        let listed = if settings.archived.has_patterns() {
            cluster.topics()?
        } else {
            Vec::new()
        };
        for topic in settings.archived.among(listed.iter().map(|layout| &*layout.name)) {
            let known = listed.iter().find(|layout| *layout.name == *topic);
            match known.map_or_else(|| cluster.topic(&topic), |layout| Ok(layout.clone())) {
                Ok(layout) => found.add(&layout),
                Err(error) if error.is_of_one_topic() => found.unavailable.push((topic, error)),
                Err(error) => return Err(error),
            }
        }
        if found.led.is_empty()
            && found.leaderless.is_empty()
            && let Some((_, error)) = found.unavailable.first()
            && !settings.archived.has_patterns()
        {
            return Err(error.clone());
        }
        Ok(found)
    }

    fn add(&mut self, layout: &TopicLayout) {
        for (partition, place) in layout.positions().into_iter().zip(&layout.partitions) {
            let list = if place.leader < 0 {
                &mut self.leaderless
            } else {
                &mut self.led
            };
            list.push(partition);
        }
    }
}

/// Waits until no transaction is open in these partitions, for a moment: of a commit the producer is told first, and the
/// markers are written to each partition after it (KIP-98). A transaction that stays open is reported, because a run up to the
/// current log ends stops before it.
fn wait_for_markers(stable: &Cluster, settings: &Settings, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
    let transactions = OpenTransactions::connect(&settings.kafka)?;
    let clock = Clock::start();
    let mut open = transactions.among(partitions, stable)?;
    while !open.is_empty() && clock.elapsed_s() < MARKERS.as_secs_f64() {
        std::thread::sleep(MARKERS_INTERVAL);
        open = transactions.among(partitions, stable)?;
    }
    for open in open {
        tracing::warn!(
            event = "transaction_open",
            topic = &*open.partition.topic,
            partition = open.partition.partition,
            first_offset = open.first_offset,
            waiting = open.offsets(),
            "a transaction is open: the records behind its first one cannot be archived before it ends"
        );
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

/// The limits of all topics, and of those that have their own.
pub(super) fn seal_policies(settings: &Settings) -> SealPolicies {
    let shared = seal_policy(&settings.archive);
    let archived = settings.archived.clone();
    SealPolicies::new(shared, move |topic| {
        let own = archived.overrides(topic);
        SealPolicy {
            seal_max_bytes: own.seal_max_bytes.unwrap_or(shared.seal_max_bytes),
            seal_max_records: own.seal_max_records.unwrap_or(shared.seal_max_records),
            seal_max_age_ms: own.seal_max_age.map_or(shared.seal_max_age_ms, ms),
            seal_max_idle_ms: own.seal_max_idle.map_or(shared.seal_max_idle_ms, ms),
            ..shared
        }
    })
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn seal_policy(settings: &ArchiveSettings) -> SealPolicy {
    SealPolicy {
        seal_max_bytes: settings.seal_max_bytes,
        seal_max_records: settings.seal_max_records,
        seal_max_age_ms: ms(settings.seal_max_age),
        seal_max_idle_ms: ms(settings.seal_max_idle),
        memory_budget_bytes: settings.memory_budget_bytes,
    }
}

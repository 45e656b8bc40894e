//! The witnesses of a running archiver: a submitter for each, and the archive's log as they need it. They run beside the driver;
//! nothing waits for them but, for a few seconds, the end of the run.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{self, Clock};
use crate::config::WitnessSettings;
use crate::log::checkpoint::{Checkpoint, CheckpointRef};
use crate::log::witness::Cosignature;
use crate::record::merkle::range::LeafPoint;
use crate::store::Store;
use crate::task::error::AppError;
use crate::telemetry::Metrics;
use crate::writing::checkpoints::{entry_at, objects_of, refuse_larger};
use crate::writing::witness_client::{HttpClient, WitnessClient};
use crate::writing::witness_submitter::{Shared, Submitter};
use crate::writing::witnesses::{StandingCheckpoint, Witness, WitnessedLog};
use crate::writing::writer_log::WriterLog;

/// How long the end of a run waits for the cosignatures of its last checkpoint.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// The log of the archive in the store.
struct StoredLog {
    store: Arc<dyn Store>,
    log: Arc<WriterLog>,
}

#[async_trait]
impl WitnessedLog for StoredLog {
    async fn leaf_point(&self, number: u64) -> Result<LeafPoint, AppError> {
        let entry = entry_at(self.store.as_ref(), &self.log.trust().history, number).await?;
        let leaf = entry
            .leaf_hash()
            .map_err(|error| AppError::internal(error.to_string()))?;
        Ok(LeafPoint {
            peaks: entry.tree,
            leaf,
        })
    }

    async fn store(&self, number: u64, cosignature: &Cosignature) -> Result<(), AppError> {
        // The key is the hash of the object: one that exists is this one.
        let object = Bytes::from(cosignature.to_object());
        self.store.create(&cosignature.object_key(number), object).await?;
        Ok(())
    }
}

/// The submitters of an archive's witnesses.
pub struct Witnesses {
    witnesses: Vec<Witness>,
    client: Arc<dyn WitnessClient>,
    newest: watch::Sender<Option<Arc<StandingCheckpoint>>>,
    log: Arc<StoredLog>,
}

impl Witnesses {
    /// The configured witnesses. Nothing is sent yet.
    ///
    /// # Errors
    /// `Config` if a key is not one of a witness.
    pub fn new(
        settings: &[WitnessSettings],
        store: Arc<dyn Store>,
        log: Arc<WriterLog>,
    ) -> Result<Witnesses, AppError> {
        let witnesses = Witness::of_settings(settings)?;
        let client = HttpClient::for_urls(witnesses.iter().map(|witness| witness.url.as_str()))?;
        Ok(Witnesses {
            witnesses,
            client: Arc::new(client),
            newest: watch::Sender::new(None),
            log: Arc::new(StoredLog { store, log }),
        })
    }

    /// Asks the witnesses whether they have seen more of the log than the bucket has. One that does not answer is logged, and
    /// stops nothing.
    ///
    /// # Errors
    /// `Corrupt` if one has: the bucket was cut or restored (FORMAT.md section 3.5).
    pub async fn refuse_cut(&self) -> Result<(), AppError> {
        let trust = self.log.log.trust();
        let origin = trust.keyring().origin();
        for witness in &self.witnesses {
            let url = &witness.monitoring_url;
            match self.client.newest_checkpoint(url, origin).await {
                Ok(Some(note)) => refuse_larger(&trust.history, &note, url)?,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(event = "witness_silent", %error, "cannot ask a witness how much of the log it has seen");
                }
            }
        }
        Ok(())
    }

    /// Starts a submitter for each witness.
    ///
    /// # Errors
    /// `Internal` if the system has no random bytes.
    pub fn start(&self, runtime: &Handle, metrics: &Metrics) -> Result<Vec<JoinHandle<()>>, AppError> {
        let clock = Clock::start();
        let mut tasks = Vec::new();
        for witness in &self.witnesses {
            let shared = Shared {
                log: Arc::clone(&self.log) as Arc<dyn WitnessedLog>,
                client: Arc::clone(&self.client),
                backoff: Shared::backoff(u64::from_le_bytes(clock::random_bytes()?)),
                clock,
            };
            let metrics = metrics.witness(witness.key.name(), clock.utc_seconds());
            let submitter = Submitter::new(witness.clone(), shared, metrics);
            tasks.push(runtime.spawn(submitter.run(self.newest.subscribe())));
        }
        Ok(tasks)
    }

    /// Announces the newest checkpoint in the bucket.
    ///
    /// # Errors
    /// The store's errors: the next checkpoint is announced instead.
    pub async fn announce(&self, named: &CheckpointRef) -> Result<(), AppError> {
        if self.witnesses.is_empty() {
            return Ok(());
        }
        let trust = self.log.log.trust();
        let objects = objects_of(self.log.store.as_ref(), &trust.history, named.number).await?;
        let Checkpoint { origin, size, root } = Checkpoint::of(trust.keyring().origin(), *named);
        self.newest.send_replace(Some(Arc::new(StandingCheckpoint {
            head: Checkpoint { origin, size, root },
            note: objects.checkpoint,
        })));
        Ok(())
    }
}

/// Waits some seconds for submitters whose [`Witnesses`] was dropped: they submit the last checkpoint, and end.
pub async fn finish(tasks: Vec<JoinHandle<()>>) {
    let handles: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
    if tokio::time::timeout(LAST_WAIT, join_all(tasks)).await.is_err() {
        tracing::warn!(
            event = "cosignatures_missing",
            "the witnesses have not cosigned the last checkpoint: the next archiver submits it"
        );
        handles.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

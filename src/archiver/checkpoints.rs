//! Entries of the log and their checkpoints while the archiver runs: one every interval and one at the end, each copied to the
//! checkpoint mirrors. They run beside the driver; no seal waits for one.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::archive::step::Event;
use crate::archiver::background::Announcer;
use crate::archiver::consumer_groups::ConsumerGroups;
use crate::archiver::witnesses::Witnesses;
use crate::clock::Clock;
use crate::config::Settings;
use crate::log::checkpoint::CheckpointRef;
use crate::store::Store;
use crate::task::error::AppError;
use crate::telemetry::Metrics;
use crate::writing::entry_writer::{EntryWriter, Moment};
use crate::writing::init::OwnArchive;
use crate::writing::mirrors::{MirrorOutcome, Mirrors};
use crate::writing::writer_log::WriterLog;

/// What has to do with entries beside the bucket.
pub struct Beside {
    /// Where entries and checkpoints are copied to.
    pub mirrors: Mirrors,
    /// Who cosigns checkpoints.
    pub witnesses: Witnesses,
    /// The consumer groups whose offsets entries record.
    pub groups: ConsumerGroups,
}

impl Beside {
    /// What the settings name.
    ///
    /// # Errors
    /// `Config` if a key is not one of a witness.
    pub fn of(settings: &Settings, store: &Arc<dyn Store>, own: &OwnArchive) -> Result<Beside, AppError> {
        let archive = &settings.archive;
        Ok(Beside {
            mirrors: Mirrors::of(settings),
            witnesses: Witnesses::new(&archive.witnesses, Arc::clone(store), Arc::clone(&own.log))?,
            groups: ConsumerGroups::new(&archive.consumer_groups, &settings.archived, &settings.kafka),
        })
    }
}

/// The writer of entries and the mirrors of an archive, shared by the interval's task and the end of the run.
pub struct Checkpoints {
    store: Arc<dyn Store>,
    log: Arc<WriterLog>,
    writer: Arc<Mutex<EntryWriter>>,
    mirrors: Arc<Mutex<Mirrors>>,
    witnesses: Arc<Witnesses>,
    groups: ConsumerGroups,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Checkpoints {
    /// The checkpoints of this archive, none signed yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, own: &OwnArchive, beside: Beside) -> Checkpoints {
        let Beside {
            mirrors,
            witnesses,
            groups,
        } = beside;
        let writer = EntryWriter::new(Arc::clone(&own.log), Arc::clone(&own.signer));
        Checkpoints {
            store,
            log: Arc::clone(&own.log),
            writer: Arc::new(Mutex::new(writer)),
            mirrors: Arc::new(Mutex::new(mirrors)),
            witnesses: Arc::new(witnesses),
            groups,
            metrics: Arc::default(),
            clock: Clock::start(),
        }
    }

    /// Reports checkpoints and mirrors to these metrics.
    #[must_use]
    pub fn measured_by(self, metrics: Arc<Metrics>) -> Checkpoints {
        Checkpoints { metrics, ..self }
    }

    /// Asks the mirrors and the witnesses whether they have more of the log than the bucket. One that does not answer is logged,
    /// and stops nothing.
    ///
    /// # Errors
    /// `Corrupt` if one has: the bucket was cut or restored.
    pub async fn refuse_cut(&self) -> Result<(), AppError> {
        let trust = self.log.trust();
        for MirrorOutcome { mirror, outcome, .. } in self.mirrors.lock().await.refuse_later(&trust.history).await? {
            if let Err(error) = outcome {
                tracing::warn!(event = "mirror_silent", mirror, %error, "cannot ask the mirror whether it has more of the log");
            }
        }
        self.witnesses.refuse_cut().await
    }

    /// Signs an entry and its checkpoint if a head moved since the newest one. Returns the newest checkpoint.
    ///
    /// # Errors
    /// Those of [`EntryWriter::advance`]. Nothing is signed then, and links already created stay.
    pub async fn advance(&self) -> Result<CheckpointRef, AppError> {
        let mut writer = self.writer.lock().await;
        let moment = Moment {
            at: self.clock.utc_seconds(),
            groups: self.groups.read().await,
        };
        let newest = writer.advance_if_moved(self.store.as_ref(), &moment).await?;
        self.metrics.covered(newest.number + 1, self.clock.utc_seconds());
        Ok(newest)
    }

    /// Starts the submitters of the witnesses.
    ///
    /// # Errors
    /// Those of [`Witnesses::start`].
    pub fn submit(&self, runtime: &Handle) -> Result<Vec<JoinHandle<()>>, AppError> {
        self.witnesses.start(runtime, &self.metrics)
    }

    /// Announces `newest` to the witnesses, and copies the entries and checkpoints up to it to every mirror. A mirror that fails is logged and receives the missing
    /// checkpoints with the next call.
    pub async fn copy(&self, newest: &CheckpointRef) -> Vec<MirrorOutcome> {
        if let Err(error) = self.witnesses.announce(newest).await {
            tracing::warn!(event = "checkpoint_unreadable", %error, number = newest.number, "cannot read the checkpoint for the witnesses: they get the next one");
        }
        let trust = self.log.trust();
        let mut mirrors = self.mirrors.lock().await;
        let outcomes = mirrors.copy_missing(&self.store, &trust.history, newest).await;
        for MirrorOutcome {
            mirror,
            outcome,
            behind,
        } in &outcomes
        {
            self.metrics.mirror_behind(mirror, *behind);
            if let Err(error) = outcome {
                tracing::warn!(event = "mirror_behind", mirror, %error, number = newest.number, "cannot copy checkpoints to the mirror: trying again after the next checkpoint");
            }
        }
        outcomes
    }

    /// Signs the last checkpoint of a run and copies it to every mirror.
    ///
    /// # Errors
    /// Those of [`Checkpoints::advance`].
    pub async fn last(self) -> Result<(), AppError> {
        let newest = self.advance().await?;
        self.copy(&newest).await;
        Ok(())
    }

    /// Signs a checkpoint at every interval, and at once where a key was retired and the entry after that is missing. Runs until
    /// cancelled. A failure is logged and the next interval retries: records are archived without it, but only the next
    /// checkpoint anchors them.
    pub fn every(&self, interval: Duration, announcer: Announcer) -> impl Future<Output = ()> + Send + 'static {
        let own = Checkpoints {
            store: Arc::clone(&self.store),
            log: Arc::clone(&self.log),
            writer: Arc::clone(&self.writer),
            mirrors: Arc::clone(&self.mirrors),
            witnesses: Arc::clone(&self.witnesses),
            groups: self.groups.clone(),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock,
        };
        async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.tick().await;
            let mut signed = own.log.trust().history.checkpoint().map(|newest| newest.number);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = own.log.undecided() => {}
                }
                let since_ms = own.clock.monotonic_ms();
                match own.advance().await {
                    Ok(newest) => {
                        if signed.replace(newest.number) != Some(newest.number) {
                            tracing::info!(
                                event = "checkpoint",
                                number = newest.number,
                                partitions = own.log.trust().history.heads().len(),
                                took_ms = own.clock.monotonic_ms() - since_ms,
                                "a checkpoint covers the heads of all partitions"
                            );
                        }
                        announcer.send(Event::CheckpointSeen(newest)).await;
                        own.copy(&newest).await;
                    }
                    Err(error) => {
                        tracing::error!(event = "checkpoint_failed", %error, "cannot sign a checkpoint: trying again after archive.checkpoint_interval");
                    }
                }
            }
        }
    }
}

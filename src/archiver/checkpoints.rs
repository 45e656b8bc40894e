//! Checkpoints while the archiver runs: one every interval and one at the end, each copied to the checkpoint mirrors.
//! They run beside the driver; no seal waits for one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::archive::step::Event;
use crate::archiver::background::Announcer;
use crate::clock::Clock;
use crate::log::checkpoint::{CheckpointRef, SignedCheckpoint};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpointer::Checkpointer;
use crate::writing::init::OwnArchive;
use crate::writing::mirrors::{MirrorOutcome, Mirrors};

/// The checkpointer and the mirrors of an archive, shared by the interval's task and the end of the run.
pub struct Checkpoints {
    store: Arc<dyn Store>,
    checkpointer: Arc<Mutex<Checkpointer>>,
    mirrors: Arc<Mutex<Mirrors>>,
    clock: Clock,
}

impl Checkpoints {
    /// The checkpoints of this archive, none signed yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, own: &OwnArchive, mirrors: Mirrors) -> Checkpoints {
        let checkpointer = Checkpointer::new(own.identity.archive(), Arc::clone(&own.keys), own.key.clone());
        Checkpoints {
            store,
            checkpointer: Arc::new(Mutex::new(checkpointer)),
            mirrors: Arc::new(Mutex::new(mirrors)),
            clock: Clock::start(),
        }
    }

    /// Signs a checkpoint if a head moved since the newest one. Returns the newest checkpoint.
    ///
    /// # Errors
    /// Those of [`Checkpointer::advance`]. Nothing is signed then, and links already created stay.
    pub async fn advance(&self) -> Result<SignedCheckpoint, AppError> {
        let mut checkpointer = self.checkpointer.lock().await;
        checkpointer
            .advance_if_moved(self.store.as_ref(), self.clock.utc_seconds())
            .await
    }

    /// Copies the checkpoints up to `newest` to every mirror. A mirror that fails is logged and receives the missing
    /// checkpoints with the next call.
    pub async fn copy(&self, newest: &CheckpointRef) -> Vec<MirrorOutcome> {
        let outcomes = self.mirrors.lock().await.copy_missing(&self.store, newest).await;
        for MirrorOutcome { mirror, outcome } in &outcomes {
            if let Err(error) = outcome {
                tracing::warn!(%error, number = newest.number, "cannot copy checkpoints to the {mirror}: trying again after the next checkpoint");
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
        self.copy(&newest.reference()).await;
        Ok(())
    }

    /// Signs a checkpoint at every interval. Runs until cancelled. A failure is logged and the next interval retries:
    /// records are archived without it, but only the next checkpoint anchors them.
    pub fn every(&self, interval: Duration, announcer: Announcer) -> impl Future<Output = ()> + Send + 'static {
        let own = Checkpoints {
            store: Arc::clone(&self.store),
            checkpointer: Arc::clone(&self.checkpointer),
            mirrors: Arc::clone(&self.mirrors),
            clock: self.clock,
        };
        async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                match own.advance().await {
                    Ok(newest) => {
                        let newest = newest.reference();
                        announcer.send(Event::CheckpointSeen(newest)).await;
                        own.copy(&newest).await;
                    }
                    Err(error) => {
                        tracing::error!(%error, "cannot sign a checkpoint: trying again after archive.checkpoint_interval");
                    }
                }
            }
        }
    }
}

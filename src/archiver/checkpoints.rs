//! Checkpoints while the archiver works: one every interval, and one at the end, each then copied to the second places.
//! Never in the way of a seal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::archive::step::Event;
use crate::archiver::background::Announcer;
use crate::clock::Clock;
use crate::log::checkpoint::CheckpointRef;
use crate::log::checkpoint::SignedCheckpoint;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpointer::Checkpointer;
use crate::writing::init::OwnArchive;
use crate::writing::mirrors::{MirrorUpdate, Mirrors};

/// The archive's checkpointer, shared between the interval and the end.
pub struct Checkpoints {
    store: Arc<dyn Store>,
    checkpointer: Arc<Mutex<Checkpointer>>,
    copies: Arc<Mutex<Mirrors>>,
    clock: Clock,
}

impl Checkpoints {
    /// For this archive.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, own: &OwnArchive, copies: Mirrors) -> Checkpoints {
        let checkpointer = Checkpointer::new(own.identity.archive(), Arc::clone(&own.keys), own.key.clone());
        Checkpoints {
            store,
            checkpointer: Arc::new(Mutex::new(checkpointer)),
            copies: Arc::new(Mutex::new(copies)),
            clock: Clock::start(),
        }
    }

    /// Signs the heads now, if they moved.
    ///
    /// # Errors
    /// What the store says, or that a chain is broken.
    pub async fn advance(&self) -> Result<SignedCheckpoint, AppError> {
        let mut checkpointer = self.checkpointer.lock().await;
        checkpointer
            .advance_if_moved(self.store.as_ref(), self.clock.utc_seconds())
            .await
    }

    /// Brings every second place up to this checkpoint. One that does not answer is warned of; it catches up later.
    pub async fn copy(&self, newest: &CheckpointRef) -> Vec<MirrorUpdate> {
        let copied = self.copies.lock().await.bring_up_to(&self.store, newest).await;
        for place in &copied {
            if let Err(error) = &place.outcome {
                let place = &place.place;
                tracing::warn!(%error, "checkpoints were not copied to the {place}: tried again with the next one");
            }
        }
        copied
    }

    /// The last checkpoint of a run, brought to every second place.
    ///
    /// # Errors
    /// As [`Checkpoints::advance`].
    pub async fn last(self) -> Result<(), AppError> {
        let newest = self.advance().await?;
        self.copy(&newest.reference()).await;
        Ok(())
    }

    /// Signs at every interval, for ever. A failure is logged and waits for the next one: records are safe without it.
    pub fn every(&self, interval: Duration, announcer: Announcer) -> impl Future<Output = ()> + Send + 'static {
        let own = Checkpoints {
            store: Arc::clone(&self.store),
            checkpointer: Arc::clone(&self.checkpointer),
            copies: Arc::clone(&self.copies),
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
                        announcer.tell(Event::CheckpointSeen(newest)).await;
                        own.copy(&newest).await;
                    }
                    Err(error) => tracing::error!(%error, "no checkpoint was signed"),
                }
            }
        }
    }
}

//! The operations behind the machine's actions, tried for as long as their errors are transient, and the events that they
//! end in.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::archive::step::{Event, Slot, Ticket};
use crate::archiver::backends::Backends;
use crate::archiver::degradations::Degradations;
use crate::archiver::requests::{self, Creation};
use crate::error::{Explain as _, Kind};
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// Something to be done in Kafka and the store for one partition.
#[derive(Debug)]
pub enum Operation {
    /// Find the head, and what is there after it without a link.
    LoadHead(Ticket, TopicPartition),
    /// Create a segment.
    CreateSegment(Ticket, Creation),
    /// Create a link: THE COMMIT.
    CreateLink(Ticket, Creation),
}

/// The wait between two attempts.
pub trait Pause: Send + Sync {
    /// Waits after the attempt of this number, counted from 1.
    fn after(&self, attempt: u32) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// How often, and how many at a time, operations are attempted.
#[derive(Clone)]
pub struct Patience {
    /// Attempts that may be under way at once. A permit is held for one attempt, not while waiting for the next one: so
    /// partitions that cannot go on do not stop the others.
    pub attempts: Arc<Semaphore>,
    /// Where failing attempts are reported.
    pub degradations: Arc<Degradations>,
    /// How long to wait between two attempts.
    pub pause: Arc<dyn Pause>,
}

impl Operation {
    /// The partition's slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Operation::LoadHead(ticket, _) | Operation::CreateSegment(ticket, _) | Operation::CreateLink(ticket, _) => {
                ticket.slot
            }
        }
    }

    /// What is being done, for messages: `cannot …`, `can … again`.
    #[must_use]
    pub fn doing(&self) -> &'static str {
        match self {
            Operation::LoadHead(..) => "load the head",
            Operation::CreateSegment(..) => "create a segment",
            Operation::CreateLink(..) => "create a link",
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// What trying again cannot help.
    pub async fn carry_out(self, backends: Backends<'_>, patience: &Patience) -> Result<Vec<Event>, AppError> {
        let doing = self.doing();
        match self {
            Operation::LoadHead(ticket, partition) => {
                let loaded = patience
                    .until_done(doing, || requests::load_head(backends, &partition))
                    .await;
                let event = match loaded {
                    Ok(loaded) => Event::HeadLoaded(ticket, Box::new(loaded)),
                    Err(AppError::Kafka(error)) if error.is_topic_gone() => Event::TopicGone(partition),
                    Err(error) if error.kind() == Kind::Corrupt => Event::HeadRefused(ticket, error.to_string()),
                    Err(error) => return Err(error),
                };
                Ok(vec![event])
            }
            Operation::CreateSegment(ticket, creation) => {
                let create = || requests::create_segment(backends, ticket, &creation);
                Ok(vec![patience.until_done(doing, create).await?])
            }
            Operation::CreateLink(ticket, creation) => {
                let create = || requests::create_link(backends, ticket, &creation);
                let created = patience.until_done(doing, create).await?;
                Ok(match created {
                    // The keys come first: the link that is there is judged by them.
                    Event::LinkTaken(..) => vec![Event::KeysSeen(backends.keys.trust().keyring.clone()), created],
                    created => vec![created],
                })
            }
        }
    }
}

impl Patience {
    /// Attempts until one succeeds or fails for good; while attempts fail, the archiver is not ready and says why.
    async fn until_done<T, W>(&self, doing: &'static str, mut attempt: impl FnMut() -> W) -> Result<T, AppError>
    where
        W: Future<Output = Result<T, AppError>>,
    {
        let mut attempting = self.degradations.attempting(doing);
        let mut attempts = 0;
        loop {
            let outcome = {
                let _permit = self.attempts.acquire().await;
                attempt().await
            };
            match outcome {
                Err(error) if error.kind() == Kind::Transient => {
                    attempts += 1;
                    attempting.failed(&error);
                    self.pause.after(attempts).await;
                }
                Ok(done) => {
                    attempting.succeeded();
                    return Ok(done);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

//! The operations behind the state machine's actions: each is attempted until it succeeds or fails with an error that
//! is not transient, and ends in events for the machine.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::archive::step::{Event, Look, Slot, StopReason, Ticket};
use crate::archiver::backends::Backends;
use crate::archiver::degradations::Degradations;
use crate::archiver::doing::Doing;
use crate::archiver::logins::{Logins, Refusal};
use crate::archiver::requests::{self, Creation, LinkToCreate};
use crate::clock::Clock;
use crate::error::{Explain as _, Kind};
use crate::kafka::error::KafkaError;
use crate::log::signer::SignError;
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// An operation on Kafka and the store for one partition.
#[derive(Debug)]
pub enum Operation {
    /// Load the head and the segments after it that have no link.
    LoadHead(Ticket, TopicPartition),
    /// Create a segment. A crash before it costs nothing: the records are still in Kafka. A crash after it leaves a
    /// segment without a link, which the next owner adopts or rejects (AD-1).
    CreateSegment(Ticket, Creation, Look),
    /// Sign and create a link: the commit. A crash after it costs nothing: the next owner finds the head in the bucket and
    /// commits its offset to Kafka (AR-1).
    CreateLink(Ticket, LinkToCreate),
}

/// The wait between two attempts, a trait so that the simulation runs under virtual time.
pub trait Pause: Send + Sync {
    /// Waits after this failed attempt, counted from 1.
    fn after(&self, attempt: u32) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// How operations are retried.
#[derive(Clone)]
pub struct RetryPolicy {
    /// Limits the attempts that run at the same time. A permit is held for one attempt and not during the wait, so that
    /// partitions whose attempts fail do not block the others.
    pub attempts: Arc<Semaphore>,
    /// Receives failed attempts, for the log and readiness.
    pub degradations: Arc<Degradations>,
    /// The wait between two attempts.
    pub pause: Arc<dyn Pause>,
}

impl Operation {
    /// The slot of the operation's partition.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.ticket().slot
    }

    fn ticket(&self) -> Ticket {
        match self {
            Operation::LoadHead(ticket, _)
            | Operation::CreateSegment(ticket, ..)
            | Operation::CreateLink(ticket, _) => *ticket,
        }
    }

    /// The kind of work, for messages and metrics.
    #[must_use]
    pub fn doing(&self) -> Doing {
        match self {
            Operation::LoadHead(..) => Doing::LoadHead,
            Operation::CreateSegment(..) => Doing::CreateSegment,
            Operation::CreateLink(..) => Doing::CreateLink,
        }
    }

    /// Attempts the operation until it succeeds.
    ///
    /// # Errors
    /// An error that is not transient, and that other partitions would meet too.
    pub async fn carry_out(self, backends: Backends<'_>, retry: &RetryPolicy) -> Result<Vec<Event>, AppError> {
        let (ticket, doing) = (self.ticket(), self.doing());
        match self.attempted(backends, retry).await {
            Err(error) if error.scope().spares_other_partitions() => {
                let remedy = error.remedy().unwrap_or_else(|| error.kind().remedy().to_owned());
                let why = format!("cannot {}: {error}; {remedy}", doing.words());
                Ok(vec![Event::Refused(ticket, why)])
            }
            done => done,
        }
    }

    async fn attempted(self, backends: Backends<'_>, retry: &RetryPolicy) -> Result<Vec<Event>, AppError> {
        let doing = self.doing();
        match self {
            Operation::LoadHead(ticket, partition) => {
                let loaded = retry
                    .until_done(doing, || requests::load_head(backends, &partition))
                    .await;
                let event = match loaded {
                    Ok(loaded) => Event::HeadLoaded(ticket, Box::new(loaded)),
                    Err(AppError::Kafka(error)) if error.is_topic_gone() => {
                        Event::CannotRead(partition, StopReason::TopicGone)
                    }
                    Err(AppError::Kafka(error)) if error.is_topic_forbidden() => {
                        Event::NotAllowed(ticket, error.to_string())
                    }
                    Err(error) if error.kind() == Kind::Corrupt => Event::HeadRefused(ticket, error.to_string()),
                    Err(error) => return Err(error),
                };
                Ok(vec![event])
            }
            Operation::CreateSegment(ticket, creation, mut look) => {
                // After a wait, the head is not known from a moment ago.
                let create = || {
                    let look = std::mem::replace(&mut look, Look::Needed);
                    requests::create_segment(backends, ticket, &creation, look)
                };
                Ok(vec![or_not_allowed(ticket, retry.until_done(doing, create).await)?])
            }
            Operation::CreateLink(ticket, LinkToCreate { key, link, topic_id }) => {
                // Signed once, whatever the number of attempts to create it: a device need not sign the same text alike.
                let signed = retry.until_done(Doing::SignLink, || requests::sign_link(backends, &link));
                let object = match signed.await {
                    Ok(object) => object,
                    Err(AppError::Sign(SignError::Note(why))) => {
                        return Ok(vec![Event::LinkUnsignable(ticket, why.to_string())]);
                    }
                    Err(error) => return Err(error),
                };
                let creation = Creation { key, object, topic_id };
                let create = || requests::create_link(backends, ticket, &creation);
                let created = or_not_allowed(ticket, retry.until_done(doing, create).await)?;
                Ok(match created {
                    // The keys come first: the machine checks the existing link's signature against them.
                    Event::LinkTaken(..) => vec![Event::KeysSeen(backends.log.trust().keyring().clone()), created],
                    created => vec![created],
                })
            }
        }
    }
}

/// A topic's right that was withdrawn stops its partition only: its records are still in Kafka.
fn or_not_allowed(ticket: Ticket, outcome: Result<Event, AppError>) -> Result<Event, AppError> {
    match outcome {
        Err(AppError::Kafka(error)) if error.is_topic_forbidden() => Ok(Event::NotAllowed(ticket, error.to_string())),
        outcome => outcome,
    }
}

impl RetryPolicy {
    /// Repeats `attempt` while its errors are transient, and for two minutes while brokers refuse the login. Until it succeeds,
    /// `/readyz` answers 503 with the error.
    async fn until_done<T, W>(&self, doing: Doing, mut attempt: impl FnMut() -> W) -> Result<T, AppError>
    where
        W: Future<Output = Result<T, AppError>>,
    {
        let mut attempting = self.degradations.attempting(doing);
        let mut attempts = 0;
        let (clock, mut logins) = (Clock::start(), Logins::default());
        let mut passes = |error: &AppError| match error {
            AppError::Kafka(KafkaError::Credentials { .. }) => logins.refused(clock.monotonic_ms()) != Refusal::Lasting,
            error => error.kind() == Kind::Transient,
        };
        loop {
            let outcome = {
                let _permit = self.attempts.acquire().await;
                attempt().await
            };
            match outcome {
                Err(error) if passes(&error) => {
                    attempts += 1;
                    attempting.failed(&error);
                    self.pause.after(attempts).await;
                }
                Ok(done) => {
                    attempting.succeeded(clock.elapsed_s());
                    return Ok(done);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

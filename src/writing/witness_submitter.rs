//! Submits the archive's checkpoints to one witness and stores its cosignatures: a task beside the archiver's work, which
//! never waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::log::witness::{Answer, Cosignature, request_body};
use crate::store::retry::Backoff;
use crate::task::error::AppError;
use crate::telemetry::WitnessMetrics;
use crate::writing::witness_client::{NoAnswer, WitnessClient};
use crate::writing::witnesses::{StandingCheckpoint, Witness, WitnessedLog, consistency_proof};

/// How often a checkpoint is submitted while the witness answers with another size each time.
const TRIES_MAX: u32 = 3;

/// The newest checkpoint that the bucket holds, as its writer announces it.
pub type Newest = watch::Receiver<Option<Arc<StandingCheckpoint>>>;

/// What all submitters share.
#[derive(Clone)]
pub struct Shared {
    /// The archive's log.
    pub log: Arc<dyn WitnessedLog>,
    /// The way to the witnesses.
    pub client: Arc<dyn WitnessClient>,
    /// The delays after failures. Each witness should have another seed.
    pub backoff: Backoff,
    /// For metrics.
    pub clock: Clock,
}

impl Shared {
    /// Delays of 1 s to 10 min, without a limit of attempts.
    #[must_use]
    pub fn backoff(seed: u64) -> Backoff {
        Backoff {
            attempts: u32::MAX,
            first_ms: 1_000,
            max_ms: 600_000,
            seed,
        }
    }
}

/// Submits to one witness.
pub struct Submitter {
    witness: Witness,
    shared: Shared,
    metrics: WitnessMetrics,
    /// The size of the newest tree that the witness is known to have cosigned. 0 until it said so: it answers a wrong size
    /// with its own.
    size: u64,
}

/// What became of one checkpoint.
#[derive(Debug)]
enum Outcome {
    /// It is cosigned, and stored.
    Cosigned,
    /// Nothing more can be done for this checkpoint; the next one is submitted.
    Skipped,
    /// Later the newest checkpoint is submitted, whichever that is by then.
    Later(Failure),
    /// The witness refuses without a reason that can be acted upon.
    Stopped,
}

/// Why a submission brought no cosignature.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("{meaning}; {fix}")]
    Refused {
        cause: &'static str,
        meaning: &'static str,
        fix: &'static str,
    },
    #[error("the witness is not available: it answered with status {0}")]
    Unavailable(u16),
    #[error("no line of the answer is a cosignature of this checkpoint by the configured key")]
    NotVerified,
    #[error("a proof or a cosignature could not be read or stored: {0}")]
    Archive(#[from] AppError),
}

impl Submitter {
    /// A submitter to this witness. Nothing is sent yet.
    #[must_use]
    pub fn new(witness: Witness, shared: Shared, metrics: WitnessMetrics) -> Submitter {
        Submitter {
            witness,
            shared,
            metrics,
            size: 0,
        }
    }

    /// Submits each checkpoint that `newest` announces, or the newest where several come while one is submitted. Runs until
    /// the sender of `newest` is dropped and the last checkpoint was submitted. Nothing is sent after a conflict without a
    /// size.
    pub async fn run(mut self, mut newest: Newest) {
        let mut failures = 0;
        loop {
            let checkpoint = newest.borrow_and_update().clone();
            let outcome = match &checkpoint {
                Some(checkpoint) => self.submit(checkpoint).await,
                None => Outcome::Skipped,
            };
            match outcome {
                Outcome::Cosigned | Outcome::Skipped => {
                    failures = 0;
                    if newest.changed().await.is_err() {
                        return;
                    }
                }
                Outcome::Later(failure) => {
                    failures += 1;
                    let delay = Duration::from_millis(self.shared.backoff.delay_ms(failures));
                    self.report(&failure, delay);
                    if pause(&mut newest, delay).await == Pause::Closed {
                        return self.submit_last(&newest).await;
                    }
                }
                Outcome::Stopped => return closed(&mut newest).await,
            }
        }
    }

    async fn submit_last(&mut self, newest: &Newest) {
        let checkpoint = newest.borrow().clone();
        if let Some(checkpoint) = checkpoint
            && let Outcome::Later(failure) = self.submit(&checkpoint).await
        {
            self.report(&failure, Duration::ZERO);
        }
    }

    async fn submit(&mut self, checkpoint: &StandingCheckpoint) -> Outcome {
        for _ in 0..TRIES_MAX {
            if self.size > checkpoint.head.size {
                return self.ahead(checkpoint).await;
            }
            match self.ask(checkpoint).await {
                Ok(Answer::Cosigned(lines)) => return self.take(checkpoint, &lines).await,
                Ok(Answer::OtherSize(size)) => self.size = size,
                Ok(Answer::Conflict) => return self.conflict(),
                Ok(refusal) => return Outcome::Later(refused(&refusal)),
                Err(failure) => return Outcome::Later(failure),
            }
        }
        self.metrics.failed("other_size");
        tracing::warn!(
            event = "witness_unsteady",
            witness = self.witness.key.name(),
            number = checkpoint.number(),
            tries = TRIES_MAX,
            "the witness names another size at each try: trying again with the next checkpoint"
        );
        Outcome::Skipped
    }

    async fn ask(&self, checkpoint: &StandingCheckpoint) -> Result<Answer, Failure> {
        let proof = consistency_proof(self.shared.log.as_ref(), self.size, checkpoint.head.size).await?;
        let body = request_body(self.size, &proof, &checkpoint.note);
        Ok(self.shared.client.add_checkpoint(&self.witness.url, body).await?)
    }

    /// Stores the lines that verify. The others are of keys that are not configured.
    async fn take(&mut self, checkpoint: &StandingCheckpoint, lines: &[Cosignature]) -> Outcome {
        let (head, key) = (&checkpoint.head, &self.witness.key);
        let verified: Vec<_> = lines.iter().filter(|line| key.verify(head, line)).collect();
        if verified.is_empty() {
            return Outcome::Later(Failure::NotVerified);
        }
        self.size = head.size;
        for line in verified {
            if let Err(error) = self.shared.log.store(checkpoint.number(), line).await {
                return Outcome::Later(Failure::Archive(error));
            }
        }
        self.metrics.cosigned(head.size, self.shared.clock.utc_seconds());
        tracing::debug!(
            event = "cosigned",
            witness = key.name(),
            number = checkpoint.number(),
            "cosigned"
        );
        Outcome::Cosigned
    }

    async fn ahead(&self, checkpoint: &StandingCheckpoint) -> Outcome {
        self.metrics.failed("ahead");
        tracing::warn!(
            event = "witness_ahead",
            witness = self.witness.key.name(),
            witness_size = self.size,
            size = checkpoint.head.size,
            "the witness cosigned a larger tree than this archiver knows: harmless if another archiver wrote it; otherwise the bucket was cut or restored, run `kivend verify`"
        );
        self.shared.log.witness_is_ahead(&self.witness, self.size).await;
        Outcome::Skipped
    }

    fn conflict(&self) -> Outcome {
        self.metrics.failed("conflict");
        tracing::error!(
            event = "witness_conflict",
            witness = self.witness.key.name(),
            url = self.witness.url,
            "the witness refuses this log with a conflict and names no size: nothing more is submitted to it; ask its operator, then restart the archiver"
        );
        Outcome::Stopped
    }

    fn report(&self, failure: &Failure, delay: Duration) {
        let (witness, delay_s) = (self.witness.key.name(), delay.as_secs());
        self.metrics.failed(failure.cause());
        if failure.is_alarm() {
            tracing::error!(event = "witness_alarm", witness, delay_s, error = %failure, "no cosignature, and somebody has to act");
        } else {
            tracing::warn!(event = "witness_failed", witness, delay_s, error = %failure, "no cosignature: trying again later");
        }
    }
}

/// What an answer without lines and without a conflict means.
fn refused(answer: &Answer) -> Failure {
    let (cause, meaning, fix) = match answer {
        Answer::Unavailable(status) => return Failure::Unavailable(*status),
        Answer::UnknownLog => (
            "unknown_log",
            "the witness does not know this log",
            "tell its operator the archive's origin and public key",
        ),
        Answer::Untrusted => (
            "untrusted",
            "the witness does not know this log, or not the key that signed the checkpoint",
            "tell its operator the archive's origin and public keys",
        ),
        Answer::Inconsistent => (
            "inconsistent",
            "the witness cosigned another history of this log: the bucket was cut or restored, or a cloned archive runs with the same signing key",
            "run `kivend verify`, and compare with the checkpoint mirrors",
        ),
        Answer::Misunderstood => (
            "misunderstood",
            "the witness does not understand the request",
            "check that archive.witnesses names the URL of a C2SP tlog-witness",
        ),
        Answer::Garbled | Answer::Cosigned(_) | Answer::OtherSize(_) | Answer::Conflict => (
            "garbled",
            "the answer has no signature lines",
            "check that archive.witnesses names the URL of a C2SP tlog-witness",
        ),
    };
    Failure::Refused { cause, meaning, fix }
}

impl Failure {
    /// For metrics.
    fn cause(&self) -> &'static str {
        match self {
            Failure::NoAnswer(_) => "no_answer",
            Failure::Refused { cause, .. } => cause,
            Failure::Unavailable(_) => "unavailable",
            Failure::NotVerified => "not_verified",
            Failure::Archive(_) => "archive",
        }
    }

    /// Whether somebody must look at it now: waiting does not help.
    fn is_alarm(&self) -> bool {
        matches!(
            self,
            Failure::NotVerified
                | Failure::Refused {
                    cause: "inconsistent",
                    ..
                }
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    Elapsed,
    Closed,
}

/// Waits, unless the sender is dropped before. Newer checkpoints do not cut the delay short.
async fn pause(newest: &mut Newest, delay: Duration) -> Pause {
    match tokio::time::timeout(delay, closed(newest)).await {
        Ok(()) => Pause::Closed,
        Err(_) => Pause::Elapsed,
    }
}

/// Waits until the sender is dropped.
async fn closed(newest: &mut Newest) {
    while newest.changed().await.is_ok() {}
}

#[cfg(test)]
#[path = "witness_submitter_tests.rs"]
mod tests;

//! A witness that cosigns the log, as C2SP tlog-witness asks: it remembers the newest tree, and refuses one that does not continue
//! it. Archivers submit each checkpoint that stands, store the cosignatures, and ask it at their start how much it has seen.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use kivend::log::checkpoint::{Checkpoint, CheckpointRef};
use kivend::log::history::History;
use kivend::log::witness::Cosignature;
use kivend::record::hash::Hash;
use kivend::record::merkle::path::is_consistent;
use kivend::record::merkle::range::LeafPoint;
use kivend::task::error::AppError;
use kivend::writing::checkpoints::{entry_at, objects_of, refuse_larger};
use kivend::writing::witnesses::{WitnessedLog, consistency_proof, store_cosignature};
use kivend::writing::writer_log::WriterLog;

use super::network::{Network, step};

/// How often a checkpoint is submitted, as in the real submitter.
const TRIES: usize = 3;

#[derive(Debug, Default)]
struct Seen {
    /// The size, the root and the note of the newest tree.
    newest: Option<(u64, Hash, Bytes)>,
    /// A tree that does not continue the one before it.
    refused: Option<String>,
    cosigned: u64,
    /// Whether it does not answer now.
    is_away: bool,
    /// Checkpoints that it did not answer.
    unanswered: u64,
}

/// A witness, shared by all processes of a run.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Seen>>);

enum Reply {
    Away,
    Cosigned(Cosignature),
    OtherSize(u64),
    Inconsistent,
}

impl Witness {
    /// The trees that it cosigned.
    pub fn cosigned(&self) -> u64 {
        self.with(|seen| seen.cosigned)
    }

    /// The checkpoints that it did not answer, because it was stopped.
    pub fn unanswered(&self) -> u64 {
        self.with(|seen| seen.unanswered)
    }

    /// Stops it, or starts it again with all that it has seen. Returns whether it is stopped now.
    pub fn toggle(&self) -> bool {
        self.with(|seen| {
            seen.is_away = !seen.is_away;
            seen.is_away
        })
    }

    pub fn is_away(&self) -> bool {
        self.with(|seen| seen.is_away)
    }

    /// What it refused since the last call.
    pub fn take_refused(&self) -> Option<String> {
        self.with(|seen| seen.refused.take())
    }

    /// Refuses to start an archiver whose bucket has less of the log than was cosigned. One that does not answer stops nothing.
    ///
    /// # Errors
    /// Those of the real archiver's question.
    pub fn refuse_cut(&self, history: &History) -> Result<(), AppError> {
        match self.with(|seen| seen.newest.clone().filter(|_| !seen.is_away)) {
            Some((_, _, note)) => refuse_larger(history, &note, "the witness"),
            None => Ok(()),
        }
    }

    fn add(&self, old_size: u64, proof: &[Hash], (size, root, note): (u64, Hash, Bytes)) -> Reply {
        self.with(|seen| {
            if seen.is_away {
                seen.unanswered += 1;
                return Reply::Away;
            }
            let known = seen
                .newest
                .as_ref()
                .map_or((0, Hash::of(b"")), |(size, root, _)| (*size, *root));
            if known.0 != old_size || size < known.0 {
                return Reply::OtherSize(known.0);
            }
            if known.0 > 0 && !is_consistent(known, (size, root), proof) {
                seen.refused = Some(format!(
                    "a tree of size {size} that does not continue that of size {}",
                    known.0
                ));
                return Reply::Inconsistent;
            }
            seen.newest = Some((size, root, note));
            seen.cosigned += 1;
            // Verifiers of the simulation do not know the witness, so nothing verifies the line.
            let signature = [&[1, 2, 3, 4], size.to_be_bytes().as_slice(), &root.0, &root.0].concat();
            let line = format!("\u{2014} witness.simulated {}", BASE64.encode(signature));
            Reply::Cosigned(Cosignature::parse(&line).unwrap())
        })
    }

    /// Submits a checkpoint that stands in the bucket, and stores its cosignature.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn submit(&self, store: &Network, log: &Arc<WriterLog>, named: CheckpointRef) -> Result<(), AppError> {
        let history = log.trust().history.clone();
        let note = objects_of(store, &history, named.number).await?.checkpoint;
        let Checkpoint { size, root, .. } = Checkpoint::of(history.keyring().origin(), named);
        let entries = Entries { store, history };
        let mut known = 0;
        for _ in 0..TRIES {
            let proof = consistency_proof(&entries, known, size).await?;
            step().await;
            match self.add(known, &proof, (size, root, note.clone())) {
                Reply::Cosigned(line) => return store_cosignature(store, named.number, &line).await,
                Reply::OtherSize(other) if other <= size => known = other,
                Reply::OtherSize(_) | Reply::Inconsistent | Reply::Away => return Ok(()),
            }
        }
        Ok(())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Entries<'a> {
    store: &'a Network,
    history: History,
}

#[async_trait]
impl WitnessedLog for Entries<'_> {
    async fn leaf_point(&self, number: u64) -> Result<LeafPoint, AppError> {
        let entry = entry_at(self.store, &self.history, number).await?;
        let leaf = entry
            .leaf_hash()
            .map_err(|error| AppError::internal(error.to_string()))?;
        Ok(LeafPoint {
            peaks: entry.tree,
            leaf,
        })
    }

    async fn store(&self, number: u64, cosignature: &Cosignature) -> Result<(), AppError> {
        store_cosignature(self.store, number, cosignature).await
    }
}

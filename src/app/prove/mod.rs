//! `prove`: gathers from the bucket what proves one record, or that one checkpoint continues another, and checks it as
//! anybody would before it is given away. Reads the chain of the partition and one segment; never writes, never signs.

mod record;

use std::sync::Arc;

use crate::log::proof::{ConsistencyProof, Proof};
use crate::log::signed_note::VerifyingKey;
use crate::reading::archive::{Archive, text};
use crate::record::merkle::path::consistency_path;
use crate::record::position::{Epoch, TopicPartition};
use crate::store::Store;
use crate::task::error::AppError;
use crate::verify::proof::{ProofReport, check};
use crate::verify::verdict::Verdict;

pub use crate::reading::archive::WantedCheckpoint;

/// What is to be proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The record at an offset.
    Offset {
        /// Of this partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
        /// Of this epoch; else of the newest that has the offset.
        epoch: Option<Epoch>,
    },
    /// The first record, by topic, partition and offset, whose event has this id.
    EventId(String),
    /// That a later checkpoint continues an earlier one.
    Consistency {
        /// The earlier one.
        from: WantedCheckpoint,
        /// The later one.
        to: WantedCheckpoint,
    },
}

/// A proof, and what checking it said.
#[derive(Debug, Clone)]
pub struct Made {
    /// The file's text.
    pub text: String,
    /// What it proves.
    pub report: ProofReport,
}

/// Proves what is wanted.
///
/// # Errors
/// `Input` where there is nothing to prove: not archived yet, lost, absent, or covered by no checkpoint; `Corrupt` where
/// the archive does not bear it out; what the store says.
pub async fn prove(store: Arc<dyn Store>, keys: &[VerifyingKey], wanted: &Wanted) -> Result<Made, AppError> {
    let archive = Archive::open(store, keys).await?;
    let proof = match wanted {
        Wanted::Offset {
            partition,
            offset,
            epoch,
        } => record::at(&archive, partition, *offset, *epoch).await?,
        Wanted::EventId(id) => record::of_event(&archive, id).await?,
        Wanted::Consistency { from, to } => consistency(&archive, from, to).await?,
    };
    let text = proof.to_text().map_err(|error| AppError::internal(error.to_string()))?;
    let report = check(text.as_bytes(), keys);
    match report.findings.first() {
        Some(finding) if report.verdict != Verdict::Intact => Err(AppError::corrupt(format!(
            "the archive does not bear out what was to be proved: {} {}",
            finding.code.id(),
            finding.detail
        ))
        .fix("`kivend verify` says what is wrong with the archive")),
        _ => Ok(Made { text, report }),
    }
}

async fn consistency(archive: &Archive, from: &WantedCheckpoint, to: &WantedCheckpoint) -> Result<Proof, AppError> {
    let from = archive.named_checkpoint(from).await?;
    let to = archive.named_checkpoint(to).await?;
    let mut paths = Vec::new();
    for head in &from.signed.checkpoint.heads {
        let later = to.signed.checkpoint.head(&head.partition);
        let size = later.map_or(0, |later| later.height.0.saturating_add(1));
        let log = archive.log(&head.partition, size).await?;
        let count = usize::try_from(head.height.0.saturating_add(1)).unwrap_or(usize::MAX);
        paths.push(consistency_path(&log, count));
    }
    Ok(Proof::Consistency(ConsistencyProof {
        from: text(&from.object)?,
        to: text(&to.object)?,
        paths,
        archive: archive.identity()?,
        key_changes: archive.key_changes().await?,
    }))
}

//! `prove`: collects from the bucket what proves one record, all records of a selection, or that one checkpoint continues
//! another, and checks the proof before returning it. For one record it reads the chain of the partition and one segment.

mod check_folder;
mod condition;
mod folder;
mod record;
mod search;
mod selection;

use std::sync::Arc;

use crate::log::proof::{ConsistencyProof, Proof};
use crate::reading::archive::Archive;
use crate::record::merkle::path::consistency_path;
use crate::record::position::{Epoch, TopicPartition};
use crate::store::Store;
use crate::task::error::AppError;
use crate::verify::given::Given;
use crate::verify::proof::check;
use crate::verify::proof_report::ProofReport;
use crate::verify::verdict::Verdict;

pub use crate::app::prove::check_folder::{FolderError, FolderReport, PROOF_MAX_BYTES, check_folder};
pub use crate::app::prove::condition::Condition;
pub use crate::app::prove::folder::write_folder;
pub use crate::app::prove::selection::{Selected, Selection, prove_selection};
pub use crate::reading::archive_checkpoints::WantedCheckpoint;

/// What to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The record at an offset.
    Offset {
        /// The record's partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: i64,
        /// The epoch; `None` for the newest one that has the offset.
        epoch: Option<Epoch>,
    },
    /// The first record, by topic, partition and offset, whose event has this id.
    EventId(String),
    /// That a later checkpoint continues an earlier one.
    Consistency {
        /// The earlier checkpoint.
        from: WantedCheckpoint,
        /// The later checkpoint.
        to: WantedCheckpoint,
    },
}

/// A proof, and the result of checking it.
#[derive(Debug, Clone)]
pub struct Made {
    /// The text of the proof file.
    pub text: String,
    /// What it proves.
    pub report: ProofReport,
}

/// Makes a proof.
///
/// # Errors
/// `Input` if there is nothing to prove: not archived yet, lost, absent, or not covered by a checkpoint. `Corrupt` if the
/// archive contradicts itself. Errors of the store.
pub async fn prove(store: Arc<dyn Store>, given: &Given, wanted: &Wanted) -> Result<Made, AppError> {
    let archive = Archive::open(store, given).await?;
    let proof = match wanted {
        Wanted::Offset {
            partition,
            offset,
            epoch,
        } => record::prove_offset(&archive, partition, *offset, *epoch).await?,
        Wanted::EventId(id) => record::prove_event(&archive, id).await?,
        Wanted::Consistency { from, to } => consistency(&archive, from, to).await?,
    };
    let text = proof.to_text().map_err(|error| AppError::internal(error.to_string()))?;
    let report = check(text.as_bytes(), given);
    match report.findings.first() {
        Some(finding) if report.verdict != Verdict::Intact => Err(AppError::corrupt(format!(
            "the proof does not hold, because the archive contradicts itself: {} {}",
            finding.code.id(),
            finding.detail
        ))
        .fix("`kivend verify` lists all findings")),
        _ => Ok(Made { text, report }),
    }
}

async fn consistency(archive: &Archive, from: &WantedCheckpoint, to: &WantedCheckpoint) -> Result<Proof, AppError> {
    let from = archive.named_checkpoint(from).await?;
    let to = archive.named_checkpoint(to).await?;
    let size = |number: u64| number.saturating_add(1);
    if from.named.number > to.named.number {
        let (from, to) = (from.named.number, to.named.number);
        return Err(AppError::input(format!(
            "the later checkpoint, {to}, is older than the earlier one, {from}"
        ))
        .fix("exchange --from and --to"));
    }
    let leaves = archive.leaves(size(to.named.number));
    let count = usize::try_from(size(from.named.number)).unwrap_or(usize::MAX);
    Ok(Proof::Consistency(ConsistencyProof {
        path: consistency_path(leaves, count),
        changes: archive.changes(to.named.number),
        from: from.note,
        to: to.note,
        archive: archive.identity()?,
        first: archive.first().await?,
    }))
}

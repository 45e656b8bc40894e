//! Where a verification begins: what is listed, which keys count, and the checkpoint that stands for all that came before it,
//! where only new things are to be read.

use std::sync::Arc;

use crate::app::verify::VerifyError;
use crate::app::verify::bucket::Bucket;
use crate::app::verify::notes::{find_checkpoint, read_trust};
use crate::app::verify::request::{Base, Request};
use crate::model::note::{Note, VerifyingKey};
use crate::segment::checkpoint::{Checkpoint, NotACheckpoint, SignedCheckpoint};
use crate::store::Store;
use crate::verify::findings::Findings;
use crate::verify::inventory::Inventory;
use crate::verify::keys::Trust;

/// What is known before the first chain is walked.
pub(super) struct Begun {
    pub(super) bucket: Arc<Bucket>,
    pub(super) inventory: Inventory,
    pub(super) findings: Findings,
    /// Nothing where there is no archive.
    pub(super) trust: Option<Trust>,
    pub(super) base: Option<SignedCheckpoint>,
}

/// Lists, and reads the keys.
pub(super) async fn begin(store: Arc<dyn Store>, request: &Request) -> Result<Begun, VerifyError> {
    let listed = match request.base {
        None => Bucket::list(store).await,
        Some(_) => Bucket::list_keys(store).await,
    };
    let (mut bucket, mut inventory, mut findings) = listed.map_err(VerifyError::Store)?;
    let trust = read_trust(&bucket, &inventory, &request.keys, &mut findings).await;
    let base = match (&trust, &request.base) {
        (Some(trust), Some(base)) => Some(open_base(&bucket, trust, base).await?),
        _ => None,
    };
    if let Some(base) = &base {
        let beyond = bucket.list_beyond(&base.checkpoint, &mut inventory, &mut findings);
        beyond.await.map_err(VerifyError::Store)?;
    }
    Ok(Begun {
        bucket: Arc::new(bucket),
        inventory,
        findings,
        trust,
        base,
    })
}

async fn open_base(bucket: &Bucket, trust: &Trust, base: &Base) -> Result<SignedCheckpoint, VerifyError> {
    match base {
        Base::Saved(object) => open_saved(trust, object)?.map_err(VerifyError::SavedCheckpoint),
        Base::Number(number) => {
            let found = find_checkpoint(bucket, trust, *number).await;
            found.ok().flatten().ok_or(VerifyError::NoSuchCheckpoint(*number))
        }
    }
}

/// A copy that was saved elsewhere, or why this archive cannot be the one that it was saved from.
///
/// # Errors
/// The file is no checkpoint of any archive.
pub(in crate::app) fn open_saved(
    trust: &Trust,
    object: &[u8],
) -> Result<Result<SignedCheckpoint, String>, VerifyError> {
    let note = without_cosignatures(trust, object)?;
    let saved: Checkpoint = note
        .text()
        .parse()
        .map_err(|error: NotACheckpoint| VerifyError::SavedCheckpoint(error.to_string()))?;
    let opened = trust.open_checkpoint(&note.to_bytes(), saved.number);
    Ok(opened.map_err(|invalid| format!("number={} id={}: {invalid}", saved.number, saved.archive_id)))
}

/// A saved copy as it stands in the bucket: witnesses may have signed it too, and what the archive's keys did not sign is
/// taken off (FORMAT.md section 6).
///
/// # Errors
/// The file is no note.
pub(in crate::app) fn without_cosignatures(trust: &Trust, object: &[u8]) -> Result<Note, VerifyError> {
    let note = Note::parse(object).map_err(|error| VerifyError::SavedCheckpoint(error.to_string()))?;
    Ok(note.with_only(|line| {
        let named = |key: &VerifyingKey| key.name() == line.name && key.id() == line.key_id;
        trust.keys().any(named)
    }))
}

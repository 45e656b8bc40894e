//! A checkpoint that somebody saved outside the bucket, read back with the keys of an archive.

use crate::log::checkpoint::{Checkpoint, NotACheckpoint, SignedCheckpoint};
use crate::log::signed_note::{Note, VerifyingKey};
use crate::verify::keys::Trust;

/// What was given as a saved checkpoint is not a checkpoint of any archive.
#[derive(Debug, thiserror::Error)]
#[error("the saved checkpoint is not one: {0}")]
pub struct NotASavedCheckpoint(pub String);

/// A copy that was saved elsewhere, or why this archive cannot be the one that it was saved from.
///
/// # Errors
/// The file is no checkpoint of any archive.
pub fn open_saved(trust: &Trust, object: &[u8]) -> Result<Result<SignedCheckpoint, String>, NotASavedCheckpoint> {
    let note = without_cosignatures(trust, object)?;
    let saved: Checkpoint = note
        .text()
        .parse()
        .map_err(|error: NotACheckpoint| NotASavedCheckpoint(error.to_string()))?;
    let opened = trust.open_checkpoint(&note.to_bytes(), saved.number);
    Ok(opened.map_err(|invalid| format!("number={} id={}: {invalid}", saved.number, saved.archive_id)))
}

/// A saved copy as it stands in the bucket: witnesses may have signed it too, and what the archive's keys did not sign is
/// taken off (FORMAT.md section 6).
///
/// # Errors
/// The file is no note.
pub fn without_cosignatures(trust: &Trust, object: &[u8]) -> Result<Note, NotASavedCheckpoint> {
    let note = Note::parse(object).map_err(|error| NotASavedCheckpoint(error.to_string()))?;
    Ok(note.with_only(|line| {
        let named = |key: &VerifyingKey| key.name() == line.name && key.id() == line.key_id;
        trust.keys().any(named)
    }))
}

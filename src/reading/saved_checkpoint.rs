//! Opening a checkpoint that was saved outside the bucket, with the keys of an archive.

use crate::log::checkpoint::{Checkpoint, NotACheckpoint, SignedCheckpoint};
use crate::log::signed_note::{Note, VerifyingKey};
use crate::verify::keys::Trust;

/// A file given as a saved checkpoint is not one.
#[derive(Debug, thiserror::Error)]
#[error("the file is not a saved checkpoint: {0}")]
pub struct NotASavedCheckpoint(pub String);

/// Opens a saved checkpoint. The inner error says why it is not a checkpoint of this archive.
///
/// # Errors
/// The file is not a checkpoint of any archive.
pub fn open_saved(trust: &Trust, object: &[u8]) -> Result<Result<SignedCheckpoint, String>, NotASavedCheckpoint> {
    let note = without_cosignatures(trust, object)?;
    let saved: Checkpoint = note
        .text()
        .parse()
        .map_err(|error: NotACheckpoint| NotASavedCheckpoint(error.to_string()))?;
    let opened = trust.open_checkpoint(&note.to_bytes(), saved.number);
    Ok(opened.map_err(|invalid| format!("number={} id={}: {invalid}", saved.number, saved.archive_id)))
}

/// A saved checkpoint without the signatures of witnesses, which is the bucket's object (FORMAT.md section 6).
///
/// # Errors
/// The file is not a note.
pub fn without_cosignatures(trust: &Trust, object: &[u8]) -> Result<Note, NotASavedCheckpoint> {
    let note = Note::parse(object).map_err(|error| NotASavedCheckpoint(error.to_string()))?;
    Ok(note.with_only(|line| {
        let named = |key: &VerifyingKey| key.name() == line.name && key.id() == line.key_id;
        trust.keys().any(named)
    }))
}

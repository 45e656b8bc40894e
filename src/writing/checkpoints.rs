//! The checkpoints of an archive's log: completing the newest one, and reading the objects of older ones for copies.

use std::sync::Arc;

use bytes::Bytes;

use crate::log::checkpoint::{Checkpoint, CheckpointRef};
use crate::log::entry::Entry;
use crate::log::history::History;
use crate::log::keyring::Role;
use crate::log::object_key::{Attempt, CHECKPOINTS, Key};
use crate::log::signer::Signer;
use crate::reading::attempts::{self, Candidate, Judged};
use crate::store::{Creation, Store, pages};
use crate::task::error::AppError;
use crate::writing::create::{create_note, judge_taken};
use crate::writing::signing::sign_with;
use crate::writing::writer_log::require_not_retired;

/// Makes sure that the checkpoint over the entries so far is in the bucket, and returns it. A crash between an entry and its
/// checkpoint leaves it out; the next writer completes it.
///
/// # Errors
/// The store's errors; `Transient` if the key cannot sign now; `Config` if it was retired; `Corrupt` if the entry before the newest
/// is gone; `Input` before entry 0.
pub async fn complete(
    store: &dyn Store,
    history: &History,
    signer: &Arc<dyn Signer>,
) -> Result<CheckpointRef, AppError> {
    let named = history
        .checkpoint()
        .ok_or_else(|| AppError::input("the archive's log has no entry"))?;
    let key_of = |attempt| Key::Checkpoint(named.number, attempt);
    // By this or another key: the text is the same.
    let valid = |found: Candidate| history.open_checkpoint(&found.object).ok();
    let mut attempt = match attempts::judge(store, key_of, valid).await? {
        Judged::Valid(_) => return Ok(named),
        Judged::Free(free) => free,
    };
    require_not_retired(history.keyring(), signer.verifying_key())?;
    if named.number == 0 && history.keyring().change_role() != signer_role(history, signer.as_ref()) {
        return Err(AppError::config(
            "checkpoint 0 is missing, and only a change key may sign it: creating the archive was interrupted",
        )
        .fix("run `kivend init --change-key FILE` again, with the file of the change key"));
    }
    // Again, because the bucket may have been cut since the entry was created.
    if let Some(before) = history.checkpoint_before() {
        require(store, history, before).await?;
    }
    let checkpoint = Checkpoint::of(history.keyring().origin(), named);
    let sealed = sign_with(signer, move |signer| checkpoint.seal(signer)).await?;
    loop {
        if create_note(store, &key_of(attempt), &sealed).await? == Creation::Created {
            return Ok(named);
        }
        match judge_taken(store, key_of, attempt, valid).await? {
            Judged::Valid(_) => return Ok(named),
            Judged::Free(free) => attempt = free,
        }
    }
}

/// Requires that an entry and the checkpoint over it, which this writer has read or signed, are in the bucket. LG-2 says that they
/// were: where one is gone, or is another log's, the bucket was cut or restored (FORMAT.md section 3.5).
///
/// # Errors
/// `Corrupt` if one is not there; the store's errors.
pub async fn require(store: &dyn Store, history: &History, named: CheckpointRef) -> Result<(), AppError> {
    let number = named.number;
    let entry_of = |attempt| Key::Entry(number, attempt);
    let is_it = |found: Candidate| {
        let (entry, _) = history.open_named(&found.object, number).ok()?;
        (entry.checkpoint() == Some(named)).then_some(())
    };
    let checkpoint_of = |attempt| Key::Checkpoint(number, attempt);
    let is_over_it = |found: Candidate| history.open_checkpoint_of(&found.object, named).ok().map(drop);
    let entry = attempts::lowest(store, entry_of, is_it).await?;
    let checkpoint = attempts::lowest(store, checkpoint_of, is_over_it).await?;
    if entry.and(checkpoint).is_some() {
        return Ok(());
    }
    Err(AppError::corrupt(format!(
        "entry {number}, which was read or signed before, or the checkpoint over it, is gone or is that of another log: the bucket was cut or restored"
    ))
    .fix("restore the missing objects from a copy of the bucket, or begin a new archive under another prefix"))
}

fn signer_role(history: &History, signer: &dyn Signer) -> Role {
    let term = history.keyring().term(signer.verifying_key());
    term.map_or(Role::Signing, |term| term.role)
}

/// The objects of an entry and its checkpoint, to be copied elsewhere.
#[derive(Debug, Clone)]
pub struct EntryObjects {
    /// The entry's note.
    pub entry: Bytes,
    /// The checkpoint's note.
    pub checkpoint: Bytes,
}

/// The objects with this number. `history` knows the keys that were in force there.
///
/// # Errors
/// The store's errors; `Corrupt` if one is missing.
pub async fn objects_of(store: &dyn Store, history: &History, number: u64) -> Result<EntryObjects, AppError> {
    let (entry, object) = entry_object(store, history, number).await?;
    let fits = entry
        .checkpoint()
        .ok_or_else(|| missing(Key::Entry(number, Attempt::PLAIN)));
    let named = fits?;
    let checkpoint = attempts::lowest(
        store,
        |attempt| Key::Checkpoint(number, attempt),
        |found| {
            history
                .open_checkpoint_of(&found.object, named)
                .ok()
                .map(|_| found.object)
        },
    );
    let checkpoint = checkpoint.await?;
    let checkpoint = checkpoint.ok_or_else(|| missing(Key::Checkpoint(number, Attempt::PLAIN)))?;
    Ok(EntryObjects {
        entry: object,
        checkpoint,
    })
}

/// The entry with this number.
///
/// # Errors
/// The store's errors; `Corrupt` if it is missing.
pub async fn entry_at(store: &dyn Store, history: &History, number: u64) -> Result<Entry, AppError> {
    Ok(entry_object(store, history, number).await?.0)
}

async fn entry_object(store: &dyn Store, history: &History, number: u64) -> Result<(Entry, Bytes), AppError> {
    let found = attempts::lowest(
        store,
        |attempt| Key::Entry(number, attempt),
        |found| {
            let (entry, _) = history.open_named(&found.object, number).ok()?;
            Some((entry, found.object))
        },
    );
    found.await?.ok_or_else(|| missing(Key::Entry(number, Attempt::PLAIN)))
}

fn missing(key: Key) -> AppError {
    AppError::corrupt(format!("the object {key} of the log is missing"))
}

/// Refuses a bucket that has a checkpoint of this log, by a key in force, over more entries than the log has: it was cut or
/// restored (FORMAT.md section 3.5).
///
/// # Errors
/// `Corrupt` if there is one; the store's errors.
pub async fn refuse_later(store: &dyn Store, history: &History) -> Result<(), AppError> {
    let newest = history.next_number().checked_sub(1);
    let after = newest.map(|number| Key::Checkpoint(number, Attempt::PLAIN).to_string());
    for listed in pages::entries(store, CHECKPOINTS, after.as_deref()).await? {
        let Ok(key @ Key::Checkpoint(number, _)) = listed.key.parse() else {
            continue;
        };
        if newest.is_some_and(|newest| number <= newest) || listed.bytes > key.max_bytes() {
            continue;
        }
        if let Some(object) = store.get(&listed.key, key.max_bytes()).await? {
            refuse_larger(history, &object, &listed.key)?;
        }
    }
    Ok(())
}

/// Refuses to go on if this note is a checkpoint of the log, by a key in force, over more entries than the log has.
///
/// # Errors
/// `Corrupt` if it is; `place` says where it was found.
pub fn refuse_larger(history: &History, note: &[u8], place: &str) -> Result<(), AppError> {
    let Some(found) = history.signed_checkpoint(note) else {
        return Ok(());
    };
    let entries = history.next_number();
    if found.size <= entries {
        return Ok(());
    }
    Err(AppError::corrupt(format!(
        "the checkpoint found in {place} covers {} entries and the log has {entries}: the bucket was cut or restored",
        found.size
    ))
    .fix("restore the missing objects from a copy of the bucket, or begin a new archive under another prefix"))
}

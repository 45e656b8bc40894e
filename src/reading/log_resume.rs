//! The log from an entry on, whose predecessors are not read: the changes before it are found through the entries that name
//! them, back to `archive.json`.

use crate::json::canonical;
use crate::log::checkpoint::CheckpointRef;
use crate::log::entry::{ChangesRef, Entry};
use crate::log::history::{History, SignedEntry};
use crate::log::keyring::Role;
use crate::log::object_key::Key;
use crate::log::signed_note::Note;
use crate::reading::bucket::Bucket;
use crate::reading::log_listing::read_place;
use crate::store::StoreError;
use crate::verify::candidates::RawObject;
use crate::verify::log_walk::LogWalk;

/// The walk after entry `number`, and that entry. `first` is the log before entry 0. `root` is the root over the entries up to
/// it, if that is known from elsewhere. `None` if the bucket has no such entry, or not the changes before it.
///
/// # Errors
/// The store cannot be listed.
pub async fn resume(
    bucket: &Bucket,
    first: &History,
    number: u64,
    root: Option<CheckpointRef>,
) -> Result<Option<(LogWalk, Entry)>, StoreError> {
    for raw in read_place(bucket, |attempt| Key::Entry(number, attempt)).await? {
        let Some(entry) = entry_in(&raw).filter(|entry| entry.number == number) else {
            continue;
        };
        if root.is_some_and(|root| entry.checkpoint() != Some(root)) {
            continue;
        }
        if let Some((history, signed)) = from_entry(bucket, first, &raw, &entry).await? {
            let mut walk = LogWalk::after(history, &signed);
            note_first_signers(bucket, first, &mut walk).await?;
            return Ok(Some((walk, entry)));
        }
    }
    Ok(None)
}

fn entry_in(raw: &RawObject) -> Option<Entry> {
    let note = Note::parse(raw.object.as_ref().ok()?).ok()?;
    canonical::from_text(note.text()).ok()
}

async fn from_entry(
    bucket: &Bucket,
    first: &History,
    raw: &RawObject,
    entry: &Entry,
) -> Result<Option<(History, SignedEntry)>, StoreError> {
    let mut carriers = Vec::new();
    let mut named = entry.changes;
    while named.sequence > 0 {
        let Some(carrier) = carrier_of(bucket, named).await? else {
            return Ok(None);
        };
        let before = carrier.1.changes;
        if before.sequence.checked_add(1) != Some(named.sequence) || before.entry > named.entry {
            return Ok(None);
        }
        carriers.push((carrier, named));
        named = before;
    }
    let mut history = first.clone();
    for ((raw, carrier), named) in carriers.iter().rev() {
        // The change chain vouches for the change, and only the signature for the heads of its entry.
        let Ok(object) = &raw.object else { return Ok(None) };
        if history.open_named(object, named.entry).is_err() {
            return Ok(None);
        }
        let after = heads_after(bucket, &history, (carrier, *named), entry).await?;
        if history
            .skip_to_change(carrier, after.as_ref().map(|after| after.heads.as_slice()))
            .is_err()
        {
            return Ok(None);
        }
    }
    let opened = raw
        .object
        .as_ref()
        .ok()
        .and_then(|object| history.open_named(object, entry.number).ok());
    Ok(opened.and_then(|(entry, signer)| {
        let signed = history.resume_at(entry, signer).ok()?;
        Some((history, signed))
    }))
}

/// The object and the content of the entry that carries this change.
async fn carrier_of(bucket: &Bucket, named: ChangesRef) -> Result<Option<(RawObject, Entry)>, StoreError> {
    let objects = read_place(bucket, |attempt| Key::Entry(named.entry, attempt)).await?;
    let carrying = objects.into_iter().find_map(|raw| {
        let entry = Entry::carrying(raw.object.as_ref().ok()?, named)?;
        Some((raw, entry))
    });
    Ok(carrying)
}

/// The entry after the one that carries a change, whose heads decide about links of retired keys; `None` if `newest` is it, or
/// the carrier itself.
async fn heads_after(
    bucket: &Bucket,
    history: &History,
    (carrier, named): (&Entry, ChangesRef),
    newest: &Entry,
) -> Result<Option<Entry>, StoreError> {
    let number = named.entry.saturating_add(1);
    if number >= newest.number {
        return Ok(None);
    }
    let mut after_change = history.clone();
    if after_change.skip_to_change(carrier, None).is_err() {
        return Ok(None);
    }
    let objects = read_place(bucket, |attempt| Key::Entry(number, attempt)).await?;
    let valid = objects.iter().find_map(|raw| {
        let (entry, _) = after_change.open_named(raw.object.as_ref().ok()?, number).ok()?;
        (entry.changes == named).then_some(entry)
    });
    Ok(valid)
}

/// A change key that signed checkpoint 0 names `archive.json`, wherever the walk begins.
async fn note_first_signers(bucket: &Bucket, first: &History, walk: &mut LogWalk) -> Result<(), StoreError> {
    if first.keyring().change_role() != Role::Change {
        return Ok(());
    }
    let entries = read_place(bucket, |attempt| Key::Entry(0, attempt)).await?;
    let opened = entries
        .iter()
        .find_map(|raw| first.open_entry(raw.object.as_ref().ok()?).ok());
    let Some(signed) = opened else { return Ok(()) };
    let mut history = first.clone();
    history.apply(&signed);
    for raw in read_place(bucket, |attempt| Key::Checkpoint(0, attempt)).await? {
        if let Some(signer) = raw.object.ok().and_then(|object| history.open_checkpoint(&object).ok()) {
            walk.note_signer(0, signer);
        }
    }
    Ok(())
}

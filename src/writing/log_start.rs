//! Reading the archive's log at the start of a writer. A short log is read from entry 0. Of a long one, a writer reads the newest
//! entry that its own key signed, which it can believe, the few entries that carry changes, and the entries after it.

use crate::log::entry::{ChangesRef, Entry};
use crate::log::head::Head;
use crate::log::history::History;
use crate::log::limits::ENTRY_MAX_BYTES;
use crate::log::object_key::{Key, LOG};
use crate::log::signed_note::VerifyingKey;
use crate::reading::attempts;
use crate::store::pages::PAGE;
use crate::store::{Store, pages};
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_log::WriterLog;

/// A log of at most this many entries is read from entry 0.
const SHORT_LOG: u64 = 64;
/// The objects at the end of the listing among which the own entry is searched.
const TAIL: usize = 64;

/// Reads the log up to its newest entry. `own` is the key that this process signs with, if it has one.
///
/// # Errors
/// Those of [`WriterLog::refresh`].
pub async fn read(store: &dyn Store, first: WriterTrust, own: Option<&VerifyingKey>) -> Result<WriterTrust, AppError> {
    let resumed = match own {
        Some(own) => resume(store, &first, own).await?,
        None => None,
    };
    // Without a key of its own this log signs nothing; any known key stands for it.
    let any = first.keyring().keys().next().cloned();
    let start = resumed.unwrap_or(first);
    let Some(own) = own.cloned().or(any) else {
        return Ok(start);
    };
    let log = WriterLog::new(start, &own);
    Ok(WriterTrust::clone(&*log.refresh(store).await?))
}

/// The state after the newest entry near the end of the log that `own` signed; `None` if there is none, or if the log is short.
async fn resume(store: &dyn Store, first: &WriterTrust, own: &VerifyingKey) -> Result<Option<WriterTrust>, AppError> {
    for key in end_of_log(store).await? {
        let Ok(Key::Entry(number, _)) = key.parse() else {
            continue;
        };
        if number <= SHORT_LOG {
            return Ok(None);
        }
        let Some(object) = store.get(&key, ENTRY_MAX_BYTES).await? else {
            continue;
        };
        if let Some(entry) = signed_by(&first.history, own, &object, number) {
            return from_entry(store, first, entry, own).await;
        }
    }
    Ok(None)
}

/// The keys at the end of the log, newest first, found with O(log n) requests. Planted objects may be among them.
async fn end_of_log(store: &dyn Store) -> Result<Vec<String>, AppError> {
    let mut page = store.list(LOG, None, PAGE).await?;
    let mut step = PAGE as u64;
    while page.len() == PAGE {
        let last = page.last().map(|entry| entry.key.clone()).unwrap_or_default();
        let far = number_of(&last).map(|number| format!("{LOG}{:010}", number.saturating_add(step)));
        let beyond = match &far {
            Some(far) => store.list(LOG, Some(far), PAGE).await?,
            None => Vec::new(),
        };
        if beyond.is_empty() && step > 1 {
            step /= 2;
        } else if beyond.is_empty() {
            let rest = pages::entries(store, LOG, Some(&last)).await?;
            page.extend(rest);
            break;
        } else {
            page = beyond;
            step = step.saturating_mul(2);
        }
    }
    let keys = page.into_iter().rev().map(|entry| entry.key);
    Ok(keys.take(TAIL).collect())
}

fn number_of(key: &str) -> Option<u64> {
    match key.parse() {
        Ok(Key::Entry(number, _)) => Some(number),
        _ => None,
    }
}

/// The entry in this object, if `own` signed it for this archive and number.
fn signed_by(first: &History, own: &VerifyingKey, object: &[u8], number: u64) -> Option<Entry> {
    let (entry, signer) = first.open_as(object, number, own).ok()?;
    (signer == *own).then_some(entry)
}

/// Applies the changes that this entry names, oldest first, and then the entry. `None` if one of them cannot be found: the log is
/// then read from entry 0.
async fn from_entry(
    store: &dyn Store,
    first: &WriterTrust,
    entry: Entry,
    own: &VerifyingKey,
) -> Result<Option<WriterTrust>, AppError> {
    let mut carriers = Vec::new();
    let mut named = entry.changes;
    while named.sequence > 0 {
        let Some(carrier) = carrier_of(store, named).await? else {
            return Ok(None);
        };
        let before = carrier.changes;
        if before.sequence + 1 != named.sequence || before.entry > carrier.number {
            return Ok(None);
        }
        carriers.push((carrier, named));
        named = before;
    }
    let mut history = first.history.clone();
    for (carrier, named) in carriers.iter().rev() {
        let after = heads_after(store, &history, *named, &entry).await?;
        if history.skip_to_change(carrier, after.as_deref()).is_err() {
            return Ok(None);
        }
    }
    if history.resume_at(entry, own.clone()).is_err() {
        return Ok(None);
    }
    let checkpoint = history.checkpoint_before();
    Ok(Some(WriterTrust { history, checkpoint }))
}

/// The entry that carries this change: it holds the note with the named hash.
async fn carrier_of(store: &dyn Store, named: ChangesRef) -> Result<Option<Entry>, AppError> {
    let found = attempts::lowest(
        store,
        |attempt| Key::Entry(named.entry, attempt),
        |found| Entry::carrying(&found.object, named),
    );
    Ok(found.await?)
}

/// The heads of the entry after the one that carries this change; `None` if `newest` is the carrier.
async fn heads_after(
    store: &dyn Store,
    history: &History,
    named: ChangesRef,
    newest: &Entry,
) -> Result<Option<Vec<Head>>, AppError> {
    if named.entry + 1 == newest.number {
        return Ok(Some(newest.heads.clone()));
    }
    let found = attempts::lowest(
        store,
        |attempt| Key::Entry(named.entry + 1, attempt),
        |found| {
            let (entry, _) = history.open_named(&found.object, named.entry + 1).ok()?;
            (entry.changes == named).then_some(entry.heads)
        },
    );
    Ok(found.await?)
}

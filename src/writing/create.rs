//! Creating an object whose key another writer, or an outsider with write access, may take first.

use bytes::Bytes;

use crate::log::limits::max_bytes_of;
use crate::log::object_key::{Attempt, Key};
use crate::log::seal::Sealed;
use crate::reading::attempts::{self, Candidate, Judged};
use crate::record::hash::Hash;
use crate::store::{Creation, Store};
use crate::task::error::AppError;

/// Creates a note.
///
/// # Errors
/// The store's errors.
pub async fn create_note(store: &dyn Store, key: &Key, note: &Sealed) -> Result<Creation, AppError> {
    let object = Bytes::from(note.object.clone());
    Ok(store.create_hashed(&key.to_string(), object, &note.hash).await?)
}

/// Judges the place of a note whose key with the attempt `tried` exists: the first value of `accept`, as
/// [`attempts::judge`] finds it, or the attempt to create the note with.
///
/// # Errors
/// The store's errors; `Transient` if the key is taken but the store returns no object.
pub async fn judge_taken<T>(
    store: &dyn Store,
    key_of: impl Fn(Attempt) -> Key,
    tried: Attempt,
    accept: impl FnMut(Candidate) -> Option<T>,
) -> Result<Judged<T>, AppError> {
    match attempts::judge(store, &key_of, accept).await? {
        Judged::Free(free) if free == tried => Err(hidden(&key_of(tried).to_string())),
        judged => Ok(judged),
    }
}

/// Creates an object with this SHA-256. Returns whether the object at the key has it now. One that exists is not held in
/// memory: anybody may have created it.
///
/// # Errors
/// The store's errors; `Transient` if the key is taken but the store returns no object.
pub async fn create_or_compare(store: &dyn Store, key: &str, object: Bytes, hash: &Hash) -> Result<bool, AppError> {
    match store.create_hashed(key, object, hash).await? {
        Creation::Created => Ok(true),
        Creation::Exists => match store.digest(key, max_bytes_of(key)).await? {
            Some(existing) => Ok(existing.sha256 == Some(*hash)),
            None => Err(hidden(key)),
        },
    }
}

fn hidden(key: &str) -> AppError {
    AppError::transient(format!(
        "the store reports that {key} exists, but does not return it: it may be hidden by a delete marker; run `kivend verify`"
    ))
}

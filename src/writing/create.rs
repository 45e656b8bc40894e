//! Creating an object whose key another writer may take first.

use bytes::Bytes;

use crate::log::note::Sealed;
use crate::record::hash::Hash;
use crate::store::{Creation, Store};
use crate::task::error::AppError;

/// Creates a note. Returns `None` if it was created, and otherwise the existing object.
///
/// # Errors
/// Those of [`create_object`].
pub async fn create_or_read(store: &dyn Store, key: &str, note: &Sealed) -> Result<Option<Bytes>, AppError> {
    create_object(store, key, Bytes::from(note.object.clone()), &note.hash).await
}

/// Creates an object with this SHA-256. Returns `None` if it was created, and otherwise the existing object.
///
/// # Errors
/// The store's errors; `Transient` if the key is taken but the store returns no object.
pub async fn create_object(
    store: &dyn Store,
    key: &str,
    object: Bytes,
    hash: &Hash,
) -> Result<Option<Bytes>, AppError> {
    match store.create_hashed(key, object, hash).await? {
        Creation::Created => Ok(None),
        Creation::Exists => match store.get(key).await? {
            Some(existing) => Ok(Some(existing)),
            None => Err(AppError::transient(format!(
                "the store reports that an object exists, but does not return it: it may be hidden by a delete marker; run `kivend verify` key=`{key}`"
            ))),
        },
    }
}

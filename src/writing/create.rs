//! Creating an object at a key that another writer may want too.

use bytes::Bytes;

use crate::log::note::Sealed;
use crate::record::hash::Hash;
use crate::store::{Creation, Store};
use crate::task::error::AppError;

/// Creates a note; `None` where it was created, else the object that is there already.
///
/// # Errors
/// As [`create_object`].
pub async fn create_or_read(store: &dyn Store, key: &str, note: &Sealed) -> Result<Option<Bytes>, AppError> {
    create_object(store, key, (Bytes::from(note.object.clone()), &note.hash)).await
}

/// Creates an object whose SHA-256 is known; `None` where it was created, else the object that is there already.
///
/// # Errors
/// The store's; `Transient` where an object is there and cannot be read.
pub async fn create_object(
    store: &dyn Store,
    key: &str,
    (object, hash): (Bytes, &Hash),
) -> Result<Option<Bytes>, AppError> {
    match store.create_hashed(key, object, hash).await? {
        Creation::Created => Ok(None),
        Creation::Exists => match store.get(key).await? {
            Some(standing) => Ok(Some(standing)),
            None => Err(AppError::transient(format!(
                "an object exists and cannot be read: it was hidden or deleted from the archive; run `kivend verify` key=`{key}`"
            ))),
        },
    }
}

//! Reading many objects at the same time, within a bound of bytes.

use bytes::Bytes;
use futures::future::try_join_all;

use crate::log::limits::max_bytes_of;
use crate::reading::attempts::{Objects as _, Read, batches};
use crate::store::{Entry, Store};
use crate::task::error::AppError;

/// Calls `take` with each of these listed objects, in their order. Those that no longer exist, and those that are larger
/// than the limit of their kind, are left out.
///
/// # Errors
/// The first error of the store or of `take`.
pub async fn each(
    store: &dyn Store,
    mut listed: Vec<Entry>,
    mut take: impl FnMut(&str, Bytes) -> Result<(), AppError>,
) -> Result<(), AppError> {
    listed.retain(|entry| entry.bytes <= max_bytes_of(&entry.key));
    for batch in batches(&listed, |entry| entry.bytes) {
        let read = try_join_all(listed[batch.clone()].iter().map(|entry| store.object(&entry.key))).await?;
        for (entry, read) in listed[batch].iter().zip(read) {
            if let Read::Object(object) = read {
                take(&entry.key, object)?;
            }
        }
    }
    Ok(())
}

//! Reading many objects at the same time.

use bytes::Bytes;
use futures::future::try_join_all;

use crate::store::Store;
use crate::task::error::AppError;

/// Reads that run at the same time.
const CONCURRENT_GETS: usize = 16;

/// The objects with these keys, in the order of the keys; `None` for each that does not exist.
///
/// # Errors
/// The first error of the store.
pub async fn get_all(store: &dyn Store, keys: &[String]) -> Result<Vec<Option<Bytes>>, AppError> {
    let mut objects = Vec::with_capacity(keys.len());
    for batch in keys.chunks(CONCURRENT_GETS) {
        objects.extend(try_join_all(batch.iter().map(|key| store.get(key))).await?);
    }
    Ok(objects)
}

//! Many objects at once, in the order asked. Never more in flight than stated.

use bytes::Bytes;
use futures::future::try_join_all;

use crate::store::Store;
use crate::task::error::AppError;

/// Objects fetched at once.
const CONCURRENT_GETS: usize = 16;

/// Each object, or nothing where there is none, in the order of the keys.
///
/// # Errors
/// The first that the store reports.
pub async fn get_all(store: &dyn Store, keys: &[String]) -> Result<Vec<Option<Bytes>>, AppError> {
    let mut objects = Vec::with_capacity(keys.len());
    for batch in keys.chunks(CONCURRENT_GETS) {
        objects.extend(try_join_all(batch.iter().map(|key| store.get(key))).await?);
    }
    Ok(objects)
}

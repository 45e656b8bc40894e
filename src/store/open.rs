//! From settings to a store.

use std::sync::Arc;

use crate::config::{StoreBackend, StoreSettings};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::{directory, s3};

/// Opens the store that the settings name: a directory where `store.directory` is set, else a bucket.
///
/// Asks for credentials, but sends nothing to the store itself: [`probe`](crate::store::probe::probe) does.
///
/// # Errors
/// `Config` for settings that can't work, and where no credentials are found.
pub async fn open(settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    match &settings.backend {
        StoreBackend::Directory(folder) => Ok(Arc::new(directory::DirectoryStore::open(
            &folder.join(&settings.prefix),
        )?)),
        StoreBackend::S3(bucket) => Ok(Arc::new(s3::S3Store::open(bucket, &settings.prefix).await?)),
    }
}

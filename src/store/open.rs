//! Opens the store of the settings, for the archive or for removing segments.

use std::sync::Arc;

use crate::config::{StoreBackend, StoreSettings};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::removal::Removal;
use crate::store::{directory, s3};

/// Opens a directory if `store.directory` is set, else a bucket.
///
/// Loads credentials but sends nothing to the store; [`probe`](crate::store::probe::probe) does.
///
/// # Errors
/// `Config` for settings that cannot work, and if no credentials are found.
pub async fn open(settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    match &settings.backend {
        StoreBackend::Directory(folder) => Ok(Arc::new(directory::DirectoryStore::open(
            &folder.join(&settings.prefix),
        )?)),
        StoreBackend::S3(bucket) => Ok(Arc::new(s3::S3Store::open(bucket, &settings.prefix).await?)),
    }
}

/// Opens the store of the settings for removing. The credentials need s3:DeleteObject, and where versions are kept
/// s3:ListBucketVersions and s3:DeleteObjectVersion.
///
/// # Errors
/// As [`open`].
pub async fn open_removal(settings: &StoreSettings) -> Result<Arc<dyn Removal>, StoreError> {
    match &settings.backend {
        StoreBackend::Directory(folder) => Ok(Arc::new(directory::DirectoryStore::open(
            &folder.join(&settings.prefix),
        )?)),
        StoreBackend::S3(bucket) => Ok(Arc::new(s3::S3Store::open(bucket, &settings.prefix).await?)),
    }
}

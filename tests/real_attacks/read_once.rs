//! A read cache over a bucket, so that several verifications of one state cost as many requests as one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use kivend::record::hash::Hash;
use kivend::store::s3::S3Store;
use kivend::store::{Creation, Entry, Store, StoreError, Version};

#[derive(Debug)]
pub struct ReadOnce {
    store: Arc<S3Store>,
    /// By key and, where one was requested, version.
    read: Mutex<HashMap<(String, String), Option<Bytes>>>,
}

impl ReadOnce {
    pub fn new(store: Arc<S3Store>) -> ReadOnce {
        ReadOnce {
            store,
            read: Mutex::default(),
        }
    }

    fn remembered(&self, key: &str, version: &str) -> Option<Option<Bytes>> {
        let read = self.read.lock().unwrap();
        read.get(&(key.to_owned(), version.to_owned())).cloned()
    }

    fn remember(&self, key: &str, version: &str, object: &Option<Bytes>) {
        let mut read = self.read.lock().unwrap();
        read.insert((key.to_owned(), version.to_owned()), object.clone());
    }
}

#[async_trait]
impl Store for ReadOnce {
    fn location(&self) -> String {
        self.store.location()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        self.store.create_hashed(key, bytes, hash).await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        if let Some(object) = self.remembered(key, "") {
            return Ok(object);
        }
        let object = self.store.get(key, max_bytes).await?;
        self.remember(key, "", &object);
        Ok(object)
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.list(prefix, start_after, limit).await
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        self.store.versions(prefix).await
    }

    async fn get_version(&self, key: &str, version: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        if let Some(object) = self.remembered(key, version) {
            return Ok(object);
        }
        let object = self.store.get_version(key, version, max_bytes).await?;
        self.remember(key, version, &object);
        Ok(object)
    }
}

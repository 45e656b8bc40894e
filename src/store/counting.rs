//! A store that counts the requests to another one and the bytes of objects that it returns.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::{Creation, Digest, Entry, Store, StoreError, Tail, Version};

/// The store with its counts.
pub struct CountingStore {
    inner: Arc<dyn Store>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl CountingStore {
    /// Counts the requests to `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> CountingStore {
        CountingStore {
            inner,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// The calls until now. A back end may make several requests of one call: repetitions, and the pages of a listing of versions.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The bytes of objects, and of ends of objects, that were returned until now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn asked(&self) -> &Arc<dyn Store> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }

    fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl fmt::Debug for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

#[async_trait]
impl Store for CountingStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        self.asked().create_hashed(key, bytes, hash).await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        let object = self.asked().get(key, max_bytes).await?;
        self.received(object.as_ref().map_or(0, Bytes::len));
        Ok(object)
    }

    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        let tail = self.asked().tail(key, bytes).await?;
        self.received(tail.as_ref().map_or(0, |tail| tail.end.len()));
        Ok(tail)
    }

    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        self.asked().digest(key, max_bytes).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.asked().list(prefix, start_after, limit).await
    }

    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        self.asked().check_lock(key).await
    }

    async fn modified_ms(&self, key: &str) -> Result<Option<i64>, StoreError> {
        self.asked().modified_ms(key).await
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        self.asked().versions(prefix).await
    }

    async fn versions_after(&self, prefix: &str, start_after: &str) -> Result<Option<Vec<Version>>, StoreError> {
        self.asked().versions_after(prefix, start_after).await
    }

    async fn get_version(&self, key: &str, version: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        let object = self.asked().get_version(key, version, max_bytes).await?;
        self.received(object.as_ref().map_or(0, Bytes::len));
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn requests_and_the_bytes_that_come_back_are_counted() {
        let store = CountingStore::new(Arc::new(MemoryStore::new()));
        store.create("a", Bytes::from_static(b"12345")).await.unwrap();
        store.get("a", 10).await.unwrap();
        store.get("b", 10).await.unwrap();
        store.tail("a", 2).await.unwrap();
        store.list("", None, 10).await.unwrap();
        assert_eq!((store.requests(), store.bytes()), (5, 7));
    }
}

//! A store that counts the requests to another one, and measures how long they take.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::clock::Clock;
use crate::log::object_key::PROBES;
use crate::record::hash::Hash;
use crate::store::{Creation, Digest, Entry, Store, StoreError, Tail, Version};
use crate::telemetry::Metrics;

/// The store with its metrics.
pub struct MeasuredStore {
    inner: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl MeasuredStore {
    /// Measures `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, metrics: Arc<Metrics>) -> MeasuredStore {
        MeasuredStore { inner, metrics }
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let since = Clock::start();
        let outcome = request.await;
        let code = outcome.as_ref().map_or_else(StoreError::code, |_| "ok");
        self.metrics.store_answered(operation, code, since.elapsed_s());
        outcome
    }
}

impl fmt::Debug for MeasuredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

#[async_trait]
impl Store for MeasuredStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        // A probe provokes errors on purpose, at every start.
        if key.starts_with(PROBES) {
            return self.inner.create_hashed(key, bytes, hash).await;
        }
        self.measured("create", self.inner.create_hashed(key, bytes, hash))
            .await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.measured("get", self.inner.get(key, max_bytes)).await
    }

    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        self.measured("get", self.inner.tail(key, bytes)).await
    }

    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        self.measured("get", self.inner.digest(key, max_bytes)).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.measured("list", self.inner.list(prefix, start_after, limit)).await
    }

    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        self.measured("head", self.inner.check_lock(key)).await
    }

    async fn modified_ms(&self, key: &str) -> Result<Option<i64>, StoreError> {
        self.measured("head", self.inner.modified_ms(key)).await
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        self.measured("list", self.inner.versions(prefix)).await
    }

    async fn versions_after(&self, prefix: &str, start_after: &str) -> Result<Option<Vec<Version>>, StoreError> {
        self.measured("list", self.inner.versions_after(prefix, start_after))
            .await
    }

    async fn get_version(&self, key: &str, version: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.measured("get", self.inner.get_version(key, version, max_bytes))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::utc::UtcSeconds;
    use crate::store::faulty::{Fault, FaultyStore};
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn requests_are_counted_by_operation_and_outcome_except_those_of_a_probe() {
        let metrics = Arc::new(Metrics::default());
        let faulty = FaultyStore::new(Arc::new(MemoryStore::new()), |call| match call.index {
            1 => Some(Fault::Permission),
            2 => Some(Fault::Unavailable503),
            _ => None,
        });
        let store = MeasuredStore::new(Arc::new(faulty), Arc::clone(&metrics));
        store.create("a", Bytes::from_static(b"x")).await.unwrap();
        store.create("b", Bytes::from_static(b"x")).await.unwrap_err();
        store.list("", None, 10).await.unwrap_err();
        let probe = format!("{PROBES}n1");
        store.create(&probe, Bytes::from_static(b"x")).await.unwrap();
        let encoded = metrics.encode(UtcSeconds::from_unix(0));
        for sample in [
            "kivend_store_requests_total{operation=\"create\",code=\"ok\"} 1",
            "kivend_store_requests_total{operation=\"create\",code=\"permission\"} 1",
            "kivend_store_requests_total{operation=\"list\",code=\"transient\"} 1",
            "kivend_store_request_duration_seconds_count{operation=\"create\"} 2",
        ] {
            assert!(encoded.lines().any(|line| line == sample), "no {sample} in\n{encoded}");
        }
    }
}

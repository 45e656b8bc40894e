//! A store that injects faults into another one, for tests.
//!
//! A plan decides from the number, kind and key of each operation, so that a run can be repeated exactly.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::contract::{Creation, Digest, Entry, Store, Tail, Version};
use crate::store::error::StoreError;

/// The kinds of operations that a plan distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `create` and `create_hashed`.
    Create,
    /// `get`, `get_version`, `tail` and `digest`.
    Get,
    /// `list`.
    List,
    /// `versions`.
    Versions,
}

/// One call, as given to a plan and recorded in [`FaultyStore::calls`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The number of the call to this store, from 0.
    pub index: u64,
    /// The kind of operation.
    pub operation: Operation,
    /// The object key, or the prefix of a listing.
    pub key: String,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is lost: a transient error without effect.
    LostRequest,
    /// The reply is lost: the same transient error, after the request took effect.
    LandedButErrored,
    /// Another create of the key is in progress: a transient error without effect.
    Refused409,
    /// The server is overloaded: a transient error without effect.
    Unavailable503,
    /// The server denies access: no effect.
    Permission,
    /// The request takes effect after this many milliseconds.
    DelayMs(u64),
}

/// Decides the fault of each call; `None` lets it through.
pub type Plan = dyn Fn(&Call) -> Option<Fault> + Send + Sync;

/// A store that fails by a plan.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Box<Plan>,
    next_index: AtomicU64,
    calls: Mutex<Vec<(Call, Option<Fault>)>>,
}

impl FaultyStore {
    /// Wraps `inner`, with faults by `plan`.
    pub fn new(inner: Arc<dyn Store>, plan: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self {
            inner,
            plan: Box::new(plan),
            next_index: AtomicU64::new(0),
            calls: Mutex::default(),
        }
    }

    /// Every call so far with its fault.
    #[must_use]
    pub fn calls(&self) -> Vec<(Call, Option<Fault>)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `call`, or the fault that the plan has for it.
    async fn call<T>(
        &self,
        operation: Operation,
        key: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let index = self.next_index.fetch_add(1, Ordering::Relaxed);
        let this = Call {
            index,
            operation,
            key: key.to_owned(),
        };
        let fault = (self.plan)(&this);
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((this, fault));
        let error = match fault {
            None => return call.await,
            Some(Fault::DelayMs(delay_ms)) => {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                return call.await;
            }
            Some(Fault::LandedButErrored) => {
                call.await?;
                StoreError::transient("the reply was lost", "retry")
            }
            Some(Fault::LostRequest) => StoreError::transient("the reply was lost", "retry"),
            Some(Fault::Refused409) => StoreError::transient("another create is in progress", "retry"),
            Some(Fault::Unavailable503) => StoreError::transient("the server is overloaded", "retry"),
            Some(Fault::Permission) => StoreError::permission("the server denies access", "check the policy"),
        };
        Err(error.with("key", key).with("fault at", index))
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn location(&self) -> String {
        self.inner.location()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        self.call(Operation::Create, key, self.inner.create_hashed(key, bytes, hash))
            .await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.call(Operation::Get, key, self.inner.get(key, max_bytes)).await
    }

    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        self.call(Operation::Get, key, self.inner.tail(key, bytes)).await
    }

    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        self.call(Operation::Get, key, self.inner.digest(key, max_bytes)).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.call(Operation::List, prefix, self.inner.list(prefix, start_after, limit))
            .await
    }

    async fn modified_ms(&self, key: &str) -> Result<Option<i64>, StoreError> {
        self.call(Operation::Get, key, self.inner.modified_ms(key)).await
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        self.call(Operation::Versions, prefix, self.inner.versions(prefix))
            .await
    }

    async fn get_version(&self, key: &str, version: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.call(Operation::Get, key, self.inner.get_version(key, version, max_bytes))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryStore;
    use super::*;
    use crate::error::Kind;

    async fn create_with(fault: Fault) -> (Result<Creation, StoreError>, Vec<String>) {
        let memory = MemoryStore::new();
        let faulty = FaultyStore::new(Arc::new(memory.clone()), move |call| (call.index == 0).then_some(fault));
        let outcome = faulty.create("a", Bytes::from_static(b"x")).await;
        (outcome, memory.keys())
    }

    #[tokio::test]
    async fn a_lost_request_and_a_lost_reply_give_the_same_error() {
        let (lost, keys) = create_with(Fault::LostRequest).await;
        assert!(keys.is_empty());
        let (landed, keys) = create_with(Fault::LandedButErrored).await;
        assert_eq!(keys, ["a"]);
        assert_eq!(lost.unwrap_err().to_string(), landed.unwrap_err().to_string());
    }

    #[tokio::test]
    async fn refusals_have_their_kinds_and_no_effect() {
        for (fault, kind) in [
            (Fault::Refused409, Kind::Transient),
            (Fault::Unavailable503, Kind::Transient),
            (Fault::Permission, Kind::Permission),
        ] {
            let (outcome, keys) = create_with(fault).await;
            assert_eq!(outcome.unwrap_err().kind(), kind);
            assert!(keys.is_empty());
        }
    }

    #[tokio::test]
    async fn calls_are_numbered_in_order_with_their_faults() {
        let faulty = FaultyStore::new(Arc::new(MemoryStore::new()), |call| {
            (call.operation == Operation::List).then_some(Fault::DelayMs(0))
        });
        faulty.create("a", Bytes::new()).await.unwrap();
        assert_eq!(faulty.list("", None, 10).await.unwrap().len(), 1);
        let calls: Vec<_> = faulty
            .calls()
            .into_iter()
            .map(|(call, fault)| (call.index, call.operation, fault))
            .collect();
        assert_eq!(
            calls,
            [
                (0, Operation::Create, None),
                (1, Operation::List, Some(Fault::DelayMs(0)))
            ]
        );
    }
}

//! A storage backend of one's own: implements `Store`, passes the start-up probe, and holds an archive.
//!
//! ```sh
//! kivend demo --dir demo
//! cargo run --release --example add_a_store -- demo/archive
//! ```
//!
//! The backend keeps objects in a map. A real one also has to make an object durable before `create_hashed` returns.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use kivend::app::verify::{Request, verify};
use kivend::record::hash::Hash;
use kivend::store::directory::DirectoryStore;
use kivend::store::probe::probe;
use kivend::store::{Creation, Entry, OBJECT_MAX_BYTES, Store, StoreError, key};
use kivend::task::progress::Silent;

#[derive(Debug, Default)]
struct MapStore {
    objects: Mutex<BTreeMap<String, Bytes>>,
}

impl MapStore {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The other methods of `Store` have defaults for a backend without versions and retention.
#[async_trait]
impl Store for MapStore {
    /// For messages to people, so it holds no credentials.
    fn location(&self) -> String {
        "a map in memory".to_owned()
    }

    /// Exactly-once rests on this method: of any number of concurrent calls for one key, one returns `Created`, and an
    /// object is never replaced.
    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        key::check(key)?;
        if Hash::of(&bytes) != *hash {
            let error = StoreError::corrupt(
                "the bytes changed on their way to the store",
                "check this machine's memory",
            );
            return Err(error.with("key", key));
        }
        let mut objects = self.objects();
        if objects.contains_key(key) {
            return Ok(Creation::Exists);
        }
        objects.insert(key.to_owned(), bytes);
        Ok(Creation::Created)
    }

    /// An object larger than `max_bytes` must be neither fetched nor allocated.
    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        let object = self.objects().get(key).cloned();
        match &object {
            Some(object) if object.len() as u64 > max_bytes => {
                Err(StoreError::too_large(key, object.len() as u64, max_bytes))
            }
            _ => Ok(object),
        }
    }

    /// Ascending by the bytes of the keys; sees every object whose creation has returned.
    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        key::check_prefix(prefix)?;
        let objects = self.objects();
        let wanted = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && start_after.is_none_or(|after| key.as_str() > after));
        let entries = wanted.take(limit).map(|(key, bytes)| Entry {
            key: key.clone(),
            bytes: bytes.len() as u64,
        });
        Ok(entries.collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: add_a_store FOLDER")?;
    let store: Arc<dyn Store> = Arc::new(MapStore::default());

    // The archiver does the same at start-up, under a random name, because some servers ignore the condition "unless it
    // exists".
    let probed = probe(&store, "example").await?;
    println!(
        "the store keeps its promise; it refuses a wrong hash: {}",
        probed.refuses_wrong_hash
    );

    let archive = DirectoryStore::open(Path::new(&folder))?;
    for entry in archive.list("", None, usize::MAX).await? {
        let object = archive
            .get(&entry.key, OBJECT_MAX_BYTES)
            .await?
            .ok_or("an object vanished")?;
        store.create(&entry.key, object).await?;
    }
    let report = verify(store, None, Request::default(), Arc::new(Silent)).await?;
    println!("{}", report.summary);
    Ok(())
}

//! A versioned bucket in memory, for tests and the simulation.
//!
//! The [`Store`] trait cannot change or delete an object. Tests of attacks and disk errors use
//! [`plant`](MemoryStore::plant), [`tamper`](MemoryStore::tamper) and [`delete`](MemoryStore::delete);
//! [`check_unchanged`](MemoryStore::check_unchanged) checks ST-1.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::contract::{
    Creation, Digest, Entry, Store, Tail, Version, VersionKind, check_created_size, check_hash, check_size, last_bytes,
};
use crate::store::error::StoreError;
use crate::store::key;

/// A store in memory. Clones share the objects, as processes share a bucket.
#[derive(Clone, Default)]
pub struct MemoryStore {
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
}

/// All versions of one key.
struct Object {
    /// The hash of the first version.
    first: Hash,
    /// Oldest first, not empty; `None` is a delete marker.
    versions: Vec<Option<Bytes>>,
}

impl Object {
    fn latest(&self) -> Option<&Bytes> {
        self.versions.last().and_then(Option::as_ref)
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes `bytes` at `key` as a new version, as an attacker with write access could.
    pub fn plant(&self, key: &str, bytes: impl Into<Bytes>) {
        self.push(key, bytes.into());
    }

    /// Replaces the bytes of the newest version of `key` without a trace, as a broken disk could.
    pub fn tamper(&self, key: &str, bytes: impl Into<Bytes>) {
        if let Some(version) = self.lock().get_mut(key).and_then(|object| object.versions.last_mut()) {
            *version = Some(bytes.into());
        }
    }

    /// Adds a delete marker, as a delete in a versioned bucket does: `key` is hidden, and a create succeeds again.
    pub fn delete(&self, key: &str) {
        if let Some(object) = self.lock().get_mut(key) {
            object.versions.push(None);
        }
    }

    /// Removes `key` with all versions.
    pub fn vanish(&self, key: &str) {
        self.lock().remove(key);
    }

    /// The keys that are visible now, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let objects = self.lock();
        objects
            .iter()
            .filter(|(_, object)| object.latest().is_some())
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The bytes of the newest version of `key`.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<Bytes> {
        self.lock().get(key).and_then(Object::latest).cloned()
    }

    /// Checks ST-1: every object that was ever created is visible with its first bytes.
    ///
    /// # Errors
    /// `Corrupt` with the first key that breaks it.
    pub fn check_unchanged(&self) -> Result<(), StoreError> {
        let objects = self.lock();
        let changed = objects
            .iter()
            .find(|(_, object)| object.latest().map(|bytes| Hash::of(bytes)) != Some(object.first));
        match changed {
            None => Ok(()),
            Some((key, _)) => {
                Err(StoreError::corrupt("an object changed or vanished", "ST-1 is broken").with("key", key))
            }
        }
    }

    fn push(&self, key: &str, bytes: Bytes) {
        let first = Hash::of(&bytes);
        let mut objects = self.lock();
        let object = objects.entry(key.to_owned()).or_insert(Object {
            first,
            versions: Vec::new(),
        });
        object.versions.push(Some(bytes));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        key::check(key)?;
        check_created_size(key, bytes.len() as u64)?;
        check_hash(key, &bytes, hash)?;
        let mut objects = self.lock();
        let object = objects.entry(key.to_owned()).or_insert(Object {
            first: *hash,
            versions: Vec::new(),
        });
        if object.latest().is_some() {
            return Ok(Creation::Exists);
        }
        object.versions.push(Some(bytes));
        Ok(Creation::Created)
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        within(key, self.bytes(key), max_bytes)
    }

    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        key::check(key)?;
        Ok(self.bytes(key).map(|object| Digest {
            object_bytes: object.len() as u64,
            sha256: (object.len() as u64 <= max_bytes).then(|| Hash::of(&object)),
        }))
    }

    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        key::check(key)?;
        Ok(self.bytes(key).map(|object| Tail {
            object_bytes: object.len() as u64,
            end: object.slice(object.len() - last_bytes(object.len(), bytes)..),
        }))
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        key::check_prefix(prefix)?;
        let start = match start_after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let objects = self.lock();
        let found = objects
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter_map(|(key, object)| {
                let bytes = object.latest()?.len() as u64;
                Some(Entry {
                    key: key.clone(),
                    bytes,
                })
            })
            .take(limit)
            .collect();
        Ok(found)
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        let objects = self.lock();
        let of_prefix = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(Some(
            of_prefix.flat_map(|(key, object)| versions_of(key, object)).collect(),
        ))
    }

    async fn get_version(&self, key: &str, version: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        let objects = self.lock();
        let versions = objects.get(key).map_or(&[][..], |object| &object.versions);
        let index = version.parse::<usize>().ok();
        let object = index.and_then(|index| versions.get(index).cloned().flatten());
        within(key, object, max_bytes)
    }
}

fn within(key: &str, object: Option<Bytes>, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
    let bytes = object.as_ref().map_or(0, |object| object.len() as u64);
    check_size(key, bytes, max_bytes)?;
    Ok(object)
}

fn versions_of(key: &str, object: &Object) -> Vec<Version> {
    let count = object.versions.len();
    let version = |(index, bytes): (usize, &Option<Bytes>)| Version {
        key: key.to_owned(),
        version: index.to_string(),
        kind: if bytes.is_some() {
            VersionKind::Object
        } else {
            VersionKind::DeleteMarker
        },
        latest: index + 1 == count,
        bytes: bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
        modified_ms: 0,
    };
    object.versions.iter().enumerate().map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_or_deleted_object_fails_the_check_until_it_is_restored() {
        let store = MemoryStore::new();
        store.create("a", Bytes::from_static(b"first")).await.unwrap();
        store.check_unchanged().unwrap();
        store.tamper("a", "second");
        assert!(store.check_unchanged().is_err());
        store.tamper("a", "first");
        store.check_unchanged().unwrap();
        store.delete("a");
        assert!(store.check_unchanged().is_err());
        assert_eq!(
            store.create("a", Bytes::from_static(b"first")).await.unwrap(),
            Creation::Created
        );
        store.check_unchanged().unwrap();
    }

    #[tokio::test]
    async fn versions_list_planted_and_deleted_objects_oldest_first() {
        let store = MemoryStore::new();
        store.create("a", Bytes::from_static(b"ours")).await.unwrap();
        store.delete("a");
        store.plant("a", "theirs");
        let versions = store.versions("").await.unwrap().unwrap();
        let listed: Vec<_> = versions
            .iter()
            .map(|version| (version.kind, version.latest, version.bytes))
            .collect();
        let object = VersionKind::Object;
        assert_eq!(
            listed,
            [
                (object, false, 4),
                (VersionKind::DeleteMarker, false, 0),
                (object, true, 6)
            ]
        );
        assert_eq!(
            store.get_version("a", &versions[0].version, 4).await.unwrap().unwrap(),
            "ours"
        );
        assert_eq!(store.get_version("a", &versions[1].version, 4).await.unwrap(), None);
        assert_eq!(store.get("a", 6).await.unwrap().unwrap(), "theirs");
    }
}

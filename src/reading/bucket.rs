//! Read access to a bucket for verification: one listing, and the oldest version of each object.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::log::checkpoint::Checkpoint;
use crate::log::object_key::{IDENTITY, KEY_CHANGES, PROBES};
use crate::reading::attempts::Objects;
use crate::reading::listing::{self, Beyond};
use crate::store::pages;
use crate::store::{Store, StoreError, Version, VersionKind};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Inventory;

/// Reads that run at the same time.
const GETS: usize = 64;

/// The archive's objects as they were first written.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn Store>,
    /// The oldest version of each key that has more than one.
    oldest: HashMap<String, String>,
    gets: Semaphore,
}

impl Bucket {
    /// Lists all objects under the prefix. Keys are listed in the order of their bytes: checkpoints, then data, then
    /// links. While writers add objects, a listed segment that has a link therefore has it listed too.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list(store: Arc<dyn Store>) -> Result<(Bucket, Inventory, Findings), StoreError> {
        let mut inventory = Inventory::default();
        let mut findings = Findings::default();
        let mut oldest = HashMap::new();
        match store.versions("").await? {
            Some(versions) => {
                for of_key in versions.chunk_by(|a, b| a.key == b.key) {
                    first_version(of_key, &mut inventory, &mut oldest, &mut findings);
                }
            }
            None => {
                listing::all(store.as_ref(), |key| inventory.add(key)).await?;
            }
        }
        inventory.sort();
        let bucket = Bucket {
            store,
            oldest,
            gets: Semaphore::new(GETS),
        };
        Ok((bucket, inventory, findings))
    }

    /// Lists only the identity and the key changes, from which the keys in force follow.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list_keys(store: Arc<dyn Store>) -> Result<(Bucket, Inventory, Findings), StoreError> {
        let mut bucket = Bucket {
            store,
            oldest: HashMap::new(),
            gets: Semaphore::new(GETS),
        };
        let (mut inventory, mut findings) = (Inventory::default(), Findings::default());
        for prefix in [IDENTITY, KEY_CHANGES] {
            let whole = Beyond {
                prefix: prefix.to_owned(),
                after: None,
            };
            bucket.add(&whole, &mut inventory, &mut findings).await?;
        }
        inventory.sort();
        Ok((bucket, inventory, findings))
    }

    /// Adds the objects after a checkpoint to the inventory. The number of requests does not depend on the objects
    /// before it.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list_beyond(
        &mut self,
        base: &Checkpoint,
        inventory: &mut Inventory,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for beyond in listing::beyond(self.store.as_ref(), base).await? {
            self.add(&beyond, inventory, findings).await?;
        }
        inventory.checkpoints.retain(|(number, _)| *number >= base.number);
        for head in &base.heads {
            inventory.partitions.entry(head.partition.clone()).or_default().after = Some(head.clone());
        }
        inventory.sort();
        Ok(())
    }

    async fn add(
        &mut self,
        beyond: &Beyond,
        inventory: &mut Inventory,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let versions = match &beyond.after {
            Some(after) => self.store.versions_after(&beyond.prefix, after).await?,
            None => self.store.versions(&beyond.prefix).await?,
        };
        match versions {
            Some(versions) => {
                for of_key in versions.chunk_by(|a, b| a.key == b.key) {
                    first_version(of_key, inventory, &mut self.oldest, findings);
                }
            }
            None => {
                for key in listing::under(self.store.as_ref(), beyond).await? {
                    inventory.add(&key);
                }
            }
        }
        Ok(())
    }

    /// The store's location, for reports and messages.
    #[must_use]
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// The oldest version of the object at `key`; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be read, as text.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, String> {
        let _permit = self.gets.acquire().await.map_err(|error| error.to_string())?;
        let got = match self.oldest.get(key) {
            Some(version) => self.store.get_version(key, version).await,
            None => self.store.get(key).await,
        };
        got.map_err(|error| error.to_string())
    }

    /// The object at a listed key.
    ///
    /// # Errors
    /// Why it cannot be read, as text.
    pub async fn get_listed(&self, key: &str) -> Result<Bytes, String> {
        self.get(key)
            .await?
            .ok_or_else(|| "it was listed, but does not exist".to_owned())
    }

    /// The keys with this prefix after `start_after`, such as those that were created since the listing.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn newer(&self, prefix: &str, start_after: &str) -> Result<Vec<String>, StoreError> {
        pages::keys(self.store.as_ref(), prefix, Some(start_after)).await
    }
}

#[async_trait]
impl Objects for Bucket {
    type Error = String;

    async fn object(&self, key: &str) -> Result<Option<Bytes>, String> {
        self.get(key).await
    }
}

/// Adds one key to the inventory. The oldest version of an object is the archive's. Other versions and delete markers
/// are a finding.
fn first_version(
    versions: &[Version],
    inventory: &mut Inventory,
    oldest: &mut HashMap<String, String>,
    findings: &mut Findings,
) {
    let Some(first) = versions.iter().find(|version| version.kind == VersionKind::Object) else {
        return;
    };
    inventory.add(&first.key);
    if versions.len() > 1 && !first.key.starts_with(PROBES) {
        let markers = versions.iter().filter(|v| v.kind == VersionKind::DeleteMarker).count();
        let detail = format!("versions={} delete markers={markers}", versions.len() - markers);
        findings.push(Finding::new(Code::HiddenVersion, detail).object(&first.key));
        oldest.insert(first.key.clone(), first.version.clone());
    }
}

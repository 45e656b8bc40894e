//! Reading the bucket for a verification: one listing, and the oldest version of each key. Never writes.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::store::{Store, StoreError, Version, VersionKind};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Inventory;

/// Keys asked for at a time: what S3 gives at most.
const PAGE: usize = 1000;
/// Requests under way at a time.
const GETS: usize = 64;

/// The archive's objects as they were first written.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn Store>,
    /// Of keys that have more than one version: the oldest.
    oldest: HashMap<String, String>,
    gets: Semaphore,
}

impl Bucket {
    /// Lists everything under the prefix. Keys come in the order of their bytes, so checkpoints before data before
    /// links: whatever a writer adds meanwhile, a segment listed has its link listed later, if it has one.
    ///
    /// # Errors
    /// The store could not be listed.
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
            None => list_pages(store.as_ref(), &mut inventory).await?,
        }
        inventory.sort();
        let bucket = Bucket {
            store,
            oldest,
            gets: Semaphore::new(GETS),
        };
        Ok((bucket, inventory, findings))
    }

    /// Where it is, for people.
    #[must_use]
    pub fn location(&self) -> String {
        self.store.location()
    }

    /// The object at `key`, or nothing where there is none.
    ///
    /// # Errors
    /// Why it could not be read, in words.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, String> {
        let _permit = self.gets.acquire().await.map_err(|error| error.to_string())?;
        let got = match self.oldest.get(key) {
            Some(version) => self.store.get_version(key, version).await,
            None => self.store.get(key).await,
        };
        got.map_err(|error| error.to_string())
    }

    /// The object at a key that was listed.
    ///
    /// # Errors
    /// Why it could not be read, in words.
    pub async fn get_listed(&self, key: &str) -> Result<Bytes, String> {
        self.get(key)
            .await?
            .ok_or_else(|| "it was listed, but is not there".to_owned())
    }

    /// The keys with this beginning that came after the listing.
    ///
    /// # Errors
    /// The store could not be listed.
    pub async fn newer(&self, prefix: &str, start_after: &str) -> Result<Vec<String>, StoreError> {
        let page = self.store.list(prefix, Some(start_after), PAGE).await?;
        Ok(page.into_iter().map(|entry| entry.key).collect())
    }
}

async fn list_pages(store: &dyn Store, inventory: &mut Inventory) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let page = store.list("", after.as_deref(), PAGE).await?;
        for entry in &page {
            inventory.add(&entry.key);
        }
        match page.into_iter().next_back() {
            Some(last) if after.as_deref() != Some(&last.key) => after = Some(last.key),
            _ => return Ok(()),
        }
    }
}

/// Of the versions of one key, the oldest object is the archive's; any other, and any delete marker, is a finding.
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
    if versions.len() > 1 && !first.key.starts_with(crate::segment::key::PROBES) {
        let markers = versions.iter().filter(|v| v.kind == VersionKind::DeleteMarker).count();
        let detail = format!("versions={} delete markers={markers}", versions.len() - markers);
        findings.push(Finding::new(Code::HiddenVersion, detail).object(&first.key));
        oldest.insert(first.key.clone(), first.version.clone());
    }
}

//! The honest archive in a real bucket. An attack is carried out as the difference between the objects of two scenes,
//! by a client with all rights, and undone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use kivend::store::memory::MemoryStore;
use kivend::store::s3::S3Store;
use kivend::store::{OBJECT_MAX_BYTES, Store, VersionKind};

use super::honest::{Honest, bucket_name};
use super::read_once::ReadOnce;
use crate::attacks::Scene;
use crate::store_contract::{cluster_settings, stranger};

/// The writes to one key.
#[derive(Debug)]
pub struct Deed {
    key: String,
    /// In order: the bytes of a put, or `None` for a delete.
    steps: Vec<Option<Bytes>>,
    /// Whether the first bytes must remain as an older version.
    over_versions: bool,
}

/// The versions of each key, the oldest first; `None` is a delete marker.
async fn histories(store: &MemoryStore) -> BTreeMap<String, Vec<Option<Bytes>>> {
    let mut histories: BTreeMap<String, Vec<Option<Bytes>>> = BTreeMap::new();
    for version in store.versions("").await.unwrap().unwrap() {
        let bytes = match version.kind {
            // A folder marker is no key of the archive, so the store does not read it.
            VersionKind::Object if version.key.ends_with('/') => store.bytes(&version.key),
            VersionKind::Object => store
                .get_version(&version.key, &version.version, OBJECT_MAX_BYTES)
                .await
                .unwrap(),
            VersionKind::DeleteMarker => None,
        };
        histories.entry(version.key).or_default().push(bytes);
    }
    histories
}

/// The writes that turn the objects of `before` into those of `after`.
pub async fn deeds(before: &Scene, after: &Scene) -> Vec<Deed> {
    let (before, after) = (
        histories(&before.archive.store).await,
        histories(&after.archive.store).await,
    );
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let deed = |key: &String| {
        let (old, new) = (before.get(key), after.get(key));
        let steps = match (old, new) {
            _ if old == new => return None,
            (_, None) => vec![None],
            (Some(old), Some(new)) if new.starts_with(old) => new[old.len()..].to_vec(),
            (_, Some(new)) => new.clone(),
        };
        Some(Deed {
            key: key.clone(),
            steps,
            over_versions: new.is_some_and(|new| new.len() > 1),
        })
    };
    keys.into_iter().filter_map(deed).collect()
}

pub fn needs_versions(deeds: &[Deed]) -> bool {
    deeds.iter().any(|deed| deed.over_versions)
}

pub struct Bucket {
    client: Client,
    store: Arc<S3Store>,
    name: String,
    prefix: String,
    keeps_versions: bool,
}

impl Bucket {
    /// The bucket that the archiver wrote to.
    pub async fn plain(honest: &Honest) -> Bucket {
        Bucket::open(honest, bucket_name()).await
    }

    /// A bucket that keeps versions, with the same objects.
    pub async fn versioned(honest: &Honest) -> Bucket {
        let mut bucket = Bucket::open(honest, format!("versioned-{}", honest.shop.name())).await;
        bucket.keeps_versions = true;
        bucket.client.create_bucket().bucket(&bucket.name).send().await.unwrap();
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let enabling = bucket.client.put_bucket_versioning().bucket(&bucket.name);
        enabling.versioning_configuration(enabled.build()).send().await.unwrap();
        for (key, history) in histories(&honest.scene.archive.store).await {
            bucket.step(&key, history[0].as_ref()).await;
        }
        bucket
    }

    async fn open(honest: &Honest, name: String) -> Bucket {
        let mut settings = cluster_settings().unwrap();
        settings.bucket.clone_from(&name);
        Bucket {
            client: stranger(&settings).await,
            store: Arc::new(S3Store::open(&settings, honest.shop.name()).await.unwrap()),
            name,
            prefix: honest.shop.name().to_owned(),
            keeps_versions: false,
        }
    }

    /// The archive as it is now. Each object is fetched once, however often it is verified.
    pub fn as_it_is(&self) -> Arc<ReadOnce> {
        Arc::new(ReadOnce::new(Arc::clone(&self.store)))
    }

    pub async fn carry_out(&self, deeds: &[Deed]) {
        for deed in deeds {
            for step in &deed.steps {
                self.step(&deed.key, step.as_ref()).await;
            }
        }
    }

    /// Restores the keys that were written to.
    pub async fn undo(&self, deeds: &[Deed], honest: &Scene) {
        for Deed { key, .. } in deeds {
            if self.keeps_versions {
                self.remove_versions(key).await;
            }
            match honest.archive.store.bytes(key) {
                None if self.keeps_versions => {}
                bytes => self.step(key, bytes.as_ref()).await,
            }
        }
    }

    async fn step(&self, key: &str, bytes: Option<&Bytes>) {
        let key = format!("{}/{key}", self.prefix);
        match bytes {
            None => {
                let deleting = self.client.delete_object().bucket(&self.name).key(key);
                deleting.send().await.unwrap();
            }
            Some(bytes) => {
                let putting = self.client.put_object().bucket(&self.name).key(key);
                putting.body(bytes.clone().into()).send().await.unwrap();
            }
        }
    }

    async fn remove_versions(&self, key: &str) {
        let full = format!("{}/{key}", self.prefix);
        for version in self.store.versions(key).await.unwrap().unwrap() {
            let deleting = self.client.delete_object().bucket(&self.name).key(&full);
            deleting.version_id(version.version).send().await.unwrap();
        }
    }
}

//! Read access to a bucket for verification: one listing, and the oldest version of each object.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::log::head::Head;
use crate::log::limits::{SEGMENT_MAX_BYTES, max_bytes_of};
use crate::log::object_key::{IDENTITY, Key, is_ignored};
use crate::reading::attempts::{Objects, Read};
use crate::reading::listing::{self, Beyond};
use crate::store::pages;
use crate::store::{Entry, Store, StoreError, Version, VersionKind};
use crate::verify::candidates::Unread;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Inventory;

/// Reads that run at the same time, and notes that are in memory at the same time.
const GETS: usize = 64;
/// The budget for encoded segments in memory: 64 MiB, or one segment.
const BUDGET_UNITS: u32 = 1024;
const UNIT_BYTES: u64 = 1 << 16;

/// The archive's objects as they were first written.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn Store>,
    /// The oldest version of each key that has more than one.
    oldest: HashMap<String, String>,
    /// The length of each listed object that is larger than the limit of its kind.
    too_large: HashMap<String, u64>,
    gets: Semaphore,
    /// The budget for encoded segments in memory, in units of [`UNIT_BYTES`].
    budget: Arc<Semaphore>,
}

/// The bytes of a segment, which count in the budget until they are dropped.
#[derive(Debug)]
pub struct HeldSegment {
    /// The bytes.
    pub bytes: Bytes,
    _held: OwnedSemaphorePermit,
}

impl Bucket {
    fn new(store: Arc<dyn Store>) -> Bucket {
        Bucket {
            store,
            oldest: HashMap::new(),
            too_large: HashMap::new(),
            gets: Semaphore::new(GETS),
            budget: Arc::new(Semaphore::new(BUDGET_UNITS as usize)),
        }
    }

    /// Lists all objects under the prefix. Keys are listed in the order of their bytes: checkpoints, data, links, and then the
    /// log. While writers add objects, a listed segment that has a link therefore has it listed too, and each key that signed
    /// a listed link is added by a listed entry.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list(store: Arc<dyn Store>) -> Result<(Bucket, Inventory, Findings), StoreError> {
        let mut bucket = Bucket::new(Arc::clone(&store));
        let mut listing = Listing::default();
        match store.versions("").await? {
            Some(versions) => {
                for of_key in versions.chunk_by(|a, b| a.key == b.key) {
                    bucket.add_versions(of_key, &mut listing);
                }
            }
            None => listing::all(store.as_ref(), |entry| bucket.add_entry(entry, &mut listing)).await?,
        }
        listing.inventory.sort();
        Ok((bucket, listing.inventory, listing.findings))
    }

    /// Lists only the identity.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list_identity(store: Arc<dyn Store>) -> Result<(Bucket, Inventory, Findings), StoreError> {
        let mut bucket = Bucket::new(store);
        let mut listing = Listing::default();
        let whole = Beyond {
            prefix: IDENTITY.to_owned(),
            after: None,
        };
        bucket.add(&whole, &mut listing).await?;
        Ok((bucket, listing.inventory, listing.findings))
    }

    /// Adds the objects after an entry of the log, which has these heads, to the inventory. The number of requests does not
    /// depend on the objects before it.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn list_beyond(
        &mut self,
        (number, heads): (u64, &[Head]),
        inventory: &mut Inventory,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let mut listing = Listing {
            inventory: std::mem::take(inventory),
            findings: std::mem::take(findings),
        };
        for beyond in listing::beyond(self.store.as_ref(), number, heads).await? {
            self.add(&beyond, &mut listing).await?;
        }
        (*inventory, *findings) = (listing.inventory, listing.findings);
        for head in heads {
            inventory.partitions.entry(head.partition.clone()).or_default().after = Some(head.clone());
        }
        inventory.sort();
        Ok(())
    }

    async fn add(&mut self, beyond: &Beyond, listing: &mut Listing) -> Result<(), StoreError> {
        let versions = match &beyond.after {
            Some(after) => self.store.versions_after(&beyond.prefix, after).await?,
            None => self.store.versions(&beyond.prefix).await?,
        };
        match versions {
            Some(versions) => {
                for of_key in versions.chunk_by(|a, b| a.key == b.key) {
                    self.add_versions(of_key, listing);
                }
            }
            None => {
                for entry in listing::under(self.store.as_ref(), beyond).await? {
                    self.add_entry(&entry, listing);
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
    /// Why it was not read.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Unread> {
        let _permit = self.permit().await?;
        self.read(key, max_bytes_of(key)).await
    }

    /// As [`Bucket::get`], for an object of at most `max_bytes`.
    ///
    /// # Errors
    /// Why it was not read.
    pub async fn get_within(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, Unread> {
        let _permit = self.permit().await?;
        self.read(key, max_bytes.min(max_bytes_of(key))).await
    }

    /// Opens the object at a listed key with `open`. Of all notes that are read at the same time, only a bounded number
    /// is in memory: each is counted until `open` returns.
    pub async fn open_listed<T>(&self, key: &str, open: impl FnOnce(Result<&[u8], Unread>) -> T) -> T {
        let permit = match self.permit().await {
            Ok(permit) => permit,
            Err(why) => return open(Err(why)),
        };
        let object = self.read_listed(key).await;
        let opened = open(object.as_deref().map_err(Clone::clone));
        drop((object, permit));
        opened
    }

    /// The object at a listed key.
    ///
    /// # Errors
    /// Why it was not read.
    pub async fn get_listed(&self, key: &str) -> Result<Bytes, Unread> {
        let _permit = self.permit().await?;
        self.read_listed(key).await
    }

    /// The segment at `key`, within the budget of bytes; `None` if there is none. `expected` is the length that a link
    /// names. A longer object is read once the budget has as much left.
    ///
    /// # Errors
    /// Why it was not read.
    pub async fn segment(&self, key: &str, expected: u64) -> Result<Option<HeldSegment>, Unread> {
        let mut expected = expected;
        loop {
            let units = u32::try_from(expected / UNIT_BYTES + 1)
                .unwrap_or(u32::MAX)
                .min(BUDGET_UNITS);
            let permit = Arc::clone(&self.budget).acquire_many_owned(units).await;
            let permit = permit.map_err(|error| Unread::Failed(error.to_string()))?;
            // What has the whole budget may be larger than it.
            let within = if units == BUDGET_UNITS {
                SEGMENT_MAX_BYTES
            } else {
                u64::from(units) * UNIT_BYTES
            };
            match self.read(key, within).await {
                Err(Unread::TooLarge(bytes)) if within < SEGMENT_MAX_BYTES && bytes <= SEGMENT_MAX_BYTES => {
                    expected = bytes.max(within + 1);
                }
                read => {
                    return Ok(read?.map(|bytes| HeldSegment { bytes, _held: permit }));
                }
            }
        }
    }

    /// The last bytes of the object at `key`; `None` if it does not exist, has several versions, or cannot be read.
    pub async fn end(&self, key: &str, bytes: u64) -> Option<Bytes> {
        if self.oldest.contains_key(key) {
            return None;
        }
        let _permit = self.permit().await.ok()?;
        self.store.tail(key, bytes).await.ok()?.map(|tail| tail.end)
    }

    /// When the store says that the object was written that [`Bucket::segment`] reads. Not known of one with several versions, of
    /// which the oldest is read.
    pub async fn modified_ms(&self, key: &str) -> Option<i64> {
        if self.oldest.contains_key(key) {
            return None;
        }
        let _permit = self.permit().await.ok()?;
        self.store.modified_ms(key).await.ok()?
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Unread> {
        let permit = self.gets.acquire().await;
        permit.map_err(|error| Unread::Failed(error.to_string()))
    }

    async fn read_listed(&self, key: &str) -> Result<Bytes, Unread> {
        let read = self.read(key, max_bytes_of(key)).await?;
        read.ok_or_else(|| Unread::Failed("it was listed, but does not exist".to_owned()))
    }

    async fn read(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, Unread> {
        if let Some(bytes) = self.too_large.get(key) {
            return Err(Unread::TooLarge(*bytes));
        }
        let read = match self.oldest.get(key) {
            Some(version) => self.store.get_version(key, version, max_bytes).await,
            None => self.store.get(key, max_bytes).await,
        };
        read.map_err(|error| match error.too_large_bytes() {
            Some(bytes) => Unread::TooLarge(bytes),
            None => Unread::Failed(error.to_string()),
        })
    }

    /// The keys with this prefix after `start_after`, such as those that were created since the listing.
    ///
    /// # Errors
    /// The store cannot be listed.
    pub async fn newer(&self, prefix: &str, start_after: Option<&str>) -> Result<Vec<String>, StoreError> {
        pages::keys(self.store.as_ref(), prefix, start_after).await
    }
}

#[async_trait]
impl Objects for Bucket {
    type Error = String;

    async fn object(&self, key: &str) -> Result<Read, String> {
        match self.get(key).await {
            Ok(Some(object)) => Ok(Read::Object(object)),
            Ok(None) => Ok(Read::Absent),
            Err(Unread::TooLarge(_)) => Ok(Read::TooLarge),
            Err(Unread::Failed(why)) => Err(why),
        }
    }

    async fn listed(&self, prefix: &str) -> Result<Vec<Entry>, String> {
        let listed = match self.store.versions(prefix).await {
            Ok(Some(versions)) => Ok(versions.chunk_by(|a, b| a.key == b.key).filter_map(first).collect()),
            Ok(None) => pages::entries(self.store.as_ref(), prefix, None).await,
            Err(error) => Err(error),
        };
        listed.map_err(|error| error.to_string())
    }
}

/// The oldest version of an object; `None` if it has delete markers only.
fn first(versions: &[Version]) -> Option<Entry> {
    let first = versions.iter().find(|version| version.kind == VersionKind::Object)?;
    Some(Entry {
        key: first.key.clone(),
        bytes: first.bytes,
    })
}

/// Whether these are the versions of a segment that was never overwritten, as a lifecycle rule leaves it until its version
/// is removed too.
fn is_hidden_segment(versions: &[Version]) -> bool {
    let [object, markers @ ..] = versions else { return false };
    matches!(object.key.parse(), Ok(Key::Segment(..)))
        && object.kind == VersionKind::Object
        && markers.iter().all(|version| version.kind == VersionKind::DeleteMarker)
}

/// What is listed, sorted for the verifier.
#[derive(Debug, Default)]
struct Listing {
    inventory: Inventory,
    findings: Findings,
}

impl Bucket {
    /// Adds one object. Of one that is larger than the limit of its kind, the length is kept: it is not asked for.
    fn add_entry(&mut self, entry: &Entry, listing: &mut Listing) {
        let kept = listing.inventory.add(&entry.key, entry.bytes);
        if kept && entry.bytes > max_bytes_of(&entry.key) {
            self.too_large.insert(entry.key.clone(), entry.bytes);
        }
    }

    /// Adds the versions of one key. The oldest version of an object is the archive's. Other versions and delete markers
    /// are a finding, except of objects that are ignored.
    fn add_versions(&mut self, versions: &[Version], listing: &mut Listing) {
        let Some(entry) = first(versions) else { return };
        self.add_entry(&entry, listing);
        let is_ignored = versions.iter().all(|version| is_ignored(&version.key, version.bytes));
        if versions.len() > 1 && !is_ignored {
            let markers = versions.iter().filter(|v| v.kind == VersionKind::DeleteMarker).count();
            let detail = format!("{} versions and {markers} delete markers", versions.len() - markers);
            let finding = Finding::new(Code::HiddenVersion, detail).object(&entry.key);
            if is_hidden_segment(versions) {
                listing.inventory.hidden.insert(entry.key.clone(), finding);
            } else {
                listing.findings.push(finding);
            }
            let oldest = versions.iter().find(|version| version.kind == VersionKind::Object);
            let version = oldest.map(|oldest| oldest.version.clone()).unwrap_or_default();
            self.oldest.insert(entry.key, version);
        }
    }
}

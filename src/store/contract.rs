//! What every back end promises: the trait, and the values that pass through it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::error::StoreError;
use crate::store::key;

/// The largest object in bytes that is ever created or read (512 MiB). Segments stay far below it; what is larger was
/// not written by us, and reading it could exhaust the memory.
pub const OBJECT_MAX_BYTES: u64 = 512 << 20;

/// What became of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// The object stands there with our bytes, and is durable.
    Created,
    /// An object stood there already. Its bytes may be ours (an earlier try whose reply was lost) or a stranger's: the
    /// caller reads and compares.
    Exists,
}

/// One object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the configured prefix.
    pub key: String,
    /// The object's size in bytes.
    pub bytes: u64,
}

/// What one version of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionKind {
    /// An object with bytes.
    Object,
    /// A mark that hides every older version: what a delete leaves in a versioned bucket.
    DeleteMarker,
}

/// One version of one key in a bucket that keeps versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Relative to the configured prefix.
    pub key: String,
    /// The backend's name for this version, for [`Store::get_version`].
    pub version: String,
    /// Object or delete marker.
    pub kind: VersionKind,
    /// Whether a plain read sees this version.
    pub latest: bool,
    /// Size in bytes, 0 for a delete marker.
    pub bytes: u64,
    /// When the backend says that it was made, in milliseconds since the epoch. Proves nothing.
    pub modified_ms: i64,
}

/// A place for immutable objects.
///
/// Keys are relative to the configured prefix, UTF-8, with `/` between their parts ([`key::check`] states the rules).
///
/// Every error tells its [`kind`](StoreError::kind). [`Transient`](crate::error::Kind::Transient) says nothing about
/// whether a write happened: it may have landed, may land later, or never. The caller tries the same create again, and
/// then takes [`Creation::Exists`] as "read it and compare". Backends try again by themselves a bounded number of times
/// before they return a transient error.
///
/// Every backend runs the contract suite of the tests.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Where the objects are, for people: a URL or a path. Holds no secret.
    fn location(&self) -> String;

    /// Creates `key` with `bytes`, whose SHA-256 the caller knows already, unless the key exists.
    ///
    /// When this returns `Ok`, an object under `key` is durable and visible to every later `get` and `list`, here and
    /// elsewhere. Of any number of concurrent creates of one key, at most one returns [`Creation::Created`]. An object
    /// is never seen half-written.
    ///
    /// # Errors
    /// `Corrupt` when the bytes do not have that hash where they arrived: nothing was created. `Input` for a key or a
    /// size that no object can have.
    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError>;

    /// Creates `key` with `bytes` unless it exists, as [`Store::create_hashed`].
    ///
    /// # Errors
    /// As [`Store::create_hashed`].
    async fn create(&self, key: &str, bytes: Bytes) -> Result<Creation, StoreError> {
        let hash = Hash::of(&bytes);
        self.create_hashed(key, bytes, &hash).await
    }

    /// The whole object, or `None` when there is none. Whole means: as many bytes as the backend announced, and those
    /// of the checksum that it stored, where it stored one.
    ///
    /// # Errors
    /// `Corrupt` when they are not, or are more than [`OBJECT_MAX_BYTES`].
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// The objects whose keys begin with `prefix` and are greater than `start_after`, ascending by the bytes of their
    /// keys, at most `limit`. Fewer than `limit` means the end. Sees every object whose create had returned.
    ///
    /// # Errors
    /// As every method; `Config` when the backend lists in another order.
    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Holds the store to what the settings ask it to keep objects with: the object at `key`, which was created just
    /// now, is locked as they say. Nothing is asked of a store that knows no locks.
    ///
    /// # Errors
    /// `Config` where the object is not locked so.
    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        key::check(key)
    }

    /// Every version and delete marker of the keys that begin with `prefix`, ascending by key bytes, the oldest first;
    /// `None` where the backend keeps no versions.
    ///
    /// # Errors
    /// As every method.
    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        Ok(None)
    }

    /// Those of [`Store::versions`] whose keys are greater than `start_after`.
    ///
    /// # Errors
    /// As every method.
    async fn versions_after(&self, prefix: &str, start_after: &str) -> Result<Option<Vec<Version>>, StoreError> {
        let versions = self.versions(prefix).await?;
        Ok(versions.map(|mut versions| {
            versions.retain(|version| version.key.as_str() > start_after);
            versions
        }))
    }

    /// The bytes of one version that [`Store::versions`] named, or `None` when it is not there or is a delete marker.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn get_version(&self, key: &str, _version: &str) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        Ok(None)
    }
}

/// Refuses what is larger than any object of ours.
pub(super) fn check_size(key: &str, bytes: u64) -> Result<(), StoreError> {
    if bytes <= OBJECT_MAX_BYTES {
        return Ok(());
    }
    Err(StoreError::corrupt(
        "the object is larger than any that kivend writes",
        "find out who put it there; it was not read",
    )
    .with("key", key)
    .with("bytes", bytes)
    .with("max", OBJECT_MAX_BYTES))
}

/// Refuses bytes that are not those of the hash.
pub(super) fn check_hash(key: &str, bytes: &[u8], hash: &Hash) -> Result<(), StoreError> {
    let actual = Hash::of(bytes);
    if actual == *hash {
        return Ok(());
    }
    Err(StoreError::corrupt(
        "the bytes do not have the hash that goes with them",
        "suspect memory or disk of this machine, or somebody's hand",
    )
    .with("key", key)
    .with("expected", hash)
    .with("actual", actual))
}

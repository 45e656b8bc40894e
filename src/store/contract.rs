//! The contract of every back end: the trait [`Store`] and its types.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::error::StoreError;
use crate::store::key;

/// The largest object in bytes that is created or read (512 MiB). Segments are far smaller; a larger object was not
/// written by kivend, and reading it could exhaust memory.
pub const OBJECT_MAX_BYTES: u64 = 512 << 20;

/// The result of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// The object has been created with these bytes and is durable.
    Created,
    /// The key existed already. Its bytes may be the same (from an attempt whose reply was lost) or not: the caller reads
    /// and compares.
    Exists,
}

/// One object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The object key, relative to the configured prefix.
    pub key: String,
    /// The object's size in bytes.
    pub bytes: u64,
}

/// The kind of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionKind {
    /// An object with bytes.
    Object,
    /// The mark of a delete, which hides every older version.
    DeleteMarker,
}

/// One version of one key in a bucket that keeps versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The object key, relative to the configured prefix.
    pub key: String,
    /// The back end's id of this version, for [`Store::get_version`].
    pub version: String,
    /// Object or delete marker.
    pub kind: VersionKind,
    /// Whether a read without a version returns this one.
    pub latest: bool,
    /// Size in bytes, 0 for a delete marker.
    pub bytes: u64,
    /// The modification time that the back end reports, in milliseconds since the epoch. It is no evidence.
    pub modified_ms: i64,
}

/// A store of immutable objects.
///
/// Object keys are relative to the configured prefix, UTF-8, with `/` between their parts ([`key::check`] has the rules).
///
/// After a [`Transient`](crate::error::Kind::Transient) error a write may have happened, may happen later, or not at all.
/// The caller repeats the same create, and after [`Creation::Exists`] reads the object and compares. Back ends retry a
/// bounded number of times before they return a transient error.
///
/// Every back end must pass the contract suite in `tests/store_contract`.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// The store's URL or path, for messages. It must not contain a secret.
    fn location(&self) -> String;

    /// Creates `key` with `bytes`, whose SHA-256 is `hash`, unless the key exists.
    ///
    /// When this returns `Ok`, an object under `key` is durable and visible to every later `get` and `list` of every
    /// client. Of any number of concurrent creates of one key, at most one returns [`Creation::Created`]. Readers see a
    /// whole object or none.
    ///
    /// # Errors
    /// `Corrupt` if the bytes that the store received have another hash; then nothing was created. `Input` for a key or a
    /// size that is not allowed.
    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError>;

    /// Computes the SHA-256 of `bytes`, then [`Store::create_hashed`].
    ///
    /// # Errors
    /// As [`Store::create_hashed`].
    async fn create(&self, key: &str, bytes: Bytes) -> Result<Creation, StoreError> {
        let hash = Hash::of(&bytes);
        self.create_hashed(key, bytes, &hash).await
    }

    /// The whole object, or `None` if it does not exist. The number of bytes is checked against the announced length, and
    /// the bytes against the checksum, if the back end stores one.
    ///
    /// # Errors
    /// `Corrupt` if a check fails, or the object is larger than [`OBJECT_MAX_BYTES`].
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// The objects whose keys begin with `prefix` and are greater than `start_after`, ascending by the bytes of their
    /// keys, at most `limit`. Fewer than `limit` are the end of the listing. Every object whose create has returned is
    /// listed.
    ///
    /// # Errors
    /// `Config` if the back end lists in another order.
    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Checks that the object at `key`, which was just created, has the Object Lock of the settings. Back ends without
    /// locks check nothing.
    ///
    /// # Errors
    /// `Config` if it has another lock or none.
    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        key::check(key)
    }

    /// Every version and delete marker of the keys that begin with `prefix`, ascending by key bytes, oldest version
    /// first; `None` if the back end keeps no versions.
    ///
    /// # Errors
    /// `Input` for a prefix that no key can begin with.
    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        Ok(None)
    }

    /// The versions of [`Store::versions`] whose keys are greater than `start_after`.
    ///
    /// # Errors
    /// As [`Store::versions`].
    async fn versions_after(&self, prefix: &str, start_after: &str) -> Result<Option<Vec<Version>>, StoreError> {
        let versions = self.versions(prefix).await?;
        Ok(versions.map(|mut versions| {
            versions.retain(|version| version.key.as_str() > start_after);
            versions
        }))
    }

    /// The bytes of a version from [`Store::versions`]; `None` if it does not exist or is a delete marker.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn get_version(&self, key: &str, _version: &str) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        Ok(None)
    }
}

/// Refuses an object of more than [`OBJECT_MAX_BYTES`].
pub(super) fn check_size(key: &str, bytes: u64) -> Result<(), StoreError> {
    if bytes <= OBJECT_MAX_BYTES {
        return Ok(());
    }
    Err(StoreError::corrupt(
        "the object is larger than any that kivend writes",
        "it was not read; find out who created it",
    )
    .with("key", key)
    .with("bytes", bytes)
    .with("max", OBJECT_MAX_BYTES))
}

/// Refuses bytes whose SHA-256 is not `hash`.
pub(super) fn check_hash(key: &str, bytes: &[u8], hash: &Hash) -> Result<(), StoreError> {
    let actual = Hash::of(bytes);
    if actual == *hash {
        return Ok(());
    }
    Err(StoreError::corrupt(
        "the bytes do not have the expected hash",
        "check memory and disks of this machine and of the store; `kivend verify` lists every damaged object",
    )
    .with("key", key)
    .with("expected", hash)
    .with("actual", actual))
}

//! The contract of every back end: the trait [`Store`] and its types.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::log::limits::SEGMENT_MAX_BYTES;
use crate::record::hash::Hash;
use crate::store::error::StoreError;
use crate::store::key;

/// The largest object in bytes that is created: the largest segment.
pub const OBJECT_MAX_BYTES: u64 = SEGMENT_MAX_BYTES;

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

/// The end of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The length of the whole object in bytes.
    pub object_bytes: u64,
    /// The object's last bytes: as many as were asked for, or the whole object if it is shorter.
    pub end: Bytes,
}

/// The length and the hash of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// The length in bytes; where the object is too large, as far as known.
    pub object_bytes: u64,
    /// The SHA-256 of the bytes; `None` if the object is larger than was to be read.
    pub sha256: Option<Hash>,
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
    /// Of an object larger than `max_bytes`, the limit of its kind ([`crate::log::limits`]), no more than `max_bytes` are
    /// fetched, and nothing is allocated if the back end announces the length. What is in the place of an object and has
    /// no length, such as a pipe in a folder, is refused without being opened.
    ///
    /// # Errors
    /// `Corrupt` if a check fails; `Corrupt` with [`StoreError::is_too_large`] if the object is larger than `max_bytes`.
    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError>;

    /// The last `bytes` bytes of the object, which must not be 0, or `None` if it does not exist. No more of it is
    /// fetched or held than these bytes, except by the default, for back ends that cannot read a range. The bytes are
    /// not checked against a stored checksum, which is that of the whole object.
    ///
    /// # Errors
    /// The store's errors; `Config` if the back end does not honour ranges.
    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        let object = self.get(key, OBJECT_MAX_BYTES).await?;
        Ok(object.map(|object| Tail {
            object_bytes: object.len() as u64,
            end: object.slice(object.len() - last_bytes(object.len(), bytes)..),
        }))
    }

    /// The length of the object and the SHA-256 of its bytes, which are read in pieces of at most 1 MiB and never taken
    /// from a checksum that the back end stores; `None` if the object does not exist. An object larger than `max_bytes`
    /// is not read to its end. The default holds the whole object.
    ///
    /// # Errors
    /// As [`Store::get`], except that an object that is too large is no error.
    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        match self.get(key, max_bytes).await {
            Err(error) if error.is_too_large() => {
                let listed = self.list(key, None, 1).await?;
                Ok(listed.first().filter(|entry| entry.key == key).map(|entry| Digest {
                    object_bytes: entry.bytes,
                    sha256: None,
                }))
            }
            read => Ok(read?.map(|object| Digest {
                object_bytes: object.len() as u64,
                sha256: Some(Hash::of(&object)),
            })),
        }
    }

    /// The objects whose keys begin with `prefix` and are greater than `start_after`, ascending by the bytes of their
    /// keys, at most `limit`. Fewer than `limit` are the end of the listing. Every object whose create has returned is
    /// listed.
    ///
    /// # Errors
    /// `Config` if the back end lists in another order.
    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Checks that the object at `key`, which was just created, has the Object Lock and the encryption of the settings.
    /// Back ends without them check nothing.
    ///
    /// # Errors
    /// `Config` if it has others or none.
    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        key::check(key)
    }

    /// When the object at `key` was written, by the back end's clock, in milliseconds since the epoch; `None` if there is none or
    /// the back end does not say. It is no evidence.
    ///
    /// # Errors
    /// The store's errors.
    async fn modified_ms(&self, key: &str) -> Result<Option<i64>, StoreError> {
        key::check(key)?;
        Ok(None)
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

    /// The bytes of a version from [`Store::versions`], as [`Store::get`]; `None` if it does not exist or is a delete
    /// marker.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn get_version(&self, key: &str, _version: &str, _max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        Ok(None)
    }
}

/// How many of an object's bytes are its last `bytes` bytes.
pub(super) fn last_bytes(length: usize, bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(length)
}

/// Refuses to read an object of more than `max_bytes`.
pub(super) fn check_size(key: &str, bytes: u64, max_bytes: u64) -> Result<(), StoreError> {
    if bytes <= max_bytes {
        return Ok(());
    }
    Err(StoreError::too_large(key, bytes, max_bytes))
}

/// Refuses to create an object of more than [`OBJECT_MAX_BYTES`].
pub(super) fn check_created_size(key: &str, bytes: u64) -> Result<(), StoreError> {
    if bytes <= OBJECT_MAX_BYTES {
        return Ok(());
    }
    Err(StoreError::input(
        "the object is larger than the largest that is created",
        "lower archive.seal_max_bytes",
    )
    .with("key", key)
    .with("bytes", bytes)
    .with("max", OBJECT_MAX_BYTES))
}

/// Refuses bytes whose SHA-256 is not `hash`.
pub(super) fn check_hash(key: &str, bytes: &[u8], hash: &Hash) -> Result<(), StoreError> {
    check_equal(key, Hash::of(bytes), hash)
}

/// Refuses `actual`, the SHA-256 of an object's bytes, if it is not `hash`.
pub(super) fn check_equal(key: &str, actual: Hash, hash: &Hash) -> Result<(), StoreError> {
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

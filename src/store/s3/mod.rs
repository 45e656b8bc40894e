//! Objects in a bucket of any S3-compatible server.
//!
//! A create is one PUT with `If-None-Match: *` and the object's SHA-256, which serves the checksum header and the
//! signature alike, so that bytes are hashed once however large. Never multipart (its parts and its final answer know
//! no condition on every server), never an overwrite, never a delete.

mod body;
mod client;
mod failure;
pub mod inspect;
mod listing;
mod lock;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::ConfigLoader;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::clock::{self, Clock};
use crate::config::{ObjectLock, S3Settings};
use crate::error::Kind;
use crate::record::hash::Hash;
use crate::store::key::{self, KEY_MAX_BYTES};
use crate::store::retry::{Backoff, Failure, retrying};
use crate::store::{Creation, Entry, Store, StoreError, Version, check_size};
use client::SignedHash;
use failure::Scene;

/// A store in a bucket. See the module.
pub struct S3Store {
    client: Client,
    bucket: String,
    /// What stands before every key: empty, or ends in `/`.
    root: String,
    location: String,
    lock: ObjectLock,
    clock: Clock,
    backoff: Backoff,
    attempt_timeout: Duration,
    operation_timeout: Duration,
}

/// An object to be created.
struct Upload<'a> {
    /// Relative to the store's prefix, for messages.
    key: &'a str,
    full: String,
    bytes: Bytes,
    hash: Hash,
}

impl S3Store {
    /// Makes a client for the bucket that the settings name, with credentials of the usual AWS chain (environment,
    /// profile, web identity, container, instance). Sends nothing to the store yet.
    ///
    /// # Errors
    /// `Config` for a prefix that can't begin a key, for a CA file that holds no certificates, and where no credentials are found.
    pub async fn open(settings: &S3Settings, prefix: &str) -> Result<Self, StoreError> {
        Self::open_by(settings, prefix, client::loader(settings)?).await
    }

    async fn open_by(settings: &S3Settings, prefix: &str, loader: ConfigLoader) -> Result<Self, StoreError> {
        if !prefix.is_empty() && key::check(prefix).is_err() {
            let error = StoreError::config(
                "the prefix can't begin a key",
                "set store.prefix to names with `/` between",
            );
            return Err(error.with("prefix", prefix.escape_default()));
        }
        let root = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        let server = settings.endpoint.as_deref().unwrap_or("AWS");
        Ok(Self {
            client: client::connect(settings, loader).await?,
            bucket: settings.bucket.clone(),
            location: format!("s3://{}/{root} at {server}", settings.bucket),
            root,
            lock: settings.lock,
            clock: Clock::start(),
            backoff: Backoff::bounded(settings.attempts, seed()?),
            attempt_timeout: settings.attempt_timeout,
            operation_timeout: settings.operation_timeout,
        })
    }

    fn full_key(&self, key: &str) -> Result<String, StoreError> {
        key::check(key)?;
        let full = format!("{}{key}", self.root);
        if full.len() > KEY_MAX_BYTES {
            let error = StoreError::input("the key with its prefix is too long", "shorten store.prefix");
            return Err(error.with("key", key));
        }
        Ok(full)
    }

    /// What an error message tells of the place where it happened.
    fn scene<'a>(&'a self, operation: &'static str, key: &'a str) -> Scene<'a> {
        Scene {
            operation,
            key,
            store: &self.location,
        }
    }

    /// Carries out `work` as often and for as long as the settings allow.
    async fn patiently<T, W>(&self, scene: Scene<'_>, work: impl FnMut() -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        let tell = |failure: Failure<'_>| {
            tracing::debug!(attempt = failure.attempt, delay_ms = failure.delay_ms, error = %failure.error, "trying again");
        };
        match tokio::time::timeout(self.operation_timeout, retrying(self.backoff, tell, work)).await {
            Ok(done) => done,
            Err(_) => Err(scene.late(self.operation_timeout)),
        }
    }

    /// One try of a create.
    async fn put(&self, upload: &Upload<'_>) -> Result<Creation, StoreError> {
        let scene = self.scene("create", upload.key);
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&upload.full)
            .if_none_match("*")
            .checksum_sha256(BASE64.encode(upload.hash.0))
            .set_object_lock_mode(lock::mode(self.lock))
            .set_object_lock_retain_until_date(lock::retain_until(self.lock, self.clock))
            .set_object_lock_legal_hold_status(lock::legal_hold(self.lock))
            .body(ByteStream::new(SdkBody::from(upload.bytes.clone())));
        match request.customize().interceptor(SignedHash(upload.hash)).send().await {
            // Durable from here, if it was an S3 server that said so: every one names an ETag.
            Ok(output) if output.e_tag().is_some() => Ok(Creation::Created),
            Ok(_) => Err(scene.not_s3()),
            Err(error) if failure::status(&error) == Some(412) => Ok(Creation::Exists),
            Err(error) => Err(scene.failure(error)),
        }
    }

    /// Whether an object stands at the full key, as far as can be told now.
    async fn stands(&self, full: &str) -> bool {
        let answer = self.client.head_object().bucket(&self.bucket).key(full).send().await;
        answer.is_ok_and(|answer| answer.e_tag().is_some())
    }

    async fn read(&self, key: &str, version: Option<&str>) -> Result<Option<Bytes>, StoreError> {
        let request = self.client.get_object().bucket(&self.bucket).key(self.full_key(key)?);
        let request = request.set_version_id(version.map(str::to_owned));
        let work = || async {
            let request = request.clone().customize();
            match request.mutate_request(body::ask_for_checksum).send().await {
                Ok(output) => body::read(self.scene("get", key), output, self.attempt_timeout)
                    .await
                    .map(Some),
                Err(error) if failure::is_absent(&error) => Ok(None),
                Err(error) => Err(self.scene("get", key).failure(error)),
            }
        };
        self.patiently(self.scene("get", key), work).await
    }
}

/// Short, since the client shows all that it is made of, the name of the access key among it.
impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.location)
    }
}

/// Parts this process from others that fail at the same moment.
fn seed() -> Result<u64, StoreError> {
    let random = clock::random_bytes().map_err(|error| StoreError::internal("no random bytes").caused_by(error))?;
    Ok(u64::from_le_bytes(random))
}

#[async_trait]
impl Store for S3Store {
    fn location(&self) -> String {
        self.location.clone()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        check_size(key, bytes.len() as u64)?;
        let upload = Upload {
            key,
            full: self.full_key(key)?,
            bytes,
            hash: *hash,
        };
        let work = || async {
            match self.put(&upload).await {
                // The reply was lost, perhaps the very one that said 412: a server may answer that before it has read
                // the body, and close. Asking costs less than sending it all again into the same trap.
                Err(error) if error.kind() == Kind::Transient && self.stands(&upload.full).await => {
                    Ok(Creation::Exists)
                }
                done => done,
            }
        };
        self.patiently(self.scene("create", key), work).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(key, None).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        key::check_prefix(prefix)?;
        listing::list(self, prefix, start_after, limit).await
    }

    async fn check_lock(&self, key: &str) -> Result<(), StoreError> {
        let full = self.full_key(key)?;
        self.patiently(self.scene("head", key), || lock::check(self, key, &full))
            .await
    }

    async fn versions(&self, prefix: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        if !listing::keeps_versions(self).await? {
            return Ok(None);
        }
        listing::versions(self, prefix, None).await.map(Some)
    }

    async fn versions_after(&self, prefix: &str, start_after: &str) -> Result<Option<Vec<Version>>, StoreError> {
        key::check_prefix(prefix)?;
        if !listing::keeps_versions(self).await? {
            return Ok(None);
        }
        listing::versions(self, prefix, Some(start_after)).await.map(Some)
    }

    async fn get_version(&self, key: &str, version: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(key, Some(version)).await
    }
}

#[cfg(test)]
mod tests;

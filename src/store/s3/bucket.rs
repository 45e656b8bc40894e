//! A bucket: its client, how keys stand in it, and how often a request is tried.

use std::fmt;
use std::time::Duration;

use aws_config::ConfigLoader;
use aws_sdk_s3::Client;

use crate::clock::{self, Clock};
use crate::config::{ObjectLock, S3Settings};
use crate::store::error::StoreError;
use crate::store::key::{self, KEY_MAX_BYTES};
use crate::store::retry::{Backoff, Failure, retrying};
use crate::store::s3::client;
use crate::store::s3::failure::Scene;

/// A store in a bucket. See the module.
pub struct S3Store {
    pub(super) client: Client,
    pub(super) bucket: String,
    /// What stands before every key: empty, or ends in `/`.
    pub(super) root: String,
    pub(super) location: String,
    pub(super) lock: ObjectLock,
    pub(super) clock: Clock,
    pub(super) backoff: Backoff,
    pub(super) attempt_timeout: Duration,
    pub(super) operation_timeout: Duration,
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

    pub(super) async fn open_by(settings: &S3Settings, prefix: &str, loader: ConfigLoader) -> Result<Self, StoreError> {
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

    pub(super) fn full_key(&self, key: &str) -> Result<String, StoreError> {
        key::check(key)?;
        let full = format!("{}{key}", self.root);
        if full.len() > KEY_MAX_BYTES {
            let error = StoreError::input("the key with its prefix is too long", "shorten store.prefix");
            return Err(error.with("key", key));
        }
        Ok(full)
    }

    /// What an error message tells of the place where it happened.
    pub(super) fn scene<'a>(&'a self, operation: &'static str, key: &'a str) -> Scene<'a> {
        Scene {
            operation,
            key,
            store: &self.location,
        }
    }

    /// Carries out `work` as often and for as long as the settings allow.
    pub(super) async fn patiently<T, W>(&self, scene: Scene<'_>, work: impl FnMut() -> W) -> Result<T, StoreError>
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

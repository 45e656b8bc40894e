//! A bucket: its client, the full object keys, and the retries of requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::SharedHttpClient;

use crate::clock::{self, Clock};
use crate::config::{ObjectLock, ObjectSettings, S3Settings};
use crate::error::{Kind, Scope};
use crate::store::error::StoreError;
use crate::store::key::{self, KEY_MAX_BYTES};
use crate::store::retry::{Backoff, Failure, retrying};
use crate::store::s3::client;
use crate::store::s3::credentials::{RenewedCredentials, Source};
use crate::store::s3::failure::RequestContext;
use crate::store::s3::http;

/// A store in a bucket.
pub struct S3Store {
    pub(super) client: Client,
    pub(super) credentials: Arc<RenewedCredentials>,
    pub(super) bucket: String,
    /// The prefix of every object key: empty, or ends in `/`.
    pub(super) root: String,
    pub(super) location: String,
    pub(super) lock: ObjectLock,
    pub(super) objects: ObjectSettings,
    pub(super) clock: Clock,
    pub(super) backoff: Backoff,
    pub(super) attempt_timeout: Duration,
    pub(super) operation_timeout: Duration,
}

/// The way to a server.
pub(super) struct Connection {
    pub(super) http: SharedHttpClient,
    pub(super) source: Source,
}

impl S3Store {
    /// Makes a client for the bucket of the settings, with the credentials of the AWS credential chain (environment,
    /// profile, web identity, container, instance). Sends nothing to the store.
    ///
    /// # Errors
    /// `Config` for an invalid prefix, for a CA file without certificates, and if no credentials are found.
    pub async fn open(settings: &S3Settings, prefix: &str) -> Result<Self, StoreError> {
        let http = http::client(settings.ca_file.as_deref())?;
        let source = client::source(settings, &http);
        Self::open_by(settings, prefix, Connection { http, source }).await
    }

    pub(super) async fn open_by(
        settings: &S3Settings,
        prefix: &str,
        connection: Connection,
    ) -> Result<Self, StoreError> {
        if !prefix.is_empty() && key::check(prefix).is_err() {
            let error = StoreError::config(
                "the prefix is not valid in an object key",
                "set store.prefix to names with `/` between them",
            );
            return Err(error.with("prefix", prefix.escape_default()));
        }
        let root = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        let server = settings.endpoint.as_deref().unwrap_or("AWS");
        let credentials = Arc::new(RenewedCredentials::new(connection.source));
        Ok(Self {
            client: client::connect(settings, connection.http, Arc::clone(&credentials)).await?,
            credentials,
            bucket: settings.bucket.clone(),
            location: format!("s3://{}/{root} at {server}", settings.bucket),
            root,
            lock: settings.lock,
            objects: settings.objects.clone(),
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
            let error = StoreError::input("the object key with its prefix is too long", "shorten store.prefix");
            return Err(error.with("key", key));
        }
        Ok(full)
    }

    /// The operation, key and store for error messages.
    pub(super) fn context<'a>(&'a self, operation: &'static str, key: &'a str) -> RequestContext<'a> {
        RequestContext {
            operation,
            key,
            store: &self.location,
            credentials: &self.credentials,
        }
    }

    /// Repeats `work` once if bytes do not have their hash: damage on the way, without TLS, is not damage of the object.
    pub(super) async fn twice_if_damaged<T, W>(&self, work: impl Fn() -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        match work().await {
            Err(error) if error.kind() == Kind::Corrupt && !error.is_too_large() => {
                tracing::debug!(event = "request_repeated", %error, "repeating a request whose bytes were damaged");
                work().await
            }
            done => done,
        }
    }

    /// Retries `work` within the attempts and the operation timeout of the settings.
    pub(super) async fn with_retries<T, W>(
        &self,
        context: RequestContext<'_>,
        work: impl FnMut() -> W,
    ) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        let log = |failure: Failure<'_>| {
            tracing::debug!(event = "request_retried", attempt = failure.attempt, delay_ms = failure.delay_ms, error = %failure.error, "retrying a request to the store");
        };
        match tokio::time::timeout(self.operation_timeout, retrying(self.backoff, log, work)).await {
            Ok(done) => done,
            Err(_) => Err(context.late(self.operation_timeout)),
        }
    }
}

/// Without the client, whose `Debug` output contains the access key id.
impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.location)
    }
}

/// A random seed for the back-off, so that processes do not retry at the same moments.
fn seed() -> Result<u64, StoreError> {
    let random = clock::random_bytes().map_err(|error| {
        let remedy = "allow this process or container the system call getrandom, or /dev/urandom";
        let what = "the operating system gives no random bytes";
        StoreError::new(Kind::Internal, Scope::Process, what, remedy).caused_by(error)
    })?;
    Ok(u64::from_le_bytes(random))
}

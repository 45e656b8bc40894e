//! Credentials that are loaded anew when they expire, and when the store says that they have.
//!
//! The client's own cache cannot be told that a token has expired, and its providers read the AWS files only once. So the
//! whole provider is made anew: a token that another program writes into a file is then found.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::clock::Clock;

/// How long before their end credentials are replaced.
const BUFFER: Duration = Duration::from_secs(10);
/// The shortest time between two loads because the store says that they have expired: many requests fail at once, most of
/// them sent with the token before.
const RELOAD_PAUSE_MS: u64 = 500;

/// The longest time to load credentials: a program that `credential_process` names may hang.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes a provider of credentials that has read nothing yet.
pub(super) type Source = Box<dyn Fn() -> BoxFuture<'static, SharedCredentialsProvider> + Send + Sync>;

/// Credentials from a source, kept until they expire.
pub(super) struct RenewedCredentials {
    source: Source,
    clock: Clock,
    /// Held while credentials are loaded, so that one request loads them and the others wait for it.
    held: Mutex<Held>,
    /// Until then, what the store says of the token before is ignored.
    deaf_until_ms: AtomicU64,
    has_expired: AtomicBool,
    is_fixed: AtomicBool,
}

#[derive(Default)]
struct Held {
    provider: Option<SharedCredentialsProvider>,
    credentials: Option<Credentials>,
}

impl RenewedCredentials {
    pub(super) fn new(source: Source) -> RenewedCredentials {
        RenewedCredentials {
            source,
            clock: Clock::start(),
            held: Mutex::default(),
            deaf_until_ms: AtomicU64::new(0),
            has_expired: AtomicBool::new(false),
            is_fixed: AtomicBool::new(false),
        }
    }

    /// The store says that the credentials have expired: the next request loads them anew. False if that cannot help, because
    /// they come from the environment of this process.
    pub(super) fn expire(&self) -> bool {
        if self.is_fixed.load(Ordering::Acquire) {
            return false;
        }
        if self.clock.monotonic_ms() >= self.deaf_until_ms.load(Ordering::Acquire) {
            self.has_expired.store(true, Ordering::Release);
        }
        true
    }

    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut held = self.held.lock().await;
        if self.has_expired.swap(false, Ordering::AcqRel) {
            *held = Held::default();
            let until_ms = self.clock.monotonic_ms() + RELOAD_PAUSE_MS;
            self.deaf_until_ms.store(until_ms, Ordering::Release);
        }
        if let Some(credentials) = held.credentials.as_ref().filter(|known| self.left(known) > BUFFER) {
            return Ok(credentials.clone());
        }
        let provider = match &held.provider {
            Some(provider) => provider.clone(),
            None => held.provider.insert((self.source)().await).clone(),
        };
        let loading = tokio::time::timeout(LOAD_TIMEOUT, provider.provide_credentials());
        let loaded = loading
            .await
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LOAD_TIMEOUT)));
        match loaded {
            Ok(loaded) => {
                self.is_fixed.store(is_of_environment(&loaded), Ordering::Release);
                held.credentials = Some(loaded.clone());
                Ok(loaded)
            }
            // The source fails for a moment: what is known is good until its end.
            Err(error) => match held.credentials.as_ref().filter(|known| !self.left(known).is_zero()) {
                Some(known) => Ok(known.clone()),
                None => {
                    held.provider = None;
                    Err(error)
                }
            },
        }
    }

    /// How long the credentials are still valid.
    fn left(&self, credentials: &Credentials) -> Duration {
        credentials.expiry().map_or(Duration::MAX, |end| {
            end.duration_since(now(self.clock)).unwrap_or_default()
        })
    }
}

/// Wall-clock time, as the end of credentials is given.
fn now(clock: Clock) -> SystemTime {
    let seconds = u64::try_from(clock.wall().as_second()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Whether the environment of this process holds these credentials. It does not change.
fn is_of_environment(credentials: &Credentials) -> bool {
    std::env::var("AWS_ACCESS_KEY_ID").is_ok_and(|id| id == credentials.access_key_id())
}

impl ProvideCredentials for RenewedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

/// Without any credentials.
impl fmt::Debug for RenewedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RenewedCredentials")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Answers with the number of loads as access key id; each load's credentials end after this time.
    fn counting(valid: Duration) -> (RenewedCredentials, Arc<AtomicUsize>) {
        let loads = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&loads);
        let end = now(Clock::start()) + valid;
        let source: Source = Box::new(move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let credentials = Credentials::new(format!("key-{number}"), "secret", None, Some(end), "test");
            Box::pin(async move { SharedCredentialsProvider::new(credentials) })
        });
        (RenewedCredentials::new(source), loads)
    }

    #[tokio::test]
    async fn credentials_are_loaded_once_while_they_are_valid() {
        let (credentials, loads) = counting(Duration::from_secs(600));
        for _ in 0..5 {
            assert_eq!(credentials.current().await.unwrap().access_key_id(), "key-0");
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn credentials_that_are_about_to_end_are_loaded_again() {
        let (credentials, loads) = counting(Duration::from_secs(5));
        for _ in 0..3 {
            credentials.current().await.unwrap();
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1, "the provider, which renews, is kept");
        let provided = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&provided);
        let source: Source = Box::new(move || {
            let provider = Ending(Arc::clone(&count));
            Box::pin(async { SharedCredentialsProvider::new(provider) })
        });
        let credentials = RenewedCredentials::new(source);
        for _ in 0..3 {
            credentials.current().await.unwrap();
        }
        assert_eq!(provided.load(Ordering::Relaxed), 3);
    }

    /// Provides credentials that end at once, and counts.
    #[derive(Debug)]
    struct Ending(Arc<AtomicUsize>);

    impl ProvideCredentials for Ending {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.fetch_add(1, Ordering::Relaxed);
            let end = now(Clock::start()) + Duration::from_secs(5);
            future::ProvideCredentials::ready(Ok(Credentials::new("key", "secret", None, Some(end), "test")))
        }
    }

    #[tokio::test]
    async fn many_requests_with_one_expired_token_load_new_credentials_once() {
        let (credentials, loads) = counting(Duration::from_secs(600));
        credentials.current().await.unwrap();
        assert!(credentials.expire());
        assert_eq!(credentials.current().await.unwrap().access_key_id(), "key-1");
        for _ in 0..20 {
            assert!(credentials.expire());
            assert_eq!(credentials.current().await.unwrap().access_key_id(), "key-1");
        }
        assert_eq!(loads.load(Ordering::Relaxed), 2);
    }
}

//! Retries with exponential back-off.
//!
//! Back ends give up after a few attempts; the archiver then retries until it succeeds, with Kafka's retention as its
//! deadline. The delays are a function of a seed, so that tests can repeat them.

use std::time::Duration;

use crate::error::Kind;
use crate::store::error::StoreError;

/// Delays that double up to a maximum, each shortened by up to a half (jitter), so that clients that fail together do not
/// retry together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The maximum number of attempts, the first one included.
    pub attempts: u32,
    /// The longest first delay, in milliseconds.
    pub first_ms: u64,
    /// The longest delay, in milliseconds.
    pub max_ms: u64,
    /// The seed of the jitter; each process should have another.
    pub seed: u64,
}

impl Backoff {
    /// Without a limit of attempts, with delays of 0.5 s to 30 s.
    #[must_use]
    pub fn patient(seed: u64) -> Self {
        Self {
            attempts: u32::MAX,
            first_ms: 500,
            max_ms: 30_000,
            seed,
        }
    }

    /// At most `attempts` attempts, with delays of 0.1 s to 5 s.
    #[must_use]
    pub fn bounded(attempts: u32, seed: u64) -> Self {
        Self {
            attempts,
            first_ms: 100,
            max_ms: 5_000,
            seed,
        }
    }

    /// The delay in milliseconds after attempt number `attempt`, from 1.
    #[must_use]
    pub fn delay_ms(&self, attempt: u32) -> u64 {
        let doubled = self
            .first_ms
            .saturating_mul(1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX));
        let longest = doubled.min(self.max_ms);
        longest - mix(self.seed ^ u64::from(attempt)) % (longest / 2 + 1)
    }
}

/// Mixes a number over all 64 bits (the finaliser of splitmix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A failed attempt that will be retried.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The delay before the next one, in milliseconds.
    pub delay_ms: u64,
    /// The error; its kind is transient.
    pub error: &'a StoreError,
}

/// Repeats `work` while it fails with a transient error, up to the number of attempts of `backoff`, and calls
/// `on_failure` before each delay. Dropping the future stops the retries.
///
/// # Errors
/// The first error whose kind is not transient, or the error of the last attempt.
pub async fn retrying<T, W>(
    backoff: Backoff,
    mut on_failure: impl FnMut(Failure<'_>),
    mut work: impl FnMut() -> W,
) -> Result<T, StoreError>
where
    W: Future<Output = Result<T, StoreError>>,
{
    let mut attempt = 1;
    loop {
        match work().await {
            Err(error) if error.kind() == Kind::Transient && attempt < backoff.attempts => {
                let delay_ms = backoff.delay_ms(attempt);
                on_failure(Failure {
                    attempt,
                    delay_ms,
                    error: &error,
                });
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                attempt = attempt.saturating_add(1);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_delay_is_between_half_of_its_step_and_the_step(seed: u64, attempt in 1u32..) {
            let backoff = Backoff::bounded(1, seed);
            let step = if attempt > 6 { 5_000 } else { 100 << (attempt - 1) };
            let delay_ms = backoff.delay_ms(attempt);
            prop_assert!((step / 2..=step).contains(&delay_ms), "{delay_ms}");
            prop_assert_eq!(delay_ms, backoff.delay_ms(attempt));
        }
    }

    #[test]
    fn different_seeds_give_different_delays() {
        let delays: std::collections::HashSet<_> = (0..100).map(|seed| Backoff::patient(seed).delay_ms(5)).collect();
        assert!(delays.len() > 90);
    }

    /// The attempts given to `on_failure`, and the kind of the final error.
    async fn tried(attempts: u32, mut kinds: Vec<Kind>) -> (Vec<u32>, Kind) {
        let backoff = Backoff {
            attempts,
            first_ms: 0,
            max_ms: 0,
            seed: 0,
        };
        let mut attempts_seen = Vec::new();
        let work = || {
            let error = match kinds.remove(0) {
                Kind::Transient => StoreError::transient("lost", "wait"),
                _ => StoreError::permission("refused", "ask"),
            };
            async { Err::<(), _>(error) }
        };
        let error = retrying(backoff, |failure| attempts_seen.push(failure.attempt), work)
            .await
            .unwrap_err();
        (attempts_seen, error.kind())
    }

    #[tokio::test]
    async fn transient_failures_are_retried_and_others_are_not() {
        let kinds = vec![Kind::Transient, Kind::Transient, Kind::Permission];
        assert_eq!(tried(u32::MAX, kinds).await, (vec![1, 2], Kind::Permission));
    }

    #[tokio::test]
    async fn no_delay_follows_the_last_attempt() {
        assert_eq!(tried(2, vec![Kind::Transient; 2]).await, (vec![1], Kind::Transient));
    }
}

//! Attempting again: a schedule of waits, and a loop that follows it.
//!
//! Why here: backends give up after a few tries, since only the caller knows whether to go on. The archiver does, for
//! hours if it must (Kafka's retention is its deadline), and tells so at every try. The schedule is a function of a
//! seed; nothing here reads a clock or draws a random number.

use std::time::Duration;

use crate::error::Kind;
use crate::store::error::StoreError;

/// Waits that double from the first to the greatest, each shortened by up to a half, so that many that failed at the
/// same moment do not come back at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// How often to try at all; at least once.
    pub attempts: u32,
    /// The longest first wait, in milliseconds.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_ms: u64,
    /// Decides the shortening. Processes take different ones.
    pub seed: u64,
}

impl Backoff {
    /// For ever, waiting from half a second to half a minute.
    #[must_use]
    pub fn patient(seed: u64) -> Self {
        Self {
            attempts: u32::MAX,
            first_ms: 500,
            max_ms: 30_000,
            seed,
        }
    }

    /// So many tries, waiting from a tenth of a second to five seconds.
    #[must_use]
    pub fn bounded(attempts: u32, seed: u64) -> Self {
        Self {
            attempts,
            first_ms: 100,
            max_ms: 5_000,
            seed,
        }
    }

    /// How long to wait after the try of this number, counted from 1, in milliseconds.
    #[must_use]
    pub fn delay_ms(&self, attempt: u32) -> u64 {
        let doubled = self
            .first_ms
            .saturating_mul(1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX));
        let longest = doubled.min(self.max_ms);
        longest - mix(self.seed ^ u64::from(attempt)) % (longest / 2 + 1)
    }
}

/// Spreads a number over all 64 bits (splitmix64's finaliser).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A try that failed and will be repeated.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The number of the try, from 1.
    pub attempt: u32,
    /// How long the wait before the next one is, in milliseconds.
    pub delay_ms: u64,
    /// Why it failed; its kind is transient.
    pub error: &'a StoreError,
}

/// Does `work` until it succeeds, fails with another kind than transient, or was tried as often as `backoff` allows;
/// waits as that says in between, and tells `on_failure` before each wait. Ends early when the future is dropped:
/// nothing goes on behind it.
///
/// # Errors
/// The first error whose kind is not transient, or that of the last try.
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
        fn every_wait_is_between_half_of_its_step_and_the_step(seed: u64, attempt in 1u32..) {
            let backoff = Backoff::bounded(1, seed);
            let step = if attempt > 6 { 5_000 } else { 100 << (attempt - 1) };
            let delay_ms = backoff.delay_ms(attempt);
            prop_assert!((step / 2..=step).contains(&delay_ms), "{delay_ms}");
            prop_assert_eq!(delay_ms, backoff.delay_ms(attempt));
        }
    }

    #[test]
    fn seeds_part_those_that_failed_together() {
        let delays: std::collections::HashSet<_> = (0..100).map(|seed| Backoff::patient(seed).delay_ms(5)).collect();
        assert!(delays.len() > 90);
    }

    /// The attempts that were told, and the kind of the error that ended it.
    async fn tried(attempts: u32, mut kinds: Vec<Kind>) -> (Vec<u32>, Kind) {
        let backoff = Backoff {
            attempts,
            first_ms: 0,
            max_ms: 0,
            seed: 0,
        };
        let mut told = Vec::new();
        let work = || {
            let error = match kinds.remove(0) {
                Kind::Transient => StoreError::transient("lost", "wait"),
                _ => StoreError::permission("refused", "ask"),
            };
            async { Err::<(), _>(error) }
        };
        let error = retrying(backoff, |failure| told.push(failure.attempt), work)
            .await
            .unwrap_err();
        (told, error.kind())
    }

    #[tokio::test]
    async fn transient_failures_are_told_and_tried_again_and_others_end_it() {
        let kinds = vec![Kind::Transient, Kind::Transient, Kind::Permission];
        assert_eq!(tried(u32::MAX, kinds).await, (vec![1, 2], Kind::Permission));
    }

    #[tokio::test]
    async fn the_last_try_is_not_followed_by_a_wait() {
        assert_eq!(tried(2, vec![Kind::Transient; 2]).await, (vec![1], Kind::Transient));
    }
}

//! Limits a restore to a rate, shared by all topics. Does not wait; the caller does.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Size;

/// The longest wait at once, so that a request to stop is noticed.
const WAIT_MAX_MS: u64 = 100;

/// A limit of records or of bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Records a second.
    Records(u64),
    /// Bytes of keys and values a second.
    Bytes(u64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let records = text.parse().ok().map(Rate::Records);
        let rate = records.or_else(|| text.parse::<Size>().ok().map(|size| Rate::Bytes(size.0)));
        match rate {
            Some(Rate::Records(1..) | Rate::Bytes(1..)) => Ok(rate.unwrap_or(Rate::Records(1))),
            _ => Err("expected records a second, such as 10000, or bytes, such as 5MB".to_owned()),
        }
    }
}

/// What was sent since the start.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<Rate>,
    clock: Clock,
    sent: AtomicU64,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Pace {
        Pace {
            rate,
            clock: Clock::start(),
            sent: AtomicU64::new(0),
        }
    }

    /// Counts a record with so many bytes, and returns how long to wait after it.
    #[inline]
    pub(super) fn after(&self, bytes: usize) -> Option<Duration> {
        let amount = match self.rate? {
            Rate::Records(_) => 1,
            Rate::Bytes(_) => bytes as u64,
        };
        self.sent.fetch_add(amount, Ordering::Relaxed);
        self.left()
    }

    /// How long to wait before the next record.
    pub(super) fn left(&self) -> Option<Duration> {
        let (Rate::Records(per_s) | Rate::Bytes(per_s)) = self.rate?;
        let sent = self.sent.load(Ordering::Relaxed);
        wait_ms(per_s, sent, self.clock.monotonic_ms()).map(Duration::from_millis)
    }
}

/// How long to wait where so much was sent in so many ms.
fn wait_ms(per_s: u64, sent: u64, elapsed_ms: u64) -> Option<u64> {
    let due_ms = sent.saturating_mul(1_000) / per_s;
    due_ms
        .checked_sub(elapsed_ms)
        .filter(|ms| *ms > 0)
        .map(|ms| ms.min(WAIT_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_records_or_of_bytes() {
        assert_eq!("10000".parse(), Ok(Rate::Records(10_000)));
        assert_eq!("5MB".parse(), Ok(Rate::Bytes(5_000_000)));
        for wrong in ["0", "0MB", "fast", "", "-1"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_ahead_of_the_rate_waits() {
        assert_eq!(wait_ms(1_000, 50, 60), None);
        assert_eq!(wait_ms(1_000, 70, 60), Some(10));
        assert_eq!(wait_ms(1_000, 5_000, 60), Some(WAIT_MAX_MS));
    }
}

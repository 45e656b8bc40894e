//! The only place that reads the system's clocks and random bytes. All other code takes them as values, so that tests and
//! the simulation control them; clippy refuses the system's functions elsewhere.

use std::time::Instant;

use jiff::Timestamp;

use crate::error::{Explain, Kind};
use crate::record::utc::UtcSeconds;

/// The system's wall clock and a monotonic clock. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

/// A reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time. It may jump: print and store it, but measure durations with `monotonic_ms`.
    pub wall: Timestamp,
    /// Milliseconds since [`Clock::start`]; never decreases.
    pub monotonic_ms: u64,
}

/// The operating system returned no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

impl Explain for NoRandomness {
    fn kind(&self) -> Kind {
        Kind::Internal
    }

    fn remedy(&self) -> Option<String> {
        Some("allow this process or container the system call getrandom, or /dev/urandom".to_owned())
    }
}

impl Clock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
    pub fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    /// Reads both clocks, one right after the other.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            wall: self.wall(),
            monotonic_ms: self.monotonic_ms(),
        }
    }

    /// Wall-clock time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
    pub fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Wall-clock time in whole seconds, as stored text has it.
    #[must_use]
    pub fn utc_seconds(&self) -> UtcSeconds {
        UtcSeconds::from_unix(self.wall().as_second())
    }

    /// Milliseconds since [`Clock::start`].
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
    pub fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Seconds since [`Clock::start`], for rates.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the clock")]
    pub fn elapsed_s(&self) -> f64 {
        self.origin.elapsed().as_secs_f64()
    }
}

/// Cryptographically secure random bytes, fit for signing keys.
///
/// # Errors
/// The operating system's generator fails.
#[expect(clippy::disallowed_methods, reason = "the only place that reads random bytes")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(first.monotonic_ms <= second.monotonic_ms);
    }

    #[test]
    fn random_bytes_differ_from_call_to_call() {
        assert_ne!(random_bytes::<16>().unwrap(), random_bytes::<16>().unwrap());
    }
}

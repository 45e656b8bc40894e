//! The one place that asks the machine for the time or for random bytes. Everything else takes them as values, so that
//! a test or a simulation can say what they are; clippy refuses the system's functions anywhere else. Never decides
//! anything.

use std::time::Instant;

use jiff::Timestamp;

use crate::error::{Explain, Kind};
use crate::record::utc::UtcSeconds;

/// The machine's clocks, read when asked. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What the calendar says. It may jump: for showing and storing, never for measuring.
    pub wall: Timestamp,
    /// Milliseconds since the clock was started. It never goes back: for measuring.
    pub monotonic_ms: u64,
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

impl Explain for NoRandomness {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
}

impl Clock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    /// Both clocks, as near to each other as can be.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            wall: self.wall(),
            monotonic_ms: self.monotonic_ms(),
        }
    }

    /// The calendar's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The calendar's time in the form that stored text has.
    #[must_use]
    pub fn utc_seconds(&self) -> UtcSeconds {
        UtcSeconds::from_unix(self.wall().as_second())
    }

    /// Milliseconds since the start.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Seconds since the start, for rates.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn elapsed_s(&self) -> f64 {
        self.origin.elapsed().as_secs_f64()
    }
}

/// Random bytes that nobody can guess, fit for keys.
///
/// # Errors
/// The operating system has none to give.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
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

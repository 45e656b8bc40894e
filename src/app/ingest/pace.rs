//! Limits events by rate and number. Does not wait; the caller does.

use std::num::NonZeroU32;

use crate::clock::Clock;

/// The largest burst after a pause, as the events of this time.
const BURST_MS: u64 = 100;

#[derive(Debug)]
pub(super) struct Pace {
    rate_per_s: Option<NonZeroU32>,
    clock: Clock,
    began_ms: u64,
    sent: u64,
    left: u64,
}

impl Pace {
    /// Without a rate there is no limit per second, without `max` no limit at all.
    pub(super) fn new(rate_per_s: Option<NonZeroU32>, max: Option<u64>, clock: Clock) -> Pace {
        Pace {
            rate_per_s,
            clock,
            began_ms: clock.monotonic_ms(),
            sent: 0,
            left: max.unwrap_or(u64::MAX),
        }
    }

    /// How many events may be sent now.
    pub(super) fn allowed(&self) -> u64 {
        let Some(rate_per_s) = self.rate_per_s else {
            return self.left;
        };
        let rate_per_s = u64::from(rate_per_s.get());
        let elapsed_ms = self.clock.monotonic_ms() - self.began_ms;
        let due = (elapsed_ms * rate_per_s / 1000 + 1).saturating_sub(self.sent);
        due.min((rate_per_s * BURST_MS / 1000).max(1)).min(self.left)
    }

    /// How many more events may be sent at all.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn sent(&mut self, events: u64) {
        self.sent += events;
        self.left -= events;
    }
}

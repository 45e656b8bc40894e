//! The last hour of the archiver as a whole, in memory of a fixed size.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The time between two samples.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// Samples of an hour.
const SAMPLES_MAX: usize = 361;

/// The state at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// In Unix seconds.
    pub(super) at: i64,
    /// Records archived since the start.
    pub(super) records: u64,
    /// Records that Kafka holds and the archive does not.
    pub(super) lag: i64,
    /// Requests that the store answered with an error, or not at all, since the start.
    pub(super) store_errors: u64,
    pub(super) is_ready: bool,
}

/// The newest samples, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Sample>>);

impl History {
    pub(super) fn push(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let history = History::default();
        for number in 0..10_000 {
            history.push(Sample {
                at: number * 10,
                records: 0,
                lag: 0,
                store_errors: 0,
                is_ready: true,
            });
        }
        let samples = history.samples();
        assert_eq!(samples.len(), SAMPLES_MAX);
        assert_eq!((samples[0].at, samples[360].at), (99_990 - 3_600, 99_990));
    }
}

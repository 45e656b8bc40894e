//! Liveness and readiness of the archiver, for an orchestrator's probes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A main loop without an iteration for this long is stuck; normally it has several per second.
const STUCK_AFTER_MS: u64 = 60_000;
/// Reasons that are kept in full; a thousand partitions may be stopped.
const REASONS_MAX: usize = 20;

/// The state that the main loop sets and the probes read.
#[derive(Debug)]
pub struct Health {
    last_turn_ms: AtomicU64,
    unready: Mutex<Unready>,
    /// The error that ends the archiver; none while it can archive.
    failed: Mutex<Option<String>>,
}

/// Why the archiver is not ready; without a reason it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unready {
    /// The first reasons.
    pub(super) reasons: Vec<String>,
    /// How many there are besides these.
    pub(super) further: usize,
}

impl Default for Health {
    /// Alive, and not ready yet.
    fn default() -> Health {
        Health {
            last_turn_ms: AtomicU64::new(0),
            unready: Mutex::new(Unready::because("starting".to_owned())),
            failed: Mutex::new(None),
        }
    }
}

impl Health {
    /// The main loop has begun another iteration.
    pub fn turned(&self, monotonic_ms: u64) {
        self.last_turn_ms.store(monotonic_ms, Ordering::Relaxed);
    }

    /// The archiver is ready: it archives.
    pub fn ready(&self) {
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = Unready::default();
    }

    /// The archiver does not archive, for this reason.
    pub fn unready(&self, reason: impl Into<String>) {
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = Unready::because(reason.into());
    }

    /// The archiver does not archive, or not all, for these reasons; it is ready if there are none.
    pub fn unready_for(&self, mut reasons: impl Iterator<Item = String>) {
        let unready = Unready {
            reasons: reasons.by_ref().take(REASONS_MAX).collect(),
            further: reasons.count(),
        };
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = unready;
    }

    /// The archiver ends with this error: from here on it is neither alive nor ready. The first reason is kept.
    pub fn failed(&self, reason: impl Into<String>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = failed.get_or_insert_with(|| reason.into()).clone();
        drop(failed);
        self.unready(reason);
    }

    /// Liveness at this time of the monotonic clock.
    ///
    /// # Errors
    /// The main loop has had no iteration for a minute, or the archiver ends with an error; the text is for the probe.
    pub fn alive(&self, monotonic_ms: u64) -> Result<(), String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = failed.as_ref() {
            return Err(reason.clone());
        }
        drop(failed);
        let still_ms = monotonic_ms.saturating_sub(self.last_turn_ms.load(Ordering::Relaxed));
        if still_ms < STUCK_AFTER_MS {
            Ok(())
        } else {
            Err(format!("the main loop has not turned for {} s", still_ms / 1000))
        }
    }

    /// Readiness.
    ///
    /// # Errors
    /// The first reason.
    pub fn readiness(&self) -> Result<(), String> {
        let unready = self.unready.lock().unwrap_or_else(PoisonError::into_inner);
        unready.reasons.first().cloned().map_or(Ok(()), Err)
    }

    /// Why it is not ready.
    pub(super) fn reasons(&self) -> Unready {
        self.unready.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Unready {
    fn because(reason: String) -> Unready {
        Unready {
            reasons: vec![reason],
            further: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_follows_the_last_report() {
        let health = Health::default();
        assert_eq!(health.readiness(), Err("starting".to_owned()));
        health.ready();
        assert_eq!(health.readiness(), Ok(()));
        health.unready("the store refuses the credentials");
        assert_eq!(health.readiness(), Err("the store refuses the credentials".to_owned()));
    }

    #[test]
    fn of_many_reasons_the_first_are_kept_and_the_others_counted() {
        let health = Health::default();
        health.unready_for((0..1_000).map(|number| format!("orders/{number}: links are missing")));
        assert_eq!(health.readiness(), Err("orders/0: links are missing".to_owned()));
        let unready = health.reasons();
        assert_eq!((unready.reasons.len(), unready.further), (REASONS_MAX, 980));
        health.unready_for(std::iter::empty());
        assert_eq!((health.readiness(), health.reasons()), (Ok(()), Unready::default()));
    }

    #[test]
    fn after_an_error_the_archiver_is_neither_alive_nor_ready() {
        let health = Health::default();
        health.ready();
        health.failed("the encoder's thread has ended");
        health.failed("something later");
        health.turned(5);
        assert_eq!(health.alive(5), Err("the encoder's thread has ended".to_owned()));
        assert_eq!(health.readiness(), Err("the encoder's thread has ended".to_owned()));
    }

    #[test]
    fn a_loop_without_an_iteration_for_a_minute_is_not_alive() {
        let health = Health::default();
        health.turned(1_000);
        assert_eq!(health.alive(60_999), Ok(()));
        assert_eq!(
            health.alive(61_000),
            Err("the main loop has not turned for 60 s".to_owned())
        );
    }
}

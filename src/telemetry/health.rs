//! Liveness and readiness of the archiver, for an orchestrator's probes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A main loop without an iteration for this long is stuck; normally it has several per second.
const STUCK_AFTER_MS: u64 = 60_000;

/// The state that the main loop sets and the probes read.
#[derive(Debug)]
pub struct Health {
    last_turn_ms: AtomicU64,
    /// Why it is not ready; none if it is.
    unready: Mutex<Option<String>>,
    /// The error that ends the archiver; none while it can archive.
    failed: Mutex<Option<String>>,
}

impl Default for Health {
    /// Alive, and not ready yet.
    fn default() -> Health {
        Health {
            last_turn_ms: AtomicU64::new(0),
            unready: Mutex::new(Some("starting".to_owned())),
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
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The archiver does not archive, for this reason.
    pub fn unready(&self, reason: impl Into<String>) {
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.into());
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
    /// The reason given to [`Health::unready`].
    pub fn readiness(&self) -> Result<(), String> {
        self.unready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .map_or(Ok(()), Err)
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

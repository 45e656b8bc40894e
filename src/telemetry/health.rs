//! Whether the archiver lives and whether it works, for whoever restarts or routes. Never decides either: it repeats
//! what it was told, and works out how long ago.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A main loop that has not turned for so long is stuck: it turns several times a second while it lives.
const STUCK_AFTER_MS: u64 = 60_000;

/// What the main loop tells, and probes ask.
#[derive(Debug)]
pub struct Health {
    last_turn_ms: AtomicU64,
    /// Why it is not ready; none where it is.
    unready: Mutex<Option<String>>,
    /// Why it can never archive again; none where it can.
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
    /// The main loop has turned once more.
    pub fn turned(&self, monotonic_ms: u64) {
        self.last_turn_ms.store(monotonic_ms, Ordering::Relaxed);
    }

    /// It archives.
    pub fn ready(&self) {
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// It does not archive, and why.
    pub fn unready(&self, reason: impl Into<String>) {
        *self.unready.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.into());
    }

    /// It ends with this error: neither alive nor ready from here on. The first reason stays.
    pub fn failed(&self, reason: impl Into<String>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = failed.get_or_insert_with(|| reason.into()).clone();
        drop(failed);
        self.unready(reason);
    }

    /// Whether the loop turns; else what to tell.
    ///
    /// # Errors
    /// It has not turned for a minute, or it ends with an error.
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

    /// Whether it works; else why not.
    ///
    /// # Errors
    /// The reason it gave.
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
    fn it_is_ready_once_told_and_until_told_otherwise() {
        let health = Health::default();
        assert_eq!(health.readiness(), Err("starting".to_owned()));
        health.ready();
        assert_eq!(health.readiness(), Ok(()));
        health.unready("the store refuses the credentials");
        assert_eq!(health.readiness(), Err("the store refuses the credentials".to_owned()));
    }

    #[test]
    fn what_ends_with_an_error_is_neither_alive_nor_ready_again() {
        let health = Health::default();
        health.ready();
        health.failed("the encoder's thread has ended");
        health.failed("something later");
        health.turned(5);
        assert_eq!(health.alive(5), Err("the encoder's thread has ended".to_owned()));
        assert_eq!(health.readiness(), Err("the encoder's thread has ended".to_owned()));
    }

    #[test]
    fn a_loop_that_stands_still_for_a_minute_is_dead() {
        let health = Health::default();
        health.turned(1_000);
        assert_eq!(health.alive(60_999), Ok(()));
        assert_eq!(
            health.alive(61_000),
            Err("the main loop has not turned for 60 s".to_owned())
        );
    }
}

//! What does not work at the moment, and that readiness and the log say so. Never decides what to do about it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::task::error::AppError;
use crate::telemetry::Vitals;

/// The degradations that are not over, by what was being done.
#[derive(Debug)]
pub struct Degradations {
    open: Mutex<BTreeMap<String, Degradation>>,
    vitals: Vitals,
}

#[derive(Debug)]
struct Degradation {
    why: String,
    /// How many tries of the same kind suffer from it: it is over with the last of them.
    waiting_tasks: usize,
}

/// Work that is tried until it succeeds. Its trouble ends with it, even if nobody waits for it any longer.
#[derive(Debug)]
pub struct Attempting<'a> {
    degradations: &'a Degradations,
    doing: &'static str,
    suffers: bool,
}

impl Degradations {
    /// None yet; told through these vitals.
    #[must_use]
    pub fn none(vitals: Vitals) -> Degradations {
        Degradations {
            open: Mutex::default(),
            vitals,
        }
    }

    /// Something is tried now, which may fail.
    pub fn attempting(&self, doing: &'static str) -> Attempting<'_> {
        Attempting {
            degradations: self,
            doing,
            suffers: false,
        }
    }

    /// Something stands still until somebody acts.
    pub fn lasting(&self, what: &str, why: &str) {
        let trouble = Degradation {
            why: why.to_owned(),
            waiting_tasks: 1,
        };
        self.change(|open| open.insert(what.to_owned(), trouble));
    }

    /// It is no longer ours to care for.
    pub fn forget(&self, what: &str) {
        self.change(|open| open.remove(what));
    }

    /// Everything works as far as is known: readiness follows from here on.
    pub fn begin(&self) {
        self.change(|_| ());
    }

    /// A panic elsewhere leaves the map whole: every change is one call.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Degradation>) -> T) -> T {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut open);
        match open.iter().next() {
            Some((what, trouble)) => self.vitals.health.unready(format!("{what}: {}", trouble.why)),
            None => self.vitals.health.ready(),
        }
        changed
    }
}

impl Attempting<'_> {
    /// It failed and is tried again. Logged when it begins, not at every try.
    pub fn failed(&mut self, error: &AppError) {
        self.degradations.vitals.metrics.retried(self.doing);
        let more = usize::from(!std::mem::replace(&mut self.suffers, true));
        let waiting_tasks = self.degradations.change(|open| {
            let trouble = open.entry(self.doing.to_owned()).or_insert_with(|| Degradation {
                why: String::new(),
                waiting_tasks: 0,
            });
            trouble.why = error.to_string();
            trouble.waiting_tasks += more;
            trouble.waiting_tasks
        });
        if more == 1 && waiting_tasks == 1 {
            tracing::warn!(%error, "cannot {}: trying again for as long as it takes", self.doing);
        }
    }

    /// It succeeded, perhaps after failures.
    pub fn succeeded(mut self) {
        if self.end() {
            tracing::info!("can {} again", self.doing);
        }
    }

    /// Whether nobody suffers from it any longer.
    fn end(&mut self) -> bool {
        if !std::mem::take(&mut self.suffers) {
            return false;
        }
        self.degradations.change(|open| {
            let Some(trouble) = open.get_mut(self.doing) else {
                return true;
            };
            trouble.waiting_tasks = trouble.waiting_tasks.saturating_sub(1);
            let over = trouble.waiting_tasks == 0;
            if over {
                open.remove(self.doing);
            }
            over
        })
    }
}

impl Drop for Attempting<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;

    fn degradations() -> Degradations {
        let degradations = Degradations::none(Vitals {
            metrics: Arc::default(),
            health: Arc::default(),
            clock: Clock::start(),
        });
        degradations.begin();
        degradations
    }

    #[test]
    fn a_trouble_is_over_when_the_last_who_suffered_from_it_succeeded_or_gave_up() {
        let degradations = degradations();
        let readiness = || degradations.vitals.health.readiness();
        let (mut one, mut other) = (
            degradations.attempting("create a segment"),
            degradations.attempting("create a segment"),
        );
        one.failed(&AppError::transient("no answer"));
        one.failed(&AppError::transient("no answer"));
        other.failed(&AppError::transient("busy"));
        assert_eq!(readiness(), Err("create a segment: busy".to_owned()));
        one.succeeded();
        assert_eq!(readiness(), Err("create a segment: busy".to_owned()));
        drop(other);
        assert_eq!(readiness(), Ok(()));
    }

    #[test]
    fn a_partition_that_stands_still_is_no_trouble_of_ours_once_it_is_let_go() {
        let degradations = degradations();
        degradations.lasting("orders/0", "links are missing");
        assert!(degradations.vitals.health.readiness().is_err());
        degradations.forget("orders/0");
        assert_eq!(degradations.vitals.health.readiness(), Ok(()));
    }
}

//! What fails at the moment, reported by `/readyz` and the log: operations whose attempts fail, and stopped partitions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::task::error::AppError;
use crate::telemetry::Vitals;

/// The current degradations, by the operation or partition that is degraded. The archiver is ready if there are none.
#[derive(Debug)]
pub struct Degradations {
    open: Mutex<BTreeMap<String, Degradation>>,
    vitals: Vitals,
}

#[derive(Debug)]
struct Degradation {
    why: String,
    /// The number of tasks of this kind whose attempts fail. The degradation ends with the last of them.
    waiting_tasks: usize,
}

/// A task that is attempted until it succeeds. Dropping it, as a cancelled task does, ends its share of a degradation.
#[derive(Debug)]
pub struct Attempting<'a> {
    degradations: &'a Degradations,
    doing: &'static str,
    has_failed: bool,
}

impl Degradations {
    /// No degradations yet; later ones go to these health and metrics.
    #[must_use]
    pub fn none(vitals: Vitals) -> Degradations {
        Degradations {
            open: Mutex::default(),
            vitals,
        }
    }

    /// Begins a task. `doing` completes "cannot …" and is its label in the metrics.
    pub fn attempting(&self, doing: &'static str) -> Attempting<'_> {
        Attempting {
            degradations: self,
            doing,
            has_failed: false,
        }
    }

    /// `what` is stopped until an operator acts, or until [`Degradations::clear`].
    pub fn stopped(&self, what: &str, why: &str) {
        let degradation = Degradation {
            why: why.to_owned(),
            waiting_tasks: 1,
        };
        self.change(|open| open.insert(what.to_owned(), degradation));
    }

    /// Ends the degradation of `what`, such as a stopped partition that was released.
    pub fn clear(&self, what: &str) {
        self.change(|open| open.remove(what));
    }

    /// Reports the current state to readiness, which answers "starting" until this is called.
    pub fn begin(&self) {
        self.change(|_| ());
    }

    /// A poisoned lock is ignored: each change is a single call, so a panic leaves the map consistent.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Degradation>) -> T) -> T {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut open);
        match open.iter().next() {
            Some((what, degradation)) => self.vitals.health.unready(format!("{what}: {}", degradation.why)),
            None => self.vitals.health.ready(),
        }
        changed
    }
}

impl Attempting<'_> {
    /// An attempt failed and will be repeated. Only the first failure of a degradation is logged.
    pub fn failed(&mut self, error: &AppError) {
        self.degradations.vitals.metrics.retried(self.doing);
        let is_first = !std::mem::replace(&mut self.has_failed, true);
        let waiting_tasks = self.degradations.change(|open| {
            let degradation = open.entry(self.doing.to_owned()).or_insert_with(|| Degradation {
                why: String::new(),
                waiting_tasks: 0,
            });
            degradation.why = error.to_string();
            degradation.waiting_tasks += usize::from(is_first);
            degradation.waiting_tasks
        });
        if is_first && waiting_tasks == 1 {
            tracing::warn!(%error, "cannot {}: trying again for as long as it takes", self.doing);
        }
    }

    /// An attempt succeeded. Logged if it ends a degradation.
    pub fn succeeded(mut self) {
        if self.end() {
            tracing::info!("can {} again", self.doing);
        }
    }

    /// Whether this ended a degradation.
    fn end(&mut self) -> bool {
        if !std::mem::take(&mut self.has_failed) {
            return false;
        }
        self.degradations.change(|open| {
            let Some(degradation) = open.get_mut(self.doing) else {
                return true;
            };
            degradation.waiting_tasks = degradation.waiting_tasks.saturating_sub(1);
            let over = degradation.waiting_tasks == 0;
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
    fn a_degradation_ends_when_its_last_task_succeeds_or_is_dropped() {
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
    fn a_stopped_partition_is_no_degradation_after_its_release() {
        let degradations = degradations();
        degradations.stopped("orders/0", "links are missing");
        assert!(degradations.vitals.health.readiness().is_err());
        degradations.clear("orders/0");
        assert_eq!(degradations.vitals.health.readiness(), Ok(()));
    }
}

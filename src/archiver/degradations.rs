//! What fails at the moment, reported by `/readyz` and the log: operations whose attempts fail, stopped partitions, and the
//! wait for the group. What lasts is logged again at growing intervals.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::archiver::doing::Doing;
use crate::archiver::reminders::Reminder;
use crate::task::error::AppError;
use crate::telemetry::Vitals;

/// The time until something that fails is logged again, in ms.
const FAILING_MS: u64 = 30_000;
/// The time until stopped partitions are logged again, in ms. They stay until somebody acts.
const STOPPED_MS: u64 = 5 * 60_000;

/// The current degradations, by the operation or partition that is degraded. The archiver is ready if there are none, and the
/// group has assigned partitions to it.
#[derive(Debug)]
pub struct Degradations {
    state: Mutex<State>,
    vitals: Vitals,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<String, Degradation>,
    /// What the archiver waits for before it can archive anything.
    awaited: Option<String>,
    /// When the stopped partitions and topics are logged again.
    stopped: Option<Reminder>,
}

#[derive(Debug)]
struct Degradation {
    /// The work that fails; none for what is stopped.
    doing: Option<Doing>,
    why: String,
    /// The number of tasks of this kind whose attempts fail. The degradation ends with the last of them.
    waiting_tasks: usize,
    attempts: u64,
    since_ms: u64,
    reminder: Reminder,
}

/// A task that is attempted until it succeeds. Dropping it, as a cancelled task does, ends its share of a degradation.
#[derive(Debug)]
pub struct Attempting<'a> {
    degradations: &'a Degradations,
    doing: Doing,
    has_failed: bool,
}

impl Degradation {
    fn begin(doing: Option<Doing>, now_ms: u64) -> Degradation {
        Degradation {
            doing,
            why: String::new(),
            waiting_tasks: 0,
            attempts: 0,
            since_ms: now_ms,
            reminder: Reminder::after(now_ms, FAILING_MS),
        }
    }
}

impl Degradations {
    /// No degradations yet; later ones go to these health and metrics.
    #[must_use]
    pub fn none(vitals: Vitals) -> Degradations {
        Degradations {
            state: Mutex::default(),
            vitals,
        }
    }

    /// Begins a task.
    pub fn attempting(&self, doing: Doing) -> Attempting<'_> {
        Attempting {
            degradations: self,
            doing,
            has_failed: false,
        }
    }

    /// `what` is stopped until an operator acts, or until [`Degradations::clear`].
    pub fn stopped(&self, what: &str, why: &str) {
        let now_ms = self.now_ms();
        let degradation = Degradation {
            why: why.to_owned(),
            waiting_tasks: 1,
            ..Degradation::begin(None, now_ms)
        };
        self.change(|state| {
            state.open.insert(what.to_owned(), degradation);
            state.stopped.get_or_insert(Reminder::after(now_ms, STOPPED_MS));
        });
    }

    /// Ends the degradation of `what`, such as a stopped partition that was released.
    pub fn clear(&self, what: &str) {
        self.change(|state| state.open.remove(what));
    }

    /// The archiver waits for this before it can archive anything.
    pub fn awaits(&self, what: impl Into<String>) {
        self.change(|state| state.awaited = Some(what.into()));
    }

    /// The archiver can archive. Until this is called, it is not ready.
    pub fn begin(&self) {
        self.change(|state| state.awaited = None);
    }

    /// Logs again what has lasted for long enough. To be called about once a second.
    pub fn remind(&self) {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        for degradation in state.open.values_mut() {
            if let Some(doing) = degradation.doing
                && degradation.reminder.is_due(now_ms)
            {
                tracing::warn!(
                    event = "still_failing",
                    operation = doing.label(),
                    failing_s = now_ms.saturating_sub(degradation.since_ms) / 1_000,
                    attempts = degradation.attempts,
                    waiting = degradation.waiting_tasks,
                    error = degradation.why,
                    "an operation still fails: trying again for as long as it takes"
                );
            }
        }
        let stopped: Vec<_> = state.open.iter().filter(|(_, open)| open.doing.is_none()).collect();
        let (count, first) = (stopped.len(), stopped.first().map(|(what, _)| (*what).clone()));
        let Some(first) = first else {
            state.stopped = None;
            return;
        };
        if state.stopped.as_mut().is_some_and(|reminder| reminder.is_due(now_ms)) {
            tracing::error!(
                event = "still_stopped",
                stopped = count,
                first,
                "partitions or topics are not archived until somebody acts: `/readyz` and kivend_stopped say why"
            );
        }
    }

    /// Whether attempts of this kind fail.
    pub fn is_failing(&self, doing: Doing) -> bool {
        self.lock().open.contains_key(doing.words())
    }

    fn now_ms(&self) -> u64 {
        self.vitals.clock.monotonic_ms()
    }

    /// A poisoned lock is ignored: each change is a single call, so a panic leaves the state consistent.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        let reason = |(what, degradation): (&String, &Degradation)| format!("{what}: {}", degradation.why);
        let open = state.open.iter().map(reason);
        self.vitals.health.unready_for(open.chain(state.awaited.clone()));
        changed
    }
}

impl Attempting<'_> {
    /// An attempt failed and will be repeated. The first failure of a degradation is logged at once, later ones by
    /// [`Degradations::remind`].
    pub fn failed(&mut self, error: &AppError) {
        let (doing, now_ms) = (self.doing, self.degradations.now_ms());
        self.degradations.vitals.metrics.retried(doing.label());
        let is_first = !std::mem::replace(&mut self.has_failed, true);
        let waiting_tasks = self.degradations.change(|state| {
            let begin = || Degradation::begin(Some(doing), now_ms);
            let degradation = state.open.entry(doing.words().to_owned()).or_insert_with(begin);
            degradation.why = error.to_string();
            degradation.attempts += 1;
            degradation.waiting_tasks += usize::from(is_first);
            degradation.waiting_tasks
        });
        if is_first && waiting_tasks == 1 {
            tracing::warn!(
                event = "failing",
                operation = doing.label(),
                %error,
                "an operation fails: trying again for as long as it takes"
            );
        }
    }

    /// An attempt succeeded, this long after the first one began. Logged if it ends a degradation.
    pub fn succeeded(mut self, seconds: f64) {
        self.degradations.vitals.metrics.done(self.doing.label(), seconds);
        if let Some(Degradation { since_ms, attempts, .. }) = self.end() {
            let failed_s = self.degradations.now_ms().saturating_sub(since_ms) / 1_000;
            let operation = self.doing.label();
            tracing::info!(
                event = "recovered",
                operation,
                failed_s,
                attempts,
                "an operation succeeds again"
            );
        }
    }

    /// The degradation that this ended, if it did.
    fn end(&mut self) -> Option<Degradation> {
        if !std::mem::take(&mut self.has_failed) {
            return None;
        }
        let words = self.doing.words();
        self.degradations.change(|state| {
            let degradation = state.open.get_mut(words)?;
            degradation.waiting_tasks = degradation.waiting_tasks.saturating_sub(1);
            if degradation.waiting_tasks > 0 {
                return None;
            }
            state.open.remove(words)
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
            degradations.attempting(Doing::CreateSegment),
            degradations.attempting(Doing::CreateSegment),
        );
        one.failed(&AppError::transient("no answer"));
        one.failed(&AppError::transient("no answer"));
        other.failed(&AppError::transient("busy"));
        assert_eq!(readiness(), Err("create a segment: busy".to_owned()));
        one.succeeded(1.0);
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

    #[test]
    fn it_is_not_ready_before_the_group_has_assigned_partitions_and_says_so() {
        let degradations = degradations();
        let readiness = || degradations.vitals.health.readiness();
        degradations.awaits("waiting for the group");
        assert_eq!(readiness(), Err("waiting for the group".to_owned()));
        degradations.stopped("topic orders", "no such topic");
        assert_eq!(readiness(), Err("topic orders: no such topic".to_owned()));
        degradations.clear("topic orders");
        assert_eq!(readiness(), Err("waiting for the group".to_owned()));
        degradations.begin();
        assert_eq!(readiness(), Ok(()));
    }
}

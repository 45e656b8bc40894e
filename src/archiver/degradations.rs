//! What does not work at the moment, and that readiness and the log say so. Never decides what to do about it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::task::error::AppError;
use crate::telemetry::Vitals;

/// The troubles that are not over, by what was being done.
#[derive(Debug)]
pub struct Troubles {
    open: Mutex<BTreeMap<String, Trouble>>,
    vitals: Vitals,
}

#[derive(Debug)]
struct Trouble {
    why: String,
    /// How many tries of the same kind suffer from it: it is over with the last of them.
    sufferers: usize,
}

/// Work that is tried until it succeeds. Its trouble ends with it, even if nobody waits for it any longer.
#[derive(Debug)]
pub struct Trying<'a> {
    troubles: &'a Troubles,
    doing: &'static str,
    suffers: bool,
}

impl Troubles {
    /// None yet; told through these vitals.
    #[must_use]
    pub fn none(vitals: Vitals) -> Troubles {
        Troubles {
            open: Mutex::default(),
            vitals,
        }
    }

    /// Something is tried now, which may fail.
    pub fn trying(&self, doing: &'static str) -> Trying<'_> {
        Trying {
            troubles: self,
            doing,
            suffers: false,
        }
    }

    /// Something stands still until somebody acts.
    pub fn lasting(&self, what: &str, why: &str) {
        let trouble = Trouble {
            why: why.to_owned(),
            sufferers: 1,
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
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Trouble>) -> T) -> T {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut open);
        match open.iter().next() {
            Some((what, trouble)) => self.vitals.health.unready(format!("{what}: {}", trouble.why)),
            None => self.vitals.health.ready(),
        }
        changed
    }
}

impl Trying<'_> {
    /// It failed and is tried again. Logged when it begins, not at every try.
    pub fn failed(&mut self, error: &AppError) {
        self.troubles.vitals.metrics.retried(self.doing);
        let more = usize::from(!std::mem::replace(&mut self.suffers, true));
        let sufferers = self.troubles.change(|open| {
            let trouble = open.entry(self.doing.to_owned()).or_insert_with(|| Trouble {
                why: String::new(),
                sufferers: 0,
            });
            trouble.why = error.to_string();
            trouble.sufferers += more;
            trouble.sufferers
        });
        if more == 1 && sufferers == 1 {
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
        self.troubles.change(|open| {
            let Some(trouble) = open.get_mut(self.doing) else {
                return true;
            };
            trouble.sufferers = trouble.sufferers.saturating_sub(1);
            let over = trouble.sufferers == 0;
            if over {
                open.remove(self.doing);
            }
            over
        })
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;

    fn troubles() -> Troubles {
        let troubles = Troubles::none(Vitals {
            metrics: Arc::default(),
            health: Arc::default(),
            clock: Clock::start(),
        });
        troubles.begin();
        troubles
    }

    #[test]
    fn a_trouble_is_over_when_the_last_who_suffered_from_it_succeeded_or_gave_up() {
        let troubles = troubles();
        let readiness = || troubles.vitals.health.readiness();
        let (mut one, mut other) = (troubles.trying("create a segment"), troubles.trying("create a segment"));
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
        let troubles = troubles();
        troubles.lasting("orders/0", "links are missing");
        assert!(troubles.vitals.health.readiness().is_err());
        troubles.forget("orders/0");
        assert_eq!(troubles.vitals.health.readiness(), Ok(()));
    }
}

//! What does not work at the moment, and that readiness and the log say so. Never decides what to do about it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::app::error::AppError;
use crate::telemetry::Vitals;

/// The troubles that are not over, by what was being done.
#[derive(Debug)]
pub struct Troubles {
    open: Mutex<BTreeMap<String, String>>,
    vitals: Vitals,
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

    /// Something failed and is tried again. Logged when it begins, not at every try.
    pub fn retried(&self, doing: &'static str, error: &AppError) {
        self.vitals.metrics.retried(doing);
        let first = self.change(|open| open.insert(doing.to_owned(), error.to_string()).is_none());
        if first {
            tracing::warn!(%error, "cannot {doing}: trying again for as long as it takes");
        }
    }

    /// It works again.
    pub fn over(&self, doing: &'static str) {
        if self.change(|open| open.remove(doing).is_some()) {
            tracing::info!("can {doing} again");
        }
    }

    /// Something stands still until somebody acts.
    pub fn lasting(&self, what: &str, why: &str) {
        self.change(|open| open.insert(what.to_owned(), why.to_owned()));
    }

    /// Everything works as far as is known: readiness follows from here on.
    pub fn begin(&self) {
        self.change(|_| ());
    }

    /// A panic elsewhere leaves the map whole: every change is one call.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut open);
        match open.iter().next() {
            Some((what, why)) => self.vitals.health.unready(format!("{what}: {why}")),
            None => self.vitals.health.ready(),
        }
        changed
    }
}

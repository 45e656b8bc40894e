//! Looks for every thing that could be wrong before it is, each with its remedy. Changes nothing: it joins no group,
//! commits nothing, and writes only the small probe objects that any start of the archiver writes too.

mod check;
mod kafka;
mod keys;
mod retention;
mod store;

use serde::Serialize;

pub use check::{Check, Status};

use crate::clock::Clock;
use crate::config::Settings;
use crate::task::progress::Progress;

/// What was looked at, in the order of the way of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// In the order in which a record passes what they check.
    pub checks: Vec<Check>,
}

impl DoctorReport {
    /// Whether something does not work.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.status == Status::Failed)
    }
}

/// Looks at everything that the settings name.
pub async fn examine(settings: &Settings, clock: Clock, progress: &dyn Progress) -> DoctorReport {
    progress.begin(None);
    progress.note("asking Kafka");
    let kafka = {
        let (settings, now_ms) = (settings.clone(), clock.wall().as_millisecond());
        tokio::task::spawn_blocking(move || kafka::examine(&settings, now_ms)).await
    };
    let mut checks = kafka.unwrap_or_else(|_| vec![Check::skipped("brokers", "the check was broken off")]);
    progress.note("probing the store");
    let (store, store_checks) = store::examine(&settings.store, clock).await;
    checks.extend(store_checks);
    checks.extend(keys::examine(store.as_deref(), &settings.archive).await);
    DoctorReport { checks }
}

//! Checks everything that the configured commands depend on, each with a remedy. Joins no group and commits nothing; writes
//! only the probe objects that every start of the archiver writes.

mod check;
mod continuing;
mod kafka;
mod keys;
mod open_transactions;
mod retention;
mod store;

use serde::Serialize;

pub use check::{Check, Status};

use crate::clock::Clock;
use crate::config::Settings;
use crate::task::progress::{Progress, Unit};

/// The checks, in the order in which a record passes what they check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// In the order in which a record passes what they check.
    pub checks: Vec<Check>,
}

impl DoctorReport {
    /// Whether a check failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.status == Status::Failed)
    }
}

/// Runs all checks that the settings call for.
pub async fn examine(settings: &Settings, clock: Clock, progress: &dyn Progress) -> DoctorReport {
    let asking = progress.begin("checking Kafka", Unit::Uncounted);
    let kafka = {
        let (settings, now_ms) = (settings.clone(), clock.wall().as_millisecond());
        tokio::task::spawn_blocking(move || kafka::examine(&settings, now_ms)).await
    };
    let mut checks = kafka.unwrap_or_else(|_| vec![Check::skipped("brokers", "the check was aborted")]);
    drop(asking);
    let asking = progress.begin("checking the store", Unit::Uncounted);
    let (store, store_checks) = store::examine(&settings.store, clock).await;
    checks.extend(store_checks);
    checks.extend(keys::examine(store.as_deref(), &settings.archive).await);
    drop(asking);
    let _comparing = progress.begin("comparing the archive with Kafka", Unit::Uncounted);
    checks.push(continuing::examine(store.as_deref(), settings).await);
    DoctorReport { checks }
}

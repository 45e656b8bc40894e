//! Looks for every thing that could be wrong before it is, each with its remedy. Changes nothing: it joins no group,
//! commits nothing, and writes only the small probe objects that any start of the archiver writes too.

mod kafka;
mod keys;
mod retention;
mod store;

use std::fmt::Display;

use serde::Serialize;

use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Explain, Kind};
use crate::task::progress::Progress;

/// What was looked at, in the order of the way of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable, for scripts.
    pub name: &'static str,
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do; empty where nothing is to be done.
    pub remedy: String,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It works, and could be better or may break.
    Warning,
    /// It does not work.
    Failed,
    /// Not looked at, because something before it failed or there is nothing to look at.
    Skipped,
}

impl DoctorReport {
    /// Whether something does not work.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.status == Status::Failed)
    }
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Ok,
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    fn warning(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Warning,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    fn failed(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Failed,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    fn skipped(name: &'static str, detail: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Skipped,
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    /// The check could not even be made.
    fn error(name: &'static str, error: &impl Explain) -> Check {
        let usual = match error.kind() {
            Kind::Transient => "look again in a moment",
            kind => kind.remedy(),
        };
        let remedy = error.remedy().unwrap_or_else(|| usual.to_owned());
        Check::failed(name, error.to_string(), remedy)
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

/// `a, b, c`, for details; what would fill the screen is counted.
fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    const SHOWN_MAX: usize = 6;
    let mut shown: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let hidden = shown.len().saturating_sub(SHOWN_MAX);
    shown.truncate(SHOWN_MAX);
    if hidden > 0 {
        shown.push(format!("and {hidden} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_ends_in_a_count() {
        assert_eq!(listed([1, 2]), "1, 2");
        assert_eq!(listed(1..=9), "1, 2, 3, 4, 5, 6, and 3 more");
    }
}

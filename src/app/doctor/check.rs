//! A check of `kivend doctor` and its result.

use std::fmt::Display;

use serde::Serialize;

use crate::error::{Explain, Kind};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The check's name; stable, for scripts.
    pub name: &'static str,
    /// The result.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do; empty if nothing.
    pub remedy: String,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It works.
    Ok,
    /// It works, but could fail or offers less protection than it could.
    Warning,
    /// It does not work.
    Failed,
    /// Not checked, because another check failed or there is nothing to check.
    Skipped,
}

impl Check {
    pub(super) fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Ok,
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    pub(super) fn warning(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Warning,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn failed(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Failed,
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn skipped(name: &'static str, detail: impl Into<String>) -> Check {
        Check {
            name,
            status: Status::Skipped,
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    /// A check that failed with an error.
    pub(super) fn error(name: &'static str, error: &impl Explain) -> Check {
        let usual = match error.kind() {
            Kind::Transient => "run `kivend doctor` again in a moment",
            kind => kind.remedy(),
        };
        let remedy = error.remedy().unwrap_or_else(|| usual.to_owned());
        Check::failed(name, error.to_string(), remedy)
    }
}

/// `a, b, c`; after six items, a count.
pub(super) fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
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

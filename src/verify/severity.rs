//! How severe a finding is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The severity of a finding, in ascending order. The highest of all findings decides the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing. Does not change the verdict.
    Note,
    /// Something could not be read or understood.
    Unverifiable,
    /// Something is missing.
    Incomplete,
    /// Something was altered, was added, or contradicts something else.
    Tampered,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Unverifiable => "unverifiable",
            Severity::Incomplete => "incomplete",
            Severity::Tampered => "tampered",
        })
    }
}

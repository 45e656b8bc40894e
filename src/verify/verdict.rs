//! The verdict of a verification, its statement in words, and its exit code. The gravest finding decides.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Exit;
use crate::verify::findings::{Code, Findings, Severity};

/// The verdict, in ascending order of gravity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every offset in scope was covered and every check ran.
    Intact,
    /// Something could not be read or understood, so it was not checked.
    Unverifiable,
    /// Something is missing, or part of the scope was not covered.
    Incomplete,
    /// Something is malformed, unsigned, contradicting, or present although it must not be.
    Tampered,
}

impl Verdict {
    /// The verdict that these findings lead to.
    #[must_use]
    pub fn of(findings: &Findings) -> Verdict {
        Verdict::of_codes(findings.counts().keys().copied())
    }

    /// The verdict that findings with these codes lead to.
    #[must_use]
    pub fn of_codes(codes: impl IntoIterator<Item = Code>) -> Verdict {
        match codes.into_iter().map(Code::severity).max() {
            None | Some(Severity::Note) => Verdict::Intact,
            Some(Severity::Unverifiable) => Verdict::Unverifiable,
            Some(Severity::Incomplete) => Verdict::Incomplete,
            Some(Severity::Tampered) => Verdict::Tampered,
        }
    }

    /// What the verdict says about the records, for readers who do not know the terms.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Verdict::Intact => "no archived record that was checked is missing or altered",
            Verdict::Unverifiable => "a part could not be checked; in the rest nothing is missing or altered",
            Verdict::Incomplete => "something is missing; nothing that was checked is altered",
            Verdict::Tampered => "something was altered or added, or contradicts other evidence",
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Exit {
        match verdict {
            Verdict::Intact => Exit::Done,
            Verdict::Tampered => Exit::Tampered,
            Verdict::Incomplete => Exit::Incomplete,
            Verdict::Unverifiable => Exit::Unverifiable,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Intact => "intact",
            Verdict::Unverifiable => "unverifiable",
            Verdict::Incomplete => "incomplete",
            Verdict::Tampered => "tampered",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::findings::Finding;

    #[test]
    fn the_gravest_finding_decides() {
        let mut findings = Findings::default();
        assert_eq!(Exit::from(Verdict::of(&findings)).code(), 0);
        for (code, verdict, exit) in [
            (Code::Lag, Verdict::Intact, 0),
            (Code::LinkUnreadable, Verdict::Unverifiable, 12),
            (Code::SegmentMissing, Verdict::Incomplete, 11),
            (Code::RecordsDiffer, Verdict::Tampered, 10),
            (Code::SegmentMissing, Verdict::Tampered, 10),
        ] {
            findings.push(Finding::new(code, ""));
            assert_eq!(Verdict::of(&findings), verdict);
            assert_eq!(Exit::from(Verdict::of(&findings)).code(), exit);
        }
    }
}

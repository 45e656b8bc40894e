//! Checks the report of a drill: its signature by a given key, its form, and the rules of its content (FORMAT.md section 8.2).

use serde::Serialize;

use crate::log::drill::DrillReport;
use crate::log::signed_note::VerifyingKey;
use crate::verify::report_note;
use crate::verify::verdict::Verdict;

/// What a file with a report is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedDrill {
    /// Intact if a given key signed it, and it breaks no rule. Not what the drill found: that is its result.
    pub verdict: Verdict,
    /// Why it is not intact.
    pub detail: Option<String>,
    /// The key that signed it, by name and id.
    pub signer: Option<String>,
    /// The report, if it is intact.
    pub report: Option<DrillReport>,
}

/// Checks a file. Only signatures of these keys count.
#[must_use]
pub fn check(file: &[u8], keys: &[VerifyingKey]) -> CheckedDrill {
    match judge(file, keys) {
        Ok((key, report)) => CheckedDrill {
            verdict: Verdict::Intact,
            detail: None,
            signer: Some(format!("{}+{}", key.name(), key.id())),
            report: Some(report),
        },
        Err((verdict, why)) => CheckedDrill {
            verdict,
            detail: Some(why),
            signer: None,
            report: None,
        },
    }
}

fn judge<'k>(file: &[u8], keys: &'k [VerifyingKey]) -> Result<(&'k VerifyingKey, DrillReport), (Verdict, String)> {
    let tampered = |why: &dyn std::fmt::Display| (Verdict::Tampered, why.to_string());
    let (key, text) = report_note::open(file, keys, "kivend.drill")?;
    let report = DrillReport::from_text(&text).map_err(|error| tampered(&error))?;
    if report.origin != key.name() {
        return Err(tampered(&"its key has another name than the archive"));
    }
    match report.broken_rule() {
        None => Ok((key, report)),
        Some(rule) => Err(tampered(&rule)),
    }
}

//! Checks the report of a drill: its signature by a given key, its form, and the rules of its content (FORMAT.md section 8.2).

use crate::log::drill::DrillReport;
use crate::log::signed_note::VerifyingKey;
use crate::verify::report_note::{self, CheckedNote, Judged};
use crate::verify::verdict::Verdict;

/// What a file with a report is.
pub type CheckedDrill = CheckedNote<DrillReport>;

/// Checks a file. Only signatures of these keys count.
#[must_use]
pub fn check(file: &[u8], keys: &[VerifyingKey]) -> CheckedDrill {
    judge(file, keys).into()
}

fn judge<'k>(file: &[u8], keys: &'k [VerifyingKey]) -> Judged<'k, DrillReport> {
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

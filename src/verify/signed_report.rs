//! Checks the signed report of a verification: its signature by a given key, its form, and the rules of its content (FORMAT.md section
//! 8.3). The files that it names are compared by [`judge_file`].

use serde::Deserialize;

use crate::json::{Outermost, Reader};
use crate::log::signed_note::VerifyingKey;
use crate::log::signed_report::{FileKind, SignedFile, SignedReport};
use crate::record::utc::UtcSeconds;
use crate::verify::report_note::{self, CheckedNote, Judged};
use crate::verify::verdict::Verdict;

/// What a file with a signed report is. [`judge_file`] compares the files that it names.
pub type CheckedReport = CheckedNote<SignedReport>;

/// Checks the note. Only signatures of these keys count.
#[must_use]
pub fn check(file: &[u8], keys: &[VerifyingKey]) -> CheckedReport {
    judge(file, keys).into()
}

fn judge<'k>(file: &[u8], keys: &'k [VerifyingKey]) -> Judged<'k, SignedReport> {
    let tampered = |why: &dyn std::fmt::Display| (Verdict::Tampered, why.to_string());
    let (key, text) = report_note::open(file, keys, "kivend.report")?;
    let report = SignedReport::from_text(&text).map_err(|error| tampered(&error))?;
    match report.broken_rule() {
        None => Ok((key, report)),
        Some(rule) => Err(tampered(&rule)),
    }
}

/// Compares a file with what the report says of it; `content` is `None` if the file is missing. Returns what is wrong.
#[must_use]
pub fn judge_file(report: &SignedReport, file: &SignedFile, content: Option<&[u8]>) -> Option<(Verdict, String)> {
    let Some(content) = content else {
        return Some((
            Verdict::Incomplete,
            format!("a file that it names is missing beside it: `{}`", file.name),
        ));
    };
    if !file.has(content) {
        let why = format!("a file that it names is not the one that was signed: `{}`", file.name);
        return Some((Verdict::Tampered, why));
    }
    let contradicts = file.kind == FileKind::Json && !says_the_same(report, content);
    contradicts.then(|| {
        let why = format!(
            "its verdict is not that of the JSON report that it names: `{}`",
            file.name
        );
        (Verdict::Tampered, why)
    })
}

/// What a JSON report must have in common with its note. A report of another version may have other members besides.
#[derive(Deserialize)]
struct Said {
    verdict: String,
    summary: String,
    archive: SaidArchive,
    run: SaidRun,
}

#[derive(Deserialize)]
struct SaidArchive {
    id: Option<String>,
}

#[derive(Deserialize)]
struct SaidRun {
    began_at: UtcSeconds,
    ended_at: UtcSeconds,
}

fn says_the_same(report: &SignedReport, json: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(json) else {
        return false;
    };
    // Readers differ in which of two members with one name they take.
    let is_strict = Reader::default().read(text, |_| (), |(), _| {}) == Ok(Outermost::Object);
    is_strict
        && serde_json::from_str::<Said>(text).is_ok_and(|said| {
            said.verdict == report.verdict
                && said.summary == report.summary
                && said.archive.id == report.archive_id
                && (said.run.began_at, said.run.ended_at) == (report.began_at, report.ended_at)
        })
}

//! The verifier names all tampering that the available evidence can show, and reports nothing for an intact archive.
//! Each test checks a verdict and a code.

mod absent;
mod epochs;
mod honest;
mod kafka;
mod keys;
mod links;
mod objects;
mod orphans;
mod recreated;
mod report;
mod segments;
mod shards;
mod since;
mod speed;
mod unreadable;

use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

/// Checks the verdict and that this code was found.
#[track_caller]
pub fn expect(report: &Report, verdict: Verdict, code: Code) {
    let codes: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.code.id(), &finding.detail))
        .collect();
    assert!(
        report.findings.iter().any(|finding| finding.code == code),
        "no {} in {codes:#?}",
        code.id()
    );
    assert_eq!(report.verdict, verdict, "{codes:#?}");
    assert!(report.summary.starts_with(&verdict.to_string()), "{}", report.summary);
}

/// Checks that the archive is intact with exactly these notes.
#[track_caller]
pub fn expect_intact(report: &Report, notes: &[Code]) {
    let mut codes: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, notes, "{:#?}", report.findings);
    assert_eq!(report.verdict, Verdict::Intact);
}

/// The offsets of a finding.
pub fn offsets(report: &Report, code: Code) -> Option<(i64, i64)> {
    report.findings.iter().find(|finding| finding.code == code)?.offsets
}

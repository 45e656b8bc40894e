//! What is missing or altered, in numbers and times: the verdict in one sentence, a table, what is known of each file, the codes.

use std::fmt::{self, Write};

use crate::verify::coverage::MarkKind;
use crate::verify::findings::{Code, Severity};
use crate::verify::html::files::Files;
use crate::verify::html::markup::{Escaped, begin_table, end_table, optional};
use crate::verify::html::sum::Sum;
use crate::verify::report::Report;
use crate::verify::verdict::Verdict;

/// The verdict in words: a sentence on what is missing, one on what is altered, and what stands beside an intact verdict.
pub(super) fn statement(report: &Report) -> String {
    let sum = |kind| Sum::of(kind, report.coverage.iter());
    let mut said = Vec::new();
    for (kind, one, many) in [
        (
            MarkKind::Altered,
            "is altered, added or contradicted by other evidence",
            "are altered, added or contradicted by other evidence",
        ),
        (MarkKind::Missing, "is missing", "are missing"),
        (MarkKind::NotArchived, "is not archived yet", "are not archived yet"),
        (
            MarkKind::Unread,
            "could not be read or understood",
            "could not be read or understood",
        ),
    ] {
        let sum = sum(kind);
        if !sum.is_empty() {
            said.push(sum.sentence(Files::of(report).count(kind), one, many));
        }
    }
    // What decides the verdict comes first, also where it concerns no records.
    let is_said = match report.verdict {
        Verdict::Intact => true,
        Verdict::Tampered => !sum(MarkKind::Altered).is_empty(),
        Verdict::Incomplete => !sum(MarkKind::Missing).is_empty() || !sum(MarkKind::NotArchived).is_empty(),
        Verdict::Unverifiable => !sum(MarkKind::Unread).is_empty(),
    };
    if !is_said && let Some(code) = gravest(report) {
        said.insert(0, code.meaning().to_owned());
    }
    said.push(closing(report, said.is_empty()));
    said.retain(|sentence| !sentence.is_empty());
    said.join(" ")
}

fn closing(report: &Report, is_clean: bool) -> String {
    let what = if report.scope.records_read > 0 {
        "record that was read"
    } else {
        "link"
    };
    match report.verdict {
        Verdict::Intact if report.scope.links == 0 => "There was nothing to verify.".to_owned(),
        Verdict::Intact if is_clean => "Nothing that was checked is missing or altered.".to_owned(),
        Verdict::Incomplete if report.scope.links > 0 => format!("No {what} is altered."),
        Verdict::Unverifiable if report.scope.links > 0 => "In the rest, nothing is missing or altered.".to_owned(),
        _ => String::new(),
    }
}

/// The code of the first of the gravest findings.
fn gravest(report: &Report) -> Option<Code> {
    let grave = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note);
    grave.max_by_key(|finding| finding.severity).map(|finding| finding.code)
}

/// What a mark says, for a reader.
pub(super) fn words(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Altered => "altered, added or contradicted",
        MarkKind::Missing => "missing",
        MarkKind::NotArchived => "not archived yet",
        MarkKind::Unread => "could not be read",
        MarkKind::Diverged => "lost by Kafka in an unclean leader election, kept here",
        MarkKind::Lost => "deleted by Kafka before it was archived",
        MarkKind::Removed => "removed under a signed retention change",
    }
}

/// The class of a mark in the page's style.
pub(super) fn class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Altered => "altered",
        MarkKind::Missing => "missing",
        MarkKind::NotArchived => "pending",
        MarkKind::Unread => "unread",
        MarkKind::Diverged => "diverged",
        MarkKind::Lost => "lost",
        MarkKind::Removed => "removed",
    }
}

/// The section of the judge's page: sums over all partitions, then the number of findings of each code.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>What is missing or altered</h2>")?;
    let found = Files::of(report);
    let sums = MarkKind::ALL.map(|kind| (kind, Sum::of(kind, report.coverage.iter())));
    let mut sums = sums.iter().filter(|(_, sum)| !sum.is_empty()).peekable();
    if sums.peek().is_some() {
        begin_table(page, "sums", ["what", "how much", "of what", "record times"])?;
        for (kind, sum) in sums {
            writeln!(
                page,
                "<tr><td><i class=\"key {}\"></i>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                class(*kind),
                words(*kind),
                Escaped(&sum.amount()),
                Escaped(&sum.whose(found.count(*kind))),
                Escaped(&sum.times())
            )?;
        }
        end_table(page)?;
    } else if report.scope.links == 0 {
        writeln!(page, "<p>There was no link to verify.</p>")?;
    } else {
        writeln!(
            page,
            "<p>No part of any partition is missing, altered, lost or removed.</p>"
        )?;
    }
    found.write(page, report)?;
    codes(page, report)?;
    writeln!(page, "</section>")
}

fn codes(page: &mut String, report: &Report) -> fmt::Result {
    if report.finding_counts.is_empty() {
        return Ok(());
    }
    begin_table(page, "codes", ["finding", "number", "severity", "what it means"])?;
    let mut known: Vec<Code> = Code::ALL.to_vec();
    known.sort_by_key(|code| std::cmp::Reverse(code.severity()));
    for code in known {
        let Some(count) = report.finding_counts.get(code.id()) else {
            continue;
        };
        writeln!(
            page,
            "<tr><td><a href=\"#{0}\">{0}</a></td><td>{1}</td><td><b class=\"{2}\">{2}</b></td><td>{3}</td></tr>",
            code.id(),
            optional(Some(*count)),
            code.severity(),
            Escaped(code.meaning())
        )?;
    }
    end_table(page)
}

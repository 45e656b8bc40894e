//! The findings by code, each code with what it means, where it was found, before and after, and what to do.

use std::fmt::{self, Write};

use crate::verify::findings::{Code, Finding, Severity};
use crate::verify::html::markup::{Escaped, row};
use crate::verify::report::{Report, grouped};
use crate::verify::text::place;
use crate::verify::verdict::Verdict;

/// Findings of a code that are shown open; the rest are collapsed.
const SHOWN_OPEN: usize = 10;

/// The section of all findings.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>Findings</h2>")?;
    if report.findings.is_empty() {
        writeln!(page, "<p>None.</p>")?;
    } else if report.verdict == Verdict::Tampered {
        writeln!(
            page,
            "<p>Before anything is restored, keep what is there as evidence: the altered objects with their times and version ids, and the \
             store's log of access.</p>"
        )?;
    }
    for severity in [
        Severity::Tampered,
        Severity::Incomplete,
        Severity::Unverifiable,
        Severity::Note,
    ] {
        let mut codes: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
        codes.retain(|code| code.severity() == severity);
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            of_code(page, report, code)?;
        }
    }
    writeln!(page, "</section>")
}

fn of_code(page: &mut String, report: &Report, code: Code) -> fmt::Result {
    let severity = code.severity();
    writeln!(
        page,
        "<article class=\"{severity}\" id=\"{0}\">\n<h3><b>{severity}</b> {1} <a href=\"#{0}\"><code>{0}</code></a></h3>",
        code.id(),
        Escaped(code.meaning())
    )?;
    let found: Vec<&Finding> = report.findings.iter().filter(|finding| finding.code == code).collect();
    let (open, rest) = found.split_at(found.len().min(SHOWN_OPEN));
    places(page, open)?;
    if !rest.is_empty() {
        let more = grouped(rest.len() as u64);
        writeln!(page, "<details>\n<summary>{more} more</summary>")?;
        places(page, rest)?;
        writeln!(page, "</details>")?;
    }
    let shown = found.len() as u64;
    let all = report.finding_counts.get(code.id()).copied().unwrap_or(shown);
    if all > shown {
        writeln!(page, "<p>and {} more, which are only counted</p>", grouped(all - shown))?;
    }
    writeln!(page, "<p class=\"remedy\">{}</p>\n</article>", Escaped(code.remedy()))
}

fn places(page: &mut String, found: &[&Finding]) -> fmt::Result {
    writeln!(page, "<table class=\"places\">\n<tbody>")?;
    for finding in found {
        row(page, [&place(finding), &finding.detail])?;
        if let Some(difference) = &finding.difference {
            writeln!(
                page,
                "<tr class=\"difference\"><td>{}</td><td><dl><dt>before ({})</dt><dd><del>{}</del></dd>\
                 <dt>now</dt><dd><ins>{}</ins></dd></dl></td></tr>",
                Escaped(&difference.what),
                Escaped(&difference.expected_by),
                Escaped(&difference.expected),
                Escaped(&difference.found)
            )?;
        }
    }
    writeln!(page, "</tbody>\n</table>")
}

//! The whole page, in the order in which it is read.

use std::fmt::{self, Write};

use crate::verify::html::markup::{Escaped, begin_page, end_page};
use crate::verify::html::{damage, examined, findings, glossary, log, proves, repeat, signed, topics};
use crate::verify::report::Report;
use crate::verify::verdict::Verdict;

/// Renders the whole page.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let name = report.archive.archive.as_deref().unwrap_or("archive");
    let verdict = report.verdict;
    begin_page(page, &format!("{name} — {verdict}"))?;
    head(page, report, name)?;
    examined::write(page, report)?;
    damage::write(page, report)?;
    proves::write(page, report)?;
    topics::write(page, report)?;
    findings::write(page, report)?;
    log::write(page, report)?;
    signed::write(page, report)?;
    repeat::write(page, report)?;
    glossary::write(page)?;
    end_page(page)
}

fn head(page: &mut String, report: &Report, name: &str) -> fmt::Result {
    let verdict = report.verdict;
    let meaning = match verdict {
        Verdict::Intact => "Every offset in scope is covered, and every check ran.",
        Verdict::Unverifiable => "A part could not be checked.",
        Verdict::Incomplete => "Something is missing, or a part of what was asked for was not covered.",
        Verdict::Tampered => "Something was altered or added, or contradicts other evidence.",
    };
    writeln!(
        page,
        "<header class=\"{verdict}\">\n<p class=\"kicker\">Verification of the archive {}</p>\n<h1>{verdict}</h1>\n\
         <p class=\"statement\">{}</p>\n<p class=\"meaning\">{meaning}</p>\n</header>",
        Escaped(name),
        Escaped(&damage::statement(report))
    )
}

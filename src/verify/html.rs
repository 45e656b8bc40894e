//! The report as one HTML page without scripts, fonts or images from elsewhere, so that it can be archived and printed.
//! Everything from the bucket is escaped: an attacker may have written it.

use std::fmt::{self, Write};

use crate::verify::findings::{Code, Severity};
use crate::verify::report::{Anchored, Report, TopicReport, grouped};
use crate::verify::text::place;
use crate::verify::trust::Basis;

const STYLE: &str = include_str!("report.css");

/// Renders the whole page.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page, report);
    page
}

/// Text with the special characters of HTML escaped.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let name = report.archive.archive.as_deref().unwrap_or("archive");
    let verdict = report.verdict;
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{} — {verdict}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>",
        Escaped(name)
    )?;
    head(page, report)?;
    topics(page, report)?;
    findings(page, report)?;
    anchors(page, report)?;
    trust(page, report)?;
    writeln!(page, "</main>\n</body>\n</html>")
}

fn head(page: &mut String, report: &Report) -> fmt::Result {
    let summary = report.summary.split_once(": ").map_or("", |(_, rest)| rest);
    let verdict = report.verdict;
    writeln!(
        page,
        "<header class=\"{verdict}\">\n<p class=\"kicker\">Verification of the archive</p>"
    )?;
    writeln!(page, "<h1>{verdict}</h1>\n<ul class=\"summary\">")?;
    for part in summary.split("; ") {
        writeln!(page, "<li>{}</li>", Escaped(part))?;
    }
    writeln!(page, "</ul>\n<dl>")?;
    let archive = &report.archive;
    let pairs = [
        ("archive", archive.archive.clone()),
        ("id", archive.id.clone()),
        ("location", Some(archive.location.clone())),
        ("checked", Some(report.scope.against.join(", "))),
        ("duration", Some(format!("{:.1} s", report.elapsed_s))),
    ];
    for (name, value) in pairs.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        writeln!(page, "<dt>{name}</dt><dd>{}</dd>", Escaped(value))?;
    }
    writeln!(page, "</dl>\n</header>")
}

fn row<const N: usize>(page: &mut String, cell: &str, cells: [&str; N]) -> fmt::Result {
    page.write_str("<tr>")?;
    for text in cells {
        write!(page, "<{cell}>{}</{cell}>", Escaped(text))?;
    }
    page.write_str("</tr>\n")
}

fn optional(count: Option<u64>) -> String {
    count.map_or("—".to_owned(), grouped)
}

fn topics(page: &mut String, report: &Report) -> fmt::Result {
    if report.topics.is_empty() {
        return Ok(());
    }
    writeln!(page, "<section>\n<h2>Records</h2>\n<table class=\"numbers\">\n<thead>")?;
    let names = [
        "topic",
        "records",
        "distinct events",
        "repeated",
        "segments",
        "lost",
        "equal in Kafka",
        "lag",
    ];
    row(page, "th", names)?;
    writeln!(page, "</thead>\n<tbody>")?;
    for topic in &report.topics {
        topic_row(page, topic)?;
    }
    writeln!(page, "</tbody>\n</table>\n</section>")
}

fn topic_row(page: &mut String, topic: &TopicReport) -> fmt::Result {
    let (records, segments, lost) = (grouped(topic.records), grouped(topic.segments), grouped(topic.lost));
    let (distinct, repeated) = (optional(topic.distinct_events), optional(topic.repeated_events));
    let (compared, lag) = (optional(topic.compared_with_kafka), optional(topic.lag));
    let cells = [
        &topic.topic,
        &records,
        &distinct,
        &repeated,
        &segments,
        &lost,
        &compared,
        &lag,
    ];
    row(page, "td", cells.map(String::as_str))
}

fn findings(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>Findings</h2>")?;
    if report.findings.is_empty() {
        writeln!(page, "<p>None.</p>")?;
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
        "<article class=\"{severity}\">\n<h3><b>{severity}</b> {} <code>{}</code></h3>\n<table>\n<tbody>",
        Escaped(code.meaning()),
        code.id()
    )?;
    let mut shown = 0;
    for finding in report.findings.iter().filter(|finding| finding.code == code) {
        row(page, "td", [&place(finding), &finding.detail])?;
        shown += 1;
    }
    writeln!(page, "</tbody>\n</table>")?;
    let all = report.finding_counts.get(code.id()).copied().unwrap_or(shown);
    if all > shown {
        writeln!(page, "<p>and {} more</p>", grouped(all - shown))?;
    }
    writeln!(
        page,
        "<p class=\"remedy\">What to do: {}</p>\n</article>",
        Escaped(code.remedy())
    )
}

fn anchors(page: &mut String, report: &Report) -> fmt::Result {
    if report.anchored.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<section>\n<h2>Confirmation from outside</h2>\n<p>The heights (numbers of links, from 0) up to which checkpoints and Kafka \
         confirm each chain. Links above the highest of them are unanchored: only their signatures protect them.</p>\n\
         <table class=\"numbers\">\n<thead>"
    )?;
    let names = [
        "partition",
        "head",
        "checkpoint",
        "saved checkpoint",
        "witnesses",
        "Kafka's commit",
        "Kafka's records",
        "unanchored",
    ];
    row(page, "th", names)?;
    writeln!(page, "</thead>\n<tbody>")?;
    for anchored in &report.anchored {
        anchor_row(page, anchored)?;
    }
    writeln!(page, "</tbody>\n</table>\n</section>")
}

fn anchor_row(page: &mut String, anchored: &Anchored) -> fmt::Result {
    let height = |height: Option<crate::record::position::Height>| optional(height.map(|height| height.0));
    let cells = [
        format!("{}/{}", anchored.topic, anchored.partition),
        grouped(anchored.height.0),
        height(anchored.by.checkpoint),
        height(anchored.by.saved_checkpoint),
        height(anchored.by.witnesses),
        height(anchored.by.commit),
        height(anchored.by.records),
        grouped(anchored.unanchored),
    ];
    row(page, "td", cells.each_ref().map(String::as_str))
}

fn trust(page: &mut String, report: &Report) -> fmt::Result {
    let why = match report.trust.basis {
        Some(Basis::KeysGiven) => "These keys were given to the verifier, or descend from a given key.",
        Some(Basis::CheckpointsGiven) => {
            "Only saved checkpoints or witnesses were given. Above what they prove, these keys count: those in force after it, and \
             those that descend from them."
        }
        Some(Basis::FirstUse) => {
            "These keys were taken from the archive itself (trust on first use). They prove that the archive is consistent, \
             not whose it is."
        }
        None => return Ok(()),
    };
    writeln!(
        page,
        "<section>\n<h2>Keys and log</h2>\n<p>{why}</p>\n<ul class=\"keys\">"
    )?;
    for key in &report.trust.keys {
        writeln!(page, "<li><code>{}</code></li>", Escaped(key))?;
    }
    writeln!(page, "</ul>")?;
    log(page, report)?;
    writeln!(page, "</section>")
}

fn log(page: &mut String, report: &Report) -> fmt::Result {
    let log = &report.checkpoints;
    if let Some(newest) = log.newest {
        let root = log.newest_root.as_deref().unwrap_or("");
        writeln!(
            page,
            "<p>Checkpoint {newest} (entries 0–{newest}): root <code>{root}</code></p>"
        )?;
    }
    if log.unchecked_cosignatures > 0 {
        let count = grouped(log.unchecked_cosignatures);
        writeln!(
            page,
            "<p>{count} cosignatures were not checked, because no witness was named.</p>"
        )?;
    }
    if !log.witnesses.is_empty() {
        writeln!(page, "<h3>Witnesses</h3>\n<table>\n<thead>")?;
        row(page, "th", ["witness", "entries cosigned", "at, by its clock"])?;
        writeln!(page, "</thead>\n<tbody>")?;
        for seen in &log.witnesses {
            let (size, at) = (optional(seen.size), seen.at.as_deref().unwrap_or("—"));
            row(page, "td", [&seen.witness, &size, at])?;
        }
        writeln!(page, "</tbody>\n</table>")?;
    }
    removals(page, report)
}

fn removals(page: &mut String, report: &Report) -> fmt::Result {
    if report.removals.iter().all(|removal| removal.segments == 0) {
        return Ok(());
    }
    writeln!(page, "<h3>Removed under retention changes</h3>\n<table>\n<thead>")?;
    row(
        page,
        "th",
        [
            "partition",
            "heights",
            "segments",
            "records",
            "change",
            "signed at",
            "reason",
        ],
    )?;
    writeln!(page, "</thead>\n<tbody>")?;
    for removal in report.removals.iter().filter(|removal| removal.segments > 0) {
        let cells = [
            format!("{}/{}", removal.topic, removal.partition),
            format!("{} to {}", removal.from, removal.below.saturating_sub(1)),
            grouped(removal.segments),
            grouped(removal.records),
            removal.sequence.to_string(),
            removal.at.clone(),
            removal.reason.clone(),
        ];
        row(page, "td", cells.each_ref().map(String::as_str))?;
    }
    writeln!(page, "</tbody>\n</table>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_an_archive_is_escaped() {
        let shown = Escaped("<script>alert(\"&'\")</script>").to_string();
        assert_eq!(shown, "&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;");
    }
}

//! The report as text, within 80 columns: the verdict, the findings with what to do, then the counts. Says the same as the JSON.

use std::fmt::Write as _;

use crate::audit::codes::{CODES, Code};
use crate::audit::report::{Counts, Finding, Report};
use crate::verify::report::grouped;

/// Findings of one code that are shown; the rest are counted.
const SHOWN_PER_CODE: usize = 20;
const WIDTH: usize = 80;

/// The whole report as lines of text.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    wrap(&mut text, "", &report.summary);
    for code in CODES {
        of_code(&mut text, report, code);
    }
    partitions(&mut text, report);
    text.push('\n');
    let sink = &report.sink;
    let files = match sink.unreadable {
        0 => format!("{} files", grouped(sink.files)),
        unreadable => format!("{} files, {} more unreadable", grouped(sink.files), grouped(unreadable)),
    };
    wrap(
        &mut text,
        "",
        &format!("topic {}: {files}, {}", report.topic, sink.location),
    );
    for (columns, files) in &sink.columns {
        wrap(&mut text, "  ", &format!("{columns} ({} files)", grouped(*files)));
    }
    if sink.ignored > 0 {
        wrap(
            &mut text,
            "  ",
            &format!("{} other objects were ignored", grouped(sink.ignored)),
        );
    }
    if sink.other_topics > 0 {
        wrap(
            &mut text,
            "  ",
            &format!("{} rows of other topics were left out", grouped(sink.other_topics)),
        );
    }
    for source in &report.sources {
        wrap(&mut text, "", source);
    }
    text
}

fn of_code(text: &mut String, report: &Report, code: Code) {
    let mut findings = report.findings.iter().filter(|finding| finding.code == code).peekable();
    if findings.peek().is_none() {
        return;
    }
    text.push('\n');
    wrap(
        text,
        "",
        &format!("{}: {} ({})", code.severity().word(), code.meaning(), code.id()),
    );
    let count = findings.clone().count();
    for finding in findings.take(SHOWN_PER_CODE) {
        wrap(text, "  ", &place(finding));
        if !finding.detail.is_empty() {
            wrap(text, "    ", &finding.detail);
        }
        if let Some(object) = finding.object.as_ref().filter(|_| finding.partition.is_some()) {
            wrap(text, "    ", &format!("in {object}"));
        }
    }
    if count > SHOWN_PER_CODE {
        wrap(
            text,
            "  ",
            &format!(
                "and {} more; --format json has them",
                grouped((count - SHOWN_PER_CODE) as u64)
            ),
        );
    }
    wrap(text, "  ", &format!("what to do: {}", code.remedy()));
}

/// The place of a finding, as `partition 1, offsets 100 to 199, 2026-02-03T10:15:00Z`.
fn place(finding: &Finding) -> String {
    let mut parts = Vec::new();
    parts.extend(finding.partition.map(|partition| format!("partition {partition}")));
    parts.extend(finding.offsets.map(|(first, next)| match next.saturating_sub(first) {
        1 => format!("offset {first}"),
        _ => format!("offsets {first} to {}", next.saturating_sub(1)),
    }));
    match (finding.from, finding.to) {
        (Some(from), Some(to)) if from != to => parts.push(format!("{from} to {to}")),
        (Some(from), _) => parts.push(from.to_string()),
        (None, _) => {}
    }
    match &finding.object {
        Some(object) if parts.is_empty() => object.clone(),
        _ if parts.is_empty() => "the sink".to_owned(),
        _ => parts.join(", "),
    }
}

fn partitions(text: &mut String, report: &Report) {
    if report.partitions.is_empty() {
        return;
    }
    let header = ["partition", "rows", "missing", "doubled", "altered", "no record", "lag"].map(str::to_owned);
    let numbers = |counts: &Counts| {
        [
            counts.rows,
            counts.missing,
            counts.doubled,
            counts.altered,
            counts.unexpected,
            counts.lag,
        ]
        .map(grouped)
    };
    let row = |name: String, counts: &Counts| {
        let [rows, missing, doubled, altered, unexpected, lag] = numbers(counts);
        [name, rows, missing, doubled, altered, unexpected, lag]
    };
    let mut rows = vec![header];
    rows.extend(
        report
            .partitions
            .iter()
            .map(|(partition, counts)| row(partition.to_string(), counts)),
    );
    rows.push(row("all".to_owned(), &report.total));
    let widths: [usize; 7] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    text.push('\n');
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        let _ = writeln!(text, "{}", cells.join("  "));
    }
}

/// Writes words in lines of at most [`WIDTH`] characters. A longer word is cut at its beginning, so that the end of an object's
/// name stays.
fn wrap(text: &mut String, indent: &str, words: &str) {
    let mut line = String::new();
    let room = WIDTH - indent.len();
    for word in words.split_whitespace() {
        let length = word.chars().count();
        let word = if length > room {
            format!("…{}", word.chars().skip(length - room + 1).collect::<String>())
        } else {
            word.to_owned()
        };
        let is_full = line.chars().count() + 1 + word.chars().count() > room;
        if !line.is_empty() && is_full {
            let _ = writeln!(text, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    let _ = writeln!(text, "{indent}{line}");
}

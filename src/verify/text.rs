//! The report as text: the verdict, the findings with what to do, then the counts. Says the same as the JSON.

use std::fmt::Write as _;

use crate::verify::findings::{Code, Finding, Severity};
use crate::verify::report::{Report, grouped};
use crate::verify::trust::Basis;

/// Findings of one code that are shown; the rest are counted.
const SHOWN_PER_CODE: usize = 5;

/// The whole report as lines of text.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = format!("{}\n", report.summary);
    findings(&mut text, report);
    topics(&mut text, report);
    anchors(&mut text, report);
    log(&mut text, report);
    trust(&mut text, report);
    let _ = writeln!(
        text,
        "\n{} links, {} rows in {:.1} s ({} rows/s), {}",
        grouped(report.scope.links),
        grouped(report.scope.records_read),
        report.elapsed_s,
        whole(report.records_per_s),
        report.archive.location
    );
    text
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for display"
)]
fn whole(rate: f64) -> String {
    grouped(rate.max(0.0) as u64)
}

fn findings(text: &mut String, report: &Report) {
    for severity in [
        Severity::Tampered,
        Severity::Incomplete,
        Severity::Unverifiable,
        Severity::Note,
    ] {
        let mut codes: Vec<Code> = Vec::new();
        for finding in report.findings.iter().filter(|finding| finding.severity == severity) {
            if !codes.contains(&finding.code) {
                codes.push(finding.code);
            }
        }
        codes.retain(|code| !is_consequence(*code, report));
        for code in codes {
            of_code(text, report, code);
        }
    }
    let left_out: u64 = CONSEQUENCES.iter().map(|code| count_of(report, *code)).sum();
    if left_out > 0 && is_consequence(CONSEQUENCES[0], report) {
        let _ = writeln!(
            text,
            "\n{} findings that follow from the wrong key are left out; --format json has them",
            grouped(left_out)
        );
    }
}

/// What every signature is, if the given key is not the archive's.
const CONSEQUENCES: [Code; 2] = [Code::EntryNotProved, Code::LinkNotProved];

/// Whether findings with this code only repeat that a given key is not the archive's.
fn is_consequence(code: Code, report: &Report) -> bool {
    CONSEQUENCES.contains(&code) && count_of(report, Code::KeyNotOfArchive) > 0
}

fn count_of(report: &Report, code: Code) -> u64 {
    report.finding_counts.get(code.id()).copied().unwrap_or_default()
}

fn of_code(text: &mut String, report: &Report, code: Code) {
    let _ = writeln!(text, "\n{}: {} ({})", code.severity(), code.meaning(), code.id());
    let all = count_of(report, code);
    let of_code = report.findings.iter().filter(|finding| finding.code == code);
    for finding in of_code.take(SHOWN_PER_CODE) {
        let _ = writeln!(text, "  {}", place(finding));
        let _ = writeln!(text, "    {}", finding.detail);
    }
    if all > SHOWN_PER_CODE as u64 {
        let _ = writeln!(text, "  and {} more", grouped(all - SHOWN_PER_CODE as u64));
    }
    let _ = writeln!(text, "  what to do: {}", code.remedy());
}

/// A text as a POSIX shell takes it for one word.
#[must_use]
pub fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The place of a finding, as `payments/1  offsets 100 to 199  data/…`.
#[must_use]
pub fn place(finding: &Finding) -> String {
    let mut parts = Vec::new();
    if let (Some(topic), Some(partition)) = (&finding.topic, finding.partition) {
        parts.push(format!("{topic}/{partition}"));
    }
    match finding.offsets {
        Some((first, next)) if next == first.saturating_add(1) => parts.push(format!("offset {first}")),
        Some((first, i64::MAX)) => parts.push(format!("offsets from {first}")),
        Some((first, next)) => parts.push(format!("offsets {first} to {}", next.saturating_sub(1))),
        None => {}
    }
    parts.extend(finding.object.clone());
    if parts.is_empty() {
        "the archive".to_owned()
    } else {
        parts.join("  ")
    }
}

fn topics(text: &mut String, report: &Report) {
    if report.topics.is_empty() {
        return;
    }
    let header = [
        "topic", "records", "distinct", "repeated", "segments", "lost", "in Kafka", "lag",
    ];
    let optional = |count: Option<u64>| count.map_or("-".to_owned(), grouped);
    let rows: Vec<[String; 8]> = report
        .topics
        .iter()
        .map(|topic| {
            [
                topic.topic.clone(),
                grouped(topic.records),
                optional(topic.distinct_events),
                optional(topic.repeated_events),
                grouped(topic.segments),
                grouped(topic.lost),
                optional(topic.compared_with_kafka),
                optional(topic.lag),
            ]
        })
        .collect();
    text.push('\n');
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    line(text, &header.map(str::to_owned), &widths);
    for row in &rows {
        line(text, row, &widths);
    }
}

fn line(text: &mut String, cells: &[String], widths: &[usize]) {
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let _ = if index == 0 {
            write!(text, "{cell:<width$}")
        } else {
            write!(text, "  {cell:>width$}")
        };
    }
    text.push('\n');
}

fn anchors(text: &mut String, report: &Report) {
    let unanchored: Vec<_> = report
        .anchored
        .iter()
        .filter(|anchored| anchored.unanchored > 0)
        .collect();
    let all = report.anchored.len();
    if all > 0 {
        let _ = writeln!(
            text,
            "\nanchored up to their heads (confirmed by a checkpoint or by Kafka): {} of {all} partitions",
            all - unanchored.len()
        );
    }
    for anchored in unanchored.iter().take(SHOWN_PER_CODE) {
        let reach = anchored.by.highest().map_or("not anchored".to_owned(), |height| {
            format!("anchored up to height {height}")
        });
        let _ = writeln!(
            text,
            "  {}/{}: {reach} of {}",
            anchored.topic, anchored.partition, anchored.height
        );
    }
}

fn log(text: &mut String, report: &Report) {
    let log = &report.checkpoints;
    if let Some(newest) = log.newest {
        let root = log.newest_root.as_deref().unwrap_or_default();
        let _ = writeln!(text, "checkpoint {newest} (entries 0–{newest}): root {root}");
    }
    for removal in report.removals.iter().filter(|removal| removal.segments > 0) {
        let _ = writeln!(
            text,
            "removed: {}/{} heights {} to {}, {} segments, {} records; change {} of {}: {}",
            removal.topic,
            removal.partition,
            removal.from,
            removal.below.saturating_sub(1),
            grouped(removal.segments),
            grouped(removal.records),
            removal.sequence,
            removal.at,
            printable(&removal.reason)
        );
    }
    for seen in &log.witnesses {
        let (witness, at) = (&seen.witness, seen.at.as_deref().unwrap_or_default());
        let _ = match seen.size {
            Some(size) => writeln!(text, "witness {witness}: cosigned {size} entries, at {at} by its clock"),
            None => writeln!(text, "witness {witness}: no cosignature"),
        };
    }
    if log.unchecked_cosignatures > 0 {
        let count = grouped(log.unchecked_cosignatures);
        let _ = writeln!(
            text,
            "{count} cosignatures were not checked; name the witnesses with --witness or --policy"
        );
    }
}

/// Text from an archive without control characters.
fn printable(text: &str) -> String {
    let plain = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    text.chars().map(plain).collect()
}

fn trust(text: &mut String, report: &Report) {
    let why = match report.trust.basis {
        Some(Basis::KeysGiven) => "the given public keys, and keys that descend from them",
        Some(Basis::CheckpointsGiven) => {
            "what was saved or cosigned; above it, the keys in force after it and keys that descend from them"
        }
        Some(Basis::FirstUse) => {
            "keys from the archive itself (trust on first use): they prove that the archive is consistent, not whose it is; \
             verify with --key PUBLIC"
        }
        None => return,
    };
    let _ = writeln!(text, "trust: {why}");
    for key in &report.trust.keys {
        let _ = writeln!(text, "  {key}");
    }
}

//! What was examined: which archive, which period, which topics, when, by which program and command, with which keys.

use std::fmt::{self, Write};

use crate::verify::findings::Code;
use crate::verify::html::markup::{Escaped, moment, said};
use crate::verify::report::{Report, Scope, counted, grouped};
use crate::verify::trust::Basis;

/// Topics that are named on the judge's page; of more, only the number.
const NAMED_TOPICS: usize = 12;

/// The section of the judge's page.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>What was examined</h2>\n<dl>")?;
    let archive = &report.archive;
    pair(page, "Archive", archive.archive.as_deref())?;
    pair(page, "Its id", archive.id.as_deref())?;
    pair(page, "Location", Some(&archive.location))?;
    pair(page, "Period", period(&report.scope).as_deref())?;
    pair(page, "Topics", Some(&topics(report)))?;
    pair(page, "Records", Some(&records(report)))?;
    pair(page, "Only a part", limits(&report.scope).as_deref())?;
    pair(page, "Checked against", Some(&against(&report.scope)))?;
    let run = &report.run;
    let times = run.began_at.zip(run.ended_at);
    let times = times.map(|(began, ended)| format!("{} to {}", said(began), said(ended)));
    pair(page, "Verified", times.as_deref())?;
    pair(page, "By", Some(&*run.software).filter(|software| !software.is_empty()))?;
    if let Some(command) = &run.command {
        writeln!(page, "<dt>Command</dt><dd><code>{}</code></dd>", Escaped(command))?;
    }
    let signed = match &run.note {
        Some(note) => format!("in {note}; how to check that is said below"),
        None => "no".to_owned(),
    };
    pair(page, "Page signed", Some(&signed))?;
    keys(page, report)?;
    witnesses(page, report)?;
    writeln!(page, "</dl>\n</section>")
}

fn pair(page: &mut String, name: &str, value: Option<&str>) -> fmt::Result {
    match value {
        Some(value) => writeln!(page, "<dt>{name}</dt><dd>{}</dd>", Escaped(value)),
        None => Ok(()),
    }
}

fn period(scope: &Scope) -> Option<String> {
    let (from, until) = scope.min_timestamp_ms.zip(scope.max_timestamp_ms)?;
    Some(format!("records with times from {} to {}", moment(from), moment(until)))
}

fn topics(report: &Report) -> String {
    let names: Vec<&str> = report.topics.iter().map(|topic| &*topic.topic).collect();
    let partitions = counted(report.scope.partitions, "partition");
    match names.len() {
        0 => "none".to_owned(),
        1..=NAMED_TOPICS => format!("{} ({partitions})", names.join(", ")),
        more => format!("{} topics ({partitions}), named below", grouped(more as u64)),
    }
}

/// What is signed, what of it was read, and what was not and why.
fn records(report: &Report) -> String {
    let scope = &report.scope;
    let removed: u64 = report.removals.iter().map(|removal| removal.segments).sum();
    let found = |code: Code| report.finding_counts.get(code.id()).copied().unwrap_or_default();
    let mut reasons = Vec::new();
    for (count, why) in [
        (removed, "removed under signed retention changes"),
        (found(Code::SegmentMissing), "missing"),
        (found(Code::SegmentMalformed), "not readable as a segment"),
        (found(Code::SegmentUnreadable), "not given by the store"),
    ] {
        if count > 0 {
            reasons.push(format!("{} {why}", grouped(count)));
        }
    }
    let reasons = match reasons.is_empty() || scope.segments_read == scope.segments {
        true => String::new(),
        false => format!(" ({})", reasons.join(", ")),
    };
    format!(
        "The signed links count {} in {}. Of these, {} in {} were read{reasons}.{}",
        counted(scope.records, "record"),
        counted(scope.segments, "segment"),
        grouped(scope.records_read),
        counted(scope.segments_read, "segment"),
        match scope.against.iter().any(|against| against == "kafka") {
            true => format!(
                " Kafka holds {} of them as they were signed.",
                grouped(scope.records_compared)
            ),
            false => String::new(),
        }
    )
}

/// What narrows the scope, if anything does.
fn limits(scope: &Scope) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(scope.topic.as_ref().map(|topic| format!("topic {topic}")));
    parts.extend(scope.partition.map(|partition| format!("partition {partition}")));
    parts.extend(scope.shard.map(|shard| format!("shard {shard} of the partitions")));
    let since = scope.since.as_ref();
    parts.extend(since.map(|since| format!("rows of segments that have records since {since}, or were sealed since")));
    let base = scope.since_checkpoint.as_ref();
    parts.extend(base.map(|base| format!("what is newer than checkpoint {} of {}", base.number, base.at)));
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn against(scope: &Scope) -> String {
    let rows = match scope.segments_read == scope.segments {
        true => "every row of the segments",
        false => "every row of the segments that were read",
    };
    let said = scope.against.iter().map(|against| match &**against {
        "links" => "signed links and log",
        "rows" => rows,
        "kafka" => "Kafka's commits and records",
        other => other,
    });
    said.collect::<Vec<_>>().join(", ")
}

fn keys(page: &mut String, report: &Report) -> fmt::Result {
    let why = match report.trust.basis {
        Some(Basis::KeysGiven) => "given to the verifier from outside the archive, or descended from a given key",
        Some(Basis::CheckpointsGiven) => "those in force after the saved checkpoints or witnesses that were given",
        Some(Basis::FirstUse) => "taken from the archive itself (trust on first use)",
        None => return Ok(()),
    };
    write!(page, "<dt>Keys</dt><dd>{why}")?;
    for key in &report.trust.keys {
        write!(page, "<br><code>{}</code>", Escaped(key))?;
    }
    writeln!(page, "</dd>")
}

fn witnesses(page: &mut String, report: &Report) -> fmt::Result {
    let log = &report.checkpoints;
    let mut said: Vec<String> = Vec::new();
    for seen in &log.witnesses {
        said.push(match (seen.size, &seen.at) {
            (Some(size), Some(at)) => format!(
                "{} cosigned {} {} of the log, at {at} by its clock",
                seen.witness,
                grouped(size),
                if size == 1 { "entry" } else { "entries" }
            ),
            _ => format!("{}: no cosignature", seen.witness),
        });
    }
    if log.witnesses.is_empty() {
        said.push(match log.unchecked_cosignatures {
            0 => "none".to_owned(),
            1 => "none named; 1 cosignature was not checked".to_owned(),
            more => format!("none named; {} cosignatures were not checked", grouped(more)),
        });
    }
    if log.saved > 0 {
        said.push(format!("{} given", counted(log.saved, "saved checkpoint")));
    }
    said.extend(log.mirrors.iter().map(|mirror| match mirror.newest {
        Some(newest) => format!("checkpoint mirror {} (newest checkpoint {newest})", mirror.place),
        None => format!("checkpoint mirror {} (no checkpoint)", mirror.place),
    }));
    write!(page, "<dt>Witnesses</dt><dd>")?;
    for (index, text) in said.iter().enumerate() {
        let line = if index == 0 { "" } else { "<br>" };
        write!(page, "{line}{}", Escaped(text))?;
    }
    writeln!(page, "</dd>")
}

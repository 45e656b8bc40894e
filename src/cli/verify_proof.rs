//! `kivend verify-proof`: verifies one proof file. Reads no settings, no bucket and no network. The exit code is the verdict.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::given::GivenArgs;
use crate::cli::output::{coloured, count};
use crate::error::{Exit, Kind};
use crate::record::utc::UtcSeconds;
use crate::verify::proof::check;
use crate::verify::proof_report::{CheckpointNamed, ProofReport, Proved};
use crate::verify::trust::Basis;
use crate::verify::verdict::Verdict;

/// How the first line of every proof file begins, whatever its type and version.
const PROOF_BEGIN: &[u8] = b"kivend.";

/// Characters of a key or value that are printed.
const SHOWN_CHARS: usize = 160;

/// Verify a proof file offline: no bucket, no Kafka, no network
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 intact, 10 tampered, 12 unverifiable.
Without --key the keys in the proof are trusted (trust on first use): pass the archive's public key from a trusted source.

Examples:
  kivend verify-proof payment.proof --key kivend.pub
  kivend verify-proof payment.proof --format json | jq .verdict")]
pub struct Args {
    /// The proof file, as `kivend prove` makes it
    file: PathBuf,
    #[command(flatten)]
    given: GivenArgs,
}

#[derive(Debug, Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    report: &'a ProofReport,
    elapsed_ms: f64,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let file = std::fs::read(&args.file).map_err(|error| FileError::new("read", &args.file, error))?;
    if !file.starts_with(PROOF_BEGIN) {
        return Err(Failure::new(
            Kind::Config,
            format!(
                "not a proof file: its first line does not name a type of proof file=`{}`",
                args.file.display()
            ),
            "name a file that `kivend prove -o FILE` wrote",
        ));
    }
    let given = args.given.read()?;
    let began_s = context.clock().elapsed_s();
    let report = check(&file, &given);
    let timed = Timed {
        report: &report,
        elapsed_ms: (context.clock().elapsed_s() - began_s) * 1000.0,
    };
    let output = context.output();
    output.report(&timed, |timed| coloured(&text(timed), output))?;
    Ok(report.verdict.into())
}

fn text(timed: &Timed<'_>) -> String {
    let report = timed.report;
    let mut text = format!("{}: {}\n", report.verdict, claim(report));
    for finding in &report.findings {
        text.push_str(&format!(
            "\n{}: {} ({})\n  {}\n  what to do: {}\n",
            finding.severity,
            finding.code.meaning(),
            finding.code.id(),
            finding.detail,
            finding.code.remedy()
        ));
    }
    if let Some(proved) = &report.proved {
        text.push_str(&format!("\n{}\n", describe(proved)));
    }
    match report.trust {
        Some(Basis::FirstUse) => text.push_str(&format!(
            "\nkeys from the proof itself (trust on first use); verify with the archive's key: --key PUBLIC\n  {}\n",
            report.keys.join("\n  ")
        )),
        Some(Basis::KeysGiven) => {
            text.push_str(&format!(
                "\nsigned by the given keys, or by keys that descend from them\n  {}\n",
                report.keys.join("\n  ")
            ));
        }
        Some(Basis::CheckpointsGiven) => text.push_str("\ncosigned by the given witnesses, as the policy asks\n"),
        None => {}
    }
    text.push_str(&format!("\nchecked in {:.1} ms, offline\n", timed.elapsed_ms));
    text
}

fn claim(report: &ProofReport) -> String {
    let archive = report.archive.as_deref().unwrap_or("?");
    match (&report.proved, report.verdict) {
        (Some(proved @ Proved::Record(_)), _) => {
            format!("{} is in the archive {archive}, as shown below", proved.place())
        }
        (Some(proved @ Proved::Records(records)), _) => {
            let verb = if records.records == 1 { "is" } else { "are" };
            format!("{} {verb} in the archive {archive}, as counted below", proved.place())
        }
        (Some(proved @ Proved::Consistency { .. }), _) => {
            format!("nothing was rewritten in the archive {archive} from {}", proved.place())
        }
        (None, Verdict::Unverifiable) => "the proof is of an unknown type, so nothing was verified".to_owned(),
        (None, _) => "the file proves nothing".to_owned(),
    }
}

/// What was proved, as lines of text.
pub(super) fn describe(proved: &Proved) -> String {
    match proved {
        Proved::Record(record) => {
            let at = record.timestamp_ms.map_or("none".to_owned(), |ms| {
                format!("{} ({ms} ms)", UtcSeconds::from_unix(ms.div_euclid(1000)))
            });
            let mut lines = vec![
                format!("topic      {} partition {}", record.topic, record.partition),
                format!("offset     {} (epoch {})", record.offset, record.epoch),
                format!("time       {at}"),
                format!("key        {}", shown(record.key.as_deref())),
                format!("value      {}", shown(record.value.as_deref())),
            ];
            for (name, value) in &record.headers {
                lines.push(format!("header     {}: {}", shown(Some(name)), shown(value.as_deref())));
            }
            lines.push(format!(
                "link       height {}, sealed {}, sha256 {}",
                record.link_height, record.sealed_at, record.link
            ));
            lines.push(format!("entry      {}, written {}", record.entry, record.entry_at));
            lines.push(format!("checkpoint {}", named(&record.checkpoint)));
            lines.join("\n")
        }
        Proved::Records(records) => {
            let time = |ms: Option<i64>| {
                ms.map_or("none".to_owned(), |ms| {
                    UtcSeconds::from_unix(ms.div_euclid(1000)).to_string()
                })
            };
            let counts = records.topics.iter();
            let mut lines: Vec<String> = counts
                .map(|(topic, records)| format!("topic      {topic}: {}", count(*records)))
                .collect();
            lines.extend([
                format!(
                    "times      {} to {}",
                    time(records.min_timestamp_ms),
                    time(records.max_timestamp_ms)
                ),
                format!(
                    "from       {} partitions, {} segments",
                    count(records.partitions),
                    count(records.segments)
                ),
                format!("entry      {}, written {}", records.entry, records.entry_at),
                format!("checkpoint {}", named(&records.checkpoint)),
            ]);
            lines.join("\n")
        }
        Proved::Consistency { from, to } => {
            format!("from       {}\nto         {}", named(from), named(to))
        }
    }
}

fn named(checkpoint: &CheckpointNamed) -> String {
    let CheckpointNamed { number, root } = checkpoint;
    format!("{number} (entries 0–{number}), root {root}")
}

/// Untrusted text without control characters, shortened.
fn shown(text: Option<&str>) -> String {
    let Some(text) = text else { return "null".to_owned() };
    let plain = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    let mut shown: String = text.chars().take(SHOWN_CHARS).map(plain).collect();
    let hidden = text.chars().count().saturating_sub(SHOWN_CHARS);
    if hidden > 0 {
        shown.push_str(&format!(" … and {hidden} more characters"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_is_shortened_and_has_no_control_characters() {
        assert_eq!(shown(None), "null");
        assert_eq!(shown(Some("a\u{1b}[2Jb\nc")), "a\\u{1b}[2Jb\\nc");
        let long = shown(Some(&"x".repeat(1000)));
        assert!(long.ends_with("… and 840 more characters"), "{long}");
    }
}

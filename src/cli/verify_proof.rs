//! `kivend verify-proof`: one file checked with nothing else at hand. Reads no setting, no bucket and no network. The
//! verdict is the exit code.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::failure::FileError;
use crate::cli::output::count;
use crate::error::Exit;
use crate::log::signed_note::VerifyingKey;
use crate::record::utc::UtcSeconds;
use crate::verify::keys::Basis;
use crate::verify::proof::{ProofReport, Proved, check};
use crate::verify::verdict::Verdict;

/// Characters of a key or value that are shown to people.
const SHOWN_CHARS: usize = 160;

/// Check a proof offline: no bucket, no Kafka, no network
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 intact, 10 tampered, 12 unverifiable.
Without --key the keys in the proof are trusted on first use: bring the archive's public key from elsewhere.

Examples:
  kivend verify-proof payment.proof --key \"$(cat kivend.pub)\"
  kivend verify-proof payment.proof --format json | jq .verdict")]
pub struct Args {
    /// What `kivend prove` made
    file: PathBuf,
    /// A public key of the archive, got from elsewhere; may be repeated
    #[arg(long = "key", value_name = "PUBLIC")]
    keys: Vec<VerifyingKey>,
}

#[derive(Debug, Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    report: &'a ProofReport,
    elapsed_ms: f64,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let file = std::fs::read(&args.file).map_err(|error| FileError::new("read", &args.file, error))?;
    let began_s = context.clock().elapsed_s();
    let report = check(&file, &args.keys);
    let timed = Timed {
        report: &report,
        elapsed_ms: (context.clock().elapsed_s() - began_s) * 1000.0,
    };
    context.output().report(&timed, text)?;
    Ok(report.verdict.into())
}

fn text(timed: &Timed<'_>) -> String {
    let report = timed.report;
    let mut text = format!("{}: {}\n", report.verdict, claim(report));
    for finding in &report.findings {
        text.push_str(&format!(
            "\n{} {}: {}\n  {}\n  what to do: {}\n",
            finding.code.id(),
            finding.severity,
            finding.code.meaning(),
            finding.detail,
            finding.code.remedy()
        ));
    }
    if let Some(proved) = &report.proved {
        text.push_str(&format!("\n{}\n", describe(proved)));
    }
    match report.trust {
        Some(Basis::FirstUse) => text.push_str(&format!(
            "\nkeys trusted on first use, as the proof itself names them; bring the archive's with --key\n  {}\n",
            report.keys.join("\n  ")
        )),
        Some(Basis::KeysBrought) => {
            text.push_str(&format!(
                "\nsigned for by the keys brought\n  {}\n",
                report.keys.join("\n  ")
            ));
        }
        None => {}
    }
    text.push_str(&format!("\nchecked in {:.1} ms, offline\n", timed.elapsed_ms));
    text
}

fn claim(report: &ProofReport) -> String {
    let archive = report.archive.as_deref().unwrap_or("?");
    match (&report.proved, report.verdict) {
        (Some(proved @ Proved::Record(_)), _) => {
            format!("{} stands in the archive {archive}, as shown below", proved.place())
        }
        (Some(proved @ Proved::Consistency { .. }), _) => {
            format!("the archive {archive} only grew from {}", proved.place())
        }
        (None, Verdict::Unverifiable) => "the proof cannot be understood, so nothing is claimed".to_owned(),
        (None, _) => "the file proves nothing".to_owned(),
    }
}

/// What was proved, in lines for people.
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
            let checkpoint = &record.checkpoint;
            lines.push(format!(
                "checkpoint {}, signed {}, sha256 {}",
                checkpoint.number, checkpoint.at, checkpoint.sha256
            ));
            lines.join("\n")
        }
        Proved::Consistency { from, to, partitions } => {
            let line = |checkpoint: &crate::verify::proof::CheckpointNamed| {
                format!(
                    "{}, signed {}, sha256 {}",
                    checkpoint.number, checkpoint.at, checkpoint.sha256
                )
            };
            format!(
                "from       {}\nto         {}\npartitions {}",
                line(from),
                line(to),
                count(*partitions as u64)
            )
        }
    }
}

/// A stranger's bytes for the eye: no control characters, not endless.
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
    fn what_a_stranger_wrote_is_shown_short_and_without_control_characters() {
        assert_eq!(shown(None), "null");
        assert_eq!(shown(Some("a\u{1b}[2Jb\nc")), "a\\u{1b}[2Jb\\nc");
        let long = shown(Some(&"x".repeat(1000)));
        assert!(long.ends_with("… and 840 more characters"), "{long}");
    }
}

//! `kivend verify-proof`: verifies one proof file, or a folder of records with their proof. Reads no settings, no bucket and no network. The exit code is the verdict.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::app::prove::{FolderError, PROOF_MAX_BYTES, check_folder};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::given::GivenArgs;
use crate::cli::output::{coloured, count};
use crate::error::{Exit, Kind};
use crate::reading::local_file::{read_regular, read_up_to};
use crate::record::utc::UtcSeconds;
use crate::verify::given::Given;
use crate::verify::proof::check;
use crate::verify::proof_report::{CheckpointNamed, ProofReport, Proved};
use crate::verify::retrieval::PROOF;
use crate::verify::trust::Basis;
use crate::verify::verdict::Verdict;

/// How the first line of every proof file begins, whatever its type and version.
const PROOF_BEGIN: &[u8] = b"kivend.";

/// Characters of a key or value that are printed.
const SHOWN_CHARS: usize = 160;

/// Verify a proof file or folder offline: no bucket, no Kafka, no network
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 intact, 10 tampered, 12 unverifiable.
Of a folder, records.jsonl and records.parquet are compared with the records that records.proof proves.
Without --key the keys in the proof are trusted (trust on first use): pass the archive's public key from a trusted source.

Examples:
  kivend verify-proof payment.proof --key kivend.pub
  kivend verify-proof c-1007 --key kivend.pub
  kivend verify-proof payment.proof --format json | jq .verdict")]
pub struct Args {
    /// The proof file or the folder, as `kivend prove` makes them
    #[arg(value_name = "FILE|FOLDER")]
    file: PathBuf,
    #[command(flatten)]
    given: GivenArgs,
}

#[derive(Debug, Serialize)]
struct Timed {
    #[serde(flatten)]
    report: ProofReport,
    /// Of a folder, the files that hold exactly the proved records.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<&'static str>>,
    /// Of a folder, the files that nothing checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_checked: Option<Vec<String>>,
    elapsed_ms: f64,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let given = args.given.read()?;
    let began_s = context.clock().elapsed_s();
    let mut timed = if args.file.is_dir() {
        of_folder(&args.file, &given)?
    } else {
        Timed {
            report: check(&of_user(&args.file)?, &given),
            files: None,
            not_checked: None,
            elapsed_ms: 0.0,
        }
    };
    timed.elapsed_ms = (context.clock().elapsed_s() - began_s) * 1000.0;
    let output = context.output();
    output.report(&timed, |timed| coloured(&text(timed), output))?;
    Ok(timed.report.verdict.into())
}

/// The file that the user named, which may be a pipe.
fn of_user(place: &Path) -> Result<Vec<u8>, Failure> {
    let read = File::open(place).and_then(|file| read_up_to(file, PROOF_MAX_BYTES));
    proof_of(place, read)
}

fn proof_of(place: &Path, read: io::Result<Vec<u8>>) -> Result<Vec<u8>, Failure> {
    let file = read.map_err(|error| FileError::new("read", place, error))?;
    if file.starts_with(PROOF_BEGIN) {
        return Ok(file);
    }
    Err(Failure::new(
        Kind::Config,
        format!(
            "not a proof file: the first line of `{}` does not name a type of proof",
            place.display()
        ),
        "name a file that `kivend prove -o FILE` wrote, or a folder of `kivend prove --dir FOLDER`",
    ))
}

fn of_folder(place: &Path, given: &Given) -> Result<Timed, Failure> {
    // A folder without a proof was not made by `kivend prove`.
    let proof = place.join(PROOF);
    proof_of(&proof, read_regular(&proof, PROOF_MAX_BYTES))?;
    match check_folder(place, given) {
        Ok(checked) => Ok(Timed {
            report: checked.proof,
            files: Some(checked.files),
            not_checked: Some(checked.not_checked),
            elapsed_ms: 0.0,
        }),
        Err(FolderError::Unread(error)) => Err(FileError::new("read", place, error).into()),
        Err(error @ FolderError::OtherType) => Err(Failure::new(
            Kind::Config,
            format!("{error}: `{}`", place.display()),
            "verify the file itself: `kivend verify-proof FILE`",
        )),
    }
}

fn text(timed: &Timed) -> String {
    let report = &timed.report;
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
    if let Some(files) = timed.files.as_ref().filter(|files| !files.is_empty()) {
        text.push_str(&format!(
            "\nthe same records and no others are in {}\n",
            files.join(" and ")
        ));
    }
    if let Some(others) = timed.not_checked.as_ref().filter(|others| !others.is_empty()) {
        let others: Vec<String> = others.iter().map(|name| shown(Some(name))).collect();
        text.push_str(&format!("\nnot checked: {}\n", others.join(", ")));
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
            let place = proved.place();
            match report.verdict {
                Verdict::Intact => format!("{place} {verb} in the archive {archive}, as counted below"),
                _ => format!("{place} {verb} in the archive {archive}, but not all files of the folder hold them"),
            }
        }
        (Some(proved @ Proved::Consistency { .. }), _) => {
            format!("nothing was rewritten in the archive {archive} from {}", proved.place())
        }
        (None, Verdict::Unverifiable) => "nothing was proved, for the reason below".to_owned(),
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

//! `kivend verify-report`: verifies the signed report of a verification, and the files that it names. Reads no settings, no bucket and
//! no network.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output::{coloured, size};
use crate::cli::signed_file::{SignedKind, read_signed};
use crate::error::Exit;
use crate::log::signed_report::SignedReport;
use crate::reading::local_file::open_regular;
use crate::verify::signed_report::{CheckedReport, check, judge_file};
use crate::verify::verdict::Verdict;

/// What the command takes.
const REPORT: SignedKind = SignedKind {
    begin: b"{\"type\":\"kivend.report/",
    name: "the signed report of a verification",
    written_by: "kivend verify --sign FILE",
};

/// Verify the signed report of a verification offline, and the files that it names
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The files are read from the folder of the report. A report says what its signer observed: to check that, verify the
archive again.

Exit codes: 10 the report or a file was altered, 11 a file is missing, 12 none of the keys signed it; else the verdict
of the verification: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable.

Example:
  kivend verify-report report.note --key kivend.pub"
)]
pub struct Args {
    /// The signed report, as `kivend verify --sign` writes it
    file: PathBuf,
    /// The public key of who signed it, or a file with it; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE", required = true)]
    keys: Vec<KeyArgument>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let keys = read_keys("--key", &args.keys)?;
    let file = read_signed(&args.file, REPORT)?;
    let mut checked = check(&file, &keys);
    compare_files(&mut checked, &args.file)?;
    let output = context.output();
    output.report(&checked, |checked| coloured(&text(checked), output))?;
    Ok(match &checked.report {
        Some(report) if checked.verdict == Verdict::Intact => exit_of(report),
        _ => checked.verdict.into(),
    })
}

/// Compares the files beside the report. The gravest difference decides.
fn compare_files(checked: &mut CheckedReport, note: &Path) -> Result<(), Failure> {
    let Some(report) = &checked.report else { return Ok(()) };
    for file in &report.files {
        let place = note.with_file_name(&file.name);
        // A file that is longer than the signed one is as bad as any other, and need not be read to its end.
        let mut content = Vec::new();
        let read =
            open_regular(&place).and_then(|found| found.take(file.bytes.saturating_add(1)).read_to_end(&mut content));
        let content = match read {
            Ok(_) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::new("read", &place, error).into()),
        };
        if let Some((verdict, why)) = judge_file(report, file, content.as_deref())
            && verdict > checked.verdict
        {
            (checked.verdict, checked.detail) = (verdict, Some(why));
        }
    }
    Ok(())
}

/// The exit code for the verdict that was signed, which is one of the four.
fn exit_of(report: &SignedReport) -> Exit {
    match &*report.verdict {
        "intact" => Exit::Done,
        "incomplete" => Exit::Incomplete,
        "unverifiable" => Exit::Unverifiable,
        _ => Exit::Tampered,
    }
}

fn text(checked: &CheckedReport) -> String {
    let why = checked.detail.as_deref().unwrap_or_default();
    match (&checked.report, &checked.signer) {
        (Some(report), Some(signer)) if checked.verdict == Verdict::Intact => {
            format!(
                "{}: the report and its files were signed by {signer}\n\n{}",
                checked.verdict,
                describe(report)
            )
        }
        (Some(report), Some(signer)) => format!(
            "{}: {why}\n\nthe report was signed by {signer}\n{}",
            checked.verdict,
            describe(report)
        ),
        _ => format!("{}: the report proves nothing: {why}\n", checked.verdict),
    }
}

fn describe(report: &SignedReport) -> String {
    let archive = match (&report.origin, &report.archive_id) {
        (Some(origin), Some(id)) => format!("{origin} ({id})"),
        _ => "not known: its identity could not be read".to_owned(),
    };
    let checkpoint = report.checkpoint.map_or("none".to_owned(), |checkpoint| {
        format!("{}, root {}", checkpoint.number, checkpoint.root)
    });
    let mut text = format!(
        "{}\narchive    {archive}\ncheckpoint {checkpoint}\nverified   {} to {}, {}\n",
        report.summary, report.began_at, report.ended_at, report.software
    );
    for file in &report.files {
        text += &format!(
            "file       {} ({}), SHA-256 {}\n",
            file.name,
            size(file.bytes),
            file.sha256
        );
    }
    text
}

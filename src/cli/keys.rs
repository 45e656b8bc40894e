//! `kivend keys`: the signing keys, and their rotation. Never prints a private key.

use std::fmt::Write as _;

use clap::Subcommand;

use crate::app::keys::{self, Idle, KeysReport, RetireReport, RotateReport, Rotated};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Align, table};
use crate::error::Exit;
use crate::log::signed_note::VerifyingKey;
use crate::store;
use crate::writing::key_file::KeySource;

/// Show the signing keys, or change them
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List every key of the archive: which count, since and until when, and which signs here
    #[command(after_help = "Examples:
  kivend keys show
  kivend keys show --format json | jq -r '.keys[] | select(.in_force) | .key'")]
    Show,
    /// Add a new key and sign with it from the next start on; the old one still counts
    #[command(
        after_help = "The old key stays beside the new one, in <key file>.<its id>. Start every archiver again with the
new key, then run `kivend keys retire`. May be cut off at any moment and run again.

Examples:
  kivend keys rotate"
    )]
    Rotate,
    /// End the old key: what it signed so far counts, what it signs from now on does not
    #[command(
        after_help = "Refused while the newest link of a partition, or the newest checkpoint, is by the old key.
May be cut off at any moment and run again.

Examples:
  kivend keys retire
  kivend keys retire \"$(cat old.pub)\" --accept-idle"
    )]
    Retire(Box<RetireArgs>),
}

/// Which key, and what is known of its use.
#[derive(Debug, clap::Args)]
pub struct RetireArgs {
    /// The public key to retire; every key in force but the one here if not given
    #[arg(value_name = "KEY")]
    key: Option<VerifyingKey>,
    /// Retire it though partitions stand still since it signed; only if no archiver uses it any more
    #[arg(long)]
    accept_idle: bool,
}

pub fn run(command: &Keys, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let source = KeySource::from(&settings.archive);
    let output = context.output();
    context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        let store = store.as_ref();
        match command {
            Keys::Show => output.report(&keys::show(store, &source).await?, show),
            Keys::Rotate => output.report(&keys::rotate(store, &source).await?, rotated),
            Keys::Retire(args) => {
                let idle = if args.accept_idle {
                    Idle::Accepted
                } else {
                    Idle::Refused
                };
                let report = keys::retire(store, &source, args.key.as_ref(), idle).await?;
                output.report(&report, retired)
            }
        }
    })?;
    Ok(Exit::Done)
}

fn show(report: &KeysReport) -> String {
    let mut table = table(&[
        ("key", Align::Left),
        ("since", Align::Left),
        ("until", Align::Left),
        ("signs here", Align::Left),
    ]);
    let change = |number: u64| format!("key change {number}");
    for key in &report.keys {
        table.add_row([
            key.key.clone(),
            key.added_by.map_or_else(|| "archive.json".to_owned(), change),
            key.retired_by.map_or_else(|| "in force".to_owned(), change),
            if key.signs_here { "yes" } else { "" }.to_owned(),
        ]);
    }
    let KeysReport {
        archive,
        archive_id,
        key_file,
        ..
    } = report;
    format!(
        "{}\narchive {archive}, id {archive_id}; the private key belongs at {}\n",
        table.trim_fmt(),
        key_file.display()
    )
}

fn rotated(report: &RotateReport) -> String {
    let key_file = report.key_file.display();
    let mut text = match report.done {
        Rotated::Added => format!("added        {}\nprivate key  {key_file}\n", report.key),
        Rotated::OverlapOpen => format!("nothing done: {} signs here already\n", report.key),
    };
    if let Some(old) = &report.old_key_file {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "old key      {}", old.display());
    }
    for key in &report.to_retire {
        let _ = writeln!(text, "still in force: {key}");
    }
    text + "Next: start every archiver again with the new key, give the public key to whoever verifies, then run `kivend keys retire`.\n"
}

fn retired(report: &RetireReport) -> String {
    let mut text = String::new();
    for key in &report.retired {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "retired {key}");
    }
    let _ = writeln!(
        text,
        "by key change {}; what it signed counts up to checkpoint {}",
        report.change, report.checkpoint
    );
    for link in &report.late {
        let _ = writeln!(
            text,
            "signed too late, does not count: {link}; stop the archiver that still uses the old key: another archives these records again"
        );
    }
    text
}

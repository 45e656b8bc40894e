//! `kivend keys`: shows and rotates the signing keys. Private keys are not printed.

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

/// Show or rotate the signing keys
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List all keys of the archive, since and until when they count, and which one signs on this machine
    #[command(after_help = "Examples:
  kivend keys show
  kivend keys show --format json | jq -r '.keys[] | select(.in_force) | .key'")]
    Show,
    /// Add a new key and use it from the next start of the archivers; the old key still counts
    #[command(
        after_help = "The old private key is kept beside the new one, in <key file>.<its id>. Restart all archivers with the new
key, then run `kivend keys retire`. If the command is interrupted, run it again.

Examples:
  kivend keys rotate"
    )]
    Rotate,
    /// Retire the old key: its signatures so far count, later ones do not
    #[command(
        after_help = "Refuses while the newest checkpoint, or the newest link of any partition, is signed by the old key.
If the command is interrupted, run it again.

Examples:
  kivend keys retire
  kivend keys retire \"$(cat old.pub)\" --accept-idle"
    )]
    Retire(Box<RetireArgs>),
}

/// The arguments of `kivend keys retire`.
#[derive(Debug, clap::Args)]
pub struct RetireArgs {
    /// The public key to retire; default: all keys in force except the one on this machine
    #[arg(value_name = "KEY")]
    key: Option<VerifyingKey>,
    /// Retire it even if the newest link of an idle partition is signed by it; only if no archiver uses it any more
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
        "{}\narchive {archive}, id {archive_id}; key file {}\n",
        table.trim_fmt(),
        key_file.display()
    )
}

fn rotated(report: &RotateReport) -> String {
    let key_file = report.key_file.display();
    let mut text = match report.done {
        Rotated::Added => format!("added        {}\nprivate key  {key_file}\n", report.key),
        Rotated::OverlapOpen => format!("nothing done: {} already signs on this machine\n", report.key),
    };
    if let Some(old) = &report.old_key_file {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "old key      {}", old.display());
    }
    for key in &report.to_retire {
        let _ = writeln!(text, "still in force: {key}");
    }
    text + "Next: restart all archivers with the new key, give the public key to those who verify the archive, then run `kivend keys retire`.\n"
}

fn retired(report: &RetireReport) -> String {
    let mut text = String::new();
    for key in &report.retired {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "retired {key}");
    }
    let _ = writeln!(
        text,
        "by key change {}; its signatures count up to checkpoint {}",
        report.change, report.checkpoint
    );
    for link in &report.late {
        let _ = writeln!(
            text,
            "signed too late, so it does not count: {link}; stop the archiver that still uses the old key, and its records will be archived again"
        );
    }
    text
}

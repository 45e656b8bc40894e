//! `kivend keys`: shows and rotates the signing keys. Private keys are not printed.

use std::fmt::Write as _;

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Subcommand};

use crate::app::keys::{
    self, ApplyReport, Asked, Idle, KeysAsked, KeysReport, ProposalReport, RetireReport, RotateReport, Rotated,
    SignReport,
};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output_file::OutputFile;
use crate::cli::place::warn_of_name;
use crate::config::Settings;
use crate::error::Exit;
use crate::log::change::KeysOf;
use crate::store;
use crate::writing::key_file;
use crate::writing::key_source::{KeyPlace, KeySource};

/// Show or change the keys
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List all keys of the archive, since and until when they count, and which one signs on this machine
    #[command(after_help = "Examples:
  kivend keys show
  kivend keys show --format json | jq -r '.keys[] | select(.in_force) | .key'")]
    Show,
    /// Add a new signing key and use it from the next start of the archivers; the old key still counts
    #[command(
        after_help = "The old private key is kept beside the new one, in <key file>.<its id>. Restart all archivers with the new
key, then run `kivend keys retire`. If the command is interrupted, run it again.
Where the archive has change keys, the change is written to a file: have it signed with `kivend keys sign`, enter it with
`kivend keys apply`, and run this command again.

Examples:
  kivend keys rotate
  kivend keys rotate --next-label audit-2027"
    )]
    Rotate(RotateArgs),
    /// Retire the old signing key: its signatures so far count, later ones do not
    #[command(
        after_help = "Refuses while the newest link of any partition is signed by the old key. If the command is interrupted, run it again.
Where the archive has change keys, the change is written to a file: have it signed with `kivend keys sign`, and enter it with
`kivend keys apply`.

Examples:
  kivend keys retire
  kivend keys retire \"$(cat old.pub)\" --accept-idle"
    )]
    Retire(Box<RetireArgs>),
    /// Write a change of keys to a file, to be signed
    #[command(after_help = "Examples:
  kivend keys propose --add \"$(cat new.pub)\" -o change
  kivend keys propose --change-keys --retire \"$(cat lost.pub)\" -o change")]
    Propose(ProposeArgs),
    /// Sign the change in a file with a change key, or with a key that it adds; needs neither bucket nor network
    #[command(after_help = "Prints what it signs. Examples:
  kivend keys sign change --key-file /media/usb/change.key
  kivend keys sign change")]
    Sign(SignArgs),
    /// Enter the signed change in a file in the archive's log
    #[command(after_help = "If the command is interrupted, run it again. Examples:
  kivend keys apply change")]
    Apply(ApplyArgs),
}

/// The arguments of `kivend keys propose`.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = ArgGroup::new("what").args(["add", "retire"]).required(true))]
pub struct ProposeArgs {
    /// Add this public key, or that in a file; may be repeated
    #[arg(long, value_name = "PUBLIC|FILE")]
    add: Vec<KeyArgument>,
    /// Retire this public key, or that in a file; may be repeated
    #[arg(long, value_name = "PUBLIC|FILE")]
    retire: Vec<KeyArgument>,
    /// Change the keys that sign changes, not those that sign the archive
    #[arg(long)]
    change_keys: bool,
    /// Write the change to this file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// The arguments of `kivend keys sign`.
#[derive(Debug, clap::Args)]
pub struct SignArgs {
    /// The file with the change; the signature is added to it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file with the private key; default: the key of the settings
    #[arg(long, value_name = "KEY_FILE")]
    key_file: Option<PathBuf>,
}

/// The arguments of `kivend keys apply`.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// The file with the signed change
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The arguments of `kivend keys rotate`.
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// Add the Ed25519 key with this label in the token of archive.pkcs11; it is created if there is none
    #[arg(long, value_name = "LABEL")]
    next_label: Option<String>,
}

/// The arguments of `kivend keys retire`.
#[derive(Debug, clap::Args)]
pub struct RetireArgs {
    /// The public key to retire, or a file with it; default: all keys in force except the one on this machine
    #[arg(value_name = "KEY")]
    key: Option<KeyArgument>,
    /// Retire it even if the newest link of an idle partition is signed by it; only if no archiver uses it any more
    #[arg(long)]
    accept_idle: bool,
}

pub fn run(command: &Keys, context: &Context) -> Result<Exit, Failure> {
    let loaded = context.loaded()?;
    let settings = &loaded.settings;
    let source = KeySource::from(&settings.archive);
    let output = context.output();
    if let Keys::Sign(args) = command {
        let (signed, report) = sign(args, &source)?;
        write(&args.file, &signed)?;
        output.report(&report, signed_text)?;
        return Ok(Exit::Done);
    }
    // Before the store is opened: an argument that is no public key is told, whatever the store answers.
    let to_retire = match command {
        Keys::Retire(args) => args.key.as_ref().map(|key| key.read("KEY")).transpose()?,
        _ => None,
    };
    if let Keys::Propose(args) = command {
        return propose(args, settings, context);
    }
    context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        let store = store.as_ref();
        if !matches!(command, Keys::Show) {
            keys::require_name(store, &settings.archive.name).await?;
        }
        match command {
            Keys::Show => {
                let report = keys::show(store, &source).await?;
                warn_of_name(Some(&report.archive), &loaded, output);
                output.report(&report, show)
            }
            Keys::Rotate(args) => {
                let report = keys::rotate(store, &source, args.next_label.as_deref()).await?;
                let file = proposal_file(&source, "rotate");
                if let Some(proposal) = &report.proposal {
                    write(&file, proposal)?;
                }
                output.report(&report, |report| rotated(report, &file))
            }
            Keys::Retire(args) => {
                let idle = if args.accept_idle {
                    Idle::Accepted
                } else {
                    Idle::Refused
                };
                let report = keys::retire(store, &source, to_retire.as_ref(), idle).await?;
                let file = proposal_file(&source, "retire");
                if let Some(proposal) = &report.proposal {
                    write(&file, proposal)?;
                }
                output.report(&report, |report| retired(report, &file))
            }
            Keys::Apply(args) => {
                let file = read(&args.file)?;
                output.report(&keys::apply(store, &source, &file).await?, applied)
            }
            Keys::Sign(_) | Keys::Propose(_) => Ok(()),
        }
    })?;
    Ok(Exit::Done)
}

/// The file for a change that is to be signed elsewhere: beside the key's file, or in the current folder if there is none.
fn proposal_file(source: &KeySource, kind: &str) -> PathBuf {
    let beside = source.file.as_deref().unwrap_or(Path::new("kivend"));
    key_file::beside(beside, kind)
}

fn sign(args: &SignArgs, source: &KeySource) -> Result<(Vec<u8>, SignReport), Failure> {
    let file = read(&args.file)?;
    let source = args.key_file.clone().map_or_else(|| source.clone(), KeySource::of_file);
    let signer = source.read(&keys::origin_of(&file)?)?;
    let (signed, report) = keys::sign(&file, signer.as_ref())?;
    Ok((signed.to_bytes(), report))
}

fn propose(args: &ProposeArgs, settings: &Settings, context: &Context) -> Result<Exit, Failure> {
    let asked = asked(args)?;
    context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        keys::require_name(store.as_ref(), &settings.archive.name).await?;
        let (proposal, report) = keys::propose(store.as_ref(), &asked).await?;
        write(&args.output, &proposal.to_bytes())?;
        context
            .output()
            .report(&report, |report| proposed(report, &args.output))
    })?;
    Ok(Exit::Done)
}

fn asked(args: &ProposeArgs) -> Result<KeysAsked, Failure> {
    Ok(KeysAsked {
        of: if args.change_keys {
            KeysOf::ChangeKeys
        } else {
            KeysOf::Keys
        },
        asked: if args.add.is_empty() {
            Asked::Retire(read_keys("--retire", &args.retire)?)
        } else {
            Asked::Add(read_keys("--add", &args.add)?)
        },
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(file).map_err(|error| FileError::new("read", file, error))?)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    OutputFile::replace(file, bytes)
}

fn proposed(report: &ProposalReport, file: &Path) -> String {
    let mut text = format!(
        "{}change {} written to {}\n",
        report.text,
        report.sequence,
        file.display()
    );
    for key in &report.first_signers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "to be signed by one of: {key}");
    }
    for key in &report.added {
        let _ = writeln!(text, "to be signed by the added key: {key}");
    }
    text + "Next: `kivend keys sign` with each of these keys, then `kivend keys apply`.\n"
}

fn signed_text(report: &SignReport) -> String {
    format!("{}signed by {}\n", report.text, report.signed_by)
}

fn applied(report: &ApplyReport) -> String {
    format!(
        "change {} is in entry {}; the newest checkpoint is {}\n",
        report.sequence, report.entry, report.checkpoint
    )
}

fn show(report: &KeysReport) -> String {
    // A key fills a line of a terminal by itself.
    let change = |number: u64| format!("entry {number}");
    let mut keys = String::new();
    for key in &report.keys {
        let signs = match key.role {
            "change" => "changes",
            _ => "the archive",
        };
        let since = key.added_by.map_or_else(|| "archive.json".to_owned(), change);
        let until = key
            .retired_by
            .map_or_else(|| "in force".to_owned(), |by| format!("retired by {}", change(by)));
        let here = if key.signs_here { ", signs on this machine" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(keys, "{}\n  signs {signs}, since {since}, {until}{here}", key.key);
    }
    let KeysReport {
        archive,
        archive_id,
        private_key,
        private_key_problem,
        ..
    } = report;
    let problem = private_key_problem.as_deref();
    let problem = problem.map_or(String::new(), |problem| {
        format!("this machine cannot sign: {problem}\n")
    });
    format!("{keys}\narchive      {archive}, id {archive_id}\nprivate key  {private_key}\n{problem}")
}

fn rotated(report: &RotateReport, proposal: &Path) -> String {
    let mut text = match report.done {
        Rotated::Added => format!("added        {}\nprivate key  {}\n", report.key, report.private_key),
        Rotated::OverlapOpen => format!("nothing done: {} already signs on this machine\n", report.key),
        Rotated::Proposed => {
            let file = proposal.display();
            return format!(
                "created      {}\nThe change that adds it is in {file}, and a change key must sign it.\nNext: `kivend keys sign {file}` where that key is, `kivend keys apply {file}` here, then `kivend keys rotate` again.\n",
                report.key
            );
        }
    };
    if let Some(old) = &report.old_key_file {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "old key      {}", old.display());
    }
    for key in &report.to_retire {
        let _ = writeln!(text, "still in force: {key}");
    }
    if let (Rotated::Added, KeyPlace::Token(_)) = (report.done, &report.private_key) {
        text += "Next: set archive.pkcs11.label to the new key's label, without archive.key and archive.key_file.\n";
    }
    text + "Next: restart all archivers with the new key, give the public key to those who verify the archive and to the witnesses, then run `kivend keys retire` (with --accept-idle if a partition has no traffic).\n"
}

fn retired(report: &RetireReport, proposal: &Path) -> String {
    let mut text = String::new();
    for key in &report.retired {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "retired {key}");
    }
    match report.entry {
        Some(entry) => {
            let _ = writeln!(
                text,
                "by entry {entry}; its links count up to the heads of the entry after that one"
            );
        }
        None => {
            let file = proposal.display();
            return format!(
                "The change that retires {} is in {file}, and a change key must sign it.\nNext: `kivend keys sign {file}` where that key is, then `kivend keys apply {file}` here.\n",
                report.retired.join(", ")
            );
        }
    }
    for link in &report.late {
        let _ = writeln!(
            text,
            "signed too late, so it does not count: {link}; stop the archiver that still uses the old key, and its records will be archived again"
        );
    }
    text
}

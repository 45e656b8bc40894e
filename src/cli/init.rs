//! `kivend init`: creates the archive's identity and signing key.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::error::Exit;
use crate::store;
use crate::writing::init::{InitReport, Made, NewArchive, open_or_make};
use crate::writing::key_source::KeyPlace;

/// Create the archive's identity and signing key
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Has no effect if the archive exists and its key is on this machine. kivend-archiver does the same at its start.

Examples:
  kivend init
  kivend init --archive shop-audit --format json | jq -r .public_key
  kivend init --change-key /media/usb/change.key"
)]
pub struct Args {
    /// The archive's name; default: the setting archive.name
    #[arg(long, value_name = "NAME")]
    archive: Option<String>,
    /// The origin, by which witnesses know the archive's log; default: NAME/ and the first 16 digits of the archive's id
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Have changes of keys and of retention signed by the key in this file, which is created if it is missing; move it to
    /// another machine afterwards
    #[arg(long, value_name = "FILE")]
    change_key: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let name = args.archive.as_deref().unwrap_or(&settings.archive.name);
    let runtime = context.runtime()?;
    let own = runtime.block_on(async {
        let store = store::open(&settings.store).await?;
        let new = NewArchive {
            origin: args.origin.clone(),
            change_key: args.change_key.clone(),
        };
        open_or_make(store.as_ref(), name, &(&settings.archive).into(), &new).await
    })?;
    context.output().report(&InitReport::from(&own), text)?;
    Ok(Exit::Done)
}

fn text(report: &InitReport) -> String {
    let made = match report.made {
        Made::Now => "created",
        Made::Before => "exists",
    };
    let backup = match report.private_key {
        KeyPlace::Token(_) => {
            " The private key stays in the token: make sure that a second one can sign, or that it has a backup."
        }
        KeyPlace::File(_) | KeyPlace::Setting | KeyPlace::Nowhere => " Keep a copy of the private key in a safe place.",
    };
    let brought = if report.change_keys.is_empty() {
        "Give the public key to those who verify the archive."
    } else {
        "Give the change key to those who verify the archive. Keep its private half offline; without it no key can be replaced."
    };
    let change_keys: String = report
        .change_keys
        .iter()
        .map(|key| format!("change key   {key}\n"))
        .collect();
    format!(
        "archive {} {made}: id {}, origin {}\npublic key   {}\n{change_keys}private key  {}\n{brought}{backup}\n",
        report.archive, report.archive_id, report.origin, report.public_key, report.private_key
    )
}

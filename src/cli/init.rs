//! `kivend init`: creates the archive's identity and signing key.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::error::Exit;
use crate::store;
use crate::writing::init::{InitReport, Made, open_or_make};

/// Create the archive's identity and signing key
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Has no effect if the archive exists and its key is on this machine. kivend-archiver does the same at its start.

Examples:
  kivend init
  kivend init --archive shop-audit --format json | jq -r .public_key"
)]
pub struct Args {
    /// The archive's name; default: the setting archive.name
    #[arg(long, value_name = "NAME")]
    archive: Option<String>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let name = args.archive.as_deref().unwrap_or(&settings.archive.name);
    let runtime = context.runtime()?;
    let own = runtime.block_on(async {
        let store = store::open(&settings.store).await?;
        open_or_make(store.as_ref(), name, &(&settings.archive).into()).await
    })?;
    context.output().report(&InitReport::from(&own), text)?;
    Ok(Exit::Done)
}

fn text(report: &InitReport) -> String {
    let made = match report.made {
        Made::Now => "created",
        Made::Before => "exists",
    };
    format!(
        "archive {} {made}: id {}\npublic key   {}\nprivate key  {}\nGive the public key to those who verify the archive. Keep a copy of the private key in a safe place.\n",
        report.archive,
        report.archive_id,
        report.public_key,
        report.key_file.display()
    )
}

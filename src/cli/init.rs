//! `kivend init`: the archive's identity and signing key.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::error::Exit;
use crate::store;
use crate::writing::init::{InitReport, Made, open_or_make};

/// Make the archive's identity and signing key, once
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Does nothing where the archive exists and its key is here. kivend-archiver does the same by itself.

Examples:
  kivend init
  kivend init --archive shop-audit --format json | jq -r .public_key"
)]
pub struct Args {
    /// The archive's name; archive.name if not given
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
        Made::Now => "made",
        Made::Before => "was there already",
    };
    format!(
        "archive {} {made}: id {}\npublic key   {}\nprivate key  {}\nGive the public key to whoever verifies; keep a copy of the private one where only you can read it.\n",
        report.archive,
        report.archive_id,
        report.public_key,
        report.key_file.display()
    )
}

//! `kivend checkpoint`: signs a checkpoint now, and prints it to be saved outside the bucket.

use std::path::PathBuf;

use crate::app::checkpoint::{MirrorStatus, Report, checkpoint_now};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::format::Format;
use crate::cli::output::{Align, count, table};
use crate::error::Exit;
use crate::store;

/// Sign a checkpoint now, store it, and print it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Save it where the owner of the bucket cannot change it. With `kivend verify --checkpoint FILE` and
`kivend prove --from FILE --to NUMBER` it shows whether anything was rewritten or removed since.

Examples:
  kivend checkpoint -o kivend-$(date +%F).note
  kivend checkpoint --format json | jq '.heads[]'"
)]
pub struct Args {
    /// Write the checkpoint to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let report = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        Ok::<_, Failure>(checkpoint_now(&store, &settings).await?)
    })?;
    if let Some(file) = &args.output {
        std::fs::write(file, &report.note).map_err(|error| FileError::new("write", file, error))?;
    }
    let output = context.output();
    if args.output.is_none() && output.format() == Format::Text {
        output.remark(&summary(&report));
    }
    output.report(&report, |report| match &args.output {
        None => report.note.clone(),
        Some(file) => format!("{}\n{} written\n", summary(report), file.display()),
    })?;
    Ok(Exit::Done)
}

fn summary(report: &Report) -> String {
    let what = if report.signed_now {
        "signed now"
    } else {
        "no head has moved since, so no new one was signed"
    };
    let mut heads = table(&[
        ("partition", Align::Left),
        ("height", Align::Right),
        ("ends at offset", Align::Right),
    ]);
    for head in &report.heads {
        heads.add_row([
            format!("{}/{}", head.topic, head.partition),
            count(head.height),
            head.next_offset.to_string(),
        ]);
    }
    let copies: String = report.mirrors.iter().map(copied).collect();
    format!(
        "checkpoint {} of {}, {what}\nsha256 {}\n\n{}\n{copies}",
        report.number,
        report.at,
        report.sha256,
        heads.trim_fmt()
    )
}

fn copied(copy: &MirrorStatus) -> String {
    match &copy.error {
        None => format!("\ncopied to {}", copy.place),
        Some(error) => format!("\nNOT copied to {}: {error}", copy.place),
    }
}

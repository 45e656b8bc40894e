//! `kivend checkpoint`: signs a checkpoint now, and prints it to be saved outside the bucket.

use std::path::{Path, PathBuf};

use crate::app::checkpoint::{MirrorStatus, Report, checkpoint_now};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::output::{Align, count, table};
use crate::cli::output_file::{OutputFile, file_named};
use crate::error::Exit;
use crate::store;

/// Sign a checkpoint now, store it, and print it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Save both files where the owner of the bucket cannot change it. With `kivend verify --checkpoint FILE` and
`kivend prove --from FILE --to NUMBER` they show whether anything was rewritten or removed since.

Examples:
  kivend checkpoint -o kivend-$(date +%F).note
  kivend checkpoint --format json | jq '.heads[]'"
)]
pub struct Args {
    /// Write the checkpoint to this file, and its log entry to FILE.entry, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let report = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        Ok::<_, Failure>(checkpoint_now(&store, &settings).await?)
    })?;
    let file = file_named(args.output.as_ref());
    if let Some(file) = file {
        let entry = entry_file(file);
        OutputFile::replace(&entry, report.entry.as_bytes())?;
        OutputFile::replace(file, report.note.as_bytes())?;
    }
    let output = context.output();
    if file.is_none() && output.format() == Format::Text {
        output.remark(&summary(&report));
    }
    output.report(&report, |report| match file {
        None => report.note.clone(),
        Some(file) => format!(
            "{}\n{} and {} written\n",
            summary(report),
            file.display(),
            entry_file(file).display()
        ),
    })?;
    Ok(Exit::Done)
}

/// The file of the entry beside that of the checkpoint. `kivend verify --checkpoint` reads both.
#[must_use]
pub fn entry_file(checkpoint: &Path) -> PathBuf {
    let mut name = checkpoint.as_os_str().to_owned();
    name.push(".entry");
    PathBuf::from(name)
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
        "checkpoint {}, {what}\nroot {}\n\n{}\n{copies}",
        report.number,
        report.root,
        heads.trim_fmt()
    )
}

fn copied(copy: &MirrorStatus) -> String {
    match &copy.error {
        None => format!("\ncopied to {}", copy.place),
        Some(error) => format!("\nNOT copied to {}: {error}", copy.place),
    }
}

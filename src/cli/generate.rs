//! `kivend generate`: writes the events of a synthetic shop to stdout or a file.

use std::path::PathBuf;

use clap::ValueHint;

use crate::app::generate::{Generated, generate};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::number::whole;
use crate::cli::output::{count, size};
use crate::cli::output_file::{Existing, OutputFile, file_named};
use crate::error::Exit;
use crate::synthetic::EVENTS_DEFAULT;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number of events
    #[arg(long, value_name = "N", default_value_t = EVENTS_DEFAULT, value_parser = whole::<u64>)]
    events: u64,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 42, value_parser = whole::<u64>)]
    seed: u64,
    /// Write to FILE instead of stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let output = context.output();
    let progress = context.progress("events");
    match file_named(args.output.as_ref()) {
        None => {
            let written = generate(args.events, args.seed, &mut output.stdout(), progress.as_ref());
            output.written(written)?;
        }
        Some(file) => {
            let mut lines = OutputFile::create(file, Existing::Replaced)?;
            let generated = generate(args.events, args.seed, &mut lines, progress.as_ref());
            let written = lines.written(generated)?;
            lines.finish()?;
            output.report(&written, |written: &Generated| {
                let (events, bytes) = (count(written.events), size(written.bytes));
                format!("{events} events, {bytes}, in {}", file.display())
            })?;
        }
    }
    Ok(Exit::Done)
}

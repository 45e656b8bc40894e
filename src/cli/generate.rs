//! `kivend generate`: writes the events of a synthetic shop to stdout or a file.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use crate::app::generate::{Generated, generate};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::number::whole;
use crate::cli::output::{count, size};
use crate::cli::output_file::{Existing, OutputFile, file_named};
use crate::error::Exit;
use crate::synthetic::{EVENTS_DEFAULT, Naming, Shop};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The number of events
    #[arg(long, value_name = "N", default_value_t = EVENTS_DEFAULT, value_parser = whole::<u64>)]
    events: u64,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 42, value_parser = whole::<u64>)]
    seed: u64,
    /// What the types of events are called
    #[arg(long, value_name = "NAMES", value_enum, default_value_t)]
    event_types: EventTypes,
    /// Add 20 customers who look like fraud, planted-RULE-N, and 20 who nearly do, nearly-RULE-N, after the N events
    #[arg(long)]
    fraud: bool,
    /// Write to FILE instead of stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

/// What the types of events are called.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum EventTypes {
    /// As the shipped routing calls them: checkout goes to orders, payment_failure to payments
    #[default]
    Routed,
    /// As the public data set does that the shop is modelled after: checkout_start and payment_failed, which go to user-events
    Original,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let output = context.output();
    let mut shop = Shop::new(args.events, args.seed).named(match args.event_types {
        EventTypes::Routed => Naming::Routed,
        EventTypes::Original => Naming::Original,
    });
    if args.fraud {
        shop = shop.with_fraud();
    }
    match file_named(args.output.as_ref()) {
        None => {
            let written = generate(shop, &mut output.stdout(), &*context.progress_beside_stdout());
            output.written(written)?;
        }
        Some(file) => {
            let mut lines = OutputFile::create(file, Existing::Replaced)?;
            let generated = generate(shop, &mut lines, &*context.progress());
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

//! `kivend drill`: shows that archived records can be restored. The signed report goes to a file or to stdout, what it says to
//! stderr. The exit code is the result.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint;
use serde::Serialize;

use crate::app::drill::{Drilled, Surroundings, drill};
use crate::app::restore::{Allowed, Creation, Damage, LedgerPlace, Mode, Naming, Rate, Request};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output_file::{OutputFile, file_named};
use crate::cli::place::explain;
use crate::cli::selected::SelectedArgs;
use crate::cli::verify_drill::{describe, exit_of};
use crate::config::{Properties, Settings};
use crate::error::Exit;
use crate::log::drill::DrillReport;
use crate::store;
use crate::verify::given::Given;
use crate::writing::key_source::KeySource;

/// Settings of throw-away topics: what is restored stays as it is until it is compared.
const UNCHANGED: [(&str, &str); 5] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "CreateTime"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
];

/// Restore to throw-away topics, compare, remove them, and sign a report
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Compares each restored record with the archive, and archived records with those that the original topics still hold.
The topics are removed also after an error or a signal; those of a killed drill are removed by the next one. Run one
drill of an archive at a time. The signing key of the archive signs the report.

Exit codes: 0 equal, 10 some record differs, 11 some record was not restored, 1 there is no report.

Examples:
  kivend drill -o drill.note
  kivend drill --topic 'orders.*' --since 24h -o drill.note && kivend verify-drill drill.note --key kivend.pub"
)]
pub struct Args {
    #[command(flatten)]
    selected: SelectedArgs,
    /// The number of replicas of the throw-away topics
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=32767))]
    replication_factor: Option<i32>,
    /// At most so many records a second, or bytes: 10000, 5MB
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// A public key of the archive from outside the bucket, or a file with one; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE")]
    keys: Vec<KeyArgument>,
    /// Write the report to this file instead of stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    /// The text of the signed report.
    note: &'a str,
    /// The file to which it was written.
    file: Option<&'a Path>,
    /// The public key that verifies it.
    key: &'a str,
    /// How the names of topics begin that could not be removed.
    left: Option<&'a str>,
    report: &'a DrillReport,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let request = request(args, &settings, context)?;
    let given = Given::keys(&read_keys("--key", &args.keys)?);
    let file = file_named(args.output.as_ref());
    let (stop, progress) = (context.stop(), context.progress());
    let drilled = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        let surroundings = Surroundings {
            store: Arc::clone(&store),
            given,
            kafka: settings.kafka.clone(),
            key: KeySource::from(&settings.archive),
            stop: stop.clone(),
            progress,
        };
        match drill(surroundings, request).await {
            Err(error) => Err(explain(error.into(), store.as_ref(), &settings.store).await),
            Ok(drilled) => Ok::<_, Failure>(drilled),
        }
    });
    let drilled = match drilled {
        Err(_) if stop.is_requested() => {
            context.output().remark("stopped before the end: there is no report");
            return Ok(Exit::Interrupted);
        }
        drilled => drilled?,
    };
    tell(&drilled, file, context)?;
    Ok(exit_of(drilled.report.result))
}

fn tell(drilled: &Drilled, file: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let bytes = drilled.note.to_bytes();
    if let Some(file) = file {
        OutputFile::replace(file, &bytes)?;
    }
    let note = String::from_utf8_lossy(&bytes);
    let told = Told {
        note: &note,
        file,
        key: &drilled.key,
        left: drilled.left.as_deref(),
        report: &drilled.report,
    };
    let output = context.output();
    let summary = summary(&told);
    if (file, output.format()) == (None, Format::Text) {
        output.remark(&summary);
    }
    output.report(&told, |told| match file {
        None => told.note.to_owned(),
        Some(_) => summary.clone(),
    })
}

fn summary(told: &Told<'_>) -> String {
    let place = told.file.map_or("FILE".to_owned(), |file| file.display().to_string());
    let left = told.left.map_or(String::new(), |names| {
        format!("\nThe topics `{names}*` could not be removed; the next drill removes them.")
    });
    format!(
        "{}{left}\nsigned; verify it with `kivend verify-drill {place} --key {}`\n",
        describe(told.report),
        told.key
    )
}

fn request(args: &Args, settings: &Settings, context: &Context) -> Result<Request, Failure> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(Request {
        topics: args.selected.topics(settings),
        partition: args.selected.partition(),
        span: args.selected.span(context)?,
        naming: Naming::default(),
        archived: settings.archived.clone(),
        allowed: Allowed::default(),
        damage: Damage::Skipped,
        creation: Creation {
            replication_factor: args.replication_factor.unwrap_or(settings.default_replication_factor),
            properties: UNCHANGED.into_iter().map(own).collect::<Properties>(),
            configured: settings.topics.clone(),
        },
        ledger: LedgerPlace::of(settings),
        groups: Vec::new(),
        rate: args.rate,
        rejects: None,
        mode: Mode::Restore,
    })
}

//! `kivend prove`: makes a self-contained proof that a record is in the archive, that all records of a selection are, or that one
//! checkpoint continues another. The proof of one goes to a file or to stdout, what it proves to stderr; that of a selection goes
//! to a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::app::prove::{Made, Wanted, WantedCheckpoint, prove};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::format::Format;
use crate::cli::given::GivenArgs;
use crate::cli::number::natural;
use crate::cli::output_file::{OutputFile, file_named};
use crate::cli::place::explain;
use crate::cli::prove_selection::{self, SelectionArgs};
use crate::cli::verify_proof::describe;
use crate::config::Settings;
use crate::error::Exit;
use crate::record::position::{Epoch, TopicPartition};
use crate::store;
use crate::verify::proof_report::Proved;

/// Prove that records are in the archive, in one file that can be verified offline
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file is all that `kivend verify-proof` needs: no bucket, no Kafka, no network.
Exit codes: 0 proved, 1 failed, also if nothing was found; then no folder is left.

Examples:
  kivend prove payments 1 2500 -o payment.proof
  kivend prove --event-id 0000000000000000000000000000002a -o event.proof
  kivend prove --where customer_id=c-1007 --since 2026-02-01 --until 2026-03-01 --dir c-1007
  kivend prove --from saved-checkpoint.note --to 12 -o continues.proof"
)]
pub struct Args {
    /// The topic, with or without the configured prefix
    #[arg(required_unless_present_any = ["event_id", "from", "dir", "conditions", "topics", "partition", "since", "until"], requires = "offset", value_name = "TOPIC")]
    of_topic: Option<String>,
    /// The partition number
    #[arg(requires = "of_topic", value_name = "PARTITION", value_parser = natural::<i32>)]
    of_partition: Option<i32>,
    /// The record's offset
    #[arg(requires = "of_partition", value_parser = natural::<i64>)]
    offset: Option<i64>,
    /// The epoch of a topic that was deleted and created again; default: the newest that has the offset
    #[arg(long, value_name = "EPOCH", requires = "offset")]
    epoch: Option<u32>,
    /// Prove the first record whose event has this id; reads segments until it is found
    #[arg(long, value_name = "ID", conflicts_with_all = ["of_topic", "from"])]
    event_id: Option<String>,
    /// Prove that a later checkpoint continues this one: a number in the bucket, or a file
    #[arg(long, value_name = "CHECKPOINT", requires = "to", conflicts_with = "of_topic")]
    from: Option<String>,
    /// The later checkpoint: a number in the bucket, or a file
    #[arg(long, value_name = "CHECKPOINT", requires = "from")]
    to: Option<String>,
    /// Write a selection of records and their proof to this new folder
    ///
    /// The folder is new or empty. It gets records.jsonl with the values, records.parquet with the whole records, records.proof, which proves all of
    /// them, and index.html, which says what was searched, how to verify it, and what it proves. `kivend verify-proof FOLDER`
    /// verifies it offline.
    ///
    /// There is no index. Segments are skipped by their signed times, and by the statistics of typed columns of the types int64,
    /// decimal and timestamp_us; all others are fetched and read. The report counts them, with requests and bytes. A false
    /// statistic would hide records: `kivend verify` checks every one. Records that no checkpoint covers yet are not found.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["of_topic", "event_id", "from", "output"])]
    dir: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    given: GivenArgs,
    /// Write the proof to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    /// The text of the proof file.
    proof: &'a str,
    /// The file to which it was written.
    file: Option<&'a Path>,
    /// What it proves.
    proved: Option<&'a Proved>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(folder) = &args.dir {
        return prove_selection::run(folder, &args.selection, &args.given, context);
    }
    args.selection.refuse()?;
    let settings = context.settings()?;
    let wanted = wanted(args, &settings)?;
    let given = args.given.read()?;
    let made = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        match prove(Arc::clone(&store), &given, &wanted).await {
            Err(error) => Err(explain(error.into(), store.as_ref(), &settings.store).await),
            Ok(made) => Ok::<_, Failure>(made),
        }
    })?;
    let file = file_named(args.output.as_ref());
    if let Some(file) = file {
        OutputFile::replace(file, made.text.as_bytes())?;
    }
    let report = Report {
        proof: &made.text,
        file,
        proved: made.report.proved.as_ref(),
    };
    let output = context.output();
    if (file, output.format()) == (None, Format::Text) {
        output.remark(&summary(&made, None));
    }
    output.report(&report, |_| match file {
        None => made.text.clone(),
        Some(file) => summary(&made, Some(file)),
    })?;
    Ok(Exit::Done)
}

fn summary(made: &Made, file: Option<&Path>) -> String {
    let what = made.report.proved.as_ref().map_or(String::new(), describe);
    let size = made.text.len();
    let check = match file {
        None => format!("a proof of {size} bytes; verify it with `kivend verify-proof FILE`"),
        Some(file) => format!(
            "{size} bytes in {0}; verify it with `kivend verify-proof {0}`",
            file.display()
        ),
    };
    format!("{what}\n{check}\n")
}

fn wanted(args: &Args, settings: &Settings) -> Result<Wanted, Failure> {
    if let (Some(from), Some(to)) = (&args.from, &args.to) {
        return Ok(Wanted::Consistency {
            from: checkpoint(from)?,
            to: checkpoint(to)?,
        });
    }
    Ok(match (&args.event_id, &args.of_topic) {
        (Some(id), _) => Wanted::EventId(id.clone()),
        (None, topic) => Wanted::Offset {
            partition: TopicPartition::new(
                &settings.topic_name(topic.as_deref().unwrap_or_default()),
                args.of_partition.unwrap_or_default(),
            ),
            offset: args.offset.unwrap_or_default(),
            epoch: args.epoch.map(Epoch),
        },
    })
}

/// A number is a checkpoint in the bucket, anything else a file.
fn checkpoint(text: &str) -> Result<WantedCheckpoint, Failure> {
    if let Ok(number) = text.parse() {
        return Ok(WantedCheckpoint::Number(number));
    }
    let file = Path::new(text);
    let saved = std::fs::read(file).map_err(|error| FileError::new("read", file, error))?;
    Ok(WantedCheckpoint::Saved(saved))
}

//! `kivend prove --dir`: the records of a selection and their proof, in a folder.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::app::prove::{Condition, Selection, prove_selection, write_folder};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::given::GivenArgs;
use crate::cli::output::{count, size};
use crate::cli::output_folder::{self, OutputFolder};
use crate::cli::place::explain;
use crate::cli::selected::SelectedArgs;
use crate::error::{Exit, Kind};
use crate::store;
use crate::verify::report::counted;
use crate::verify::retrieval::Retrieval;

/// What a proof of many records is made of.
#[derive(Debug, clap::Args)]
pub struct SelectionArgs {
    /// Only records whose field has this value; all that are given hold
    ///
    /// FIELD is a typed column, or else a member of the outermost object of the record's JSON value.
    ///
    /// A typed column is compared by its type: cart_value=10.5 finds 10.50, and a time is the same at every offset from UTC. A
    /// VALUE that the type does not take finds nothing there.
    ///
    /// A member that is no typed column is compared as a string, or as the text of another JSON value as it stands in the record:
    /// id=42 finds 42 and "42", but not 42.0. What is missing or null is equal to nothing, and values that are not JSON objects
    /// are not found.
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = condition)]
    conditions: Vec<Condition>,
    #[command(flatten)]
    selected: SelectedArgs,
}

fn condition(text: &str) -> Result<Condition, String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok(Condition {
            field: field.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("expected FIELD=VALUE, such as customer_id=c-1007".to_owned()),
    }
}

impl SelectionArgs {
    /// Refuses a selection without a folder to write it to.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        if self.conditions.is_empty() && self.selected.is_everything() {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Config,
            "--where, --topic, --partition, --since and --until select records for a folder, and none is named",
            "add --dir FOLDER",
        ))
    }
}

#[derive(Serialize)]
struct Report<'a> {
    /// The folder that was written.
    folder: &'a Path,
    #[serde(flatten)]
    retrieval: &'a Retrieval,
}

pub(super) fn run(place: &Path, args: &SelectionArgs, given: &GivenArgs, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let selection = Selection {
        topics: args.selected.topics(&settings),
        partition: args.selected.partition(),
        span: args.selected.span(context)?,
        conditions: args.conditions.clone(),
    };
    output_folder::check(place)?;
    let given = given.read()?;
    let progress = context.progress();
    let selected = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        match prove_selection(Arc::clone(&store), &given, &selection, progress.as_ref()).await {
            Err(error) => Err(explain(error.into(), store.as_ref(), &settings.store).await),
            Ok(selected) => Ok::<_, Failure>(selected),
        }
    })?;
    let folder = OutputFolder::create(place)?;
    let written = write_folder(folder.path(), selected);
    let retrieval = written.map_err(|error| FileError::new("write", place, error))?;
    folder.finish()?;
    drop(progress);
    let report = Report {
        folder: place,
        retrieval: &retrieval,
    };
    context.output().report(&report, text)?;
    Ok(Exit::Done)
}

fn text(report: &Report<'_>) -> String {
    let (found, cost) = (report.retrieval, &report.retrieval.cost);
    let folder = report.folder.display();
    let mut text = format!(
        "{} in {folder}, proved by checkpoint {} of {}\n",
        counted(found.proved.records, "record"),
        found.proved.checkpoint.number,
        found.proved.entry_at
    );
    for (topic, records) in &found.proved.topics {
        text.push_str(&format!("  {topic}: {}\n", count(*records)));
    }
    text.push_str(&format!(
        "searched {} of {}: {} read with {}, {} skipped by time, {} by statistics\n",
        counted(cost.segments, "segment"),
        counted(cost.partitions, "partition"),
        count(cost.read),
        counted(cost.records_read, "record"),
        count(cost.skipped_by_time),
        count(cost.skipped_by_statistics),
    ));
    text.push_str(&format!(
        "{}, {}, of which {} of segments\n",
        counted(cost.requests, "request"),
        size(cost.bytes),
        size(cost.segment_bytes)
    ));
    if cost.skipped_by_statistics > 0 {
        text.push_str("statistics were not checked: `kivend verify` checks that none hides a record\n");
    }
    if cost.removed > 0 {
        text.push_str(&format!(
            "not searched: {} with {}, removed under retention changes\n",
            counted(cost.removed, "segment"),
            counted(cost.removed_records, "record")
        ));
    }
    if cost.above_checkpoint > 0 {
        text.push_str(&format!(
            "not searched: {} that no checkpoint covers yet\n",
            counted(cost.above_checkpoint, "segment")
        ));
    }
    if found.without_line > 0 {
        text.push_str(&format!(
            "{} without a value or with an empty one: not in records.jsonl\n",
            counted(found.without_line, "record")
        ));
    }
    text.push_str(&format!("verify it with `kivend verify-proof {folder}`\n"));
    text
}

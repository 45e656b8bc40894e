//! `kivend ingest`: turns arguments into a plan, and prints the account of every line.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use crate::app::ingest::{Input, LedgerSettings, Mode, Order, Plan, Report, Rotated, Surroundings, Unfinished, ingest};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::number::whole;
use crate::cli::output::{Align, count, table};
use crate::error::Exit;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The value of a record is the line without its newline; a carriage return before the newline stays.
The exit code is 1 if any line was rejected or not delivered; all other lines are sent."
)]
pub struct Args {
    /// JSONL files, also compressed with gzip or zstd; - for stdin
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Send only the events of TOPIC
    #[arg(long, value_name = "TOPIC")]
    only: Option<String>,
    /// Send at most N events, after --only
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    max: Option<u64>,
    /// Send at most R events a second
    #[arg(long, value_name = "R", value_parser = whole::<NonZeroU32>)]
    rate: Option<NonZeroU32>,
    /// Send in the order of the events' times; reads the whole input into memory
    #[arg(long, value_name = "ts", hide_possible_values = true)]
    sort: Option<Sort>,
    /// Append lines that were not sent to FILE, as JSONL with place and reason
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,
    /// Send in transactions, and continue after a crash: readers of committed records get each event once. Run the same
    /// command again to continue, or to send lines that were added to the files
    #[arg(long, conflicts_with_all = ["sort", "dry_run"])]
    exactly_once: bool,
    /// Validate and count, send nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sort {
    /// By the event's time, the member named by the setting ingest.time_field.
    Ts,
}

pub fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let mode = match (args.dry_run, args.exactly_once) {
        (true, _) => Mode::DryRun,
        (false, true) => Mode::ExactlyOnce,
        (false, false) => Mode::Send,
    };
    let plan = Plan {
        inputs: args.files.iter().map(|file| Input::of_argument(file)).collect(),
        only: args.only.map(|topic| settings.topic_name(&topic)),
        max: args.max,
        rate_per_s: args.rate,
        order: args.sort.map_or(Order::AsRead, |Sort::Ts| Order::Time),
        mode,
        rejects: args.rejects,
    };
    let surroundings = Surroundings {
        ledger: LedgerSettings::of(&settings),
        kafka: settings.kafka,
        routing: settings.routing,
        ingest: settings.ingest,
    };
    let report = ingest(&surroundings, plan, &context.stop(), &*context.progress())?;
    context.output().report(&report, text)?;
    Ok(report.exit())
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let done = if report.dry_run {
        "would be sent"
    } else {
        "acknowledged"
    };
    let mut topics = table(&[("topic", Align::Left), (done, Align::Right)]);
    for (topic, records) in &report.topics {
        topics.add_row([topic.as_str(), &count(*records)]);
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}\n", topics.trim_fmt());
    let _ = writeln!(text, "{}", summary(report));
    for remark in remarks(report) {
        let _ = writeln!(text, "{remark}");
    }
    text
}

fn summary(report: &Report) -> String {
    let mut parts = vec![format!("{} lines read", count(report.read))];
    match report.would_send {
        Some(events) => parts.push(format!("{} would be sent", count(events))),
        None => {
            let (acked, sent) = (count(report.acked), count(report.sent));
            parts.push(format!("{acked} acknowledged of {sent} sent"));
        }
    }
    for (number, what) in [
        (report.rejected, "rejected"),
        (report.filtered, "left out"),
        (report.skipped, "sent by an earlier run"),
        (report.failed, "not delivered"),
        (report.unknown, "unknown"),
        (report.without_key, "without a key"),
        (report.without_time, "without a time"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", count(number)));
        }
    }
    let rate = count(report.events_per_s);
    format!("{} in {:.2} s ({rate} events/s)", parts.join(", "), report.elapsed_s)
}

fn unfinished(unfinished: &Unfinished) -> String {
    format!(
        "the last line of {} has no newline and may be half written ({} bytes): it is left for the next run; if nothing is \
         written to the file any more, correct the line or end it with a newline",
        unfinished.file,
        count(unfinished.bytes)
    )
}

fn rotated(rotated: &Rotated) -> String {
    let (file, lines) = (&rotated.file, count(rotated.lines));
    let mut text = match &rotated.found {
        Some(found) => format!("{file} was rotated: what {found} has after line {lines} was sent first"),
        None => format!(
            "warning: {file} is another file than the one of which {lines} lines were sent, and that one is not beside it: \
             what was added to it after them was not sent; if you find it, ingest it as well"
        ),
    };
    for unsent in &rotated.unsent {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nwarning: nothing was sent of {unsent}, which was written after those lines: if it is of the same log, ingest it \
             as well"
        );
    }
    text
}

/// What to do about records that were not delivered.
fn advice(cause: &str) -> Option<&'static str> {
    match cause {
        "MessageSizeTooLarge" => Some(
            "larger than the topic takes: raise its max.message.bytes, as a property under [[topics]] and with `kivend \
             topics create --alter`, or shorten the event",
        ),
        "MessageBatchTooLarge" => Some("larger than a segment of the topic: raise its segment.bytes"),
        "InvalidRecord" => Some("the topic does not take such a record: a compacted topic needs events with a key"),
        "InvalidTimestamp" => Some("this machine's clock is too far from the broker's, by the topic's settings"),
        cause if cause.starts_with("aborted") => Some("run the same command again; it sends them"),
        _ => None,
    }
}

/// Warnings and details besides the counts.
fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    if report.interrupted {
        remarks.push(format!(
            "interrupted: Kafka acknowledged exactly {} records",
            count(report.acked)
        ));
    }
    for broken in &report.broken_inputs {
        remarks.push(format!(
            "not read, or not to its end: {}\nfix: {}",
            broken.reason, broken.fix
        ));
    }
    if let Some(lost) = &report.lost_rejects {
        remarks.push(format!(
            "stopped after {} lines, because the file of rejected lines does not have all of them: {}\nfix: {}",
            count(report.read),
            lost.reason,
            lost.fix
        ));
    }
    if report.read == 0 && report.broken_inputs.is_empty() && report.unfinished.is_empty() && !report.interrupted {
        remarks.push("the input is empty".to_owned());
    }
    remarks.extend(report.unfinished.iter().map(unfinished));
    remarks.extend(report.rotated.iter().map(rotated));
    for (cause, records) in &report.failures {
        let advice = advice(cause).map(|advice| format!(": {advice}")).unwrap_or_default();
        remarks.push(format!("not delivered: {} records, {cause}{advice}", count(*records)));
    }
    for (cause, records) in &report.unanswered {
        remarks.push(format!(
            "unknown: {} records, {cause}: they were sent and not answered, so Kafka may have them; to send them again \
             may double them, which --exactly-once avoids; --rejects FILE writes them with the reason `unknown`",
            count(*records)
        ));
    }
    for rejected in &report.first_rejected {
        let (file, line, detail) = (&rejected.file, rejected.line, &rejected.detail);
        remarks.push(format!("rejected: {file}:{line}: {detail}"));
    }
    if report.rejected > report.first_rejected.len() as u64 {
        let more = report.rejected - report.first_rejected.len() as u64;
        remarks.push(format!(
            "and {} more rejected lines; --rejects FILE writes all of them",
            count(more)
        ));
    }
    for resemblance in &report.resembling {
        let (events, event_type) = (count(resemblance.events), &resemblance.event_type);
        let (topic, resembles) = (&resemblance.topic, &resemblance.resembles);
        remarks.push(format!(
            "warning: {events} events of the type `{event_type}` went to {topic}, because no route names the type, but it \
             looks like `{resembles}`: if that is meant, add the type to routing.rules"
        ));
    }
    remarks
}

//! `kivend archive` and `kivend-archiver`: archive records from Kafka.

use std::sync::Arc;

use crate::archive::epochs::Divergence;
use crate::archiver::{self, ArchiveReport, ColumnMisfits, Mode, Orders};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Align, count, size, table};
use crate::config::Settings;
use crate::error::Exit;
use crate::record::position::TopicPartition;
use crate::task::stop::Reason;
use crate::telemetry::{Health, Metrics, Vitals};

/// Archive everything that Kafka holds now, then stop
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  kivend archive
  kivend archive --format json | jq '{records, stored_bytes, records_per_s}'")]
pub struct Args {
    #[command(flatten)]
    declared: Declared,
}

/// Declarations that only an operator can make.
#[derive(Debug, clap::Args)]
struct Declared {
    /// This topic was deleted and created again on purpose: archive it from its beginning, as a new epoch. Has no effect
    /// if it was not. Valid for one run: a topic that is created again later stops again
    #[arg(long, value_name = "TOPIC")]
    new_epoch: Vec<String>,
    /// An unclean leader election cut Kafka's log of this partition back to OFFSET: end the archive's EPOCH of it, keep what
    /// it holds, and archive from OFFSET on again. The error that stops the partition names the epoch. Has no effect
    /// once that epoch has ended
    #[arg(long, value_name = "TOPIC/PARTITION/EPOCH=OFFSET")]
    diverged: Vec<Divergence>,
}

/// The arguments of the daemon.
#[derive(Debug, clap::Args)]
pub struct DaemonArgs {
    /// Archive up to the current ends of Kafka's logs, seal everything, then stop
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    declared: Declared,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    archive(Mode::Once, &args.declared, context)
}

pub fn run_daemon(args: &DaemonArgs, context: &Context) -> Result<Exit, Failure> {
    let mode = if args.once { Mode::Once } else { Mode::Daemon };
    archive(mode, &args.declared, context)
}

fn archive(mode: Mode, declared: &Declared, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let health = Arc::new(Health::default());
    let vitals = Vitals {
        metrics: Arc::new(Metrics::default()),
        health,
        clock: context.clock(),
    };
    let stop = context.stop_within(settings.archive.shutdown_timeout);
    let orders = Orders {
        mode,
        new_epochs: declared
            .new_epoch
            .iter()
            .map(|topic| settings.topic_name(topic))
            .collect(),
        diverged: declared
            .diverged
            .iter()
            .map(|declared| in_full(declared, &settings))
            .collect(),
    };
    let report = archiver::run(&settings, orders, &vitals, &stop)?;
    context.output().report(&report, text)?;
    Ok(match (mode, stop.reason()) {
        _ if report.stopped().next().is_some() => Exit::Failed,
        // An interrupted `kivend archive` did not do all that was requested; a daemon that is stopped did.
        (Mode::Once, Some(Reason::Interrupt)) => Exit::Interrupted,
        _ => Exit::Done,
    })
}

/// The divergence with the topic's full name.
fn in_full(declared: &Divergence, settings: &Settings) -> Divergence {
    let TopicPartition { topic, partition } = &declared.partition;
    Divergence {
        partition: TopicPartition::new(&settings.topic_name(topic), *partition),
        ..declared.clone()
    }
}

fn text(report: &ArchiveReport) -> String {
    let mut partitions = table(&[
        ("topic", Align::Left),
        ("partition", Align::Right),
        ("records", Align::Right),
        ("segments", Align::Right),
        ("next offset", Align::Right),
    ]);
    for partition in &report.partitions {
        let tally = &partition.tally;
        partitions.add_row([
            partition.topic.clone(),
            partition.partition.to_string(),
            count(tally.records),
            count(tally.segments),
            tally.next_offset.to_string(),
        ]);
    }
    let stopped: String = report
        .stopped()
        .map(|(p, why)| format!("{}/{} stopped: {why}\n", p.topic, p.partition))
        .collect();
    let misfit = |misfits: &ColumnMisfits| {
        format!(
            "{}: the column {} is null in {} records, because their values are not of its type\n",
            misfits.topic,
            misfits.column,
            count(misfits.records)
        )
    };
    let misfits: String = report.column_misfits.iter().map(misfit).collect();
    let left = match report.left_records {
        0 => String::new(),
        left => format!(
            "{} records were not archived in time; they are still in Kafka\n",
            count(left)
        ),
    };
    let partitions = partitions.trim_fmt();
    format!(
        "{partitions}\n{} records in {} segments, {} of {} value bytes, {:.1} s, {} records/s\n{misfits}{stopped}{left}",
        count(report.records),
        count(report.segments),
        size(report.stored_bytes),
        size(report.value_bytes),
        report.elapsed_s,
        count(report.records_per_s as u64),
    )
}

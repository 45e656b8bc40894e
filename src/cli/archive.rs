//! `kivend archive` and `kivend-archiver`: archive records from Kafka.

use std::sync::Arc;

use crate::archive::epochs::Divergence;
use crate::archiver::{self, ArchiveReport, ColumnMisfits, Mode, Orders, Reloaded};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Align, count, size, table};
use crate::cli::place::{is_configured, unknown_topic};
use crate::cli::reload;
use crate::config::{Loaded, Settings};
use crate::error::Exit;
use crate::record::position::TopicPartition;
use crate::task::progress::Silent;
use crate::task::stop::Reason;
use crate::telemetry::{self, Health, Metrics, Vitals};

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
    let Loaded { settings, entries, .. } = context.loaded()?;
    let reloaded = Reloaded::default();
    if mode == Mode::Daemon {
        telemetry::set_log_filter(&settings.telemetry.log);
        reload::watch(context.sources(), entries, reloaded.clone());
    }
    let health = Arc::new(Health::default());
    let vitals = Vitals {
        metrics: Arc::new(Metrics::with_partition_limit(settings.telemetry.partition_limit)),
        health,
        clock: context.clock(),
    };
    let progress = match mode {
        Mode::Once => context.progress(),
        Mode::Daemon => Arc::new(Silent),
    };
    let stop = context.stop_within(settings.archive.shutdown_timeout);
    let declared = declared.in_full(&settings)?;
    let orders = Orders {
        mode,
        new_epochs: declared.new_epoch.clone(),
        diverged: declared.diverged.clone(),
        reloaded,
        progress,
    };
    let report = archiver::run(&settings, orders, &vitals, &stop)?;
    context.output().report(&report, text)?;
    Ok(match (mode, stop.reason()) {
        _ if report.stopped().next().is_some() || !report.unavailable.is_empty() => Exit::Failed,
        // An interrupted `kivend archive` did not do all that was requested; a daemon that is stopped did.
        (Mode::Once, Some(Reason::Interrupt)) => Exit::Interrupted,
        _ => Exit::Done,
    })
}

impl Declared {
    /// The declarations with the full names of their topics. A mistyped topic would have no effect, so it is refused.
    fn in_full(&self, settings: &Settings) -> Result<Declared, Failure> {
        let in_full = |topic: &str| {
            let name = settings.topic_name(topic);
            if is_configured(&name, settings) {
                Ok(name)
            } else {
                Err(unknown_topic(topic, &[], settings))
            }
        };
        let diverged = |declared: &Divergence| {
            let TopicPartition { topic, partition } = &declared.partition;
            Ok::<_, Failure>(Divergence {
                partition: TopicPartition::new(&in_full(topic)?, *partition),
                ..declared.clone()
            })
        };
        Ok(Declared {
            new_epoch: self
                .new_epoch
                .iter()
                .map(|topic| in_full(topic))
                .collect::<Result<_, _>>()?,
            diverged: self.diverged.iter().map(diverged).collect::<Result<_, _>>()?,
        })
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
    let missing: String = report
        .unavailable
        .iter()
        .map(|(topic, why)| format!("{topic} is not archived: {why}\n"))
        .collect();
    let left = match report.left_records {
        0 => String::new(),
        left => format!(
            "{} records were not archived in time; they are still in Kafka\n",
            count(left)
        ),
    };
    let partitions = partitions.trim_fmt();
    format!(
        "{partitions}\n{} records in {} segments, {} of {} value bytes, {:.1} s, {} records/s\n{misfits}{stopped}{missing}{left}",
        count(report.records),
        count(report.segments),
        size(report.stored_bytes),
        size(report.value_bytes),
        report.elapsed_s,
        count(report.records_per_s as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn in_full(new_epoch: &str, diverged: &str) -> Result<Declared, Failure> {
        let sources = Sources {
            environment: vec![("KIVEND_TOPIC_PREFIX".to_owned(), "ux1.".to_owned())],
            ..Sources::default()
        };
        let declared = Declared {
            new_epoch: vec![new_epoch.to_owned()],
            diverged: vec![diverged.parse().unwrap()],
        };
        declared.in_full(&load(&sources).unwrap().settings)
    }

    #[test]
    fn declarations_take_names_with_and_without_the_prefix_and_refuse_others() {
        for prefix in ["", "ux1."] {
            let declared = in_full(&format!("{prefix}payments"), &format!("{prefix}orders/1/0=2600")).unwrap();
            assert_eq!(declared.new_epoch, ["ux1.payments"]);
            assert_eq!(declared.diverged, ["ux1.orders/1/0=2600".parse().unwrap()]);
        }
        assert!(in_full("paymets", "orders/1/0=2600").is_err());
        assert!(in_full("payments", "ordres/1/0=2600").is_err());
    }
}

//! `kivend demo`: everything in one process, without a server.

use std::path::{Path, PathBuf};

use crate::app::demo::{DemoReport, demo};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::output::{Align, coloured, count, table};
use crate::error::Exit;
use crate::task::stop::Stop;

/// Run everything in one process, without a server
#[derive(Debug, clap::Args)]
#[command(after_help = "Leaves the Parquet files, the links and the reports in the folder.

Examples:
  kivend demo
  kivend demo --dir /tmp/kivend-demo")]
pub struct Args {
    /// An empty or new folder; default: ./kivend-demo, or ./kivend-demo-2, -3, … if it exists
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let folder = args.dir.clone().unwrap_or_else(first_free);
    let progress = context.progress("events");
    // Half a demo shows nothing, so an interrupt ends it at once.
    interrupt::say_on_interrupt(format!(
        "the demo's folder {0} is not complete; remove it with `rm -r {0}`",
        folder.display()
    ));
    let report = demo(&settings, &folder, &Stop::never(), &progress)?;
    drop(progress);
    let output = context.output();
    output.report(&report, |report| coloured(&text(report), output))?;
    Ok(if report.tamper_detected && report.verdict == "intact" {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn first_free() -> PathBuf {
    let mut folder = PathBuf::from("kivend-demo");
    let mut number = 2;
    while Path::exists(&folder) {
        folder = PathBuf::from(format!("kivend-demo-{number}"));
        number += 1;
    }
    folder
}

fn text(report: &DemoReport) -> String {
    let mut topics = table(&[
        ("topic", Align::Left),
        ("records", Align::Right),
        ("distinct events", Align::Right),
        ("repeated", Align::Right),
        ("equal in Kafka", Align::Right),
    ]);
    for topic in &report.topics {
        topics.add_row([
            topic.topic.clone(),
            count(topic.records),
            count(topic.distinct_events.unwrap_or(0)),
            count(topic.repeated_events.unwrap_or(0)),
            count(topic.compared_with_kafka.unwrap_or(0)),
        ]);
    }
    let (forged, folder) = (&report.forged, report.folder.display());
    let caught = if report.tamper_detected {
        format!(
            "detected: the verdict is {}, and {} names exactly that record",
            report.tamper_verdict,
            report.tamper_codes.join(" ")
        )
    } else {
        "NOT detected".to_owned()
    };
    format!(
        "{}\n\n{}\n\nThen one value was forged in a copy: {}/{} offset {}\n  {}\n\nEverything is in {folder}: archive/ (Parquet and links), forged/, report.json. Done in {:.1} s. Try next:\n  kivend verify --offline {folder}/archive --key '{}'\n  kivend verify --offline {folder}/forged\n  python3 tools/verify.py {folder}/archive\n",
        topics.trim_fmt(),
        report.summary,
        forged.topic,
        forged.partition,
        forged.offset,
        caught,
        report.elapsed_s,
        report.public_key,
    )
}

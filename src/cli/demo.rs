//! `kivend demo`: everything in one process, without a server.

use std::path::{Path, PathBuf};

use crate::app::demo::{DemoReport, PUBLIC_KEY, demo};
use crate::cli::command_line::{program, quoted};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::output::{Align, Output, coloured, count, table};
use crate::error::Exit;
use crate::task::stop::Stop;

/// Run everything in one process, without a server
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Leaves the events, the archive, a forged copy of it, the reports on both and the keys in the folder.

Examples:
  kivend demo
  kivend demo --dir /tmp/kivend-demo"
)]
pub struct Args {
    /// An empty or new folder; default: ./kivend-demo, or ./kivend-demo-2, -3, … if it exists
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let folder = args.dir.clone().unwrap_or_else(first_free);
    let progress = context.progress();
    // Half a demo shows nothing, so an interrupt ends it at once.
    let shown = folder.to_string_lossy();
    let remark = format!(
        "the demo's folder {shown} is not complete; remove it with `rm -r {}`",
        quoted(&shown)
    );
    interrupt::say_of_place_on_interrupt(&folder, remark);
    let report = demo(&settings, &folder, &Stop::never(), &progress)?;
    interrupt::forget(&folder);
    drop(progress);
    let output = context.output();
    output.report(&report, |report| text(report, output))?;
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

fn text(report: &DemoReport, output: &Output) -> String {
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
    format!(
        "{}\n\n{}\n{}\n{}",
        topics.trim_fmt(),
        coloured(&report.summary, output),
        coloured(&forgery(report), output),
        suggestions(report),
    )
}

/// What was forged in the copy, and whether that was found.
fn forgery(report: &DemoReport) -> String {
    let forged = &report.forged;
    let (before, after) = differing(&forged.before, &forged.after);
    let found = if report.tamper_detected {
        format!(
            "{}: {}/{} offset {}: {} ({})",
            report.tamper_verdict,
            forged.topic,
            forged.partition,
            forged.offset,
            report.tamper_meaning,
            report.tamper_codes.join(" ")
        )
    } else {
        format!("NOT found: the verdict on the copy is {}", report.tamper_verdict)
    };
    format!(
        "Then one record was forged in a copy: {}/{} offset {}\n  before  {before}\n  after   {after}\n\n{found}\n",
        forged.topic, forged.partition, forged.offset,
    )
}

/// Commands to go on with, as a shell takes them where the demo was run, and what each shows.
fn suggestions(report: &DemoReport) -> String {
    let (program, forged) = (program(), &report.forged);
    let file = |name: &str| quoted(&report.folder.join(name).to_string_lossy());
    let (archive, proof, key) = (file("archive"), file("record.proof"), file(PUBLIC_KEY));
    let record = format!("{} {} {}", quoted(&forged.topic), forged.partition, forged.offset);
    let commands = [
        (
            "the archive, without Kafka: intact",
            format!("verify --offline {archive} --key {key}"),
        ),
        (
            "the forged copy: tampered, exit code 10",
            format!("verify --offline {} --key {key}", file("forged")),
        ),
        (
            "a file with the record as it was before",
            format!("prove {record} -o {proof} --store-directory {archive}"),
        ),
        (
            "which proves the record to anyone who has the key",
            format!("verify-proof {proof} --key {key}"),
        ),
    ];
    let mut text = format!(
        "Done in {:.1} s. Everything is in {}. Go on with:\n\n",
        report.elapsed_s,
        report.folder.display()
    );
    for (shows, command) in commands {
        text.push_str(&format!("  {shows}\n    {program} {command}\n"));
    }
    text
}

/// Where two values differ, up to the commas around it.
fn differing<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    let same = |(one, other): &(u8, u8)| one == other;
    let start = before.bytes().zip(after.bytes()).take_while(same).count();
    let most = before.len().min(after.len()) - start;
    let ends = before.bytes().rev().zip(after.bytes().rev());
    let end = ends.take(most).take_while(same).count();
    let ends_member = |byte: &u8| matches!(byte, b',' | b'{' | b'}');
    let member = |text: &'a str| {
        let (head, tail) = (&text.as_bytes()[..start], &text.as_bytes()[text.len() - end..]);
        let from = head.iter().rposition(ends_member).map_or(0, |at| at + 1);
        let until = tail.iter().position(ends_member).unwrap_or(end);
        text.get(from..text.len() - end + until).unwrap_or(text).trim()
    };
    (member(before), member(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_that_differs_is_shown_before_and_after() {
        for (before, after, shown) in [
            (
                r#"{"a": 1, "type": "payment_failure", "b": {}}"#,
                r#"{"a": 1, "type": "payment_success", "b": {}}"#,
                (r#""type": "payment_failure""#, r#""type": "payment_success""#),
            ),
            (r#"{"a": 99}"#, r#"{"a": 91}"#, (r#""a": 99"#, r#""a": 91"#)),
            (r#"{"a": 9}"#, r#"{"a": 99}"#, (r#""a": 9"#, r#""a": 99"#)),
            ("ä1", "ä2", ("ä1", "ä2")),
            ("ä", "ö", ("ä", "ö")),
            ("", "1", ("", "1")),
        ] {
            assert_eq!(differing(before, after), shown);
        }
    }
}

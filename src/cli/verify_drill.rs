//! `kivend verify-drill`: verifies the signed report of a drill. Reads no settings, no bucket and no network.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output::{Align, coloured, count, size, table};
use crate::cli::signed_file::{SignedKind, read_signed};
use crate::cli::time_range::time;
use crate::error::Exit;
use crate::log::drill::{DrillReport, DrillResult};
use crate::verify::drill::{CheckedDrill, check};

/// What the command takes.
const REPORT: SignedKind = SignedKind {
    begin: b"{\"type\":\"kivend.drill/",
    name: "the report of a drill",
    written_by: "kivend drill -o FILE",
};
/// Differences that are printed.
const SHOWN_MAX: usize = 20;

/// Verify the report of a drill offline: no bucket, no Kafka, no network
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 10 the report was altered, 12 none of the keys signed it; else the result of the drill: 0 equal,
10 some record differs, 11 some record was not restored.

Example:
  kivend verify-drill drill.note --key kivend.pub"
)]
pub struct Args {
    /// The report, as `kivend drill` writes it
    file: PathBuf,
    /// The public key of the archive, or a file with it; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE", required = true)]
    keys: Vec<KeyArgument>,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let keys = read_keys("--key", &args.keys)?;
    let file = read_signed(&args.file, REPORT)?;
    let checked = check(&file, &keys);
    let output = context.output();
    output.report(&checked, |checked| coloured(&text(checked), output))?;
    Ok(match &checked.report {
        Some(report) => exit_of(report.result),
        None => checked.verdict.into(),
    })
}

/// The exit code for a result.
pub fn exit_of(result: DrillResult) -> Exit {
    match result {
        DrillResult::Equal => Exit::Done,
        DrillResult::Incomplete => Exit::Incomplete,
        DrillResult::Differs => Exit::Tampered,
    }
}

fn text(checked: &CheckedDrill) -> String {
    match (&checked.report, &checked.signer) {
        (Some(report), Some(signer)) => {
            format!(
                "{}: the report was signed by {signer}\n\n{}",
                checked.verdict,
                describe(report)
            )
        }
        _ => format!(
            "{}: the report proves nothing: {}\n",
            checked.verdict,
            checked.detail.as_deref().unwrap_or_default()
        ),
    }
}

/// What a report says, as lines of text.
pub fn describe(report: &DrillReport) -> String {
    let mut topics = table(&[
        ("topic", Align::Left),
        ("partitions", Align::Right),
        ("archived", Align::Right),
        ("restored equal", Align::Right),
        ("compared with Kafka", Align::Right),
    ]);
    for topic in &report.topics {
        topics.add_row([
            topic.topic.clone(),
            count(topic.partitions),
            count(topic.archived),
            count(topic.equal),
            count(topic.kafka_compared),
        ]);
    }
    let checkpoint = report.checkpoint.map_or("none".to_owned(), |checkpoint| {
        format!("{}, root {}", checkpoint.number, checkpoint.root)
    });
    let times = match (report.min_timestamp_ms, report.max_timestamp_ms) {
        (Some(from), Some(until)) => format!(" with times from {} to {}", time(from), time(until)),
        _ => String::new(),
    };
    let rate = report.records.saturating_mul(1_000) / report.restore_ms.max(1);
    let mut text = format!(
        "{}\n{} records ({}) were restored{times}\nin {:.1} s ({} records/s), and compared in {:.1} s\n",
        topics.trim_fmt(),
        count(report.records),
        size(report.bytes),
        seconds(report.restore_ms),
        count(rate),
        seconds(report.compare_ms),
    );
    text.push_str(&format!(
        "archive    {} ({})\ncheckpoint {checkpoint}\ncluster    {}\ndrilled    {} to {}, {}\n",
        report.origin, report.archive_id, report.cluster_id, report.began_at, report.ended_at, report.software
    ));
    for (number, what) in [
        (report.removed, "archived records were removed under a retention change"),
        (
            report.lost,
            "offsets were lost before they were archived, as links declare",
        ),
    ] {
        if number > 0 {
            text.push_str(&format!("{} {what}\n", count(number)));
        }
    }
    text.push_str(&format!("\n{}\n", statement(report)));
    for one in report.named.iter().take(SHOWN_MAX) {
        text.push_str(&format!(
            "  {}/{} offset {}: {}\n",
            one.topic, one.partition, one.offset, one.detail
        ));
    }
    let hidden = report
        .differences
        .total()
        .saturating_sub(report.named.len().min(SHOWN_MAX) as u64);
    if hidden > 0 {
        text.push_str(&format!("  and {} more\n", count(hidden)));
    }
    text
}

fn statement(report: &DrillReport) -> String {
    let differences = &report.differences;
    if report.result == DrillResult::Equal {
        return "Every archived record was restored as it was.".to_owned();
    }
    let counted = [
        (
            differences.missing,
            "archived records are missing in the restored topics",
        ),
        (differences.altered, "restored records differ from the archived ones"),
        (differences.added, "restored records are not in the archive"),
        (
            differences.refused,
            "archived records were refused by the restored topics",
        ),
        (
            differences.unreadable,
            "segments of the archive do not hold what their links sign",
        ),
        (
            differences.kafka_altered,
            "records of the original topics differ from the archived ones",
        ),
        (
            differences.kafka_added,
            "records of the original topics are not in the archive",
        ),
    ];
    let told = counted.into_iter().filter(|(number, _)| *number > 0);
    let told: Vec<String> = told
        .map(|(number, what)| format!("{} {what}.", count(number)))
        .collect();
    told.join("\n")
}

#[expect(clippy::cast_precision_loss, reason = "for a reader")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

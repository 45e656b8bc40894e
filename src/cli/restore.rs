//! `kivend restore`: sends archived records back to Kafka, each once.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueHint;

use crate::app::restore::{
    Allowed, Creation, Damage, LedgerPlace, Mode, Naming, Rate, Rename, Request, RestoreReport, Surroundings, restore,
};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::key_argument::{KeyArgument, read_keys};
use crate::cli::output::{Align, count, size, table};
use crate::cli::place::explain;
use crate::cli::selected::SelectedArgs;
use crate::cli::time_range::time;
use crate::config::{Properties, Settings};
use crate::error::Exit;
use crate::store;
use crate::verify::given::Given;

/// Restore archived records to Kafka, each once; run it again to continue
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Whole records go to the partitions that they came from: key, value, headers and time, in the order of offsets, in
transactions. Missing topics are created with as many partitions as the archive knows. A record that a target refuses is
left out and named; the exit code is 1 then. Each segment is checked against its signed link first.

Examples:
  kivend restore --prefix restored- --dry-run
  kivend restore --topic 'orders.*' --until 2026-02-03T10:15:00Z --prefix restored- --rejects refused.jsonl
  KIVEND_KAFKA__BROKERS=other:9092 kivend restore --rate 50MB"
)]
pub struct Args {
    #[command(flatten)]
    selected: SelectedArgs,
    /// The prefix of the target topics, in place of the configured topic_prefix
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// The target of one topic; may be repeated
    #[arg(long = "rename", value_name = "FROM=TO")]
    renames: Vec<Rename>,
    /// A setting of topics that are created; may be repeated
    #[arg(long = "topic-config", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
    /// The number of replicas of topics that are created
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=32767))]
    replication_factor: Option<i32>,
    /// Translate what these consumer groups had committed, and commit it: names, or patterns with * and ?; may be repeated
    #[arg(long, value_name = "GROUP")]
    groups: Vec<String>,
    /// At most so many records a second, or bytes: 10000, 5MB
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// Append refused records to FILE, as JSONL with topic, partition, offset and reason
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,
    /// Check and count, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Append to topics that have other records
    #[arg(long)]
    into_nonempty: bool,
    /// Restore to topics that this archive archives: their records are archived again
    #[arg(long)]
    into_archived: bool,
    /// Set retention.ms of a target to -1 if it would delete restored records for their age
    #[arg(long)]
    lift_retention: bool,
    /// A public key of the archive from outside the bucket, or a file with one; may be repeated
    #[arg(long = "key", value_name = "PUBLIC|FILE")]
    keys: Vec<KeyArgument>,
}

fn property(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("expected NAME=VALUE, such as retention.ms=-1")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let request = request(args, &settings, context)?;
    let given = Given::keys(&read_keys("--key", &args.keys)?);
    let (stop, progress) = (context.stop(), context.progress());
    let report = context.runtime()?.block_on(async {
        let store = store::open(&settings.store).await?;
        let surroundings = Surroundings {
            store: Arc::clone(&store),
            given,
            kafka: settings.kafka.clone(),
            stop,
            progress,
        };
        match restore(surroundings, request).await {
            Err(error) => Err(explain(error.into(), store.as_ref(), &settings.store).await),
            Ok(report) => Ok(report),
        }
    })?;
    context.output().report(&report, text)?;
    let has_problem = report.groups.iter().any(|one| one.problem.is_some());
    Ok(match (report.interrupted, report.refused) {
        (true, _) => Exit::Interrupted,
        (false, 0) if !has_problem => Exit::Done,
        (false, _) => Exit::Failed,
    })
}

fn request(args: &Args, settings: &Settings, context: &Context) -> Result<Request, Failure> {
    Ok(Request {
        topics: args.selected.topics(settings),
        partition: args.selected.partition(),
        span: args.selected.span(context)?,
        naming: Naming {
            own_prefix: settings.topic_prefix.clone(),
            prefix: args.prefix.clone(),
            renames: args
                .renames
                .iter()
                .map(|rename| in_settings(rename, settings))
                .collect(),
        },
        archived: settings.archived.clone(),
        allowed: Allowed {
            nonempty: args.into_nonempty,
            archived: args.into_archived,
            lifting: args.lift_retention,
        },
        damage: Damage::Refused,
        creation: Creation {
            replication_factor: args.replication_factor.unwrap_or(settings.default_replication_factor),
            properties: args.properties.iter().cloned().collect::<Properties>(),
            configured: settings.topics.clone(),
        },
        ledger: LedgerPlace::of(settings),
        groups: args.groups.clone(),
        rate: args.rate,
        rejects: args.rejects.clone(),
        mode: if args.dry_run { Mode::DryRun } else { Mode::Restore },
    })
}

/// The archived topic may be named without the configured prefix.
fn in_settings(rename: &Rename, settings: &Settings) -> Rename {
    Rename {
        from: settings.topic_name(&rename.from),
        to: rename.to.clone(),
    }
}

fn text(report: &RestoreReport) -> String {
    let mut topics = table(&[
        ("topic", Align::Left),
        ("to", Align::Left),
        ("partitions", Align::Right),
        ("records", Align::Right),
        ("earlier", Align::Right),
        ("refused", Align::Right),
        ("", Align::Left),
    ]);
    for topic in &report.topics {
        topics.add_row([
            topic.from.clone(),
            topic.to.clone(),
            topic.partitions.to_string(),
            count(topic.records),
            count(topic.earlier),
            count(topic.refused),
            remark(topic.created, topic.lifted_retention_ms, topic.deleted_by_retention),
        ]);
    }
    let what = if report.dry_run {
        "would be restored"
    } else {
        "restored"
    };
    let mut text = format!(
        "{}\n\n{} records ({}) {what} in {:.1} s",
        topics.trim_fmt(),
        count(report.records),
        size(report.bytes),
        report.elapsed_s
    );
    if let (Some(from), Some(until)) = (report.from_ms, report.until_ms) {
        text.push_str(&format!("\n  with times from {} to {}", time(from), time(until)));
    }
    for (number, what) in [
        (report.earlier, "were restored by earlier runs"),
        (report.refused, "are refused by the target topics, and not restored"),
        (report.restamped, "have no time, and get that of their sending"),
        (report.removed, "were removed under a retention change"),
        (
            report.lost_offsets,
            "offsets were lost before they were archived, as links declare",
        ),
    ] {
        if number > 0 {
            text.push_str(&format!("\n  {} {what}", count(number)));
        }
    }
    for one in &report.groups {
        let offset = one.offset.map_or("none".to_owned(), |offset| offset.to_string());
        let problem = one
            .problem
            .as_ref()
            .map_or(String::new(), |problem| format!(": {problem}"));
        text.push_str(&format!(
            "\n  group {} at {}/{}: offset {} is {offset}{problem}",
            one.group, one.topic, one.partition, one.archived_offset
        ));
    }
    for refused in &report.refused_records {
        text.push_str(&format!(
            "\n    {}/{} offset {}: {}",
            refused.topic, refused.partition, refused.offset, refused.reason
        ));
    }
    text
}

fn remark(created: bool, lifted_ms: Option<i64>, deleted: u64) -> String {
    let mut remarks = Vec::new();
    if created {
        remarks.push("created".to_owned());
    }
    if let Some(was) = lifted_ms {
        remarks.push(format!("retention.ms was {was} and is -1 now"));
    }
    if deleted > 0 {
        remarks.push(format!("retention would delete {}", count(deleted)));
    }
    remarks.join(", ")
}

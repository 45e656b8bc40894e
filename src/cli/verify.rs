//! `kivend verify`: verifies the archive. The exit code is the verdict.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;

use crate::app::verify::absent;
use crate::app::verify::cluster::ClusterFacts;
use crate::app::verify::facts::KafkaFacts;
use crate::app::verify::{Base, Depth, Losses, Request, SavedFiles, Since, verify};
use crate::cli::command_line;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, FileError};
use crate::cli::given::GivenArgs;
use crate::cli::output::coloured;
use crate::cli::output_file::OutputFile;
use crate::cli::place::{hint_at_nearby, no_archive, require_folder, require_topic, unknown_partition, warn_of_name};
use crate::cli::report_files::{self, ReportFiles, ReportFilesArgs};
use crate::cli::when::When;
use crate::config::{Settings, StoreBackend, StoreSettings};
use crate::error::{Exit, Kind};
use crate::record::utc::UtcSeconds;
use crate::store;
use crate::task::error::AppError;
use crate::telemetry::verification_metrics;
use crate::verify::findings::{Code, Severity};
use crate::verify::kafka::LagPolicy;
use crate::verify::merge::merge;
use crate::verify::report::Report;
use crate::verify::shard::Shard;
use crate::verify::text::render;
use crate::writing::checkpoint_mirror::CheckpointMirror;

/// The options that a repetition leaves out: those that write files, which are evidence, and the keys, whose text it has instead.
const NOT_REPEATED: [&str; 7] = {
    let [html, pdf, json, sign, sign_key] = report_files::OPTIONS;
    [html, pdf, json, sign, sign_key, "--metrics-file", "--key"]
};

/// Verify the archive, count its records, and compare it with Kafka
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 intact, 10 tampered, 11 incomplete, 12 unverifiable.
Each finding has a code; docs/FINDINGS.md explains the codes and what to do.

Examples:
  kivend verify
  kivend verify --key kivend.pub --since checkpoint-of-yesterday.note
  kivend verify --offline ./copy-of-the-bucket")]
pub struct Args {
    /// Read only newer data: segments since a time (all links are still checked), or what is newer than a checkpoint (a
    /// file, or a number in the bucket)
    #[arg(long, value_name = "WHEN|CHECKPOINT")]
    since: Option<Start>,
    /// Verify only one part of the partitions, such as 1/4; join the reports of all parts with --merge
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Join the JSON reports of all shards into one verdict
    #[arg(long, value_name = "REPORT", num_args = 1.., conflicts_with_all = ["since", "shard", "keys", "witnesses", "policy", "origin", "topic", "partition", "offline", "checkpoints", "at_rest", "fail_on_loss"])]
    merge: Vec<PathBuf>,
    #[command(flatten)]
    given: GivenArgs,
    /// Verify only this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Verify only this partition number
    #[arg(long, value_name = "PARTITION")]
    partition: Option<i32>,
    /// What to check; links are always checked
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Against::Kafka, Against::Rows, Against::Links, Against::Mirrors])]
    against: Vec<Against>,
    /// Verify a copy of the archive in this folder, without Kafka and without the bucket
    #[arg(long, value_name = "DIR")]
    offline: Option<PathBuf>,
    /// A checkpoint that was saved elsewhere, with its entry in FILE.entry; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Count records in Kafka that are not archived yet as missing
    #[arg(long)]
    at_rest: bool,
    /// Count records as missing that a link declares lost
    #[arg(long)]
    fail_on_loss: bool,
    #[command(flatten)]
    files: ReportFilesArgs,
    /// Write the verdict and the counts as metrics, for node_exporter's textfile collector; FILE is replaced at the end
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
}

/// The start of a partial verification.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    When(When),
    Number(u64),
    File(PathBuf),
}

impl FromStr for Start {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Start, Infallible> {
        Ok(match (text.parse(), text.parse()) {
            (Ok(number), _) => Start::Number(number),
            (_, Ok(when)) => Start::When(when),
            _ => Start::File(PathBuf::from(text)),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// Kafka's commit, and the records that Kafka still holds
    Kafka,
    /// Every row of every segment
    Rows,
    /// All links and checkpoints
    Links,
    /// The newest checkpoint of each mirror (setting archive.checkpoint_copies)
    #[value(name = "copies")]
    Mirrors,
}

pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let files = args.files.prepare(context)?;
    if !args.merge.is_empty() {
        return conclude(args, &files, merged(&args.merge)?, context);
    }
    let loaded = context.loaded()?;
    let settings = &loaded.settings;
    if let Some(folder) = &args.offline {
        require_folder(folder)?;
    }
    let request = request(args, settings, context)?;
    let place = place(args, settings);
    if let StoreBackend::Directory(folder) = &place.backend
        && folder.is_file()
    {
        require_folder(folder)?;
    }
    let facts: Option<Arc<dyn KafkaFacts>> = if args.against.contains(&Against::Kafka) && args.offline.is_none() {
        Some(Arc::new(ClusterFacts::connect(&settings.kafka)?))
    } else {
        None
    };
    let progress = context.progress();
    let asks_kafka = facts.is_some();
    let mut report = context.runtime()?.block_on(async {
        let store = store::open(&place).await?;
        if !absent::is_expected(store.as_ref(), facts.as_ref(), &request).await {
            return Err(no_archive(&store.location(), &place).await);
        }
        let report = verify(Arc::clone(&store), facts, request, progress).await?;
        if report
            .findings
            .iter()
            .any(|finding| finding.code == Code::IdentityMissing)
        {
            hint_at_nearby(&place, context.output()).await;
        }
        if is_about_nothing(&report) {
            let scope = &report.scope;
            if let Some(topic) = &scope.topic {
                require_topic(topic, store.as_ref(), settings).await?;
            }
            if let Some(partition) = scope.partition {
                return Err(unknown_partition(scope.topic.as_deref(), partition));
            }
        }
        Ok::<_, Failure>(report)
    })?;
    if asks_kafka {
        report.run.brokers.clone_from(&settings.kafka.brokers);
    }
    if args.offline.is_none() {
        warn_of_name(report.archive.archive.as_deref(), &loaded, context.output());
    }
    conclude(args, &files, report, context)
}

fn conclude(args: &Args, files: &ReportFiles<'_>, mut report: Report, context: &Context) -> Result<Exit, Failure> {
    let run = &mut report.run;
    let keys: Vec<String> = args.given.read()?.keys.iter().map(ToString::to_string).collect();
    run.command = Some(command_line::shown());
    run.repeat = Some(command_line::shown_without(&NOT_REPEATED, &keys));
    run.note = files.note();
    let report = &report;
    files.write(report)?;
    if let Some(file) = &args.metrics_file {
        let ended = context.clock().utc_seconds();
        OutputFile::replace(file, verification_metrics(report, ended).as_bytes())?;
    }
    let output = context.output();
    output.report(report, |report| coloured(&render(report), output))?;
    Ok(report.verdict.into())
}

/// Whether nothing was verified because the topic or the partition that was asked for is nowhere, and nothing else is wrong. A
/// shard may own no partition of a topic.
fn is_about_nothing(report: &Report) -> bool {
    let scope = &report.scope;
    let is_narrowed = (scope.topic.is_some() || scope.partition.is_some()) && scope.shard.is_none();
    let mut grave = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note);
    is_narrowed && scope.partitions == 0 && grave.all(|finding| finding.code == Code::NothingInScope)
}

fn merged(files: &[PathBuf]) -> Result<Report, Failure> {
    let mut reports = Vec::with_capacity(files.len());
    for file in files {
        let name = file.display().to_string();
        let report = serde_json::from_slice(&read(file)?).map_err(|error| {
            AppError::input(format!(
                "not a report of `kivend verify --format json`: `{name}`: {error}"
            ))
        })?;
        reports.push((name, report));
    }
    Ok(merge(reports).map_err(|error| AppError::input(error.to_string()))?)
}

fn place(args: &Args, settings: &Settings) -> StoreSettings {
    match &args.offline {
        None => settings.store.clone(),
        Some(folder) => StoreSettings {
            backend: StoreBackend::Directory(folder.clone()),
            prefix: String::new(),
        },
    }
}

fn request(args: &Args, settings: &Settings, context: &Context) -> Result<Request, Failure> {
    let (since, base) = match &args.since {
        None => (None, None),
        Some(Start::When(when)) => (Some(when.resolve(context.clock().wall()).as_second()), None),
        Some(Start::Number(number)) => (None, Some(Base::Number(*number))),
        Some(Start::File(file)) if !file.exists() => return Err(no_start(file)),
        Some(Start::File(file)) => (None, Some(Base::Saved(saved(file)?))),
    };
    let saved_checkpoints: Result<Vec<SavedFiles>, Failure> = args.checkpoints.iter().map(|file| saved(file)).collect();
    Ok(Request {
        topics: settings.archived.clone(),
        topic: args.topic.as_deref().map(|topic| settings.topic_name(topic)),
        partition: args.partition,
        since: since.map(|seconds| Since(UtcSeconds::from_unix(seconds))),
        base,
        shard: args.shard,
        depth: if args.against.contains(&Against::Rows) {
            Depth::Rows
        } else {
            Depth::Links
        },
        lag: if args.at_rest {
            LagPolicy::Refused
        } else {
            LagPolicy::Allowed
        },
        losses: if args.fail_on_loss {
            Losses::Refused
        } else {
            Losses::Stated
        },
        given: args.given.read()?,
        saved_checkpoints: saved_checkpoints?,
        mirrors: mirrors(args, settings),
        ..Request::default()
    })
}

/// The checkpoint mirrors of the settings, if they are to be checked; none with --offline.
fn mirrors(args: &Args, settings: &Settings) -> Vec<CheckpointMirror> {
    if args.offline.is_some() || !args.against.contains(&Against::Mirrors) {
        return Vec::new();
    }
    let mirrors = settings.archive.checkpoint_copies.iter();
    mirrors
        .map(|copy| CheckpointMirror::new(copy, &settings.kafka))
        .collect()
}

fn no_start(file: &Path) -> Failure {
    Failure::new(
        Kind::Config,
        format!(
            "--since `{}` is neither a time, nor the number of a checkpoint, nor a file",
            file.display()
        ),
        "write 2026-02-03, 2026-02-03T10:15:00Z, a duration such as 24h for that long ago, or the file of a saved checkpoint",
    )
}

/// A saved checkpoint, and its entry from the file beside it, if there is one.
fn saved(file: &Path) -> Result<SavedFiles, Failure> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".entry");
    let beside = PathBuf::from(beside);
    let saved = SavedFiles {
        checkpoint: read(file)?,
        entry: if beside.exists() { Some(read(&beside)?) } else { None },
    };
    match saved.parse() {
        Ok(_) => Ok(saved),
        Err(error) => Err(AppError::input(format!("{error}: `{}`", file.display()))
            .fix(
                "name a file that `kivend checkpoint -o FILE` wrote; if this was one, it was damaged: use another copy",
            )
            .into()),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| FileError::new("read", file, error).into())
}

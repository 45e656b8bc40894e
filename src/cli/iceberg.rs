//! `kivend iceberg`: tables over the archive's segments.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use crate::app::iceberg::Programs;
use crate::cli::command_line::quoted;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::config::{Settings, Sources, StoreBackend};
use crate::error::{Exit, Kind};

/// Register the archive's segments as Apache Iceberg tables
#[derive(Debug, Subcommand)]
pub enum Iceberg {
    /// Register new segments, one table a topic and one snapshot a checkpoint; the archive is only read
    #[command(
        after_help = "Needs Python with PyIceberg: pip install 'pyiceberg[sql-sqlite]==0.12.0' pyarrow cryptography
The catalog is one of PyIceberg's configuration. A run registers what is new, and continues after one that was killed.
docs/ICEBERG.md describes the tables.

Examples:
  PYICEBERG_CATALOG__DEFAULT__URI=https://catalog.example kivend iceberg sync --location s3://tables/kivend
  kivend iceberg sync --location s3://tables/kivend --topic payments --newest-only"
    )]
    Sync(SyncArgs),
}

#[derive(Debug, clap::Args)]
pub struct SyncArgs {
    /// Where the tables' metadata goes: a place outside the archive
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    location: String,
    /// A catalog of PyIceberg's configuration
    #[arg(long, value_name = "NAME", default_value = "default")]
    catalog: String,
    /// The namespace of the tables
    #[arg(long, value_name = "NAME", default_value = "kivend")]
    namespace: String,
    /// Register only this topic; may be repeated
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Make one snapshot of all that is new, at the newest checkpoint
    #[arg(long)]
    newest_only: bool,
    /// The Python that has PyIceberg
    #[arg(long, value_name = "PROGRAM", default_value = "python3", value_hint = ValueHint::CommandName)]
    python: PathBuf,
}

pub fn run(command: &Iceberg, context: &Context) -> Result<Exit, Failure> {
    let Iceberg::Sync(args) = command;
    let settings = context.settings()?;
    let own = own_command(&context.sources())?;
    let mut arguments = vec![
        "--archive".to_owned(),
        archive(&settings)?,
        "--location".to_owned(),
        args.location.clone(),
        "--catalog".to_owned(),
        args.catalog.clone(),
        "--namespace".to_owned(),
        args.namespace.clone(),
        "--kivend".to_owned(),
        own,
    ];
    for topic in &args.topics {
        arguments.extend(["--topic".to_owned(), settings.topic_name(topic)]);
    }
    if args.newest_only {
        arguments.push("--newest-only".to_owned());
    }
    let programs = Programs::unpacked_for(&args.python)?;
    // The second Ctrl-C ends this process at once.
    interrupt::remove_folder_on_interrupt(programs.folder());
    let stop = context.stop();
    let syncing = programs.sync(&args.python, &arguments, environment(&settings), &stop);
    let ended = context.runtime()?.block_on(syncing);
    interrupt::forget(programs.folder());
    Ok(ended?)
}

/// The archive's URL.
fn archive(settings: &Settings) -> Result<String, Failure> {
    let prefix = settings.store.prefix.as_str();
    let root = match &settings.store.backend {
        StoreBackend::S3(s3) => format!("s3://{}", s3.bucket),
        StoreBackend::Directory(folder) => {
            let folder = std::path::absolute(folder).map_err(|error| {
                Failure::new(
                    Kind::Config,
                    format!("the archive's folder has no absolute path: {error}"),
                    "write the whole path in store.directory",
                )
            })?;
            format!("file://{}", folder.display())
        }
    };
    Ok(if prefix.is_empty() {
        root
    } else {
        format!("{root}/{prefix}")
    })
}

/// This program with the same settings, as a shell takes it.
fn own_command(sources: &Sources) -> Result<String, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(
            Kind::Internal,
            format!("the path of this program is not known: {error}"),
            Kind::Internal.remedy(),
        )
    })?;
    let mut words = vec![program.display().to_string(), "--quiet".to_owned()];
    if let Some(file) = &sources.file {
        words.extend(["--config".to_owned(), file.display().to_string()]);
    }
    for flag in &sources.flags {
        words.extend(["--set".to_owned(), format!("{}={}", flag.key, flag.value)]);
    }
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    Ok(quoted.join(" "))
}

/// The endpoint, region and profile of the archive, as libraries of AWS take them. Credentials come from the same places.
fn environment(settings: &Settings) -> Vec<(&str, &str)> {
    let StoreBackend::S3(s3) = &settings.store.backend else {
        return Vec::new();
    };
    let optional = [("AWS_ENDPOINT_URL", &s3.endpoint), ("AWS_PROFILE", &s3.profile)];
    let given = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    given.chain([("AWS_REGION", s3.region.as_str())]).collect()
}

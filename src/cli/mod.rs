//! The command line: turns arguments into settings, calls one function of `app`, and prints its report. Exit codes and errors
//! are handled here only.
//!
//! # To add a command
//! 1. `src/cli/<command>.rs`: `#[derive(clap::Args)] pub struct Args` and
//!    `pub fn run(args: Args, context: &Context) -> Result<Exit, Failure>`; `?` converts every error that is [`Explain`].
//! 2. One variant in `Command` (its doc comment is the help) and one arm in `Command::run`.
//! 3. `cargo insta accept` for the snapshot of its help.
//!
//! [`Explain`]: crate::error::Explain

mod archive;
mod audit;
mod browser;
mod checkpoint;
mod command_line;
mod completions;
mod config;
mod consume;
mod context;
mod demo;
mod doctor;
mod drill;
mod export;
mod failure;
mod files;
mod format;
mod generate;
mod given;
mod global;
mod iceberg;
mod ingest;
mod init;
mod interrupt;
mod key_argument;
mod keys;
mod man;
mod manual_page;
mod number;
mod output;
mod output_file;
mod output_folder;
mod place;
mod progress;
mod prove;
mod prove_selection;
mod reload;
mod report_files;
mod restore;
mod retention;
mod selected;
mod signed_file;
mod stderr;
mod time_range;
mod topics;
mod usage;
mod verify;
mod verify_drill;
mod verify_proof;
mod verify_report;
mod welcome;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::global::Global;
use crate::error::Exit;

/// Archive Kafka topics as signed Parquet on S3, and prove that nothing is missing or changed
#[derive(Debug, Parser)]
#[command(name = "kivend", version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Settings come from config/kivend.toml, KIVEND_* variables and flags; later ones override earlier ones.
Exit codes: 0 done or intact, 1 failed, 2 wrong usage or configuration, 10 tampered,
11 incomplete, 12 unverifiable, 130 interrupted."
)]
pub struct Kivend {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process, without a server
    Demo(demo::Args),
    /// Create or list the configured topics
    #[command(subcommand)]
    Topics(topics::Topics),
    /// Write the events of a synthetic shop as JSONL; the same seed gives the same bytes
    Generate(generate::Args),
    /// Send events from JSONL files to the topics, and account for every line
    Ingest(ingest::Args),
    /// Print the records of a topic, then statistics
    Consume(consume::Args),
    /// Archive everything that Kafka holds now, then stop
    Archive(archive::Args),
    /// Verify the archive, count its records, and compare it with Kafka
    Verify(verify::Args),
    /// Prove that records are in the archive, in one file that can be verified offline
    Prove(prove::Args),
    /// Verify a proof file or folder offline: no bucket, no Kafka, no network
    VerifyProof(verify_proof::Args),
    /// Sign a checkpoint now, store it, and print it
    Checkpoint(checkpoint::Args),
    /// Export archived records as JSONL, byte for byte
    Export(export::Args),
    /// Restore archived records to Kafka, each once; run it again to continue
    Restore(restore::Args),
    /// Restore to throw-away topics, compare, remove them, and sign a report
    Drill(drill::Args),
    /// Verify the report of a drill offline: no bucket, no Kafka, no network
    VerifyDrill(verify_drill::Args),
    /// Verify the signed report of a verification offline, and the files that it names
    VerifyReport(verify_report::Args),
    /// List the segments of the archive, for query tools
    Files(files::Args),
    /// Compare Parquet that another sink wrote with the archive and with Kafka
    Audit(audit::Args),
    /// Register the archive's segments as Apache Iceberg tables
    #[command(subcommand)]
    Iceberg(iceberg::Iceberg),
    /// Create the archive's identity and signing key
    Init(init::Args),
    /// Show or change the keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Show, propose or carry out the removal of old segments
    Retention(retention::Args),
    /// Check brokers, store, keys and settings for problems, each with a remedy
    Doctor(doctor::Args),
    /// Show the settings in force and where each came from, or check a settings file
    #[command(subcommand)]
    Config(config::Config),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page of kivend, of a command, or of kivend-archiver
    Man(man::Args),
}

impl Command {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Command::Demo(args) => demo::run(&args, context),
            Command::Topics(command) => topics::run(&command, context),
            Command::Generate(args) => generate::run(&args, context),
            Command::Ingest(args) => ingest::run(args, context),
            Command::Consume(args) => consume::run(&args, context),
            Command::Archive(args) => archive::run(&args, context),
            Command::Verify(args) => verify::run(&args, context),
            Command::Prove(args) => prove::run(&args, context),
            Command::VerifyProof(args) => verify_proof::run(&args, context),
            Command::Checkpoint(args) => checkpoint::run(&args, context),
            Command::Export(args) => export::run(&args, context),
            Command::Restore(args) => restore::run(&args, context),
            Command::Drill(args) => drill::run(&args, context),
            Command::VerifyDrill(args) => verify_drill::run(&args, context),
            Command::VerifyReport(args) => verify_report::run(&args, context),
            Command::Files(args) => files::run(&args, context),
            Command::Audit(args) => audit::run(&args, context),
            Command::Iceberg(command) => iceberg::run(&command, context),
            Command::Init(args) => init::run(&args, context),
            Command::Keys(command) => keys::run(&command, context),
            Command::Retention(args) => retention::run(&args, context),
            Command::Doctor(args) => doctor::run(&args, context),
            Command::Config(command) => config::run(&command, context),
            Command::Completions(args) => completions::run(&args, Kivend::command(), Archiver::command(), context),
            Command::Man(args) => man::run(&args, Kivend::command(), Archiver::command(), context),
        }
    }
}

/// Runs the program `kivend`.
#[must_use]
pub fn kivend() -> ExitCode {
    if std::env::args_os().len() <= 1 {
        return welcome::print().into();
    }
    match Kivend::try_parse() {
        Ok(Kivend { command, global }) => start(&global, |context| command.run(context)),
        Err(error) => usage::refuse(&error).into(),
    }
}

/// Archive Kafka topics as signed, hash-chained Parquet, exactly once
#[derive(Debug, Parser)]
#[command(name = "kivend-archiver", version)]
#[command(
    after_help = "On SIGTERM or Ctrl-C it seals, uploads and commits what it has, and leaves the group, within archive.shutdown_timeout; a second signal ends it at once.
On SIGHUP it loads its settings again, and logs what is in force and what needs a restart.
The status page, /metrics, /healthz and /readyz are served on telemetry.listen."
)]
pub struct Archiver {
    #[command(flatten)]
    args: archive::DaemonArgs,
    #[command(flatten)]
    global: Global,
}

/// Runs the program `kivend-archiver`.
#[must_use]
pub fn archiver() -> ExitCode {
    match Archiver::try_parse() {
        Ok(Archiver { args, global }) => start(&global.louder(), |context| archive::run_daemon(&args, context)),
        Err(error) => usage::refuse(&error).into(),
    }
}

/// Runs a command with logging and signal handling; the only place that reports failures.
fn start(global: &Global, run: impl FnOnce(&Context) -> Result<Exit, Failure>) -> ExitCode {
    let context = Context::new(global);
    let exit = run(&context).unwrap_or_else(|failure| context.output().fail(failure));
    exit.into()
}

#[cfg(test)]
mod snapshots;

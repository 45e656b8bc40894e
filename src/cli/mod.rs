//! The command line: arguments to settings to one function of `app`, and its report to a table or JSON. Never any work
//! of its own, and never a second place that prints errors or chooses exit codes.
//!
//! # To add a command
//! 1. `src/cli/<command>.rs`: `#[derive(clap::Args)] pub struct Args` and
//!    `pub fn run(args: Args, context: &Context) -> Result<Exit, Failure>`; `?` works on every error that is [`Explain`].
//! 2. One variant in `Command` (its doc comment is the line in the help) and one arm in `Command::run`.
//! 3. `cargo insta accept` for the help's snapshot in `snapshots.rs`.
//!
//! [`Explain`]: crate::error::Explain

mod archive;
mod checkpoint;
mod completions;
mod config;
mod consume;
mod context;
mod demo;
mod doctor;
mod export;
mod failure;
mod files;
mod format;
mod generate;
mod global;
mod ingest;
mod init;
mod interrupt;
mod keys;
mod man;
mod output;
mod progress;
mod prove;
mod topics;
mod verify;
mod verify_proof;
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
    after_help = "Settings come from config/kivend.toml, KIVEND_* variables and flags, in rising rank.
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
    /// Show everything in one process, without a server
    Demo(demo::Args),
    /// Create the configured topics, or list what there is
    #[command(subcommand)]
    Topics(topics::Topics),
    /// Write a made-up shop's events as JSONL, the same bytes for the same seed
    Generate(generate::Args),
    /// Send events from JSONL files to the topics, and account for every line
    Ingest(ingest::Args),
    /// Print the records of a topic, then statistics
    Consume(consume::Args),
    /// Archive everything that Kafka holds now, then stop
    Archive(archive::Args),
    /// Check the archive, recount it, and compare it with Kafka
    Verify(verify::Args),
    /// Prove that one record stands in the archive, in one file that verifies offline
    Prove(prove::Args),
    /// Check a proof offline: no bucket, no Kafka, no network
    VerifyProof(verify_proof::Args),
    /// Sign the heads now, store the checkpoint, and print the note
    Checkpoint(checkpoint::Args),
    /// Give archived records back as JSONL, byte for byte, or send them to Kafka again
    Export(export::Args),
    /// List the segments that links own, for tools that want an exact list
    Files(files::Args),
    /// Make the archive's identity and signing key, once
    Init(init::Args),
    /// Show the signing keys, or change them
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look for everything that could be wrong, each with its remedy
    Doctor(doctor::Args),
    /// Show the settings in force, and where each came from
    #[command(subcommand)]
    Config(config::Config),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page of kivend or of one of its commands
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
            Command::Files(args) => files::run(&args, context),
            Command::Init(args) => init::run(&args, context),
            Command::Keys(command) => keys::run(&command, context),
            Command::Doctor(args) => doctor::run(&args, context),
            Command::Config(command) => config::run(&command, context),
            Command::Completions(args) => completions::run(&args, Kivend::command(), context),
            Command::Man(args) => man::run(&args, Kivend::command(), context),
        }
    }
}

/// The program `kivend`.
#[must_use]
pub fn kivend() -> ExitCode {
    let Kivend { command, global } = Kivend::parse();
    start(&global, |context| command.run(context))
}

/// Archive Kafka topics as signed, hash-chained Parquet, exactly once
#[derive(Debug, Parser)]
#[command(name = "kivend-archiver", version)]
#[command(
    after_help = "Stops in good order on SIGTERM or Ctrl-C: seals, uploads, commits, leaves the group. A second one stops at once.
Metrics, /healthz and /readyz are served on telemetry.listen."
)]
pub struct Archiver {
    #[command(flatten)]
    args: archive::DaemonArgs,
    #[command(flatten)]
    global: Global,
}

/// The program `kivend-archiver`.
#[must_use]
pub fn archiver() -> ExitCode {
    let Archiver { args, global } = Archiver::parse();
    start(&global.louder(), |context| archive::run_daemon(&args, context))
}

/// Runs a command within its surroundings: log, signals, and the one place that reports failure.
fn start(global: &Global, run: impl FnOnce(&Context) -> Result<Exit, Failure>) -> ExitCode {
    let context = Context::new(global);
    let exit = run(&context).unwrap_or_else(|failure| context.output().fail(failure));
    exit.into()
}

#[cfg(test)]
mod snapshots;

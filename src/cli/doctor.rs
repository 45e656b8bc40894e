//! `kivend doctor`: checks for problems, each with a remedy.

use std::fmt::Write as _;

use crate::app::doctor::{DoctorReport, Status, examine};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Mark, Output};
use crate::error::Exit;

/// Check brokers, store, keys and settings for problems, each with a remedy
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes only a few small objects under probes/ in the store. The exit code is 1 if a check failed.

Examples:
  kivend doctor
  kivend doctor --format json | jq -r '.checks[] | select(.status == \"failed\") | .remedy'"
)]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings()?;
    let progress = context.progress();
    let report = context
        .runtime()?
        .block_on(examine(&settings, context.clock(), progress.as_ref()));
    drop(progress);
    let output = context.output();
    output.report(&report, |report| text(report, output))?;
    Ok(if report.has_failed() { Exit::Failed } else { Exit::Done })
}

fn text(report: &DoctorReport, output: &Output) -> String {
    let width = report.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in &report.checks {
        let status = match check.status {
            Status::Ok => output.marked("ok     ", Mark::Good),
            Status::Warning => output.marked("warning", Mark::Doubtful),
            Status::Failed => output.marked("failed ", Mark::Bad),
            Status::Skipped => "skipped".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{status}  {:width$}  {}", check.name, check.detail);
        if !check.remedy.is_empty() {
            let _ = writeln!(text, "{:9}{:width$}  fix: {}", "", "", check.remedy);
        }
    }
    text
}

//! `kivend config`: shows the settings in force, or checks them. Secrets are masked when settings are loaded.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Subcommand, ValueHint};
use serde::Serialize;

use crate::app::config_check::{self, ConfigReport};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{Mark, Output};
use crate::config::{Entry, Level, Problem, Sources};
use crate::error::Exit;

/// Show the settings in force and where each came from, or check a settings file
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every setting with its value and where it came from; secrets are masked
    #[command(after_help = "Examples:
  kivend config show
  KIVEND_STORE__PREFIX=audit kivend config show --set archive.seal_max_age=90s
  kivend config show --format json | jq '.settings[] | select(.origin != \"default\")'")]
    Show,
    /// Name every problem of the settings, each with its line, without contacting anything
    #[command(
        after_help = "Checked are the file, the KIVEND_* variables and the flags together, and the files that they name. The exit code is 2 if a setting would be refused or never takes effect.

Examples:
  kivend config check /etc/kivend/kivend.toml
  kivend config check --format json | jq -r '.problems[] | \"\\(.line) \\(.setting): \\(.message)\"'"
    )]
    Check {
        /// The settings file; default: that of --config, else the usual one
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
struct Report {
    settings: Vec<Entry>,
}

pub fn run(command: &Config, context: &Context) -> Result<Exit, Failure> {
    match command {
        Config::Show => {
            let settings = context.loaded()?.entries;
            context.output().report(&Report { settings }, text)?;
            Ok(Exit::Done)
        }
        Config::Check { file } => {
            let sources = context.sources();
            let file = file.clone().or_else(|| sources.file.clone());
            let report = config_check::check(&Sources { file, ..sources });
            let output = context.output();
            output.report(&report, |report| problems(report, output))?;
            Ok(if report.ok { Exit::Done } else { Exit::Usage })
        }
    }
}

/// One line for each problem, as compilers write them, and what was checked.
fn problems(report: &ConfigReport, output: &Output) -> String {
    let mut text = String::new();
    for Problem {
        level,
        setting,
        origin,
        line,
        message,
        fix,
    } in &report.problems
    {
        let level = match level {
            Level::Refused => output.marked("error", Mark::Bad),
            Level::NoEffect => output.marked("no effect", Mark::Doubtful),
            Level::Note => "note".to_owned(),
        };
        let origin = origin.as_deref().unwrap_or("default");
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let setting = setting
            .as_ref()
            .map(|setting| format!("{setting}: "))
            .unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{origin}{line}: {level}: {setting}{message}");
        if let Some(fix) = fix {
            let _ = writeln!(text, "  fix: {fix}");
        }
    }
    let file = report.file.as_ref().map_or_else(
        || "no settings file, variables and flags alone".to_owned(),
        |file| file.display().to_string(),
    );
    let grave = report.problems.iter().filter(|problem| problem.level != Level::Note);
    let verdict = match grave.count() {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let _ = writeln!(text, "{verdict}: {file}");
    text
}

/// The width of a terminal.
const RULE_CHARS: usize = 80;

fn text(report: &Report) -> String {
    let width = |of: fn(&Entry) -> &str, least: usize| {
        let widths = report.settings.iter().map(|entry| of(entry).chars().count());
        widths.max().unwrap_or(0).max(least)
    };
    let (key, from) = (width(|entry| &entry.key, 7), width(|entry| &entry.origin, 4));
    // The value is last, so that a long one makes no other line longer.
    let mut text = format!(
        "{:key$}  {:from$}  value\n{}\n",
        "setting",
        "from",
        "─".repeat(RULE_CHARS)
    );
    for entry in &report.settings {
        text.push_str(&format!(
            "{:key$}  {:from$}  {}\n",
            entry.key,
            entry.origin,
            as_toml(&entry.value)
        ));
    }
    text
}

/// The value in TOML, as in the settings file.
fn as_toml(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(as_toml).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name} = {}", as_toml(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

//! `kivend config`: shows the settings in force. Secrets are masked when settings are loaded.

use clap::Subcommand;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::config::Entry;
use crate::error::Exit;

/// Show the settings in force, and where each came from
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every setting with its value and where it came from; secrets are masked
    #[command(after_help = "Examples:
  kivend config show
  KIVEND_STORE__PREFIX=audit kivend config show --set archive.seal_max_age=90s
  kivend config show --format json | jq '.settings[] | select(.origin != \"default\")'")]
    Show,
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
    }
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

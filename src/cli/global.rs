//! The options of all commands. Options that are settings are passed on to the settings as flags.

use std::path::PathBuf;

use clap::{ArgAction, Args, ColorChoice, ValueHint};

use crate::cli::format::Format;
use crate::config::{Flag, Sources};
use crate::telemetry::{LogFormat, Verbosity};

/// The options of all commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Read settings from FILE
    #[arg(long, global = true, value_name = "FILE", env = "KIVEND_CONFIG", hide_env = true, value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Set any setting, such as archive.seal_max_age=90s; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = assignment, hide_short_help = true)]
    set: Vec<(String, String)>,
    /// Print a summary, or one JSON object
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "text|json",
        hide_default_value = true
    )]
    pub(super) format: Format,
    /// Print more on stderr; repeat for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Print only errors on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "auto|always|never",
        hide_possible_values = true,
        hide_default_value = true,
        hide_short_help = true
    )]
    pub(super) color: ColorChoice,
    /// The format of log lines on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "text|json",
        env = "KIVEND_LOG_FORMAT",
        hide_env = true,
        hide_possible_values = true,
        hide_default_value = true,
        hide_short_help = true
    )]
    pub(super) log_format: LogFormat,
    /// The setting kafka.brokers
    #[arg(long, global = true, value_name = "HOST:PORT,…", hide_short_help = true)]
    brokers: Option<String>,
    /// The setting topic_prefix
    #[arg(long, global = true, value_name = "PREFIX", hide_short_help = true)]
    topic_prefix: Option<String>,
    /// The setting store.endpoint
    #[arg(long, global = true, value_name = "URL", hide_short_help = true, value_hint = ValueHint::Url)]
    store_endpoint: Option<String>,
    /// The setting store.bucket
    #[arg(long, global = true, value_name = "BUCKET", hide_short_help = true)]
    store_bucket: Option<String>,
    /// The setting store.prefix
    #[arg(long, global = true, value_name = "PREFIX", hide_short_help = true)]
    store_prefix: Option<String>,
    /// The setting store.region
    #[arg(long, global = true, value_name = "REGION", hide_short_help = true)]
    store_region: Option<String>,
    /// The setting store.directory: a folder instead of a bucket
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true, value_hint = ValueHint::DirPath)]
    store_directory: Option<String>,
}

impl Global {
    /// The sources of settings: the file, the environment, and these flags, which override both.
    pub(super) fn sources(&self) -> Sources {
        let any = self.set.iter().map(|(key, value)| flag("--set", key, value));
        let named = [
            ("--brokers", "kafka.brokers", &self.brokers),
            ("--topic-prefix", "topic_prefix", &self.topic_prefix),
            ("--store-endpoint", "store.endpoint", &self.store_endpoint),
            ("--store-bucket", "store.bucket", &self.store_bucket),
            ("--store-prefix", "store.prefix", &self.store_prefix),
            ("--store-region", "store.region", &self.store_region),
            ("--store-directory", "store.directory", &self.store_directory),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, key, value)| Some(flag(name, key, value.as_ref()?)));
        Sources::of_process(self.config.clone(), any.chain(named).collect())
    }

    /// The same with one more level of log lines, unless --quiet is set: the log is the only output of a daemon.
    pub(super) fn louder(mut self) -> Global {
        self.verbose = self.verbose.saturating_add(1);
        self
    }

    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Usual,
            (false, 1) => Verbosity::Verbose,
            (false, 2) => Verbosity::Debug,
            (false, _) => Verbosity::Trace,
        }
    }
}

fn flag(name: &str, key: &str, value: &str) -> Flag {
    Flag {
        name: name.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, such as archive.seal_max_age=90s".to_owned()),
    }
}

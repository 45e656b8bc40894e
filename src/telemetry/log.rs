//! The log on stderr, as text or JSON. The filter is `KIVEND_LOG` (such as `kivend=debug,aws=warn`), else `-v` and `-q`.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How much is printed on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Warnings too.
    Usual,
    /// Information of kivend too.
    Verbose,
    /// Debug messages of kivend and information of libraries too.
    Debug,
    /// Everything, of every library.
    Trace,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Verbosity {
    fn filter(self) -> &'static str {
        match self {
            Verbosity::Quiet => "error",
            Verbosity::Usual => "warn,aws=error",
            Verbosity::Verbose => "warn,aws=error,kivend=info",
            Verbosity::Debug => "info,kivend=debug",
            Verbosity::Trace => "trace",
        }
    }
}

/// Starts the log. A second call in one process has no effect; an invalid `KIVEND_LOG` is reported and ignored.
pub fn start_log(verbosity: Verbosity, format: LogFormat, colours: bool) {
    let asked = std::env::var("KIVEND_LOG").ok().filter(|text| !text.is_empty());
    let parsed = asked.as_ref().map(EnvFilter::try_new);
    let refused = matches!(parsed, Some(Err(_)));
    let filter = parsed
        .and_then(Result::ok)
        .unwrap_or_else(|| EnvFilter::new(verbosity.filter()));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let _already_logging = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    if refused {
        tracing::warn!(KIVEND_LOG = asked, "ignored: not a filter such as kivend=debug,warn");
    }
}

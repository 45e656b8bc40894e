//! Log lines on stderr, as text or JSON. `KIVEND_LOG` chooses what is logged (`kivend=debug,aws=warn`), else `-v` and
//! `-q` do.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How much is told on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Warnings too.
    Usual,
    /// Also what the program does.
    Verbose,
    /// Also debug lines of the program, and what libraries do.
    Debug,
    /// Everything, of every library.
    Trace,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// One line of text.
    #[default]
    Text,
    /// One object a line.
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

/// Begins to log. A second call in one process changes nothing; a `KIVEND_LOG` that cannot be read is told and ignored.
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
        tracing::warn!(KIVEND_LOG = asked, "not a filter such as kivend=debug,warn: ignored");
    }
}

//! The log on stderr, as text or JSON. The filter is `KIVEND_LOG` (such as `kivend=debug,aws=warn`), else `-v` and `-q`.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

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

/// The running log's filter.
struct Running {
    /// The filter of the command line, unless `KIVEND_LOG` decides for good.
    usual: Option<&'static str>,
    replace: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

/// How log lines are written, and to where.
#[derive(Debug, Clone, Copy)]
pub struct LogOutput<W> {
    /// Their form.
    pub format: LogFormat,
    /// Whether they have colours.
    pub colours: bool,
    /// Makes what they are written to: stderr.
    pub writer: fn() -> W,
}

/// Starts the log. A second call in one process has no effect; an invalid `KIVEND_LOG` is reported and ignored.
pub fn start_log<W: Write + 'static>(verbosity: Verbosity, output: LogOutput<W>) {
    let asked = std::env::var("KIVEND_LOG").ok().filter(|text| !text.is_empty());
    let parsed = asked.as_ref().map(EnvFilter::try_new);
    let refused = matches!(parsed, Some(Err(_)));
    let parsed = parsed.and_then(Result::ok);
    let usual = parsed.is_none().then(|| verbosity.filter());
    let filter = parsed.unwrap_or_else(|| EnvFilter::new(verbosity.filter()));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(output.writer)
        .with_ansi(output.colours);
    let replace: Box<dyn Fn(EnvFilter) -> bool + Send + Sync> = match output.format {
        LogFormat::Text => {
            let fields = debug_fn(write_field).delimited(" ");
            let log = log.with_target(false).fmt_fields(fields).with_filter_reloading();
            let handle = log.reload_handle();
            let _already_logging = log.try_init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_filter_reloading();
            let handle = log.reload_handle();
            let _already_logging = log.try_init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
    };
    let _already_running = RUNNING.set(Running { usual, replace });
    if refused {
        tracing::warn!(
            event = "filter_ignored",
            KIVEND_LOG = asked,
            example = "kivend=debug,warn",
            "not a filter of the log: ignored"
        );
    }
}

/// Writes a field of a text line. A text is quoted unless it is one word, whether it came as a string or as an error, so that it
/// is clear where it ends.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    if field.name() == "message" {
        return text.chars().try_for_each(|character| match character {
            character if character.is_control() => write!(writer, "{}", character.escape_debug()),
            character => writer.write_char(character),
        });
    }
    let (italic, dimmed, plain) = match writer.has_ansi_escapes() {
        true => ("\x1b[3m", "\x1b[2m", "\x1b[0m"),
        false => ("", "", ""),
    };
    write!(
        writer,
        "{italic}{}{plain}{dimmed}={plain}",
        field.name().trim_start_matches("r#")
    )?;
    let is_quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let is_word = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if is_quoted || (!text.is_empty() && text.chars().all(is_word)) {
        writer.write_str(&text)
    } else {
        write!(writer, "{text:?}")
    }
}

/// Changes what is logged from here on: a filter as in `KIVEND_LOG`, or that of the command line if it is empty. `KIVEND_LOG` wins
/// over it. An invalid filter is reported and ignored.
pub fn set_log_filter(filter: &str) {
    let Some(Running {
        usual: Some(usual),
        replace,
    }) = RUNNING.get()
    else {
        return;
    };
    let filter = if filter.is_empty() { usual } else { filter };
    match EnvFilter::try_new(filter) {
        Ok(parsed) => {
            if !replace(parsed) {
                tracing::warn!(event = "filter_ignored", "the log's filter cannot be changed");
            }
        }
        Err(error) => {
            tracing::warn!(event = "filter_ignored", telemetry.log = filter, %error, example = "kivend=debug,warn", "not a filter of the log: ignored");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_text_is_quoted_alike_whether_it_is_a_string_or_an_error() {
        let lines = Lines::default();
        let written = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || written.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .finish();
        tracing::subscriber::with_default(log, || {
            let error = io::Error::other("no broker answers: `a`\nand \"b\"");
            tracing::warn!(event = "failing", operation = "reach_kafka", attempts = 3, %error, "an operation fails");
            tracing::warn!(
                event = "still_failing",
                error = error.to_string(),
                "it still fails\x1b[2J"
            );
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let error = r#"error="no broker answers: `a`\nand \"b\"""#;
        assert_eq!(
            text,
            format!(
                " WARN an operation fails event=\"failing\" operation=\"reach_kafka\" attempts=3 {error}\n \
                 WARN it still fails\\u{{1b}}[2J event=\"still_failing\" {error}\n"
            )
        );
    }
}

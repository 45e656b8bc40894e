//! The context of a command: settings on demand, output, progress, a clock, and requests to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cli::failure::Failure;
use crate::cli::global::Global;
use crate::cli::interrupt::Signals;
use crate::cli::output::Output;
use crate::cli::progress::Terminal;
use crate::cli::stderr::Stderr;
use crate::clock::Clock;
use crate::config::{self, ConfigError, Loaded, Settings, Sources};
use crate::error::{Explain, Kind};
use crate::task::progress::{Progress, Silent};
use crate::task::stop::Stop;
use crate::telemetry::{self, LogOutput};

/// The context of one run.
#[derive(Debug)]
pub struct Context {
    sources: Sources,
    output: Output,
    signals: Signals,
    clock: Clock,
    /// Whether the remark on variables that are no settings was printed.
    has_told_ignored: AtomicBool,
}

/// The system refuses to start the threads for asynchronous work.
#[derive(Debug, thiserror::Error)]
#[error("the threads for asynchronous work cannot be started")]
struct NoRuntime(#[source] std::io::Error);

impl Explain for NoRuntime {
    fn kind(&self) -> Kind {
        Kind::Internal
    }

    fn remedy(&self) -> Option<String> {
        Some("raise the limits on processes and memory of this user or container".to_owned())
    }
}

impl Context {
    /// Starts a run: log lines go to stderr, and Ctrl-C ends the process with 130.
    #[must_use]
    pub fn new(global: &Global) -> Context {
        let output = Output::new(global);
        let to = LogOutput {
            format: global.log_format,
            colours: output.colours_on_stderr(),
            writer: || Stderr,
        };
        telemetry::start_log(global.verbosity(), to);
        Context {
            sources: global.sources(),
            output,
            signals: Signals::watch(),
            clock: Clock::start(),
            has_told_ignored: AtomicBool::new(false),
        }
    }

    /// The validated settings. Loaded on demand, so that a command that needs none works with an invalid file.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Ok(self.loaded()?.settings)
    }

    /// The settings with the origin of each.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn loaded(&self) -> Result<Loaded, ConfigError> {
        let loaded = config::load(&self.sources)?;
        if !loaded.ignored.is_empty() && !self.has_told_ignored.swap(true, Ordering::Relaxed) {
            self.output.remark(&format!(
                "ignored, because Kubernetes sets them for a Service: {} (`enableServiceLinks: false` in the pod turns them off)",
                loaded.ignored.join(", ")
            ));
        }
        Ok(loaded)
    }

    /// Where the settings come from, to load them again.
    #[must_use]
    pub fn sources(&self) -> Sources {
        self.sources.clone()
    }

    /// Prints results and remarks.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// A clock that started with the run.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Shows progress if stderr is a terminal, unless `--quiet` is set.
    #[must_use]
    pub fn progress(&self) -> Arc<dyn Progress> {
        if self.output.is_watched() {
            Arc::new(Terminal::new())
        } else {
            Arc::new(Silent)
        }
    }

    /// The same for a command that writes lines to stdout meanwhile: on a terminal they show by themselves how far it is.
    #[must_use]
    pub fn progress_beside_stdout(&self) -> Arc<dyn Progress> {
        if self.output.is_stdout_watched() {
            Arc::new(Silent)
        } else {
            self.progress()
        }
    }

    /// From now on the first Ctrl-C or SIGTERM requests an orderly stop; the second ends the process at once.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.signals.gracefully()
    }

    /// The same, and the process ends this long after the first signal, whatever it waits for.
    #[must_use]
    pub fn stop_within(&self, limit: Duration) -> Stop {
        self.signals.gracefully_within(limit)
    }

    /// A runtime for asynchronous work.
    ///
    /// # Errors
    /// The system refuses to start the threads.
    pub fn runtime(&self) -> Result<tokio::runtime::Runtime, Failure> {
        Ok(tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(NoRuntime)?)
    }
}

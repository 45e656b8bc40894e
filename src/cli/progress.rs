//! A progress bar with rate and remaining time on stderr, only if that is a terminal.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::Output;
use crate::task::progress::{Progress, Silent};

pub(super) fn start(output: &Output, unit: &'static str) -> Arc<dyn Progress> {
    if output.is_watched() {
        Arc::new(Bar::new(unit))
    } else {
        Arc::new(Silent)
    }
}

struct Bar {
    bar: ProgressBar,
    unit: &'static str,
}

impl Bar {
    fn new(unit: &'static str) -> Bar {
        // Hidden until work begins, so that a command that fails at once shows no bar.
        Bar {
            bar: ProgressBar::hidden(),
            unit,
        }
    }

    /// A wrong template costs the style of the bar, not the work.
    fn style(template: &str) -> ProgressStyle {
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸ ")
    }
}

impl Progress for Bar {
    fn begin(&self, total: Option<u64>) {
        let unit = self.unit;
        let known = format!("{{msg:24}} {{bar:30}} {{human_pos}}/{{human_len}} {unit}  {{per_sec:12}} {{eta}} left");
        let unknown = format!("{{msg:24}} {{spinner}} {{human_pos}} {unit}  {{per_sec:12}} {{elapsed}}");
        self.bar
            .set_style(Bar::style(if total.is_some() { &known } else { &unknown }));
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.reset();
        self.bar
            .set_draw_target(indicatif::ProgressDrawTarget::stderr_with_hz(10));
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    fn note(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

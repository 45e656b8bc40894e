//! A line on stderr about the work that is done: what, done of total, percent, rate and the time that is left. Only where stderr is
//! a terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::cli::output::{Output, count};
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
    /// Steps of the other kind.
    other: AtomicU64,
}

impl Bar {
    fn new(unit: &'static str) -> Bar {
        // Hidden until work begins, so that a command that fails at once shows no bar.
        Bar {
            bar: ProgressBar::hidden(),
            unit,
            other: AtomicU64::new(0),
        }
    }
}

/// The style of work with a known total, or without one. A wrong template costs the style, not the work.
fn style(unit: &str, total: Option<u64>) -> ProgressStyle {
    let known = format!("{{msg}} {{bar:24}} {{done}} of {{total}} {unit}  {{percent}} %  {{rate}}/s{{left}}{{prefix}}");
    let unknown = format!("{{msg}} {{spinner}} {{done}} {unit}  {{rate}}/s  {{elapsed}}{{prefix}}");
    // A closure that fails to write would end the drawing of the line, no more.
    let number = |of: fn(&ProgressState) -> u64| {
        move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&count(of(state)));
        }
    };
    ProgressStyle::with_template(if total.is_some() { &known } else { &unknown })
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("done", number(ProgressState::pos))
        .with_key("total", number(|state| state.len().unwrap_or_default()))
        .with_key("left", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Before the first step nothing is known of the rate.
            if state.pos() > 0 {
                let _ = write!(out, "  {:#} left", HumanDuration(state.eta()));
            }
        })
        .with_key("rate", number(|state| state.per_sec() as u64))
        .progress_chars("━╸ ")
}

impl Progress for Bar {
    fn begin(&self, total: Option<u64>) {
        self.bar.set_style(style(self.unit, total));
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_prefix("");
        self.other.store(0, Ordering::Relaxed);
        self.bar.reset();
        self.bar
            .set_draw_target(indicatif::ProgressDrawTarget::stderr_with_hz(10));
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    fn add_total(&self, steps: u64) {
        self.bar.inc_length(steps);
    }

    fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    fn advance_other(&self, kind: &'static str, steps: u64) {
        let all = self.other.fetch_add(steps, Ordering::Relaxed) + steps;
        self.bar.set_prefix(format!("  {} {kind}", count(all)));
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// Keeps what was drawn.
    #[derive(Debug, Clone, Default)]
    struct Drawn(Arc<Mutex<String>>);

    impl TermLike for Drawn {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(total: Option<u64>, work: impl FnOnce(&Bar)) -> String {
        let drawn = Drawn::default();
        let bar = Bar::new("records");
        bar.bar.set_style(style(bar.unit, total));
        total.inspect(|total| bar.bar.set_length(*total));
        bar.bar
            .set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(drawn.clone()), 200));
        work(&bar);
        bar.bar.force_draw();
        let line = drawn.0.lock().unwrap().clone();
        line.trim_end().to_owned()
    }

    #[test]
    fn what_is_done_is_told_of_the_total_in_percent_and_whole_numbers() {
        let line = drawn(Some(1_000_000), |bar| {
            bar.note("verifying");
            bar.add_total(1_000_000);
            bar.advance(1_500_000);
            bar.advance_other("compared with Kafka", 1_024);
            bar.advance_other("compared with Kafka", 1_024);
        });
        assert!(line.starts_with("verifying ━━━━━━━━━━━━━━━━━━"), "{line}");
        assert!(line.contains(" 1,500,000 of 2,000,000 records  75 %  "), "{line}");
        assert!(line.ends_with(" left  2,048 compared with Kafka"), "{line}");
    }

    #[test]
    fn without_a_total_only_what_is_done_is_told() {
        let line = drawn(None, |bar| bar.advance(12_345));
        assert!(line.contains(" 12,345 records  "), "{line}");
        assert!(!line.contains('%') && !line.contains("left"), "{line}");
    }
}

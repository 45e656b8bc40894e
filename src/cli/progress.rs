//! Shows progress on stderr, one line for each piece of work, if that is a terminal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::cli::output::{count, size};
use crate::cli::stderr::{LINES, show_lines};
use crate::task::progress::{Progress, Unit, Work};

/// The time between two drawings of work that does not advance.
const TICK: Duration = Duration::from_millis(500);
/// The rate is not known well before.
const RATE_AFTER_S: f64 = 1.0;

/// Shows progress on stderr, which must be a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal;

impl Terminal {
    pub(super) fn new() -> Terminal {
        show_lines();
        Terminal
    }
}

impl Progress for Terminal {
    fn begin(&self, what: &'static str, unit: Unit) -> Arc<dyn Work> {
        // A wrong template costs the style of the line, not the work.
        let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let draw = move |state: &ProgressState, to: &mut dyn fmt::Write| {
            let shown = Shown {
                what,
                unit,
                done: state.pos(),
                total: state.len(),
                per_s: state.per_sec(),
                elapsed_s: state.elapsed().as_secs_f64(),
            };
            // Writing to a string cannot fail.
            let _ = write!(to, "{shown}");
        };
        let line = LINES.add(ProgressBar::no_length().with_style(style.with_key("line", draw)));
        line.enable_steady_tick(TICK);
        line.tick();
        Arc::new(Line(line))
    }
}

struct Line(ProgressBar);

impl Work for Line {
    fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }

    fn add_total(&self, steps: u64) {
        self.correct_total(0, steps);
    }

    fn correct_total(&self, expected: u64, found: u64) {
        // At once: a total between the two must not be drawn.
        self.0.update(|state| {
            let others = state.len().unwrap_or(0).saturating_sub(expected);
            state.set_len(others.saturating_add(found));
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        LINES.remove(&self.0);
    }
}

/// What a line says.
#[derive(Debug, Clone, Copy)]
struct Shown {
    what: &'static str,
    unit: Unit,
    done: u64,
    total: Option<u64>,
    per_s: f64,
    elapsed_s: f64,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if self.unit == Unit::Uncounted {
            return write!(f, ", {}", time(self.elapsed_s));
        }
        let (amount, unit) = amounts(self.unit);
        // More may come than was expected.
        let total = self.total.map(|total| total.max(self.done));
        match total {
            None => write!(f, ": {}{unit}", amount(self.done))?,
            Some(total) => {
                let percent = u128::from(self.done) * 100 / u128::from(total.max(1));
                write!(f, ": {} of {}{unit}, {percent}%", amount(self.done), amount(total))?;
            }
        }
        let rate = if self.elapsed_s < RATE_AFTER_S {
            0
        } else {
            self.per_s as u64
        };
        if rate == 0 || total == Some(self.done) {
            return Ok(());
        }
        write!(f, ", {}/s", amount(rate))?;
        match total {
            None => write!(f, ", {}", time(self.elapsed_s)),
            Some(total) => write!(f, ", {} left", time((total - self.done) as f64 / self.per_s)),
        }
    }
}

/// How amounts of this unit are written, and the word after them.
fn amounts(unit: Unit) -> (fn(u64) -> String, &'static str) {
    match unit {
        Unit::Bytes => (size, ""),
        Unit::Events => (count, " events"),
        Unit::Files => (count, " files"),
        Unit::Links => (count, " links"),
        Unit::Records => (count, " records"),
        Unit::Uncounted => (count, ""),
    }
}

/// A time in whole seconds, such as `3 min 05 s`.
fn time(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    let (hours, minutes, of_minute) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{of_minute} s"),
        (0, _) => format!("{minutes} min {of_minute:02} s"),
        _ => format!("{} h {minutes:02} min", count(hours)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            what: "reading rows",
            unit: Unit::Records,
            done: 1_234_567,
            total: Some(9_876_543),
            per_s: 345_678.9,
            elapsed_s: 3.6,
        }
    }

    #[test]
    fn a_line_has_what_is_done_of_how_much_at_which_rate_and_the_time_left() {
        assert_eq!(
            shown().to_string(),
            "reading rows: 1,234,567 of 9,876,543 records, 12%, 345,678/s, 26 s left"
        );
        let bytes = Shown {
            what: "ingesting",
            unit: Unit::Bytes,
            ..shown()
        };
        assert_eq!(
            bytes.to_string(),
            "ingesting: 1.2 MB of 9.9 MB, 12%, 345.7 kB/s, 26 s left"
        );
    }

    #[test]
    fn a_line_without_a_total_has_the_time_so_far() {
        let unknown = Shown { total: None, ..shown() };
        assert_eq!(unknown.to_string(), "reading rows: 1,234,567 records, 345,678/s, 4 s");
        let uncounted = Shown {
            what: "listing the archive",
            unit: Unit::Uncounted,
            ..unknown
        };
        assert_eq!(uncounted.to_string(), "listing the archive, 4 s");
    }

    #[test]
    fn neither_rate_nor_time_left_is_shown_before_they_are_known() {
        let early = Shown {
            elapsed_s: 0.2,
            ..shown()
        };
        assert_eq!(early.to_string(), "reading rows: 1,234,567 of 9,876,543 records, 12%");
        let stalled = Shown { per_s: 0.4, ..shown() };
        assert_eq!(stalled.to_string(), "reading rows: 1,234,567 of 9,876,543 records, 12%");
    }

    #[test]
    fn a_hundred_percent_are_shown_only_at_the_end_and_never_exceeded() {
        let nearly = Shown {
            done: 9_876_542,
            ..shown()
        };
        assert!(nearly.to_string().contains(" 99%"), "{nearly}");
        let more = Shown {
            done: 9_876_600,
            ..shown()
        };
        assert!(
            more.to_string().contains("9,876,600 of 9,876,600 records, 100%"),
            "{more}"
        );
        let nothing = Shown {
            done: 0,
            total: Some(0),
            ..shown()
        };
        assert!(nothing.to_string().contains("0 of 0 records, 0%"), "{nothing}");
    }

    #[test]
    fn times_are_in_whole_seconds_minutes_or_hours() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (24.2, "25 s"),
            (185.0, "3 min 05 s"),
            (7_800.0, "2 h 10 min"),
            (4_000_000.0, "1,111 h 06 min"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }
}

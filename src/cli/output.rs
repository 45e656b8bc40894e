//! Prints results: a summary or one JSON object on stdout, and nothing else there; remarks, progress and errors on stderr.

use std::env;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use clap::ColorChoice;
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::global::Global;
use crate::cli::stderr::Stderr;
use crate::error::Exit;
use crate::telemetry::Verbosity;
use crate::verify::report::grouped;

/// How every private key begins.
pub(super) const PRIVATE_KEY: &str = "PRIVATE+KEY+";

/// Prints the result and the remarks of a command.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
    verbosity: Verbosity,
    colours: ColorChoice,
}

impl Output {
    pub(super) fn new(global: &Global) -> Output {
        Output {
            format: global.format,
            verbosity: global.verbosity(),
            colours: global.color,
        }
    }

    /// The format that the user asked for.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Prints the result, as JSON or as the text that `text` makes of it.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub fn report<R: Serialize>(&self, report: &R, text: impl FnOnce(&R) -> String) -> Result<(), Failure> {
        let written = match self.format {
            Format::Json => json(report)?,
            Format::Text => text(report),
        };
        let mut stdout = self.stdout();
        let end = if written.is_empty() || written.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        write!(stdout, "{written}{end}")
            .and_then(|()| stdout.flush())
            .map_err(Failure::output)
    }

    /// Buffered stdout for output that is not a report, such as records. The caller must flush it, and pass errors to
    /// [`Output::written`].
    #[must_use]
    pub fn stdout(&self) -> BufWriter<StdoutLock<'static>> {
        BufWriter::with_capacity(1 << 16, io::stdout().lock())
    }

    /// Turns an error of writing to stdout into a failure; a closed pipe (as with `head`) ends the command quietly.
    ///
    /// # Errors
    /// What `outcome` says.
    pub fn written<T>(&self, outcome: io::Result<T>) -> Result<T, Failure> {
        outcome.map_err(Failure::output)
    }

    /// Prints a remark on stderr, unless `--quiet` is set.
    pub fn remark(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            // A closed stderr is not an error.
            let _ = Stderr.write_all(format!("{text}\n").as_bytes());
        }
    }

    /// Whether somebody sees progress on stderr.
    pub(super) fn is_watched(&self) -> bool {
        self.verbosity != Verbosity::Quiet && io::stderr().is_terminal()
    }

    /// Whether lines that go to stdout would be mixed with progress on stderr.
    pub(super) fn is_stdout_watched(&self) -> bool {
        io::stdout().is_terminal()
    }

    pub(super) fn colours_on_stderr(&self) -> bool {
        wanted(self.colours, io::stderr().is_terminal())
    }

    /// `text` in bold and in the colour of `mark`, if stdout shows colours.
    #[must_use]
    pub fn marked(&self, text: &str, mark: Mark) -> String {
        paint(text, mark, wanted(self.colours, io::stdout().is_terminal()))
    }

    /// Prints why the command failed, and returns the exit code.
    pub(super) fn fail(&self, failure: Failure) -> Exit {
        match failure {
            Failure::ClosedPipe => Exit::Done,
            Failure::Reported(report) => {
                let exit = report.kind.exit();
                match self.format {
                    Format::Json => print_json_error(&report.causes, &report.remedy, exit),
                    Format::Text => self.print_error(&report.causes, &report.remedy),
                }
                exit
            }
        }
    }

    fn print_error(&self, causes: &[String], remedy: &str) {
        let colours = self.colours_on_stderr();
        let mut lines = causes.iter().map(|cause| cause.replace('\n', "\n  "));
        let mut text = format!(
            "{} {}\n",
            paint("error:", Mark::Bad, colours),
            lines.next().unwrap_or_default()
        );
        for line in lines {
            text.push_str(&format!("  why: {line}\n"));
        }
        text.push_str(&format!("  {} {remedy}\n", paint("fix:", Mark::Good, colours)));
        // A closed stderr is not another error; the exit code remains.
        let _ = Stderr.write_all(without_private_keys(&text).as_bytes());
    }
}

/// An error for programs, on one line of stderr.
#[derive(Serialize)]
struct JsonError<'a> {
    /// What happened.
    error: &'a str,
    /// Why, the nearest cause first.
    causes: &'a [String],
    /// What the user can do.
    fix: &'a str,
    /// The exit code of the command.
    exit_code: u8,
}

/// A report as JSON, without an end of line.
pub(super) fn json<R: Serialize>(report: &R) -> Result<String, Failure> {
    serde_json::to_string(report).map_err(|error| Failure::output(error.into()))
}

/// Prints an error as one JSON object on stderr.
pub(super) fn print_json_error(causes: &[String], remedy: &str, exit: Exit) {
    let (error, causes) = causes
        .split_first()
        .map_or(("", causes), |(first, rest)| (first.as_str(), rest));
    let object = JsonError {
        error,
        causes,
        fix: remedy,
        exit_code: exit.code(),
    };
    if let Ok(text) = serde_json::to_string(&object) {
        // A closed stderr is not another error; the exit code remains.
        let _ = writeln!(io::stderr(), "{}", without_private_keys(&text));
    }
}

/// The text with every private key cut after its first words: whatever a user gives by mistake may be in a message.
pub(super) fn without_private_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PRIVATE_KEY) {
        let end = at + PRIVATE_KEY.len();
        shown.push_str(&rest[..end]);
        shown.push('…');
        let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '\\');
        rest = rest[end..].find(ends).map_or("", |after| &rest[end + after..]);
    }
    shown + rest
}

/// The meaning of a coloured word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Good,
    Doubtful,
    Bad,
}

/// The text of a report, with the verdict and the severities that begin its lines in colour, if stdout shows colours.
#[must_use]
pub fn coloured(text: &str, output: &Output) -> String {
    let words = [
        ("intact", Mark::Good),
        ("equal", Mark::Good),
        ("altered", Mark::Bad),
        ("tampered", Mark::Bad),
        ("incomplete", Mark::Bad),
        ("unverifiable", Mark::Doubtful),
    ];
    let line = |line: &str| {
        let word = words
            .iter()
            .find(|(word, _)| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(':')));
        match word {
            Some((word, mark)) => format!("{}{}\n", output.marked(word, *mark), &line[word.len()..]),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

fn paint(text: &str, mark: Mark, colours: bool) -> String {
    let colour = match mark {
        Mark::Good => 32,
        Mark::Doubtful => 33,
        Mark::Bad => 31,
    };
    if colours {
        format!("\x1b[1;{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Respects `NO_COLOR` (no-color.org) and dumb terminals, unless colours are requested.
fn wanted(choice: ColorChoice, terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            terminal && !plain && env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    /// For numbers.
    Right,
}

/// A table without borders and with a line below the header, for `grep` and `awk`.
#[must_use]
pub fn table(columns: &[(&str, Align)]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')));
    table.set_header(columns.iter().map(|(name, _)| *name));
    for (column, (_, align)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    table
}

/// A number with separators between thousands: `115,841`.
#[must_use]
pub fn count(number: u64) -> String {
    grouped(number)
}

/// A number of bytes, such as `25.3 MB`, in powers of 1000.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "only three digits are shown")]
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(factor, _)| bytes >= *factor) {
        Some((factor, unit)) => format!("{:.1} {unit}", bytes as f64 / *factor as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (115_841, "115,841"),
            (1_003_716, "1,003,716"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn private_keys_are_cut_out_of_messages() {
        let text = "no such file `PRIVATE+KEY+shop/1+0a1b2c3d+c2VjcmV0`, and 'PRIVATE+KEY+x'\nPRIVATE+KEY+y";
        assert_eq!(
            without_private_keys(text),
            "no such file `PRIVATE+KEY+…`, and 'PRIVATE+KEY+…'\nPRIVATE+KEY+…"
        );
        assert_eq!(without_private_keys("shop/1+0a1b2c3d+a2V5"), "shop/1+0a1b2c3d+a2V5");
    }

    #[test]
    fn sizes_have_a_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (25_343_506, "25.3 MB"),
            (1_000_000_000, "1.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_table_has_a_line_under_its_header_and_no_borders() {
        let mut table = table(&[("topic", Align::Left), ("records", Align::Right)]);
        table.add_row(["payments", "7,563"]);
        table.add_row(["user-events", "115,841"]);
        insta::assert_snapshot!(table.trim_fmt());
    }
}

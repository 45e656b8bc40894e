//! Stderr, whose last lines may show progress. Whatever is written goes above these lines.

use std::io::{self, Write};
use std::sync::LazyLock;

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

const DRAWINGS_PER_S: u8 = 5;

/// The lines of this process; hidden until a command shows progress.
pub(super) static LINES: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::hidden()));

/// Shows the lines from now on. Stderr must be a terminal.
pub(super) fn show_lines() {
    let terminal = Box::new(Terminal(Term::buffered_stderr()));
    LINES.set_draw_target(ProgressDrawTarget::term_like_with_hz(terminal, DRAWINGS_PER_S));
}

/// Takes the lines away, writes, and draws them again below.
pub(super) fn above<T>(write: impl FnOnce() -> T) -> T {
    LINES.suspend(write)
}

/// Stderr above the lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A terminal whose cursor waits at the left of the last line. indicatif leaves it at the right edge. A terminal that echoes
/// Ctrl-C there as `^C` continues in the next line, and the first line would never be erased.
#[derive(Debug)]
struct Terminal(Term);

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}

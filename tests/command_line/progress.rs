//! Progress is shown on a terminal only, and erased at the end.

use std::process::Output;

use super::{kivend, text};

#[test]
fn without_a_terminal_no_progress_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let generate = ["generate", "--events", "100000", "-o", "events.jsonl"];
    let ingest = ["ingest", "--dry-run", "events.jsonl"];
    let demo = ["demo", "--dir", "demo"];
    for line in [&generate[..], &ingest, &demo] {
        let output = kivend(&folder).args(line).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let told = text(&output.stderr);
        // The demo warns that it creates an archive, on one line.
        let lines = told.lines().filter(|line| !line.contains("archive_created"));
        assert_eq!(lines.count(), 0, "{line:?} wrote to stderr: {told}");
        assert!(!told.contains('\r') && !told.contains('\x1b'), "{line:?}: {told:?}");
    }
}

/// Runs `kivend generate` on a terminal of util-linux's `script`, whose stdout has what the terminal got.
fn generate_on_a_terminal(more: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let program = kivend(&folder).get_program().to_str().unwrap().to_owned();
    let line = format!("'{program}' generate --events 200000 -o events.jsonl {more}");
    let mut terminal = std::process::Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    terminal
        .current_dir(&folder)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm");
    terminal.stdin(std::process::Stdio::null()).output().unwrap()
}

#[test]
fn on_a_terminal_progress_is_shown_and_erased_at_the_end() {
    let output = generate_on_a_terminal("");
    let told = text(&output.stdout);
    // How far it is when the first line is drawn depends on the machine.
    assert!(told.contains("generating: "), "{told:?}");
    // What is left on the terminal comes after the last line was erased.
    let (_, left) = told.rsplit_once("\x1b[2K").unwrap();
    assert!(left.contains("200,000 events, "), "{told:?}");
    assert!(!left.contains("generating"), "{told:?}");
}

#[test]
fn quiet_shows_no_progress_on_a_terminal() {
    let output = generate_on_a_terminal("--quiet");
    let told = text(&output.stdout);
    assert!(told.contains("200,000 events, "), "{told:?}");
    assert!(!told.contains("generating") && !told.contains('\x1b'), "{told:?}");
}

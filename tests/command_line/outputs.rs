//! Files with results: what was there stays until the result is complete, and nothing is left of one that is not.

use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{kivend, text};
use crate::fixture::Archive;

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    super::places::lay_out(&Archive::usual(), &folder.path().join("archive"));
    folder
}

fn export(folder: &tempfile::TempDir, more: &[&str]) -> Output {
    let line = ["export", "--store-directory", "archive", "--topic", "payments"];
    kivend(folder).args(line).args(more).output().unwrap()
}

fn names(folder: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_export_replaces_a_file_only_if_told_to_and_only_when_it_is_complete() {
    let folder = world();
    let file = folder.path().join("k.jsonl");
    std::fs::write(&file, "keep\n").unwrap();
    let output = export(&folder, &["-o", "k.jsonl"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("add --force to replace this one"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "keep\n");

    let output = export(&folder, &["-o", "k.jsonl", "--force"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let whole = std::fs::read_to_string(&file).unwrap();
    assert!(whole.lines().count() > 10, "{whole}");

    // A segment of the archive is damaged: the export fails in its middle.
    let segments = folder.path().join("archive/data/payments/0");
    let last = std::fs::read_dir(segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max()
        .unwrap();
    std::fs::write(last, "junk").unwrap();
    let output = export(&folder, &["-o", "k.jsonl", "--force"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), whole);
    assert_eq!(names(&folder), ["archive", "k.jsonl"]);
}

#[test]
fn an_error_of_writing_names_the_file_and_a_device_needs_no_force() {
    let folder = world();
    let output = export(&folder, &["-o", "/dev/full"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot write `/dev/full`") && stderr.contains("free space"),
        "{stderr}"
    );
    assert_eq!(export(&folder, &["-o", "/dev/null"]).status.code(), Some(0));
}

#[test]
fn a_hyphen_in_place_of_a_file_means_stdout() {
    let folder = world();
    let output = export(&folder, &["-o", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).lines().count() > 10);
    assert_eq!(names(&folder), ["archive"]);
}

#[test]
fn a_range_without_records_says_which_times_the_archive_has() {
    let folder = world();
    let output = export(&folder, &["--since", "2096-01-01"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("the archived ones have times from 2025-11-19T"),
        "{stderr}"
    );
}

#[test]
fn ctrl_c_leaves_no_part_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = kivend(&folder)
        .args(["generate", "--events", "100000000", "-o", "events.jsonl"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    super::signals::wait_for_handler(&mut child);
    while names(&folder).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(
        text(&output.stderr).contains("events.jsonl was not written"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(names(&folder), [""; 0]);
}

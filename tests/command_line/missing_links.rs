//! The log names the newest links. Commands that only read, and compare nothing with Kafka, say when one of them is gone.

use super::places::lay_out;
use super::{kivend, text};
use crate::fixture::Archive;

/// The answer to a command on an archive whose newest link of payments/0 is gone: its exit code, and what it printed.
fn answer(line: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    archive.store.vanish(&archive.link_key("payments", 0, 4));
    lay_out(&archive, &folder.path().join("archive"));
    let mut command = kivend(&folder);
    let output = command
        .args(line.split(' '))
        .args(["--store-directory", "archive"])
        .output();
    let output = output.unwrap();
    let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
    (output.status.code(), printed)
}

#[test]
fn files_is_incomplete_when_a_link_is_gone_that_the_log_names() {
    let (code, printed) = answer("files");
    assert_eq!(code, Some(11), "{printed}");
    let (code, printed) = answer("files --topic user-events");
    assert_eq!(code, Some(0), "{printed}");
}

#[test]
fn export_and_prove_do_not_take_what_is_left_for_the_whole() {
    for line in ["export --topic payments", "prove payments 0 1 -o one.proof"] {
        let (code, printed) = answer(line);
        assert_eq!(code, Some(1), "{line}: {printed}");
        assert!(
            printed.contains("links are missing: entry 2 of the log names one at height 4"),
            "{line}: {printed}"
        );
    }
    let (code, printed) = answer("export --topic user-events");
    assert_eq!(code, Some(0), "{printed}");
}

//! `kivend prove --dir` and `kivend verify-proof FOLDER`: exit codes, and what is left where there is no result.

use super::{kivend, text};
use crate::command_line::places::lay_out;
use crate::fixture::Archive;

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    lay_out(&Archive::usual(), &folder.path().join("archive"));
    folder
}

fn run(folder: &tempfile::TempDir, line: &str) -> (Option<i32>, String, String) {
    let mut arguments: Vec<&str> = line.split(' ').collect();
    if arguments[0] == "prove" {
        arguments.extend(["--store-directory", "archive"]);
    }
    let output = kivend(folder).args(arguments).output().unwrap();
    let said = |bytes: &[u8]| text(bytes).to_owned();
    (output.status.code(), said(&output.stdout), said(&output.stderr))
}

fn names(folder: &tempfile::TempDir) -> Vec<String> {
    let files = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_selection_becomes_a_folder_that_verifies_and_says_what_the_search_cost() {
    let folder = place();
    let (code, stdout, stderr) = run(
        &folder,
        "prove --where event_type=payment_attempt --topic pay* --dir found",
    );
    assert_eq!(code, Some(0), "{stderr}");
    for words in [
        "100 records in found",
        "searched 4 segments of 1 partition",
        "kivend verify-proof found",
    ] {
        assert!(stdout.contains(words), "no `{words}` in {stdout}");
    }
    let (code, stdout, _) = run(&folder, "verify-proof found --format json");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["verdict"]), (Some(0), &"intact".into()));
    assert_eq!(report["proved"]["records"], 100);
    assert_eq!(report["files"], serde_json::json!(["records.jsonl", "records.parquet"]));
    std::fs::write(folder.path().join("found/records.jsonl"), "{}\n").unwrap();
    let (code, stdout, _) = run(&folder, "verify-proof found");
    assert_eq!(code, Some(10), "{stdout}");
    assert!(
        stdout.contains("KV607") && stdout.contains("value 1 is not that of payments/0 offset 0"),
        "{stdout}"
    );
    let (code, stdout, _) = run(&folder, "verify-proof found/records.proof");
    assert_eq!(code, Some(0), "{stdout}");
}

#[test]
fn nothing_found_a_folder_with_files_and_arguments_that_do_not_fit_leave_everything_as_it_was() {
    let folder = place();
    std::fs::create_dir(folder.path().join("full")).unwrap();
    std::fs::write(folder.path().join("full/file"), "theirs").unwrap();
    let before = names(&folder);
    for (line, expected, words) in [
        (
            "prove --where event_id=nobody --dir found",
            1,
            "no record was found where `event_id=nobody`: 8 segments",
        ),
        (
            "prove --since 2001-01-01 --until 2001-01-02 --dir found",
            1,
            "8 skipped by time",
        ),
        ("prove --dir full", 2, "the folder exists and is not empty"),
        ("prove --dir full/file", 2, "the folder exists and is not empty"),
        ("prove --topic paymets --dir found", 2, "did you mean `payments`?"),
        ("prove --where event_id=1", 2, "add --dir FOLDER"),
        ("prove --where event_id --dir found", 2, "expected FIELD=VALUE"),
        ("prove payments 0 1 --dir found", 2, "cannot be used with"),
        ("prove --event-id 1 --dir found", 2, "cannot be used with"),
        (
            "prove --since 2026-01-02 --until 2026-01-01 --dir found",
            2,
            "--until is not later than --since",
        ),
        ("verify-proof full", 1, "records.proof"),
    ] {
        let (code, stdout, stderr) = run(&folder, line);
        assert_eq!((code, stdout.as_str()), (Some(expected), ""), "{line}\n{stderr}");
        assert!(stderr.contains(words), "{line}: no `{words}` in\n{stderr}");
        assert_eq!(names(&folder), before, "{line}");
    }
}

//! What somebody sees who meets kivend for the first time: `kivend` alone, and the demo with the commands that it suggests.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{kivend, run, text};

#[test]
fn kivend_alone_prints_the_five_commands_to_begin_with() {
    let output = run(&[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_eq!(
        text(&output.stdout),
        "kivend archives Kafka topics as signed Parquet on S3, and proves that nothing is missing or changed.

  kivend demo     see all of it in two seconds, without a server
  kivend doctor   check Kafka, the store, the keys and the settings, with a remedy for each problem
  kivend archive  archive what Kafka holds now; kivend-archiver goes on as records arrive
  kivend verify   verify the archive, and compare it with Kafka
  kivend prove    prove that a record is in the archive, in one file that can be verified offline

`kivend --help` lists all commands, `kivend COMMAND --help` explains one.
"
    );
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The commands under the last lines of the demo.
fn suggested(stdout: &str) -> Vec<&str> {
    let (_, suggestions) = stdout.split_once("Go on with:\n").unwrap();
    let lines = suggestions.lines().filter(|line| line.starts_with("    "));
    lines.map(str::trim).collect()
}

#[test]
fn the_demo_shows_what_was_forged_and_its_suggestions_work_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    // A name that a shell takes only in quotation marks.
    let output = kivend(&folder)
        .args(["demo", "--dir", "a demo's folder"])
        .output()
        .unwrap();
    let stdout = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{stdout}");
    for line in [
        "orders          3,613            3,613         0           3,613",
        "payments       10,125           10,125         0          10,125",
        "user-events   109,666           57,956    51,710         109,666",
        "  before  \"event_type\": \"payment_failure\"",
        "  after   \"event_type\": \"payment_success\"",
    ] {
        assert!(stdout.lines().any(|shown| shown == line), "{line}\n{stdout}");
    }
    assert!(stdout.contains("\nintact: 123,404 records"), "{stdout}");
    let forged = stdout
        .lines()
        .find_map(|line| line.strip_prefix("tampered: payments/0 offset "));
    let (offset, _) = forged.unwrap().split_once(": ").unwrap();
    assert_eq!(names(folder.path()), ["a demo's folder"]);

    let commands = suggested(stdout);
    let expected: [(i32, &[&str]); 4] = [
        (0, &["intact: 123,404 records", "; not compared with Kafka\n"]),
        (10, &["tampered: 123,404 records", "data/payments/0/"]),
        (0, &["payment_failure", &format!("offset     {offset} ")]),
        (
            0,
            &[
                "intact: payments/0",
                "payment_failure",
                &format!("offset     {offset} "),
            ],
        ),
    ];
    assert_eq!(commands.len(), expected.len(), "{commands:?}");
    for (command, (code, shows)) in commands.into_iter().zip(expected) {
        let ran = Command::new("sh")
            .args(["-c", command])
            .current_dir(&folder)
            .env_clear()
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let stdout = text(&ran.stdout);
        assert_eq!(
            (ran.status.code(), text(&ran.stderr)),
            (Some(code), ""),
            "{command}: {stdout}"
        );
        for shown in shows {
            assert!(stdout.contains(shown), "{command} does not show {shown}: {stdout}");
        }
    }
}

/// Each name is that of something that the demo makes, in this order.
#[test]
fn ctrl_c_ends_the_demo_at_every_step_and_says_what_it_leaves() {
    for made in [
        "d",
        "d/events.jsonl",
        "d/kivend.pub",
        "d/archive/data",
        "d/report.json",
        "d/forged",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = kivend(&folder)
            .args(["demo", "--dir", "d"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        super::signals::wait_for_handler(&mut child);
        while !folder.path().join(made).exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before {made}");
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(130), ""),
            "{made}: {stderr}"
        );
        assert!(stderr.contains("remove it with `rm -r d`"), "{made}: {stderr}");
        assert_eq!(names(folder.path()), ["d"], "{made}");
    }
}

//! A place without an archive is a usage error that names archives nearby; one from which an archive was removed is not.

use std::path::Path;
use std::process::Output;

use super::{kivend, text};
use crate::fixture::Archive;

/// Writes every object of the archive into the folder.
pub fn lay_out(archive: &Archive, folder: &Path) {
    for key in archive.store.keys() {
        let file = folder.join(&key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, archive.store.bytes(&key).unwrap()).unwrap();
    }
}

fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::usual();
    lay_out(&archive, &folder.path().join("copies/archive"));
    std::fs::write(folder.path().join("ok.jsonl"), "{}\n").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(
        folder.path().join("kivend.pub"),
        format!("{}\n", archive.key.verifying_key()),
    )
    .unwrap();
    folder
}

fn run(folder: &tempfile::TempDir, line: &str) -> Output {
    kivend(folder).args(line.split(' ')).output().unwrap()
}

#[track_caller]
fn refused(folder: &tempfile::TempDir, line: &str, expected: &[&str]) {
    let output = run(folder, line);
    let stderr = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{line}\n{stderr}{}",
        text(&output.stdout)
    );
    assert_eq!(text(&output.stdout), "", "{line}");
    for words in expected {
        assert!(stderr.contains(words), "{line}: no `{words}` in\n{stderr}");
    }
    for verdict in ["tampered", "incomplete"] {
        assert!(!stderr.contains(verdict), "{line}\n{stderr}");
    }
}

#[test]
fn a_folder_around_within_or_beside_an_archive_is_told_from_it() {
    let folder = world();
    let near = "an archive is nearby: `copies/archive` (named kivend)";
    let fix = "fix: name that folder: `copies/archive`";
    for place in [
        "copies",
        "copies/archive/data",
        "copies/archive/links/payments",
        "copies/other",
    ] {
        std::fs::create_dir_all(folder.path().join(place)).unwrap();
        refused(
            &folder,
            &format!("verify --offline {place}"),
            &["no archive is here", near, fix],
        );
    }
    refused(
        &folder,
        "verify --offline copies --format json",
        &["{\"error\":\"no archive is here", "\"exit_code\":2"],
    );
    for command in ["verify --against links", "files", "export", "prove payments 0 1"] {
        let line = format!("{command} --store-directory copies");
        refused(&folder, &line, &["no archive is here", near, fix]);
    }
}

#[test]
fn an_empty_folder_a_file_and_a_missing_folder_are_told_as_such() {
    let folder = world();
    refused(
        &folder,
        "verify --offline empty",
        &["no archive is here", "the folder that has archive.json in it"],
    );
    for line in ["verify --offline ok.jsonl", "verify --store-directory ok.jsonl"] {
        refused(&folder, line, &["but a file: `ok.jsonl`"]);
    }
    refused(
        &folder,
        "verify --offline nowhere",
        &["the folder does not exist: `nowhere`"],
    );
    refused(
        &folder,
        "verify-proof ok.jsonl",
        &["not a proof file", "kivend prove -o FILE"],
    );
}

#[test]
fn an_archive_of_which_something_is_left_or_known_is_incomplete() {
    let folder = world();
    let place = folder.path().join("copies/archive");
    std::fs::remove_file(place.join("archive.json")).unwrap();
    let output = run(&folder, "verify --offline copies/archive");
    assert_eq!(output.status.code(), Some(11), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("incomplete: "));

    let saved = std::fs::read(place.join("checkpoints/0000000001.note")).unwrap();
    std::fs::write(folder.path().join("saved.note"), saved).unwrap();
    for since in ["--checkpoint", "--since"] {
        let output = run(&folder, &format!("verify --offline empty {since} saved.note"));
        assert_eq!(output.status.code(), Some(11), "{since}: {}", text(&output.stderr));
    }
}

#[test]
fn archives_nearby_are_named_where_one_must_be_and_is_not() {
    let folder = world();
    let saved = folder.path().join("copies/archive/checkpoints/0000000001.note");
    std::fs::copy(saved, folder.path().join("saved.note")).unwrap();
    std::fs::create_dir(folder.path().join("copies/other")).unwrap();
    let output = run(&folder, "verify --offline copies/other --checkpoint saved.note");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(11), "{stderr}");
    assert!(
        stderr.contains("an archive is nearby: `copies/archive` (named kivend)"),
        "{stderr}"
    );
}

#[test]
fn another_name_than_the_settings_say_is_told() {
    let folder = world();
    let verify = "verify --against links --store-directory copies/archive";
    let told = "the archive here is named `kivend`, and archive.name is `other`";
    let output = run(&folder, &format!("{verify} --set archive.name=other"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    assert_eq!(text(&run(&folder, verify).stderr), "");
    let retire = "keys retire --store-directory copies/archive --set archive.name=other";
    let named = "an archive with another name: `kivend`, while `other` is configured";
    refused(&folder, retire, &[named, "set archive.name to that name"]);
}

#[test]
fn a_topic_that_nobody_knows_is_a_usage_error_with_the_one_that_is_meant() {
    let folder = world();
    for command in ["verify --against links,rows", "files", "export"] {
        let line = format!("{command} --store-directory copies/archive --topic paymets");
        refused(&folder, &line, &["topic: `paymets`", "did you mean `payments`?"]);
    }
    let output = run(&folder, "prove paymets 0 1 --store-directory copies/archive");
    assert!(
        text(&output.stderr).contains("did you mean the topic `payments`?"),
        "{}",
        text(&output.stderr)
    );
    refused(
        &folder,
        "verify --offline copies/archive --topic frobnicate",
        &["there is no such topic", "orders", "payments", "user-events"],
    );
    let output = run(&folder, "verify --offline copies/archive --topic payments");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let newest = newest(&folder);
    refused(
        &folder,
        &format!("verify --offline copies/archive --since {newest} --topic paymets"),
        &["did you mean `payments`?"],
    );
    refused(
        &folder,
        "retention --store-directory copies/archive --topic paymets --before 1d",
        &["did you mean `payments`?"],
    );
    refused(
        &folder,
        "verify --offline copies/archive --topic payments --partition 77",
        &["there is no such partition: payments/77"],
    );
}

#[test]
fn a_configured_topic_of_which_nothing_is_archived_yet_is_no_mistake() {
    let folder = world();
    let files = "files --store-directory copies/archive --topic";
    let archived = text(&run(&folder, &format!("{files} payments")).stdout).to_owned();
    assert!(archived.contains("data/payments/0/"), "{archived}");
    let output = run(&folder, &format!("{files} fraud-alerts"));
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));
    assert!(
        text(&output.stderr).contains("no segments of this topic yet: `fraud-alerts`"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_start_that_is_neither_a_time_nor_a_file_is_a_usage_error() {
    let folder = world();
    refused(
        &folder,
        "verify --offline copies/archive --since yesterday",
        &["neither a time", "such as 24h"],
    );
    std::fs::write(folder.path().join("broken.note"), "kivend\n").unwrap();
    let output = run(&folder, "verify --offline copies/archive --since broken.note");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(": `broken.note`") && stderr.contains("kivend checkpoint -o FILE"),
        "{stderr}"
    );
}

#[test]
fn nothing_new_since_the_newest_checkpoint_is_intact() {
    let folder = world();
    let newest = newest(&folder);
    let output = run(&folder, &format!("verify --offline copies/archive --since {newest}"));
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(
        stdout.contains(&format!("nothing new since checkpoint {newest} of ")),
        "{stdout}"
    );
}

fn newest(folder: &tempfile::TempDir) -> u64 {
    let checkpoints = std::fs::read_dir(folder.path().join("copies/archive/checkpoints")).unwrap();
    checkpoints.count() as u64 - 1
}

#[test]
fn a_wrong_key_is_one_finding_and_not_forty() {
    let folder = world();
    let other = kivend::log::signed_note::SigningKey::from_seed("other", &[3; 32]).unwrap();
    let output = run(
        &folder,
        &format!("verify --offline copies/archive --key {}", other.verifying_key()),
    );
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(10), "{stdout}");
    assert!(stdout.contains("(KV003)"), "{stdout}");
    assert!(
        !stdout.contains("(KV010)") && stdout.contains("follow from the wrong key"),
        "{stdout}"
    );
}

#[test]
fn the_verdict_is_coloured_where_colours_are_wanted() {
    let folder = world();
    let line = "verify --offline copies/archive";
    let shown = |command: &mut std::process::Command| text(&command.output().unwrap().stdout).to_owned();
    let coloured = shown(kivend(&folder).args(line.split(' ')).args(["--color", "always"]));
    assert!(coloured.starts_with("\u{1b}[1;32mintact\u{1b}[0m: "), "{coloured}");
    for plain in [
        shown(kivend(&folder).args(line.split(' '))),
        shown(kivend(&folder).args(line.split(' ')).env("NO_COLOR", "1")),
    ] {
        assert!(plain.starts_with("intact: "), "{plain}");
    }
}

#[test]
fn the_table_of_topics_fits_80_columns() {
    let folder = world();
    let output = run(&folder, "verify --offline copies/archive");
    let stdout = text(&output.stdout);
    let table = stdout.lines().skip_while(|line| !line.starts_with("topic ")).take(4);
    let widest = table.map(|line| line.chars().count()).max().unwrap();
    assert!((40..=80).contains(&widest), "{stdout}");
}

//! Signing keys in a token: SoftHSM 2 stands for a hardware security module.

mod token;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::patience::until;
use token::{PIN, Running, Workshop, stderr};

fn text<'a>(report: &'a Value, field: &str) -> &'a str {
    report[field].as_str().unwrap()
}

/// The files under the workshop's folder that hold a private key of kivend.
fn key_files(workshop: &Workshop) -> usize {
    let mut folders = vec![workshop.folder.path().to_owned()];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).unwrap();
                found += usize::from(bytes.windows(12).any(|window| window == b"PRIVATE+KEY+"));
            }
        }
    }
    found
}

#[test]
fn an_archive_signed_by_a_token_is_intact_and_no_file_has_its_key() {
    let Some(workshop) = Workshop::open() else { return };
    let made = workshop.json("audit key", &["init"]);
    let again = workshop.json("audit key", &["init"]);
    assert_eq!(made["public_key"], again["public_key"]);
    assert_eq!(
        text(&made, "private_key"),
        "pkcs11:token=kivend%20test;object=audit%20key;type=private"
    );
    workshop.ingest("audit key", 3_000, 1);
    workshop.json("audit key", &["archive"]);
    let shown = workshop.json("audit key", &["keys", "show"]);
    assert_eq!(shown["keys"][0]["signs_here"], true);
    let report = workshop.json(
        "audit key",
        &["verify", "--at-rest", "--key", text(&made, "public_key")],
    );
    assert_eq!(report["verdict"], "intact");
    assert_eq!(report["trust"]["basis"], "keys_brought");
    assert_eq!(key_files(&workshop), 0);
}

#[test]
fn keys_rotate_from_a_file_to_a_token_and_within_it() {
    let Some(workshop) = Workshop::open() else { return };
    // Without a label the key is in a file.
    let in_file = workshop.json("", &["init"]);
    workshop.ingest("", 500, 1);
    workshop.json("", &["archive"]);
    let rotate = |label: &str, next: &str| {
        let rotated = workshop.json(label, &["keys", "rotate", "--next-label", next]);
        assert_eq!(rotated["done"], "added");
        // It is repeated after an interruption.
        assert_eq!(
            workshop.json(label, &["keys", "rotate", "--next-label", next])["key"],
            rotated["key"]
        );
        workshop.ingest(next, 500, 2);
        workshop.json(next, &["archive"]);
        workshop.json(next, &["keys", "retire", "--accept-idle"]);
        text(&rotated, "key").to_owned()
    };
    let first = rotate("", "first");
    let second = rotate("first", "second");
    let refused = workshop.kivend("second", &["keys", "rotate"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--next-label"), "{}", stderr(&refused));
    let same = workshop
        .kivend("second", &["keys", "rotate", "--next-label", "second"])
        .output()
        .unwrap();
    assert_eq!(same.status.code(), Some(2), "{}", stderr(&same));
    for key in [text(&in_file, "public_key"), &first, &second] {
        let report = workshop.json("second", &["verify", "--at-rest", "--key", key]);
        assert_eq!(report["verdict"], "intact", "{key}");
    }
}

#[test]
fn a_pin_may_come_from_a_file_of_its_owner_and_is_never_printed() {
    let Some(workshop) = Workshop::open() else { return };
    workshop.json("audit", &["init"]);
    let file = workshop.folder.path().join("pin");
    std::fs::write(&file, format!("{PIN}\n")).unwrap();
    let show = |pin: Option<&str>, mode: u32| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut command = workshop.kivend("audit", &["init"]);
        command
            .env("KIVEND_ARCHIVE__PKCS11__PIN_FILE", &file)
            .env_remove("KIVEND_PKCS11_PIN");
        if let Some(pin) = pin {
            command.env("KIVEND_PKCS11_PIN", pin);
        }
        command.output().unwrap()
    };
    assert!(show(None, 0o600).status.success());
    let refused = |output: Output, why: &str| {
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert!(!stderr(&output).contains(PIN));
    };
    refused(show(None, 0o604), "other users may read");
    let wrong = show(Some("161803"), 0o600);
    assert!(!stderr(&wrong).contains("161803"));
    refused(wrong, "the token refuses the PIN");
    let shown = workshop.kivend("audit", &["config", "show"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(PIN));
}

#[test]
fn a_missing_key_token_or_library_is_named() {
    let Some(workshop) = Workshop::open() else { return };
    workshop.json("audit", &["init"]);
    let refused = |variable: &str, value: &str, why: &str| {
        let output = workshop
            .kivend("audit", &["archive"])
            .env(variable, value)
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    };
    refused(
        "KIVEND_ARCHIVE__PKCS11__LABEL",
        "other",
        "no Ed25519 key with this label",
    );
    refused("KIVEND_ARCHIVE__PKCS11__TOKEN", "other", "no token has the label");
    refused("KIVEND_ARCHIVE__PKCS11__MODULE", "/nowhere.so", "cannot be loaded");
    let mut doctor = workshop.kivend("other", &["doctor"]);
    // Brokers in this process do not answer all that it asks.
    let report = doctor.env("KIVEND_KAFKA__BROKERS", "127.0.0.1:1").output().unwrap();
    let report = String::from_utf8_lossy(&report.stdout);
    assert!(report.contains("no Ed25519 key with this label"), "{report}");
}

#[test]
fn an_archiver_whose_token_is_unplugged_waits_and_loses_nothing() {
    let Some(workshop) = Workshop::open() else { return };
    workshop.json("audit", &["init"]);
    let archiver = workshop
        .program(env!("CARGO_BIN_EXE_kivend-archiver"), "audit")
        .stderr(Stdio::null())
        .spawn();
    let mut archiver = Running(archiver.unwrap());
    until("the archiver to be ready", || workshop.readiness().contains(" 200 "));
    let tokens = workshop.folder.path().join("tokens");
    let unplugged = workshop.folder.path().join("unplugged");
    std::fs::rename(&tokens, &unplugged).unwrap();
    workshop.ingest("audit", 500, 1);
    until("readiness to name the signature", || {
        let answer = workshop.readiness();
        answer.contains(" 503 ") && answer.contains("sign a link")
    });
    std::fs::rename(&unplugged, &tokens).unwrap();
    until("the archiver to be ready again", || {
        workshop.readiness().contains(" 200 ")
    });
    kill_process(Pid::from_child(&archiver.0), Signal::TERM).unwrap();
    assert!(archiver.0.wait().unwrap().success());
    let report = workshop.json("audit", &["verify", "--at-rest"]);
    assert_eq!(report["verdict"], "intact");
}

//! Arguments that are easily mistaken: keys, numbers, times. A private key is never printed; an error of any kind is a JSON
//! object where that format was asked for.

use std::process::Output;

use kivend::log::signed_note::SigningKey;

use super::{kivend, run, text};

const PRIVATE: &str = "PRIVATE+KEY+";

fn signing_key() -> SigningKey {
    SigningKey::from_seed("kivend", &[0x5a; 32]).unwrap()
}

fn in_folder(folder: &tempfile::TempDir, line: &[&str]) -> Output {
    kivend(folder).args(line).output().unwrap()
}

#[test]
fn a_private_key_is_refused_and_not_printed_wherever_a_public_one_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.proof"), "kivend.proof/v1\n{}").unwrap();
    let key = signing_key().to_secret_text();
    let secret = &key[PRIVATE.len()..];
    std::fs::write(folder.path().join("kivend.key"), format!("{key}\n")).unwrap();
    for given in [key.as_str(), "kivend.key", &format!("--{key}")] {
        for line in [
            &["verify", "--key", given, "--store-directory", "a"][..],
            &["verify-proof", "a.proof", "--key", given],
            &["prove", "payments", "0", "1", "--key", given],
            &["export", "--key", given],
            &["files", "--key", given],
            &["keys", "retire", given, "--store-directory", "a"],
            &[
                "keys",
                "propose",
                "--add",
                given,
                "-o",
                "change",
                "--store-directory",
                "a",
            ],
            &["verify", "--witness", given],
            &["config", "show", given],
            &["verify", "--key", given, "--format", "json"],
        ] {
            let output = in_folder(&folder, line);
            let printed = [output.stdout, output.stderr].concat();
            let printed = text(&printed);
            assert!(!printed.contains(secret), "{line:?}\n{printed}");
            assert_eq!(output.status.code(), Some(2), "{line:?}\n{printed}");
        }
    }
    let output = in_folder(&folder, &["verify", "--key", &key]);
    assert!(
        text(&output.stderr).contains("`kivend keys show` prints"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_public_key_may_be_given_as_the_name_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let archive = crate::fixture::Archive::usual();
    super::places::lay_out(&archive, &folder.path().join("archive"));
    std::fs::write(
        folder.path().join("kivend.pub"),
        format!("{}\n", archive.key.verifying_key()),
    )
    .unwrap();
    let output = in_folder(&folder, &["verify", "--offline", "archive", "--key", "kivend.pub"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("trust: the given public keys"),
        "{}",
        text(&output.stdout)
    );
    for command in ["files", "export"] {
        let output = in_folder(
            &folder,
            &[command, "--store-directory", "archive", "--key", "kivend.pub"],
        );
        assert_eq!(output.status.code(), Some(0), "{command}: {}", text(&output.stderr));
    }
    let output = in_folder(&folder, &["verify", "--offline", "archive", "--key", "nowhere.pub"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("neither a public key of the form NAME+ID+KEY nor a file"),
        "{stderr}"
    );
}

#[test]
fn an_error_is_a_json_object_where_json_was_asked_for() {
    for (line, error) in [
        ("config show --set store.prefx=audit --format json", "unknown setting"),
        ("verify --format json --topc payments", "unexpected argument"),
        ("frobnicate --format=json", "unrecognized subcommand"),
        ("consume payments ten --format json", "invalid value"),
    ] {
        let output = run(&line.split(' ').collect::<Vec<_>>());
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{line}");
        let object: serde_json::Value = serde_json::from_str(stderr).unwrap_or_else(|_| panic!("{line}: {stderr}"));
        assert!(object["error"].as_str().unwrap().contains(error), "{line}: {stderr}");
        assert_eq!(object["exit_code"], 2, "{line}");
        assert_ne!(object["fix"], "", "{line}");
    }
}

#[test]
fn a_number_in_words_or_with_an_exponent_is_refused_with_an_example() {
    for line in [
        "consume payments ten",
        "consume payments 1e6",
        "generate --events 1e6",
        "ingest --max many",
        "ingest --rate 10/s",
        "prove payments one 1",
    ] {
        let output = run(&line.split(' ').collect::<Vec<_>>());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(stderr.contains("expected a whole number in digits"), "{line}: {stderr}");
    }
}

#[test]
fn a_setting_of_the_wrong_form_is_refused_with_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kivend.toml");
    for (content, expected) in [
        (
            "[archive]\nseal_max_age = 300\n",
            "a duration needs a unit, one of ms s m h d: write 300s for 300 seconds",
        ),
        (
            "[archive]\nseal_max_bytes = 16\n",
            "a size needs a unit, one of B KB MB GB KiB MiB GiB: write 16B for 16 bytes",
        ),
        ("[store]\nbucket = 's3://audit'\n", "a folder in it is store.prefix"),
        ("[kafka]\nbrokers = '::1:9092'\n", "[::1]:9092"),
        ("[store\n", "correct the line that is shown"),
    ] {
        std::fs::write(&file, content).unwrap();
        let output = in_folder(&folder, &["config", "show", "--config", "kivend.toml"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{content}{stderr}");
        assert!(stderr.contains(expected), "{content}{stderr}");
        assert!(!stderr.contains("`kivend config show`"), "{content}{stderr}");
    }
    std::fs::write(
        &file,
        "[kafka]\nbrokers = '[::1]:9092'\n[store]\nendpoint = 'http://[::1]:9000'\n",
    )
    .unwrap();
    let output = in_folder(&folder, &["config", "show", "--config", "kivend.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn an_empty_range_of_times_is_refused() {
    let output = run(&["export", "--since", "2026-02-02", "--until", "2026-02-01"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--until is not later than --since"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn every_option_has_a_text_in_the_manual() {
    let page = run(&["man"]);
    let page = text(&page.stdout);
    for option in ["set", "color", "log\\-format", "brokers", "store\\-prefix"] {
        let line = page
            .lines()
            .position(|line| line.contains(&format!("\\-\\-{option}")))
            .unwrap();
        let described = page.lines().nth(line + 1).unwrap();
        assert!(!described.starts_with(".TP"), "{option}: {described}");
    }
}

//! `kivend config check`: exit codes, both formats, files that are missing or exposed, and nothing that is contacted.

use std::os::unix::fs::PermissionsExt as _;

use kivend::log::signed_note::SigningKey;

use super::{kivend, text};

fn check(settings: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kivend.toml");
    std::fs::write(&file, settings.replace("{}", &folder.path().display().to_string())).unwrap();
    let key = SigningKey::from_seed("kivend", &[7; 32]).unwrap().to_secret_text();
    let cut = &key[..key.len() - 4];
    for (name, content, mode) in [
        ("fine.key", &*key, 0o600),
        ("open.key", &*key, 0o644),
        ("cut.key", cut, 0o600),
        ("empty.key", "", 0o600),
    ] {
        let key = folder.path().join(name);
        std::fs::write(&key, content).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = kivend(&folder);
    let output = command
        .args(["config", "check", "kivend.toml"])
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(text(&output.stderr), "");
    assert!(
        !text(&output.stdout).contains(&cut[cut.len() - 12..]),
        "a private key is shown"
    );
    let shown = text(&output.stdout).replace(&folder.path().display().to_string(), "~");
    (output.status.code(), shown)
}

#[test]
fn a_file_without_problems_is_said_to_be_fine_although_nothing_runs() {
    let settings = "[kafka]\nbrokers = ['192.0.2.1:9092']\nallow_plaintext = true\n[archive]\nkey_file = '{}/fine.key'";
    assert_eq!(check(settings, &[]), (Some(0), "no problem: kivend.toml\n".to_owned()));
}

#[test]
fn problems_are_listed_as_compilers_do_and_end_with_2() {
    let settings = "[store]\nprefx = 'a'\ndirectory = '/a'\nbucket = 'b'\n[archive]\nkey_file = '{}/fine.key'\n[telemetry]\nlisten = '7'\n";
    let (code, shown) = check(settings, &[]);
    assert_eq!(code, Some(2));
    assert_eq!(
        shown,
        "kivend.toml:2: error: store.prefx: there is no such setting\n  fix: did you mean `store.prefix`?\n\
         kivend.toml:8: error: telemetry.listen: must be `ip:port`, such as 127.0.0.1:9464, not `7`\n\
         2 problems: kivend.toml\n"
    );
}

#[test]
fn the_json_form_has_the_same_problems() {
    let (code, shown) = check(
        "[archive]\nseal_max_age = 30\nkey_file = '{}/fine.key'\n",
        &["--format", "json"],
    );
    let report: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, report["ok"].as_bool()), (Some(2), Some(false)));
    let problem = &report["problems"][0];
    assert_eq!(
        (problem["level"].as_str(), problem["line"].as_u64()),
        (Some("refused"), Some(2))
    );
    assert_eq!(problem["setting"], "archive.seal_max_age");
    assert!(problem["message"].as_str().unwrap().contains("write 30s"), "{problem}");
}

#[test]
fn files_that_are_missing_or_readable_by_others_are_problems() {
    let settings = "[store]\nendpoint = 'https://s3.example'\nca_file = '{}/none.pem'\n[archive]\nkey_file = '{}/open.key'\n\
                    checkpoint_copies = [{ directory = '{}/none' }]\n[kafka.properties]\nsecurity.protocol = 'SASL_SSL'\n\
                    ssl.ca.location = '{}/none.pem'\nsasl.password = 'hunter2'\n";
    let (code, shown) = check(settings, &[]);
    assert_eq!(code, Some(2));
    for line in [
        "kivend.toml:3: error: store.ca_file: the file does not exist: `~/none.pem`",
        "kivend.toml:5: error: archive.key_file: other users may read the signing key: the mode of `~/open.key` is 644",
        "kivend.toml:6: error: archive.checkpoint_copies[0]: the folder does not exist: `~/none`",
        "kivend.toml:9: error: kafka.properties.ssl.ca.location: the file does not exist: `~/none.pem`",
        "error: kafka.properties.sasl.password: a secret is in a file that every user may read, with mode 644",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_file_that_is_not_there_is_a_problem_and_no_failed_command_is_advised() {
    let folder = tempfile::tempdir().unwrap();
    let output = kivend(&folder)
        .args(["config", "check", "nowhere.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("nowhere.toml: error: the settings file cannot be read"));
    for arguments in [&["config", "show"][..], &["config", "check"], &["doctor"], &["verify"]] {
        for setting in ["zzz=1", "archive.seal_max_age=30", "store.prefx=a"] {
            let output = kivend(&folder)
                .args(arguments)
                .args(["--set", setting])
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?} {setting}");
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert!(!said.contains("`kivend "), "{arguments:?} advises a command: {said}");
        }
    }
}

#[test]
fn a_damaged_signing_key_is_a_problem_and_the_remedy_is_its_backup() {
    let of = |name: &str| format!("[archive]\nkey_file = '{{}}/{name}.key'\n");
    let setting = "[archive]\nkey = 'PRIVATE+KEY+kivend+00000000+AQ'\n".to_owned();
    for (settings, problem) in [
        (
            of("cut"),
            "archive.key_file: the file holds no signing key of the form PRIVATE+KEY+…",
        ),
        (of("empty"), "archive.key_file: the signing key file is empty"),
        (setting, "archive.key: the setting archive.key is not a signing key"),
    ] {
        let (code, shown) = check(&settings, &[]);
        assert_eq!(code, Some(2), "{shown}");
        assert!(shown.contains(problem), "{shown}");
        assert!(shown.contains("docs/OPERATE.md, \"Backup and escrow\""), "{shown}");
    }
}

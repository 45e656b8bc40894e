//! Where it runs: in a pod of Kubernetes, without a home folder, with a secret for its group, in the locale C.

use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{kivend, text};

#[test]
fn variables_of_a_kubernetes_service_are_ignored_and_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = kivend(&folder);
    command
        .env("KIVEND_PORT", "tcp://10.0.0.7:9464")
        .env("KIVEND_SERVICE_HOST", "10.0.0.7")
        .env("KIVEND_PORT_9000_TCP_ADDR", "10.0.0.7")
        .env("KIVEND_STORE__PREFIX", "audit");
    let output = command.args(["config", "show"]).output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("\"audit\""), "{stdout}");
    assert_eq!(
        stderr
            .matches("KIVEND_PORT, KIVEND_PORT_9000_TCP_ADDR, KIVEND_SERVICE_HOST")
            .count(),
        1,
        "{stderr}"
    );
    let output = kivend(&folder)
        .env("KIVEND_PORT", "9464")
        .args(["config", "show"])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(2),
        "a setting that does not exist is still refused"
    );
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_and_not_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let latin = std::ffi::OsString::from_vec(b"b\xfccher".to_vec());
    let output = kivend(&folder)
        .env("KIVEND_STORE__PREFIX", latin)
        .args(["config", "show"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("not UTF-8: `KIVEND_STORE__PREFIX`"), "{stderr}");
}

/// Creates an archive in the folder `archive`, and returns the path of its key.
fn init(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let output = kivend(folder)
        .args(["init", "--store-directory", "archive"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    folder.path().join(".config/kivend/kivend.key")
}

fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_that_its_group_may_read_is_accepted_and_one_for_everybody_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let key = init(&folder);
    let again = || {
        kivend(&folder)
            .args(["init", "--store-directory", "archive"])
            .output()
            .unwrap()
    };
    for mode in [0o400, 0o440, 0o640, 0o660] {
        set_mode(&key, mode);
        let output = again();
        assert_eq!(output.status.code(), Some(0), "{mode:o}: {}", text(&output.stderr));
    }
    set_mode(&key, 0o444);
    let output = again();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains(" is 444") && stderr.contains("defaultMode: 0400"),
        "{stderr}"
    );
}

#[test]
fn keys_show_says_why_this_machine_cannot_sign() {
    let folder = tempfile::tempdir().unwrap();
    let key = init(&folder);
    let show = || {
        let output = kivend(&folder)
            .args(["keys", "show", "--store-directory", "archive"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    assert!(!show().contains("cannot sign"));
    set_mode(&key, 0o644);
    assert!(
        show().contains("this machine cannot sign: other users may read the signing key"),
        "{}",
        show()
    );
    set_mode(&key, 0o600);
    std::fs::write(&key, "garbage").unwrap();
    assert!(
        show().contains("this machine cannot sign: the file holds no signing key"),
        "{}",
        show()
    );
}

#[test]
fn without_a_home_folder_only_what_needs_a_key_file_asks_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = std::fs::read_to_string(init(&folder)).unwrap();
    let homeless = |line: &str| {
        let mut command = kivend(&folder);
        command.env_remove("HOME").args(line.split(' '));
        command
    };
    for line in [
        "config show",
        "files --store-directory archive",
        "keys show --store-directory archive",
    ] {
        let output = homeless(line).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
    }
    let output = homeless("init --store-directory archive").output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("KIVEND_ARCHIVE__KEY_FILE"), "{stderr}");
    let with_key = homeless("init --store-directory archive")
        .env("KIVEND_ARCHIVE__KEY", key.trim())
        .output()
        .unwrap();
    assert_eq!(with_key.status.code(), Some(0), "{}", text(&with_key.stderr));
}

#[test]
fn the_locale_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["LC_ALL", "LANG"] {
        let mut command = kivend(&folder);
        command.env(name, "C").args(["init", "--store-directory", "büro/архив"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(folder.path().join("büro/архив/archive.json").is_file());
    }
}

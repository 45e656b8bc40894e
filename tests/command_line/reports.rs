//! The files that `kivend verify` writes its report to.

use std::process::Output;

use super::{kivend, text};
use crate::fixture::Archive;

fn world() -> (tempfile::TempDir, Archive) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::usual();
    super::places::lay_out(&archive, &folder.path().join("copy"));
    (folder, archive)
}

fn verify(folder: &tempfile::TempDir, more: &[&str]) -> Output {
    let line = ["verify", "--offline", "copy", "--against", "rows,links"];
    kivend(folder).args(line).args(more).output().unwrap()
}

#[test]
fn the_files_say_what_stdout_says_with_the_command_and_without_its_secrets() {
    let (folder, _) = world();
    let secret = "--set=kafka.properties.sasl.password=Marked";
    let output = verify(
        &folder,
        &["--html", "r.html", "--json", "r.json", "--format", "json", secret],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json = std::fs::read(folder.path().join("r.json")).unwrap();
    assert_eq!(json, output.stdout);
    let page = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let command = report["run"]["command"].as_str().unwrap();
    assert_eq!(
        command,
        "kivend verify --offline copy --against rows,links --html r.html --json r.json --format json --set=kafka.properties.sasl.password=***"
    );
    assert!(page.contains(command), "{page}");
    // A repetition does not overwrite what is evidence.
    let repeat = report["run"]["repeat"].as_str().unwrap();
    assert_eq!(
        repeat,
        "kivend verify --offline copy --against rows,links --format json --set=kafka.properties.sasl.password=***"
    );
    assert!(page.contains(&format!("<pre>{repeat}</pre>")), "{page}");
    assert!(!page.contains("Marked") && !text(&json).contains("Marked"));
    assert!(report["run"]["began_at"].as_str().unwrap() <= report["run"]["ended_at"].as_str().unwrap());
}

#[test]
fn without_a_browser_a_pdf_is_refused_before_anything_is_verified() {
    let (folder, _) = world();
    let output = verify(&folder, &["--pdf", "r.pdf", "--html", "r.html"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("--pdf needs Chromium") && stderr.contains("apt-get install chromium"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");
    assert!(!folder.path().join("r.html").exists());
}

#[test]
fn a_pdf_is_what_the_browser_prints_of_the_page() {
    let (folder, _) = world();
    // Stands for Chromium: prints the page's title where it is told to.
    let browser = folder.path().join("browser");
    let script = "#!/bin/sh\nfor a; do case $a in --print-to-pdf=*) out=${a#*=};; file://*) in=${a#file://};; esac; done\n\
                  { echo %PDF-1.4; while read -r line; do case $line in '<title>'*) echo \"$line\";; esac; done <\"$in\"; } >\"$out\"\n";
    std::fs::write(&browser, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&browser, mode).unwrap();
    let line = [
        "verify",
        "--offline",
        "copy",
        "--against",
        "rows,links",
        "--pdf",
        "r.pdf",
    ];
    let output = kivend(&folder).env("CHROMIUM", &browser).args(line).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = std::fs::read_to_string(folder.path().join("r.pdf")).unwrap();
    assert_eq!(printed, "%PDF-1.4\n<title>kivend — intact</title>\n");
}

/// Checks a signed report. Returns the exit code and what is printed.
fn checked(folder: &tempfile::TempDir, key: &str) -> (Option<i32>, String) {
    let line = ["verify-report", "r.note", "--key", key];
    let output = kivend(folder).args(line).output().unwrap();
    (
        output.status.code(),
        text(&output.stdout).to_owned() + text(&output.stderr),
    )
}

const SIGNED: [&str; 6] = ["--json", "r.json", "--html", "r.html", "--sign", "r.note"];

#[test]
fn a_signed_report_is_believed_until_the_note_or_a_file_is_changed() {
    let (folder, archive) = world();
    let key = archive.key.verifying_key().to_string();
    let line = ["verify", "--offline", "copy", "--against", "rows,links"];
    let output = kivend(&folder)
        .env("KIVEND_ARCHIVE__KEY", archive.key.to_secret_text())
        .args(line)
        .args(SIGNED)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let signed = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    for part in [
        "kivend verify-report r.note --key",
        "tools/verify_report.py r.note --key",
        "in r.note; how to check",
    ] {
        assert!(signed.contains(part), "{signed}");
    }
    let (code, said) = checked(&folder, &key);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "intact: the report and its files were signed by",
        "260 records",
        "r.html",
        "kivend ",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let stranger = crate::fixture::key(77).verifying_key().to_string();
    assert_eq!(checked(&folder, &stranger).0, Some(12));
    for (file, from, to, code) in [
        ("r.html", "<h1>intact", "<h1>tampered", 10),
        ("r.json", "\"verdict\":\"intact\"", "\"verdict\":\"tampered\"", 10),
        ("r.note", "\"verdict\":\"intact\"", "\"verdict\":\"tampered\"", 10),
        ("r.note", "\n\n", "\n", 10),
    ] {
        let place = folder.path().join(file);
        let was = std::fs::read_to_string(&place).unwrap();
        let changed = was.replacen(from, to, 1);
        assert_ne!(changed, was, "{file}");
        std::fs::write(&place, changed).unwrap();
        let (found, said) = checked(&folder, &key);
        assert_eq!(found, Some(code), "{file}: {said}");
        std::fs::write(&place, was).unwrap();
    }
    let page = folder.path().join("r.html");
    // Longer than any memory: only as much is read as was signed.
    std::fs::File::options()
        .write(true)
        .open(&page)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert_eq!(checked(&folder, &key).0, Some(10));
    std::fs::remove_file(&page).unwrap();
    // Neither waits for a writer nor reads without an end.
    for make in ["mkfifo", "ln -s /dev/zero"] {
        let made = std::process::Command::new("sh")
            .args(["-c", &format!("{make} \"$0\"")])
            .arg(&page)
            .status();
        assert!(made.unwrap().success(), "{make}");
        let (code, said) = checked(&folder, &key);
        assert_eq!(code, Some(1), "{make}: {said}");
        assert!(said.contains("it is not a regular file"), "{make}: {said}");
        std::fs::remove_file(&page).unwrap();
    }
    let (code, said) = checked(&folder, &key);
    assert_eq!(code, Some(11), "{said}");
    assert!(
        said.contains("a file that it names is missing") && said.contains("`r.html`"),
        "{said}"
    );
}

#[test]
fn a_report_may_be_signed_with_the_key_of_an_auditor_and_its_verdict_is_the_exit_code() {
    let (folder, archive) = world();
    std::fs::remove_file(folder.path().join("copy").join(archive.segment_key("payments", 0, 1))).unwrap();
    let auditor = kivend::log::signed_note::SigningKey::from_seed("auditor.example", &[5; 32]).unwrap();
    let file = folder.path().join("auditor.key");
    std::fs::write(&file, auditor.to_secret_text()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    let output = verify(&folder, &[&SIGNED[..], &["--sign-key", "auditor.key"]].concat());
    assert_eq!(output.status.code(), Some(11), "{}", text(&output.stderr));
    let (code, said) = checked(&folder, &auditor.verifying_key().to_string());
    assert_eq!(code, Some(11), "{said}");
    assert!(
        said.starts_with("intact: the report and its files were signed by auditor.example+"),
        "{said}"
    );
    assert!(said.contains("incomplete: 260 records"), "{said}");
}

#[test]
fn what_cannot_be_signed_is_refused_before_anything_is_verified() {
    let (folder, archive) = world();
    let key = archive.key.to_secret_text();
    for (options, why) in [
        (&["--sign", "r.note"][..], "nothing to sign"),
        (&["--sign", "r.note", "--html", "copy/r.html"], "in its own folder"),
        (&["--sign", "r.note", "--html", "r.note"], "in its own folder"),
        (&["--sign", "r.note", "--html", "r.html", "--sign-key", "none"], "none"),
    ] {
        let line = ["verify", "--offline", "copy", "--against", "links"];
        let output = kivend(&folder)
            .env("KIVEND_ARCHIVE__KEY", &key)
            .args(line)
            .args(options)
            .output()
            .unwrap();
        let stderr = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{options:?}: {stderr}");
        assert!(stderr.contains(why), "{options:?}: {stderr}");
        assert_eq!(text(&output.stdout), "", "{options:?}");
    }
    // Without the archive's signing key.
    let output = verify(&folder, &SIGNED);
    assert!(
        !output.status.success() && text(&output.stdout).is_empty(),
        "{}",
        text(&output.stderr)
    );
    assert!(!folder.path().join("r.html").exists());
}

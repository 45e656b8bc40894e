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

//! What scripts rely on: exit codes, one JSON object and nothing else on stdout, errors in one form on stderr, no
//! progress without a terminal, and settings from file, environment and flags.

mod addresses;
mod arguments;
mod config_check;
mod consuming;
mod first_steps;
mod hosts;
mod missing_links;
mod outputs;
mod places;
mod progress;
mod real_doctor;
mod reload;
mod reports;
mod retrieval;
mod secrets;
mod signals;

use std::io::Read;
use std::process::{Command, Output, Stdio};

/// `kivend` in an empty folder with an empty environment, so that settings and credentials of this machine have no
/// effect.
fn kivend(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kivend"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    kivend(&tempfile::tempdir().unwrap()).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn wrong_usage_and_wrong_settings_end_with_2_and_print_nothing_on_stdout() {
    for arguments in [
        &["frobnicate"][..],
        &["config", "show", "--nonsense"],
        &["config", "show", "--set", "archive.seal_max_age=5 minutes"],
        &["config", "show", "--config", "nowhere.toml"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_error_tells_what_happened_and_what_to_do() {
    let output = run(&["config", "show", "--set", "store.prefx=audit"]);
    assert_eq!(
        text(&output.stderr),
        "error: unknown setting `store.prefx` (from `--set`)\n  fix: did you mean `store.prefix`?\n"
    );
}

#[test]
fn every_setting_is_shown_with_its_value_and_origin() {
    let folder = tempfile::tempdir().unwrap();
    let shown = kivend(&folder)
        .args(["config", "show", "--format", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let line =
        |setting: &serde_json::Value| format!("{} = {} from {}", setting["key"], setting["value"], setting["origin"]);
    let lines: Vec<_> = report["settings"].as_array().unwrap().iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n").replace(&folder.path().display().to_string(), "~"));
}

#[test]
fn json_is_one_object_and_nothing_else() {
    let output = run(&["config", "show", "--format", "json", "-vv"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["settings"]
            .as_array()
            .is_some_and(|settings| settings.len() > 30)
    );
}

#[test]
fn a_setting_comes_from_flag_environment_or_file_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(
        folder.path().join("config/kivend.toml"),
        "[store]\nprefix = 'file'\nbucket = 'file'\nregion = 'file'",
    )
    .unwrap();
    let shown = kivend(&folder)
        .args(["config", "show", "--store-prefix", "flag"])
        .env("KIVEND_STORE__PREFIX", "environment")
        .env("KIVEND_STORE__BUCKET", "environment")
        .output()
        .unwrap();
    let line = |key: &str| {
        let line = text(&shown.stdout).lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("store.prefix"), "store.prefix --store-prefix \"flag\"");
    assert_eq!(
        line("store.bucket"),
        "store.bucket KIVEND_STORE__BUCKET \"environment\""
    );
    assert_eq!(line("store.region"), "store.region config/kivend.toml \"file\"");
}

#[test]
fn a_secret_is_masked() {
    let folder = tempfile::tempdir().unwrap();
    let shown = kivend(&folder)
        .args(["config", "show"])
        .env("KIVEND_KAFKA__PROPERTIES__SASL__PASSWORD", "hunter2")
        .output()
        .unwrap();
    assert!(text(&shown.stdout).contains("kafka.properties.sasl.password"));
    assert!(!text(&shown.stdout).contains("hunter2"));
}

#[test]
fn a_broken_settings_file_does_not_break_what_needs_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/kivend.toml"), "[store\n").unwrap();
    for (arguments, code) in [
        (&["completions", "bash"][..], 0),
        (&["man"], 0),
        (&["config", "show"], 2),
    ] {
        let output = kivend(&folder).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = kivend(&folder)
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let help = run(&["--help"]);
    let script = run(&["completions", "bash"]);
    let commands = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1);
    let commands = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    for command in commands.filter(|command| *command != "help") {
        assert!(
            text(&script.stdout).contains(&format!("kivend,{command})")),
            "{command}"
        );
        assert_eq!(run(&["man", command]).status.code(), Some(0), "{command}");
    }
}

#[test]
fn both_programs_have_a_manual_page_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    let written = kivend(&folder).args(["man", "--dir", "man"]).status().unwrap();
    assert!(written.success());
    for page in ["kivend.1", "kivend-archiver.1", "kivend-config-check.1"] {
        assert!(folder.path().join("man").join(page).exists(), "{page}");
    }
    let shown = run(&["man", "kivend-archiver"]);
    assert!(
        text(&shown.stdout).contains("\\-\\-new\\-epoch"),
        "{}",
        text(&shown.stdout)
    );
    let pages = folder.path().join("man");
    for entry in std::fs::read_dir(&pages).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
            "SEE ALSO",
        ] {
            let heading = if section.contains(' ') {
                format!(".SH \"{section}\"\n")
            } else {
                format!(".SH {section}\n")
            };
            assert!(page.contains(&heading), "{section}: {page}");
        }
        // Each page that one refers to is there.
        for name in page.split("\\fB").filter_map(|rest| rest.split_once("\\fR(1)")) {
            let name = name.0.replace('\\', "");
            assert!(pages.join(format!("{name}.1")).exists(), "{name}");
        }
    }
    for program in ["kivend", "kivend-archiver"] {
        let script = run(&["completions", "bash", "--program", program]);
        let registered = format!(" -o bashdefault -o default {program}\n");
        assert!(text(&script.stdout).contains(&registered), "{program}");
    }
}

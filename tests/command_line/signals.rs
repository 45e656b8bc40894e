//! Ctrl-C ends a command that has nothing to finish with exit code 130, as shells expect.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::fixture::Archive;
use crate::fixture::patience::until;

const SIGINT: u32 = 2;

/// Whether the process handles this signal, by the masks of /proc/PID/status.
pub fn handles(child: &Child, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
}

/// Waits until the process handles SIGINT; before that the signal ends it without an exit code.
pub fn wait_for_handler(child: &mut Child) {
    while !handles(child, SIGINT) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it could be interrupted"
        );
        std::thread::yield_now();
    }
}

#[test]
fn ctrl_c_ends_a_command_that_waits_with_130() {
    // A broker that accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut child = super::kivend(&folder)
        .args(["doctor", "--brokers", &silent.local_addr().unwrap().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_handler(&mut child);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// A program in the folder that answers `-c` and else says in `started` where it works, and waits.
fn waiting_program(folder: &tempfile::TempDir, name: &str, shows: &str) {
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -c ] && exit 0\n{shows} > \"{0}/part\"\nmv \"{0}/part\" \"{0}/started\"\nexec sleep 1000\n",
        folder.path().display()
    );
    let program = folder.path().join(name);
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits for the program, interrupts the command and it as a terminal does, and returns what the program said.
fn interrupted(folder: &tempfile::TempDir, command: &mut Command) -> String {
    let child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let started = folder.path().join("started");
    until("the program runs", || started.exists());
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", super::text(&output.stderr));
    std::fs::read_to_string(started).unwrap()
}

#[test]
fn ctrl_c_leaves_no_folder_of_the_browser_that_prints_a_report() {
    let folder = tempfile::tempdir().unwrap();
    super::places::lay_out(&Archive::usual(), &folder.path().join("copy"));
    waiting_program(&folder, "browser", "echo \"$@\"");
    let mut command = super::kivend(&folder);
    command.env("CHROMIUM", folder.path().join("browser"));
    command.args([
        "verify",
        "--offline",
        "copy",
        "--against",
        "rows,links",
        "--pdf",
        "r.pdf",
    ]);
    let said = interrupted(&folder, &mut command);
    assert!(said.contains(".kivend-pdf."), "{said}");
    let left = std::fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!left.iter().any(|name| name.starts_with(".kivend-pdf")), "{left:?}");
    assert!(!left.contains(&"r.pdf".to_owned()));
}

#[test]
fn ctrl_c_leaves_no_folder_of_the_programs_of_iceberg_sync() {
    let folder = tempfile::tempdir().unwrap();
    waiting_program(&folder, "python", "echo \"$1\"");
    let python = folder.path().join("python").display().to_string();
    let mut command = super::kivend(&folder);
    let line = [
        "iceberg",
        "sync",
        "--store-directory",
        "archive",
        "--location",
        "s3://tables",
        "--python",
    ];
    command.args(line).arg(python);
    let program = interrupted(&folder, &mut command);
    let program = std::path::Path::new(program.trim());
    assert!(program.ends_with("iceberg_sync.py"), "{}", program.display());
    assert!(!program.parent().unwrap().exists(), "{}", program.display());
}

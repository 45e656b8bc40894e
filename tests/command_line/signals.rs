//! Ctrl-C ends a command that has nothing to finish with exit code 130, as shells expect.

use std::net::TcpListener;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

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

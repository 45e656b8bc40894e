//! An archiver process: its signals, log and readiness.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::until;

pub struct Archiver {
    child: Child,
    log: PathBuf,
}

impl Archiver {
    pub fn start(mut command: Command, log: PathBuf) -> Archiver {
        let child = command
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Archiver { child, log }
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGSTOP: the process exists, but its session in the group expires.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Sends SIGCONT: the process resumes with an outdated assignment.
    pub fn wake(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends SIGTERM; it must seal, commit and leave the group.
    pub fn terminate(mut self) {
        self.signal(Signal::TERM);
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Sends SIGTERM, and does not wait.
    pub fn stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it exits by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("an archiver ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// How many lines of the log contain `what`.
    pub fn said(&self, what: &str) -> usize {
        self.log().lines().filter(|line| line.contains(what)).count()
    }

    /// Waits until at least `times` lines of the log contain `what`.
    pub fn until_said(&mut self, what: &str, times: usize) {
        until(&format!("`{what}` in an archiver's log {times} times"), || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", self.log());
            self.said(what) >= times
        });
    }

    /// The partitions that it archives now, by its log.
    pub fn holds(&self) -> BTreeSet<String> {
        let mut held = BTreeSet::new();
        for line in self.log().lines() {
            let Some(partition) = partition_of(line) else { continue };
            if line.contains("partition_started") {
                held.insert(partition);
            } else if line.contains("partition_released") || line.contains("partition_lost") {
                held.remove(&partition);
            }
        }
        held
    }

    /// Whether `/readyz` says that it is ready, and otherwise the reason.
    pub fn readiness(&self) -> (bool, String) {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("metrics, health and readiness"));
        let Some((_, address)) = line.and_then(|line| line.split_once("address=")) else {
            return (false, "not listening yet".to_owned());
        };
        let mut stream = TcpStream::connect(address.trim()).unwrap();
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: kivend\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).trim();
        (answer.starts_with("HTTP/1.1 200"), body.to_owned())
    }

    /// Waits until it is ready.
    pub fn until_ready(&self) {
        until("an archiver is ready", || self.readiness().0);
    }

    /// Waits until it is not ready for a reason with these words. At first it may wait for the group.
    pub fn until_unready_for(&self, words: &str) {
        let is_it = || {
            let (ready, reason) = self.readiness();
            !ready && reason.contains(words)
        };
        until(&format!("an archiver is not ready, because of `{words}`"), is_it);
    }

    /// Waits until it is not ready, and returns the reason.
    pub fn until_unready(&self) -> String {
        until("an archiver is not ready", || !self.readiness().0);
        self.readiness().1
    }
}

/// The partition in a line of the log.
pub fn partition_of(line: &str) -> Option<String> {
    let field = |name| line.split_once(name)?.1.split_whitespace().next();
    let (topic, partition) = (field(" topic=")?, field(" partition=")?);
    Some(format!("{}/{partition}", topic.trim_matches('"')))
}

impl Drop for Archiver {
    /// Ends the process, and prints its log where the test failed.
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let last = log.lines().rev().take(60).collect::<Vec<_>>();
            eprintln!("--- {}", self.log.display());
            last.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

//! A token of SoftHSM in a folder of its own, and the kivend commands that use it. They run as processes, because SoftHSM
//! finds its tokens by a variable of the process.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use kivend::embedded::Embedded;
use serde_json::Value;

use crate::fixture::{embedded_with, servers};

pub const PIN: &str = "271828";
const TOKEN: &str = "kivend test";

/// A process that does not outlive the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A token, brokers in this process, and a folder for the archive.
pub struct Workshop {
    pub folder: tempfile::TempDir,
    kafka: Embedded,
    library: PathBuf,
    pub port: u16,
}

impl Workshop {
    pub fn open() -> Option<Workshop> {
        let library = servers::softhsm()?;
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let config = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        std::fs::write(folder.path().join("softhsm2.conf"), config).unwrap();
        let kafka = embedded_with(&[("user-events", 2), ("payments", 1), ("orders", 1), ("fraud-alerts", 1)]);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let workshop = Workshop {
            folder,
            kafka,
            library,
            port,
        };
        let mut initialize = workshop.command("softhsm2-util");
        initialize.args([
            "--init-token",
            "--free",
            "--label",
            TOKEN,
            "--pin",
            PIN,
            "--so-pin",
            "314159",
        ]);
        let initialized = initialize.output().unwrap();
        assert!(initialized.status.success(), "{initialized:?}");
        Some(workshop)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("SOFTHSM2_CONF", self.folder.path().join("softhsm2.conf"))
            .stdin(Stdio::null());
        command
    }

    /// A kivend program that signs with the key of this label, and has the PIN in its environment.
    pub fn program(&self, program: &str, label: &str) -> Command {
        let mut command = self.command(program);
        for (name, value) in [
            ("KIVEND_KAFKA__BROKERS", self.kafka.brokers().join(",").as_str()),
            // Brokers in this process keep a member that has left until its session ends.
            ("KIVEND_KAFKA__GROUP_ID", &format!("kivend-{label}")),
            ("KIVEND_STORE__DIRECTORY", "archive"),
            ("KIVEND_ARCHIVE__SEAL_MAX_IDLE", "200ms"),
            ("KIVEND_ARCHIVE__PKCS11__MODULE", self.library.to_str().unwrap()),
            ("KIVEND_ARCHIVE__PKCS11__TOKEN", TOKEN),
            ("KIVEND_ARCHIVE__PKCS11__LABEL", label),
            ("KIVEND_PKCS11_PIN", PIN),
            ("KIVEND_TELEMETRY__LISTEN", &format!("127.0.0.1:{}", self.port)),
        ] {
            command.env(name, value);
        }
        command
    }

    pub fn kivend(&self, label: &str, arguments: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_kivend"), label);
        command.args(arguments);
        command
    }

    /// The JSON report of a command that must succeed.
    pub fn json(&self, label: &str, arguments: &[&str]) -> Value {
        let output = self
            .kivend(label, arguments)
            .args(["--format", "json"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends this many events.
    pub fn ingest(&self, label: &str, events: u32, seed: u32) {
        let (events, seed) = (events.to_string(), seed.to_string());
        let file = format!("{seed}.jsonl");
        self.json(label, &["generate", "--events", &events, "--seed", &seed, "-o", &file]);
        self.json(label, &["ingest", &file]);
    }

    /// What the archiver's readiness answers.
    pub fn readiness(&self) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let request = "GET /readyz HTTP/1.1\r\nHost: kivend\r\nConnection: close\r\n\r\n";
            if stream.write_all(request.as_bytes()).is_ok() {
                // An answer that is cut short is asked for again.
                let _cut = stream.read_to_string(&mut answer);
            }
        }
        answer
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

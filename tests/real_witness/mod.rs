//! A real litewitness cosigns a log through the client and the submitter, remembers it over a restart, and refuses a fork.

mod archive;

use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kivend::clock::Clock;
use kivend::log::witness::{Answer, Cosignature, WitnessKey, request_body};
use kivend::record::merkle::range::LeafPoint;
use kivend::task::error::AppError;
use kivend::telemetry::Metrics;
use kivend::writing::witness_client::{HttpClient, WitnessClient};
use kivend::writing::witness_submitter::{Shared, Submitter};
use kivend::writing::witnesses::{StandingCheckpoint, Witness, WitnessedLog, consistency_proof};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::fixture::{GrowingLog, servers};

const ORIGIN: &str = "kivend/0123456789abcdef";

/// A litewitness of its own, which ends with this value.
struct LocalWitness {
    script: String,
    state: TempDir,
    port: u16,
    key: WitnessKey,
    url: String,
}

impl LocalWitness {
    /// `None` where the servers do not run.
    fn start() -> Option<LocalWitness> {
        servers::running()?;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let (script, state) = (servers::variable("KIVEND_TEST_WITNESS"), tempfile::tempdir().unwrap());
        let printed = run(&script, &state, port, &["up"]);
        let (key, url) = printed.trim_end().split_once('\n').unwrap();
        Some(LocalWitness {
            key: key.parse().unwrap(),
            url: url.to_owned(),
            script,
            state,
            port,
        })
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(&self.script, &self.state, self.port, arguments)
    }

    fn learn(&self, log: &GrowingLog) {
        self.run(&["add-log", ORIGIN, &log.key.verifying_key().to_string()]);
    }

    fn restart(&self) {
        self.run(&["down"]);
        self.run(&["up"]);
    }

    fn witness(&self) -> Witness {
        Witness {
            url: self.url.clone(),
            monitoring_url: self.url.clone(),
            key: self.key.clone(),
        }
    }
}

impl Drop for LocalWitness {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

fn run(script: &str, state: &TempDir, port: u16, arguments: &[&str]) -> String {
    let mut command = Command::new(script);
    let command = command
        .env("WITNESS_STATE", state.path())
        .env("WITNESS_PORT", port.to_string());
    let output = command.args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The log in memory, with what was stored.
struct StoringLog {
    log: GrowingLog,
    stored: Mutex<Vec<(u64, Cosignature)>>,
}

impl StoringLog {
    fn new(branch: &'static str) -> StoringLog {
        StoringLog {
            log: GrowingLog::new(ORIGIN, branch),
            stored: Mutex::default(),
        }
    }
}

#[async_trait]
impl WitnessedLog for StoringLog {
    async fn leaf_point(&self, number: u64) -> Result<LeafPoint, AppError> {
        Ok(self.log.point(number))
    }

    async fn store(&self, number: u64, cosignature: &Cosignature) -> Result<(), AppError> {
        self.stored.lock().unwrap().push((number, cosignature.clone()));
        Ok(())
    }
}

#[tokio::test]
async fn a_real_witness_cosigns_what_grows_and_refuses_a_fork_also_after_a_restart() {
    let Some(witness) = LocalWitness::start() else { return };
    // A client for each request: the restart breaks connections.
    let client = || HttpClient::for_urls([witness.url.as_str()].into_iter()).unwrap();
    let (log, fork) = (StoringLog::new(""), StoringLog::new("forged"));
    let ask = async |log: &StoringLog, old: u64, size: u64| {
        let proof = consistency_proof(log, old, size).await.unwrap();
        let body = request_body(old, &proof, &log.log.checkpoint(size).note);
        client().add_checkpoint(&witness.url, body).await.unwrap()
    };
    // litewitness has one status for an unknown origin and an unknown key.
    assert_eq!(ask(&log, 0, 1).await, Answer::Untrusted);
    witness.learn(&log.log);
    for (old, size) in [(0, 1), (1, 2)] {
        let Answer::Cosigned(lines) = ask(&log, old, size).await else {
            panic!("size {size} is not cosigned");
        };
        let head = log.log.checkpoint(size).head;
        assert!(lines.iter().any(|line| witness.key.verify(&head, line)), "{lines:?}");
    }
    assert_eq!(ask(&fork, 0, 2).await, Answer::OtherSize(2));
    assert_eq!(ask(&fork, 2, 2).await, Answer::Inconsistent);
    assert_eq!(ask(&fork, 2, 5).await, Answer::Inconsistent);
    witness.restart();
    assert_eq!(ask(&log, 1, 3).await, Answer::OtherSize(2));
    assert_eq!(ask(&fork, 2, 3).await, Answer::Inconsistent);
    assert!(matches!(ask(&log, 2, 3).await, Answer::Cosigned(_)));
    // This version does not serve what it cosigned.
    assert_eq!(client().newest_checkpoint(&witness.url, ORIGIN).await, Ok(None));
}

#[tokio::test]
async fn a_submitter_meets_a_real_witness_that_learns_of_the_log_late_and_restarts() {
    let Some(witness) = LocalWitness::start() else { return };
    let log = Arc::new(StoringLog::new(""));
    let shared = Shared {
        log: Arc::clone(&log) as Arc<dyn WitnessedLog>,
        client: Arc::new(HttpClient::for_urls([witness.url.as_str()].into_iter()).unwrap()),
        backoff: kivend::store::retry::Backoff::bounded(1, 0),
        clock: Clock::start(),
    };
    let metrics = Metrics::default().witness(witness.key.name(), shared.clock.utc_seconds());
    let (sender, newest) = watch::channel(None);
    let running = tokio::spawn(Submitter::new(witness.witness(), shared, metrics).run(newest));
    let cosigned = async |size: u64| {
        sender.send_replace(Some(Arc::new(log.log.checkpoint(size))));
        let stored = async {
            while log
                .stored
                .lock()
                .unwrap()
                .last()
                .is_none_or(|(number, _)| *number + 1 != size)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), stored)
            .await
            .expect("not cosigned");
    };
    sender.send_replace(Some(Arc::new(log.log.checkpoint(3))));
    tokio::time::sleep(Duration::from_millis(300)).await;
    witness.learn(&log.log);
    cosigned(4).await;
    cosigned(5).await;
    witness.run(&["down"]);
    sender.send_replace(Some(Arc::new(log.log.checkpoint(6))));
    tokio::time::sleep(Duration::from_millis(300)).await;
    witness.run(&["up"]);
    cosigned(37).await;
    drop(sender);
    running.await.unwrap();
    for (number, line) in log.stored.lock().unwrap().iter() {
        let StandingCheckpoint { head, .. } = log.log.checkpoint(number + 1);
        assert!(witness.key.verify(&head, line), "{number}");
    }
}

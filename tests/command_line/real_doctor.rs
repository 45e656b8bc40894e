//! `kivend doctor` on real servers: it reports what is missing, and nothing once it is there.

use std::process::Command;

use kivend::clock::random_bytes;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::servers;

/// `kivend` on the real servers, with topics, group and prefix of its own.
struct Corner {
    folder: TempDir,
    name: String,
}

impl Corner {
    fn new() -> Option<Corner> {
        servers::running()?;
        let random = u64::from_be_bytes(random_bytes().unwrap());
        Some(Corner {
            folder: tempfile::tempdir().unwrap(),
            name: format!("doctor-{random:016x}"),
        })
    }

    fn kivend(&self) -> Command {
        let mut command = super::kivend(&self.folder);
        let of_cluster = |name: &str| name.starts_with("AWS_") || name.starts_with("KIVEND_");
        command.envs(std::env::vars().filter(|(name, _)| of_cluster(name)));
        command.env("KIVEND_TOPIC_PREFIX", format!("{}.", self.name));
        command.env("KIVEND_STORE__PREFIX", &self.name);
        command.env("KIVEND_KAFKA__GROUP_ID", &self.name);
        command
    }

    /// The exit code, and the checks.
    fn doctor(&self) -> (Option<i32>, Vec<Value>) {
        let output = self.kivend().args(["doctor", "--format", "json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report["checks"].as_array().unwrap().clone())
    }
}

fn status<'a>(checks: &'a [Value], name: &str) -> &'a str {
    checks
        .iter()
        .find(|check| check["name"] == name)
        .and_then(|check| check["status"].as_str())
        .unwrap()
}

#[test]
fn the_doctor_finds_missing_topics_and_nothing_once_they_are_there() {
    let Some(corner) = Corner::new() else { return };
    let (code, checks) = corner.doctor();
    assert_eq!((code, status(&checks, "topics")), (Some(1), "failed"));
    assert!(
        checks
            .iter()
            .all(|check| check["status"] != "failed" || check["remedy"] != "")
    );

    assert!(
        corner
            .kivend()
            .args(["topics", "create"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let (code, checks) = corner.doctor();
    assert_eq!(code, Some(0), "{checks:?}");
    for name in [
        "brokers",
        "topics",
        "in_sync",
        "retention_against_lag",
        "store",
        "credentials",
        "conditional_create",
    ] {
        assert_eq!(status(&checks, name), "ok", "{name}");
    }
    for name in ["checksums", "clock", "archive", "keys"] {
        assert_eq!(status(&checks, name), "ok", "{name}");
    }

    let elsewhere = [
        "--set",
        "topic_defaults.properties.retention.ms=1000",
        "doctor",
        "--format",
        "json",
    ];
    let output = corner.kivend().args(elsewhere).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status(report["checks"].as_array().unwrap(), "topics"), "warning");
}

#[test]
fn the_doctor_says_which_credentials_are_wrong() {
    let Some(corner) = Corner::new() else { return };
    let output = corner
        .kivend()
        .args(["doctor", "--format", "json"])
        .env("AWS_SECRET_ACCESS_KEY", "wrong")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(status(checks, "credentials"), "failed");
    assert_eq!(status(checks, "conditional_create"), "skipped");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("wrong"));
}

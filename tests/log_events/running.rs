//! What a running archiver logs as JSON.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kivend::embedded::Embedded;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::embedded_with;
use crate::fixture::patience::until;

fn archiver(folder: &Path, kafka: &Embedded) -> Child {
    let settings = format!(
        "[[topics]]\nname = 'orders'\npartitions = 2\n[routing]\ndefault = 'orders'\nrules = []\n\
         [kafka]\nbrokers = '{}'\n[store]\ndirectory = '{}'\n\
         [archive]\nseal_max_idle = '200ms'\ncheckpoint_interval = '1s'\n[telemetry]\nlisten = ''\n",
        kafka.brokers().join(","),
        folder.join("archive").display(),
    );
    std::fs::write(folder.join("kivend.toml"), settings).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kivend-archiver"))
        .args(["--log-format", "json"])
        .env_clear()
        .env("XDG_CONFIG_HOME", folder)
        .env("KIVEND_CONFIG", folder.join("kivend.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

fn send(kafka: &Embedded, records: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.brokers().join(","))
        .create()
        .unwrap();
    for _ in 0..records {
        let record = BaseRecord::<str, str>::to("orders").partition(1).payload("{}");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
}

#[test]
fn segments_and_checkpoints_are_logged_with_numbers_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = embedded_with(&[("orders", 2)]);
    send(&kafka, 5);
    let mut archiver = archiver(folder.path(), &kafka);
    let lines = || -> Vec<Value> {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        // The last line may be half written.
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let of = |event: &str| -> Vec<Value> { lines().into_iter().filter(|line| line["event"] == event).collect() };
    until("a segment and a checkpoint in the log", || {
        !of("segment_sealed").is_empty() && !of("checkpoint").is_empty()
    });
    kill_process(Pid::from_child(&archiver), Signal::TERM).unwrap();
    assert!(archiver.wait().unwrap().success());

    let [sealed] = &of("segment_sealed")[..] else {
        panic!("{:?}", lines())
    };
    assert_eq!((&sealed["level"], &sealed["topic"]), (&"INFO".into(), &"orders".into()));
    for (field, value) in [
        ("partition", 1),
        ("first_offset", 0),
        ("next_offset", 5),
        ("records", 5),
    ] {
        assert_eq!(sealed[field], value, "{sealed}");
    }
    assert_eq!(sealed["reason"], "idle", "{sealed}");
    assert!(sealed["bytes"].as_u64().unwrap() > 100, "{sealed}");
    assert!(sealed["latency_s"].as_f64().unwrap() > 0.0, "{sealed}");
    assert_eq!(of("checkpoint")[0]["number"], 1, "{:?}", of("checkpoint"));
    assert_eq!(of("partitions_assigned")[0]["partitions"], 2);
    for event in ["started", "stopping"] {
        assert_eq!(of(event).len(), 1, "{event}: {:?}", lines());
    }
    for line in lines() {
        let message = line["message"].as_str().unwrap_or_default();
        assert!(!message.contains('='), "{line}");
        assert!(
            line["event"].is_string() || !line["target"].as_str().unwrap().starts_with("kivend"),
            "{line}"
        );
    }
}

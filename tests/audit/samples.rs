//! Every planted fault of the samples is named, and nothing else, whether they are compared with Kafka or with the archive.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kivend::audit::codes::Code;
use kivend::audit::report::{Report, Verdict};
use kivend::audit::text::render;
use kivend::record::position::TopicPartition;
use kivend::record::record::Timestamp;
use kivend::store::memory::MemoryStore;
use serde_json::Value;

use super::{audited, codes, of_archive, of_kafka, places, request};
use crate::fixture::{Archive, Broker, OwnedRecord};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/audit")
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("expected.json")).unwrap()).unwrap()
}

fn topic() -> String {
    expected()["topic"].as_str().unwrap().to_owned()
}

/// The records as Kafka had them, by partition. Their times are not known.
fn records() -> Vec<(i32, OwnedRecord)> {
    let lines = std::fs::read_to_string(folder().join("records.jsonl")).unwrap();
    let record = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let value = BASE64.decode(line["value"].as_str().unwrap()).unwrap();
        let event: Value = serde_json::from_slice(&value).unwrap();
        let record = OwnedRecord {
            offset: line["offset"].as_i64().unwrap(),
            timestamp: Timestamp::Absent,
            key: event["customer_id"].as_str().map(|key| key.as_bytes().to_vec()),
            value: Some(value),
            headers: vec![],
        };
        (i32::try_from(line["partition"].as_i64().unwrap()).unwrap(), record)
    };
    lines.lines().map(record).collect()
}

fn broker() -> Arc<Broker> {
    let broker = Broker::default();
    for number in 0..6 {
        broker.logs().entry(TopicPartition::new(&topic(), number)).or_default();
    }
    for (number, record) in records() {
        let mut logs = broker.logs();
        let log = logs.entry(TopicPartition::new(&topic(), number)).or_default();
        log.high = record.offset + 1;
        log.records.push(record);
    }
    Arc::new(broker)
}

fn archive() -> Archive {
    let mut archive = Archive::new();
    let records = records();
    for number in 0..6 {
        let of = records.iter().filter(|(partition, _)| *partition == number);
        let of: Vec<OwnedRecord> = of.map(|(_, record)| record.clone()).collect();
        for part in of.chunks(17) {
            let next = part.last().unwrap().offset + 1;
            archive.archive(&TopicPartition::new(&topic(), number), part, next);
        }
    }
    archive.checkpoint();
    archive
}

fn files(sink: &str) -> MemoryStore {
    let store = MemoryStore::new();
    for file in std::fs::read_dir(folder().join(sink)).unwrap() {
        let file = file.unwrap();
        store.plant(
            &format!("{sink}/{}", file.file_name().to_str().unwrap()),
            std::fs::read(file.path()).unwrap(),
        );
    }
    store
}

fn check(sink: &str, report: &Report) {
    assert_eq!(report.verdict, Verdict::Altered, "{:#?}", report.findings);
    assert_eq!(
        codes(report),
        [Code::Altered, Code::Missing, Code::Doubled],
        "{:#?}",
        report.findings
    );
    for (fault, code) in [
        ("missing", Code::Missing),
        ("doubled", Code::Doubled),
        ("altered", Code::Altered),
    ] {
        let planted: Vec<(i32, i64)> = serde_json::from_value(expected()[sink][fault].clone()).unwrap();
        assert_eq!(places(report, code), planted, "{sink} {fault}");
    }
    assert_eq!(
        report.summary,
        "altered: 15 records are missing, 7 are doubled, 3 are altered"
    );
}

#[test]
fn every_planted_fault_of_the_samples_is_named_and_nothing_else() {
    for sink in ["spark", "iceberg"] {
        check(sink, &audited(request(&topic(), files(sink)), of_kafka(&broker())));
        check(sink, &audited(request(&topic(), files(sink)), of_archive(&archive())));
    }
}

#[test]
fn the_columns_that_are_read_are_told() {
    let told = |sink: &str| {
        let report = audited(request(&topic(), files(sink)), of_kafka(&broker()));
        report.sink.columns.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        told("spark"),
        ["Spark: topic, partition, offset, value, key, timestamp"]
    );
    assert_eq!(
        told("iceberg"),
        ["Iceberg's sink: topic, partition, offset, value, timestamp"]
    );
}

#[test]
fn the_report_fits_eighty_columns() {
    let mut report = audited(request(&topic(), files("spark")), of_kafka(&broker()));
    report.elapsed_s = 0.0;
    let text = render(&report);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

//! The program on real servers: a foreign sink's files in a bucket, compared with Kafka alone and with the archive.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use bytes::Bytes;
use kivend::config::{S3Settings, StoreBackend, StoreSettings};
use kivend::kafka::error::KafkaError;
use kivend::kafka::reader::Reader;
use kivend::record::position::TopicPartition;
use kivend::store;
use parquet::basic::Compression;
use serde_json::{Value, json};

use super::files::parquet;
use crate::fixture::{OwnedRecord, servers};
use crate::real_pipeline::shop::Shop;
use crate::store_contract::cluster_settings;

/// What Kafka has of a partition.
fn records(shop: &Shop, partition: &TopicPartition) -> Vec<OwnedRecord> {
    let reader = Reader::connect(&shop.kafka_settings()).unwrap();
    let end = reader.cluster().watermarks(partition).unwrap().high;
    let mut records = Vec::new();
    let read = reader.read_range(partition, 0, end, |record| {
        records.push(OwnedRecord::of(record));
        Ok::<(), KafkaError>(())
    });
    read.unwrap();
    records
}

/// A file with these rows, with Spark's columns.
fn spark(topic: &str, rows: &[(i32, OwnedRecord)]) -> Vec<u8> {
    let records = || rows.iter().map(|(_, record)| record);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("topic", Arc::new(StringArray::from(vec![topic; rows.len()]))),
        (
            "partition",
            Arc::new(Int32Array::from_iter_values(
                rows.iter().map(|(partition, _)| *partition),
            )),
        ),
        (
            "offset",
            Arc::new(Int64Array::from_iter_values(records().map(|record| record.offset))),
        ),
        (
            "timestamp",
            Arc::new(TimestampMillisecondArray::from_iter(
                records().map(|record| record.timestamp.ms()),
            )),
        ),
        ("timestampType", Arc::new(Int32Array::from(vec![0; rows.len()]))),
        (
            "key",
            Arc::new(BinaryArray::from_iter(records().map(|record| record.key.as_deref()))),
        ),
        (
            "value",
            Arc::new(BinaryArray::from_iter(records().map(|record| record.value.as_deref()))),
        ),
    ];
    parquet(columns, Compression::SNAPPY)
}

/// Runs an audit; returns its exit code and report.
fn audit(shop: &Shop, place: &str, more: &[&str]) -> (i32, Value) {
    let arguments = [
        "audit",
        "--parquet",
        place,
        "--topic",
        "user-events",
        "--format",
        "json",
    ];
    let output = shop.kivend(&arguments).args(more).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (output.status.code().unwrap(), report)
}

fn found(report: &Value, code: &str) -> Value {
    let findings = report["findings"].as_array().unwrap().iter();
    let of_code = findings.filter(|finding| finding["code"] == code);
    of_code
        .map(|finding| json!([finding["partition"], finding["offsets"]]))
        .collect()
}

/// The store of a sink beside the archive, and its place.
fn sink(shop: &Shop) -> (StoreSettings, String) {
    let bucket = S3Settings {
        bucket: servers::variable("KIVEND_STORE__BUCKET"),
        ..cluster_settings().unwrap()
    };
    let place = format!("s3://{}/{}-sink/", bucket.bucket, shop.name());
    let settings = StoreSettings {
        prefix: format!("{}-sink", shop.name()),
        backend: StoreBackend::S3(bucket),
    };
    (settings, place)
}

#[test]
fn a_sink_in_a_bucket_is_compared_with_kafka_and_with_the_archive() {
    let Some(shop) = Shop::open() else { return };
    shop.ingest_generated(4_000, 11);
    let topic = shop.topic("user-events");
    let mut rows = Vec::new();
    for number in 0..6 {
        let records = records(&shop, &TopicPartition::new(&topic, number));
        rows.extend(records.into_iter().map(|record| (number, record)));
    }
    let (settings, place) = sink(&shop);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upload = |key: &str, bytes: Vec<u8>| {
        let creating = async {
            let store = store::open(&settings).await.unwrap();
            store.create(key, Bytes::from(bytes)).await.unwrap();
        };
        runtime.block_on(creating);
    };

    // Losses, doubles and an alteration, each in a partition of its own.
    let is_lost = |(partition, record): &(i32, OwnedRecord)| *partition == 0 && (20..25).contains(&record.offset);
    let mut faulty: Vec<(i32, OwnedRecord)> = rows.iter().filter(|row| !is_lost(row)).cloned().collect();
    let doubled: Vec<(i32, OwnedRecord)> = rows
        .iter()
        .filter(|(p, r)| *p == 1 && (7..9).contains(&r.offset))
        .cloned()
        .collect();
    let altered = faulty
        .iter_mut()
        .find(|(partition, record)| *partition == 2 && record.offset == 3)
        .unwrap();
    altered.1.value.as_mut().unwrap()[0] = b'[';
    let half = faulty.len() / 2;
    upload("_temporary/part-9.snappy.parquet", spark(&topic, &rows));
    upload("part-0.snappy.parquet", spark(&topic, &faulty[..half]));
    upload("part-1.snappy.parquet", spark(&topic, &faulty[half..]));
    upload("part-2.snappy.parquet", spark(&topic, &doubled));

    let check = |(code, report): (i32, Value)| {
        assert_eq!(code, 10, "{report:#}");
        assert_eq!(found(&report, "KV701"), json!([[2, [3, 4]]]), "{report:#}");
        assert_eq!(found(&report, "KV703"), json!([[0, [20, 25]]]), "{report:#}");
        assert_eq!(found(&report, "KV704"), json!([[1, [7, 9]]]), "{report:#}");
        assert_eq!(report["findings"].as_array().unwrap().len(), 3, "{report:#}");
        assert_eq!(report["sink"]["ignored"], 1);
    };
    check(audit(&shop, &place, &["--against", "kafka"]));
    check(audit(&shop, &place, &[]));
    shop.json(&["archive"]);
    check(audit(&shop, &place, &["--against", "archive"]));
    check(audit(&shop, &place, &[]));

    let part = format!("{place}part-2*");
    let (code, report) = audit(&shop, &part, &["--against", "archive", "--until", "2000-01-01"]);
    assert_eq!((code, &report["total"]["rows"]), (0, &2.into()), "{report:#}");
}

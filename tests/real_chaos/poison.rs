//! Records that are hard to archive: too large, too deep, empty, not text, not JSON, with extreme times. All are
//! archived byte for byte.

use std::collections::BTreeMap;

use kivend::config::S3Settings;
use kivend::record::record::Timestamp;
use kivend::segment::decode::Segment;
use kivend::store::s3::S3Store;
use kivend::store::{OBJECT_MAX_BYTES, Store};

use super::servers::Whole;
use super::shop::Chaos;
use crate::fixture::{OwnedRecord, send_raw, servers};
use crate::store_contract::cluster_settings;

/// By default Kafka 4 refuses times in the far future, deletes records with old times, and where the broker
/// recompresses it rewrites header names that are not UTF-8 with U+FFFD.
const LENIENT: &str = r#"
[topic_defaults.properties]
"message.timestamp.after.max.ms" = 9223372036854775807
"retention.ms" = -1
"compression.type" = "producer"
"#;
const FAR_FUTURE_MS: i64 = 253_402_300_799_000;

fn plain(value: &[u8]) -> OwnedRecord {
    OwnedRecord {
        offset: 0,
        timestamp: Timestamp::CreateMs(1_763_559_062_594),
        key: Some(b"key".to_vec()),
        value: Some(value.to_vec()),
        headers: Vec::new(),
    }
}

fn with_headers(headers: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> OwnedRecord {
    OwnedRecord {
        headers,
        ..plain(b"{}")
    }
}

fn at(timestamp: Timestamp) -> OwnedRecord {
    OwnedRecord {
        timestamp,
        ..plain(b"{}")
    }
}

fn poison() -> Vec<OwnedRecord> {
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let deep_in_a_column = [b"{\"event_type\":".to_vec(), deep.clone(), b"}".to_vec()].concat();
    let many = |count: usize| (0..count).map(|number| (format!("h{number}").into_bytes(), Some(b"v".to_vec())));
    vec![
        plain(&vec![b'x'; 1_000_000]),
        plain(&[b"{\"event_type\":\"".to_vec(), vec![b'y'; 1_000_000], b"\"}".to_vec()].concat()),
        plain(b""),
        OwnedRecord {
            value: None,
            ..plain(b"")
        },
        OwnedRecord {
            key: None,
            ..plain(b"{}")
        },
        OwnedRecord {
            key: None,
            value: None,
            ..plain(b"")
        },
        OwnedRecord {
            key: Some(Vec::new()),
            ..plain(b"{}")
        },
        OwnedRecord {
            key: Some(b"\xff\xfe\0\x80".to_vec()),
            ..plain(b"\xc3\x28 not utf-8")
        },
        with_headers(many(10_000).collect()),
        with_headers(vec![(b"same".to_vec(), Some(b"1".to_vec())); 3]),
        with_headers(vec![
            (b"no value".to_vec(), None),
            (b"no value".to_vec(), Some(Vec::new())),
        ]),
        with_headers(vec![
            (b"\xff\xfe".to_vec(), Some(b"\0\xff".to_vec())),
            (Vec::new(), None),
        ]),
        at(Timestamp::Absent),
        at(Timestamp::CreateMs(1)),
        at(Timestamp::CreateMs(FAR_FUTURE_MS)),
        plain(&deep),
        plain(&deep_in_a_column),
        plain(b"{\"cart_value\":1e400,\"customer_id\":123456789012345678901234567890}"),
        plain(b"{\"event_type\":\"a\",\"event_type\":\"b\",\"cart_value\":1,\"cart_value\":2}"),
        plain(b"{\"cart_value\":NaN}"),
        plain(b"{\"cart_value\":-Infinity,\"ts\":\"9999-99-99\"}"),
        plain(b"{\"event_type\":\"\\ud800\"}"),
        plain(b"\xef\xbb\xbf{\"event_type\":\"with a byte order mark\"}"),
        plain(b"{\"event_type\":\"cut o"),
        plain(b"\0\0\0\0"),
    ]
}

/// Every archived record of the shop by topic, partition and offset, decoded from the segments that links own.
async fn read_back(chaos: &Chaos) -> BTreeMap<(String, i64, i64), OwnedRecord> {
    let settings = S3Settings {
        bucket: servers::variable("KIVEND_STORE__BUCKET"),
        ..cluster_settings().expect("the servers run")
    };
    let store = S3Store::open(&settings, chaos.shop.name()).await.unwrap();
    let mut found = BTreeMap::new();
    for file in chaos.shop.json(&["files"])["files"].as_array().unwrap() {
        let bytes = store
            .get(file["key"].as_str().unwrap(), OBJECT_MAX_BYTES)
            .await
            .unwrap()
            .unwrap();
        let (topic, partition) = (file["topic"].as_str().unwrap(), file["partition"].as_i64().unwrap());
        let segment = Segment::open(bytes).unwrap();
        let keep = |record: &kivend::record::record::Record<'_>| {
            let place = (topic.to_owned(), partition, record.offset);
            assert_eq!(found.insert(place, OwnedRecord::of(record)), None);
        };
        segment.for_each_record(keep).unwrap();
    }
    found
}

#[tokio::test]
async fn poison_is_archived_byte_for_byte_and_read_back_equal() {
    let Some(_whole) = Whole::share() else { return };
    let chaos = Chaos::begin();
    chaos.shop.add_settings(LENIENT);
    chaos.shop.json(&["topics", "create", "--alter"]);
    let orders = chaos.shop.topic("orders");
    let mut sent = BTreeMap::new();
    for (offset, record) in poison().into_iter().enumerate() {
        let partition = (offset % 3) as i32;
        let offset = (offset / 3) as i64;
        send_raw(&chaos.shop.kafka_settings(), (&orders, partition), &record);
        sent.insert(
            (orders.clone(), i64::from(partition), offset),
            OwnedRecord { offset, ..record },
        );
    }
    chaos.verified();
    let found = read_back(&chaos).await;
    assert_eq!(found.len(), sent.len());
    for (place, record) in &sent {
        let came = found.get(place);
        // Not assert_eq, which prints a megabyte.
        let text = |record: Option<&OwnedRecord>| format!("{record:?}").chars().take(400).collect::<String>();
        assert!(
            came == Some(record),
            "{place:?} came back as {}, was {}",
            text(came),
            text(Some(record))
        );
    }
}

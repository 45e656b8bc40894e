//! Restoring on real servers: whole records, each once although the restore is killed again and again, to a point in time, and
//! into topics whose settings would delete or refuse what is restored.

use std::process::Stdio;
use std::time::Duration;

use kivend::clock::Clock;
use kivend::config::TopicSettings;
use kivend::kafka::error::KafkaError;
use kivend::kafka::reader::Reader;
use kivend::kafka::replay::{Batching, Replayer};
use kivend::kafka::sender::Sender;
use kivend::kafka::topics::{Alteration, Topics};
use kivend::record::position::TopicPartition;
use kivend::record::record::{Header, LeafHasher, Record, Timestamp};
use serde_json::Value;

use super::shop::{Shop, topic};

/// The topic that is archived keeps records of any time.
const KEPT: &str = r#"
[[topics]]
name = "kept"
partitions = 1
[topics.properties]
retention.ms = -1
message.timestamp.after.max.ms = 9223372036854775807
compression.type = "producer"
[routing]
default = "kept"
rules = []
"#;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The end of the year 9999.
const FAR_AHEAD_MS: i64 = 253_402_300_799_000;

/// Sends nine records of thirty days ago, and one of the far future at offset 5.
fn send_old_ones(shop: &Shop) {
    let sender = Sender::connect(&shop.kafka_settings()).unwrap();
    let now_ms = Clock::start().wall().as_millisecond();
    for number in 0..10 {
        let ms = if number == 5 {
            FAR_AHEAD_MS
        } else {
            now_ms - 30 * DAY_MS + number
        };
        let record = Record {
            offset: 0,
            timestamp: Timestamp::create_ms(ms),
            key: None,
            value: Some(b"{}"),
            headers: &[],
        };
        sender.send(&shop.topic("kept"), Some(0), &record).unwrap();
    }
    assert_eq!(sender.finish().unwrap(), 10);
}

fn topic_of_a_week(shop: &Shop, name: &str) {
    let settings = TopicSettings {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: 3,
        properties: [("retention.ms".to_owned(), "604800000".to_owned())]
            .into_iter()
            .collect(),
    };
    let topics = Topics::connect(&shop.kafka_settings()).unwrap();
    topics.ensure(&settings, Alteration::Refused).unwrap();
}

/// The report of a restore, whatever its exit code, which is the second.
fn restore(shop: &Shop, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = shop.run(&[&["restore", "--format", "json"], arguments].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code())
}

/// What a restore says on stderr when it refuses.
fn refusal(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.run(&[&["restore"], arguments].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    told
}

/// The records of a partition as they are, without their offsets, which transactions move: the hash of each.
fn records(shop: &Shop, topic: &str, partition: i32) -> Vec<[u8; 32]> {
    let reader = Reader::connect(&shop.kafka_settings()).unwrap();
    let of = TopicPartition::new(topic, partition);
    let marks = reader.cluster().watermarks(&of).unwrap();
    let mut hasher = LeafHasher::new(&TopicPartition::new("any", partition));
    let mut hashes = Vec::new();
    let read: Result<_, KafkaError> = reader.read_range(&of, marks.low, marks.high, |record| {
        hashes.push(hasher.leaf(&Record { offset: 0, ..*record }).0);
        Ok(())
    });
    read.unwrap();
    hashes
}

#[test]
fn a_restore_that_retention_would_undo_is_refused_and_a_record_that_the_target_refuses_is_set_aside() {
    let Some(shop) = Shop::with_settings(KEPT) else { return };
    send_old_ones(&shop);
    shop.json(&["archive"]);
    let target = shop.topic("restored");
    topic_of_a_week(&shop, &target);
    let rename = format!("kept={target}");
    let to_target = ["--topic", "kept", "--rename", &rename];

    let told = refusal(&shop, &to_target);
    assert!(told.contains("is 604800000, and 10 of 10 records are older"), "{told}");
    assert!(told.contains("--lift-retention"), "{told}");
    assert_eq!(topic(&shop.json(&["topics", "list"]), &target)["records"], 0);
    let (dry, code) = restore(&shop, &[&to_target[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(1), "{dry:#}");
    assert_eq!(dry["topics"][0]["deleted_by_retention"], 10, "{dry:#}");
    assert_eq!((&dry["records"], &dry["refused"]), (&9.into(), &1.into()));

    let lifting = [&to_target[..], &["--lift-retention", "--rejects", "refused.jsonl"]].concat();
    let (report, code) = restore(&shop, &lifting);
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!((&report["records"], &report["refused"]), (&9.into(), &1.into()));
    assert_eq!(report["refused_records"][0]["offset"], 5, "{report:#}");
    assert_eq!(report["topics"][0]["lifted_retention_ms"], 604_800_000, "{report:#}");
    let rejects = std::fs::read_to_string(shop.folder().join("refused.jsonl")).unwrap();
    let rejected: Value = serde_json::from_str(rejects.trim_end()).unwrap();
    assert_eq!(
        (&rejected["topic"], &rejected["offset"]),
        (&shop.topic("kept").into(), &5.into())
    );
    assert!(
        rejected["reason"]
            .as_str()
            .unwrap()
            .contains("message.timestamp.after.max.ms")
    );
    let restored = records(&shop, &target, 0);
    assert_eq!(restored.len(), 9);

    // Another run continues, and nothing is left.
    let (again, code) = restore(&shop, &lifting);
    assert_eq!(
        (&again["records"], &again["earlier"], code),
        (&0.into(), &9.into(), Some(1))
    );
    assert_eq!(records(&shop, &target, 0), restored);
    // Another range is another restore.
    let told = refusal(&shop, &[&to_target[..], &["--until", "2026-01-01"]].concat());
    assert!(
        told.contains("not empty") && told.contains("earlier runs restored all of"),
        "{told}"
    );
}

#[test]
fn a_target_that_has_records_or_is_archived_is_refused_until_it_is_allowed() {
    let Some(shop) = Shop::open() else { return };
    shop.ingest_generated(200, 7);
    shop.json(&["archive"]);
    let sent = records(&shop, &shop.topic("payments"), 0).len() as u64;
    let other = format!("payments={}", shop.topic("fraud-alerts"));
    for arguments in [
        &["--topic", "payments", "--into-nonempty"][..],
        &["--topic", "payments", "--rename", &other, "--into-nonempty"],
    ] {
        let told = refusal(&shop, arguments);
        assert!(told.contains("is archived by this archive"), "{told}");
    }
    let narrow = format!("user-events={}", shop.topic("narrow"));
    topic_of_a_week(&shop, &shop.topic("narrow"));
    let told = refusal(&shop, &["--topic", "user-events", "--rename", &narrow]);
    assert!(told.contains("too few partitions"), "{told}");

    let mine = shop.topic("mine");
    let renamed = format!("payments={mine}");
    topic_of_a_week(&shop, &mine);
    let sender = Sender::connect(&shop.kafka_settings()).unwrap();
    let record = Record {
        offset: 0,
        timestamp: Timestamp::Absent,
        key: None,
        value: Some(b"mine"),
        headers: &[],
    };
    sender.send(&mine, Some(0), &record).unwrap();
    sender.finish().unwrap();
    let into = [
        "--topic",
        "payments",
        "--partition",
        "0",
        "--rename",
        &renamed,
        "--lift-retention",
    ];
    let told = refusal(&shop, &into);
    assert!(told.contains("not empty") && told.contains("is 1"), "{told}");
    let (report, code) = restore(&shop, &[&into[..], &["--into-nonempty"]].concat());
    assert_eq!((report["records"].as_u64(), code), (Some(sent), Some(0)), "{report:#}");
}

/// Records that clients rarely send: names of headers that are no text, keys and values that are empty or missing, odd times.
fn send_odd_ones(shop: &Shop) {
    let replayer = Replayer::connect(&shop.kafka_settings(), shop.name(), Batching::UpTo(1_000_000)).unwrap();
    let topic = replayer.topic(&shop.topic("kept")).unwrap();
    let headers = [
        Header {
            name: b"\xff\xfe",
            value: Some(b"\x00\x01"),
        },
        Header {
            name: b"same",
            value: None,
        },
        Header {
            name: b"same",
            value: Some(b""),
        },
    ];
    let now_ms = Clock::start().wall().as_millisecond();
    let record = |key: Option<&'static [u8]>, value: Option<&'static [u8]>, ms, headers| Record {
        offset: 0,
        timestamp: Timestamp::create_ms(ms),
        key,
        value,
        headers,
    };
    replayer.begin().unwrap();
    for (number, odd) in [
        record(Some(b"C1"), Some(b"{\"a\":1}"), now_ms, &headers[..]),
        record(None, None, now_ms + 1, &[]),
        record(Some(b""), Some(b""), now_ms + 2, &headers[1..]),
        record(Some(b"\xff"), Some(b"not json\n at all"), -5, &[]),
    ]
    .iter()
    .enumerate()
    {
        replayer.send(&topic, (0, number), odd).unwrap();
    }
    assert_eq!(replayer.settle().unwrap(), []);
    replayer.commit().unwrap();
}

#[test]
fn odd_records_go_to_another_topic_as_they_were_also_in_one_that_is_created() {
    let Some(shop) = Shop::with_settings(KEPT) else { return };
    send_odd_ones(&shop);
    shop.json(&["archive"]);
    let prefix = format!("{}.new-", shop.name());
    let config = ["--topic-config", "compression.type=zstd", "--replication-factor", "1"];
    let (report, code) = restore(&shop, &[&["--prefix", &prefix][..], &config].concat());
    // A broker that compresses by itself refuses a negative time, with the batch that it is in, and says no more than that.
    assert_eq!((&report["refused"], code), (&1.into(), Some(1)), "{report:#}");
    assert_eq!(report["topics"][0]["created"], true, "{report:#}");
    let whole = records(&shop, &shop.topic("kept"), 0);
    assert_eq!(whole.len(), 4);
    // It also rewrites names of headers that are no text.
    assert_eq!(records(&shop, &format!("{prefix}kept"), 0)[1..], whole[1..3]);
    let prefix = format!("{}.plain-", shop.name());
    let (report, code) = restore(&shop, &["--prefix", &prefix]);
    assert_eq!((&report["refused"], code), (&0.into(), Some(0)), "{report:#}");
    assert_eq!(records(&shop, &format!("{prefix}kept"), 0), whole);
}

#[test]
fn a_restore_to_a_point_in_time_ends_exactly_there() {
    let Some(shop) = Shop::with_settings(KEPT) else { return };
    let sender = Sender::connect(&shop.kafka_settings()).unwrap();
    let at_ms = 1_770_113_700_000;
    for ms in at_ms - 50..at_ms + 50 {
        let record = Record {
            offset: 0,
            timestamp: Timestamp::create_ms(ms),
            key: None,
            value: Some(b"{}"),
            headers: &[],
        };
        sender.send(&shop.topic("kept"), Some(0), &record).unwrap();
    }
    sender.finish().unwrap();
    shop.json(&["archive"]);
    let all = records(&shop, &shop.topic("kept"), 0);
    let prefix = format!("{}.until-", shop.name());
    let (report, code) = restore(&shop, &["--until", "2026-02-03T10:15:00Z", "--prefix", &prefix]);
    assert_eq!((&report["records"], code), (&50.into(), Some(0)), "{report:#}");
    assert_eq!(records(&shop, &format!("{prefix}kept"), 0), all[..50]);
    // All of it was archived later than then.
    let prefix = format!("{}.archived-", shop.name());
    let (report, _) = restore(
        &shop,
        &[
            "--time",
            "archived",
            "--until",
            "2026-02-03T10:15:00Z",
            "--prefix",
            &prefix,
        ],
    );
    assert_eq!(report["records"], 0, "{report:#}");
}

/// Runs a restore and kills it after this time. Whether it had ended before.
fn killed_after(shop: &Shop, arguments: &[&str], patience: Duration) -> bool {
    let mut child = shop
        .kivend(&[&["restore"], arguments].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(patience);
    let has_ended = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    has_ended
}

#[test]
fn a_million_records_stand_once_although_their_restore_is_killed_nine_times() {
    const RECORDS: u32 = 1_000_000;
    let Some(shop) = Shop::open() else { return };
    shop.ingest_generated(RECORDS, 11);
    shop.json(&["archive"]);
    let prefix = format!("{}.again-", shop.name());
    let arguments = ["--prefix", prefix.as_str(), "--topic-config", "retention.ms=-1"];
    // A linear congruential generator: the schedule is the same in each run.
    let mut seed: u64 = 20_260_203;
    for _ in 0..9 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let patience = Duration::from_millis(3_000 + (seed >> 33) % 4_000);
        let slowly = [&arguments[..], &["--rate", "10000"]].concat();
        assert!(
            !killed_after(&shop, &slowly, patience),
            "the restore ended before it was killed"
        );
    }
    let begun = Clock::start();
    let (report, code) = restore(&shop, &arguments);
    assert_eq!(code, Some(0), "{report:#}");
    eprintln!(
        "the last run restored {} records in {:.1} s",
        report["records"],
        begun.elapsed_s()
    );
    assert!(report["earlier"].as_u64().unwrap() > 0, "{report:#}");
    let sum = report["records"].as_u64().unwrap() + report["earlier"].as_u64().unwrap();
    assert_eq!(sum, u64::from(RECORDS), "{report:#}");
    for (name, partitions) in [("user-events", 6), ("payments", 3)] {
        for partition in 0..partitions {
            let archived = records(&shop, &shop.topic(name), partition);
            let restored = records(&shop, &format!("{prefix}{name}"), partition);
            assert_eq!(restored.len(), archived.len(), "{name}/{partition}");
            assert!(restored == archived, "{name}/{partition} is not in the same order");
        }
    }
}

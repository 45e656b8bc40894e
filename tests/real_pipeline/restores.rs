//! Restoring to topics whose settings would delete or refuse what is restored.

use kivend::clock::Clock;
use kivend::config::TopicSettings;
use kivend::kafka::sender::Sender;
use kivend::kafka::topics::{Alteration, Topics};
use kivend::record::record::{Record, Timestamp};

use super::shop::{Shop, topic};

/// The topic that is archived keeps records of any time.
const KEPT: &str = r#"
[[topics]]
name = "kept"
partitions = 1
[topics.properties]
retention.ms = -1
message.timestamp.after.max.ms = 9223372036854775807
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

#[test]
fn a_restore_that_retention_would_undo_is_refused_and_a_record_that_the_target_refuses_is_set_aside() {
    let Some(shop) = Shop::with_settings(KEPT) else { return };
    send_old_ones(&shop);
    shop.json(&["archive"]);
    let target = shop.topic("restored");
    topic_of_a_week(&shop, &target);
    let to_target = ["export", "--topic", "kept", "--to-kafka", "--to-topic", &target];

    let refused = shop.run(&to_target);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(
        told.contains("retention.ms=`604800000` too_old=`10 of 10 records`"),
        "{told}"
    );
    assert!(told.contains("--lift-retention"), "{told}");
    assert_eq!(topic(&shop.json(&["topics", "list"]), &target)["records"], 0);

    let lifting = [&to_target[..], &["--lift-retention", "--format", "json"]].concat();
    let restored = shop.run(&lifting);
    let told = String::from_utf8_lossy(&restored.stderr);
    assert_eq!(restored.status.code(), Some(1), "{told}");
    let report: serde_json::Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!((&report["records"], &report["refused"]), (&9.into(), &1.into()));
    assert_eq!(report["refused_records"][0]["offset"], 5, "{report:#}");
    assert_eq!(report["lifted"][0]["retention_ms"], 604_800_000, "{report:#}");
    assert_eq!(topic(&shop.json(&["topics", "list"]), &target)["records"], 9);

    // Another run would double them.
    let again = shop.run(&lifting);
    assert_eq!(again.status.code(), Some(2));
    let told = String::from_utf8_lossy(&again.stderr);
    assert!(told.contains("not empty") && told.contains("offsets=`9`"), "{told}");
}

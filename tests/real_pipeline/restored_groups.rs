//! A consumer that was killed in the middle continues at the exact record, although its topic was deleted and restored.

use std::time::Duration;

use kivend::clock::Clock;
use kivend::kafka::replay::{Batching, Replayer};
use kivend::record::record::{Record, Timestamp};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Message as _};

use super::replaced::Operator;
use super::shop::Shop;
use crate::fixture::patience::until;

const SETTINGS: &str = r#"
[[topics]]
name = "kept"
partitions = 2
[routing]
default = "kept"
rules = []
[archive]
consumer_groups = ["checkout-*"]
"#;

const TRANSACTIONS: usize = 50;
const RECORDS: usize = 20;

/// Sends numbered records in small transactions, so that markers are between them, and a transaction that is aborted.
fn send_numbers(shop: &Shop) {
    let replayer = Replayer::connect(&shop.kafka_settings(), shop.name(), Batching::UpTo(1_000_000)).unwrap();
    let topic = replayer.topic(&shop.topic("kept")).unwrap();
    let send = |number: usize| {
        let text = number.to_string();
        let record = Record {
            offset: 0,
            timestamp: Timestamp::create_ms(Clock::start().wall().as_millisecond()),
            key: None,
            value: Some(text.as_bytes()),
            headers: &[],
        };
        let partition = i32::try_from(number % 2).unwrap();
        replayer.send(&topic, (partition, number), &record).unwrap();
    };
    for transaction in 0..TRANSACTIONS {
        replayer.begin().unwrap();
        (0..RECORDS).for_each(|number| send(transaction * RECORDS + number));
        assert_eq!(replayer.settle().unwrap(), []);
        if transaction == 7 {
            replayer.abort().unwrap();
            replayer.begin().unwrap();
            (0..RECORDS).for_each(|number| send(transaction * RECORDS + number));
            assert_eq!(replayer.settle().unwrap(), []);
        }
        replayer.commit().unwrap();
    }
}

/// Reads this many records as the group, commits what was read, and dies without leaving it properly.
fn consume(shop: &Shop, group: &str, count: usize) -> Vec<usize> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", shop.kafka_settings().brokers.join(","))
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .create()
        .unwrap();
    consumer.subscribe(&[&shop.topic("kept")]).unwrap();
    let mut seen = Vec::new();
    until("the records are consumed", || {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            let text = std::str::from_utf8(message.payload().unwrap()).unwrap();
            seen.push(text.parse().unwrap());
            consumer.commit_message(&message, CommitMode::Sync).unwrap();
        }
        seen.len() == count
    });
    seen
}

#[test]
fn a_consumer_continues_at_the_exact_record_although_its_topic_was_deleted_and_restored() {
    let Some(shop) = Shop::with_settings(SETTINGS) else {
        return;
    };
    send_numbers(&shop);
    let group = format!("checkout-{}", shop.name());
    let mut seen = consume(&shop, &group, 437);
    shop.json(&["archive"]);
    Operator::new().delete(&shop.topic("kept"));

    let report = shop.json(&[
        "restore",
        "--topic",
        "kept",
        "--into-archived",
        "--groups",
        "checkout-*",
    ]);
    assert_eq!(report["records"], TRANSACTIONS * RECORDS, "{report:#}");
    let groups = report["groups"].as_array().unwrap();
    assert!(!groups.is_empty(), "{report:#}");
    assert!(
        groups
            .iter()
            .all(|one| one["problem"].is_null() && one["group"] == group),
        "{report:#}"
    );
    assert!(
        groups.iter().any(|one| one["offset"] != one["archived_offset"]),
        "{report:#}"
    );

    seen.extend(consume(&shop, &group, TRANSACTIONS * RECORDS - 437));
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..TRANSACTIONS * RECORDS), "{seen:?}");
}

//! `kivend archive` while another member of its group holds partitions and archives nothing, because it hangs or
//! because its session has not expired yet.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::shop::Shop;
use crate::fixture::patience::until;

/// A group member that takes its share of partitions and does nothing with it.
fn idle_member(shop: &Shop) -> BaseConsumer {
    let settings = shop.kafka_settings();
    let member: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", settings.brokers.join(","))
        .set("group.id", &settings.group_id)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let topics = ["user-events", "payments", "orders", "fraud-alerts"].map(|name| shop.topic(name));
    member.subscribe(&topics.each_ref().map(String::as_str)).unwrap();
    member
}

fn holds(member: &BaseConsumer) -> usize {
    // Polling keeps it in the group; what it receives does not matter.
    drop(member.poll(Duration::from_millis(20)));
    member.assignment().unwrap().count()
}

#[test]
fn an_archiver_that_ends_by_itself_leaves_nothing_to_a_member_that_does_nothing() {
    let Some(shop) = Shop::open() else { return };
    shop.json(&["init"]);
    shop.ingest_generated(5_000, 1);
    let idle = idle_member(&shop);
    let mut all = 0;
    until("the idle member has all partitions", || {
        all = all.max(holds(&idle));
        all == 14
    });
    let log = shop.folder().join("archive.log");
    let mut archiver = shop
        .kivend(&["archive"])
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    until("the archiver has its share, and waits for the rest", || {
        assert!(
            archiver.try_wait().unwrap().is_none(),
            "it ended, and half is not archived"
        );
        let log = std::fs::read_to_string(&log).unwrap();
        holds(&idle) < all && log.contains("other members of the group hold partitions")
    });
    drop(idle);
    assert!(archiver.wait().unwrap().success());
    shop.verify_intact(5_000);
}

//! Topics that are deleted and created again, and records that Kafka deletes before they are archived, are detected,
//! reported and recorded in the archive.

use kivend::clock::Clock;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use super::daemon::Daemon;
use super::shop::{Shop, topic};
use crate::fixture::patience::{PATIENCE, until};

/// Changes topics as an operator does, with Kafka's admin client.
pub struct Operator(pub AdminClient<DefaultClientContext>);

impl Operator {
    pub fn new() -> Operator {
        let brokers = std::env::var("KIVEND_KAFKA__BROKERS").unwrap();
        Operator(ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap())
    }

    pub fn wait<F: Future>(&self, answer: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(answer)
    }

    pub fn delete(&self, topic: &str) {
        let deleted = self.wait(self.0.delete_topics(&[topic], &AdminOptions::new()));
        deleted.unwrap().pop().unwrap().unwrap();
        until("the topic is gone", || {
            let known = self.0.inner().fetch_metadata(Some(topic), PATIENCE).unwrap();
            known.topics()[0].partitions().is_empty()
        });
    }

    fn keep_an_hour(&self, topic: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", "3600000");
        self.wait(self.0.alter_configs(&[change], &AdminOptions::new()))
            .unwrap();
    }

    /// Deletes records below these offsets, as retention does. Returns the new log start of each partition.
    fn delete_records(&self, topic: &str, partitions: i32) -> Vec<i64> {
        let brokers = std::env::var("KIVEND_KAFKA__BROKERS").unwrap();
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
        let ends: Vec<i64> = (0..partitions)
            .map(|partition| client.fetch_watermarks(topic, partition, PATIENCE).unwrap().1)
            .collect();
        let mut below = TopicPartitionList::new();
        for (partition, end) in (0..).zip(&ends) {
            below
                .add_partition_offset(topic, partition, Offset::Offset(*end))
                .unwrap();
        }
        self.wait(self.0.delete_records(&below, &AdminOptions::new())).unwrap();
        ends
    }
}

/// What verification counts of a topic now, whatever the verdict.
fn archived(shop: &Shop, topic_name: &str) -> u64 {
    let output = shop.run(&["verify", "--against", "links", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    topic(&report, topic_name)["records"].as_u64().unwrap()
}

#[test]
fn a_topic_deleted_and_created_again_is_not_archived_until_its_new_epoch_is_declared() {
    let Some(shop) = Shop::open() else { return };
    let (payments, operator) = (shop.topic("payments"), Operator::new());
    shop.ingest_generated(5_000, 1);
    shop.json(&["archive"]);
    let before = archived(&shop, &payments);

    operator.delete(&payments);
    shop.json(&["topics", "create"]);
    // The new topic has grown past the archive's head, so only the topic id shows that it is another.
    let sent = shop.ingest_generated(20_000, 2);
    let after = sent["topics"][&payments].as_u64().unwrap();
    assert!(after > before, "{sent}");

    let stopped = shop.run(&["archive", "--format", "json"]);
    assert_eq!(stopped.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&stopped.stdout).unwrap();
    let reasons: Vec<&str> = report["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["stopped"].as_str())
        .collect();
    assert!(
        !reasons.is_empty() && reasons.iter().all(|why| why.contains("--new-epoch")),
        "{report:#}"
    );
    assert_eq!(
        archived(&shop, &payments),
        before,
        "something was archived before it was declared"
    );

    let misspelt = shop.run(&["archive", "--new-epoch", "paiments"]);
    assert_eq!(misspelt.status.code(), Some(2));
    shop.json(&["archive", "--new-epoch", &payments]);
    let report = shop.verify_intact(25_000);
    assert_eq!(topic(&report, &payments)["records"], before + after);
    assert_eq!(topic(&report, &payments)["compared_with_kafka"], after);
    assert_eq!(
        shop.json(&["archive", "--new-epoch", &payments])["records"],
        0,
        "declared twice"
    );
}

/// Runs `archive` with a declared divergence. Returns its report, whatever its exit code.
fn archive_diverged(shop: &Shop, divergence: &str) -> Value {
    let output = shop.run(&["archive", "--diverged", divergence, "--format", "json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_declared_divergence_ends_its_epoch_once_and_is_called_false_if_kafka_lost_nothing() {
    let Some(shop) = Shop::open() else { return };
    let payments = shop.topic("payments");
    shop.ingest_generated(5_000, 1);
    let report = shop.json(&["archive"]);
    let of_partition = |partition: &&Value| partition["topic"] == payments.as_str() && partition["partition"] == 0;
    let next = |report: &Value| {
        let partitions = report["partitions"].as_array().unwrap();
        partitions.iter().find(of_partition).unwrap()["next_offset"]
            .as_i64()
            .unwrap()
    };
    let end = next(&report);
    let divergence = |epoch: u32, offset: i64| format!("{payments}/0/{epoch}={offset}");

    let misspelt = shop.run(&["archive", "--diverged", &format!("paiments/0/0={}", end - 5)]);
    assert_eq!(misspelt.status.code(), Some(2));
    for impossible in [divergence(0, end), divergence(1, end - 5)] {
        let report = archive_diverged(&shop, &impossible);
        let stopped = report["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .find(of_partition)
            .unwrap();
        assert!(
            stopped["stopped"].as_str().unwrap().contains("impossible"),
            "{report:#}"
        );
    }
    for records in [5, 0] {
        let report = archive_diverged(&shop, &divergence(0, end - 5));
        assert_eq!(
            (report["records"].as_i64(), next(&report)),
            (Some(records), end),
            "{report:#}"
        );
    }
    let verified = shop.run(&["verify", "--at-rest", "--format", "json"]);
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    let codes: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["code"])
        .collect();
    assert_eq!(codes, ["KV514", "KV214"], "{report:#}");
    assert_eq!(
        topic(&report, &payments)["compared_with_kafka"],
        topic(&report, &payments)["records"].as_i64().unwrap() - 5
    );
}

#[test]
fn a_topic_deleted_under_a_running_archiver_stops_its_partitions_and_nothing_else() {
    let Some(shop) = Shop::open() else { return };
    let (payments, operator) = (shop.topic("payments"), Operator::new());
    shop.json(&["init"]);
    let user_events = shop.topic("user-events");
    let sent = shop.ingest_generated(5_000, 1);
    let of = |topic: &str| sent["topics"][topic].as_u64().unwrap();
    let daemon = Daemon::start(&shop);
    until("all is archived", || {
        archived(&shop, &payments) == of(&payments) && archived(&shop, &user_events) == of(&user_events)
    });
    operator.delete(&payments);
    daemon.says("the topic no longer exists in Kafka");
    shop.json(&["ingest", "events.jsonl", "--only", &user_events]);
    until("the other partitions go on", || {
        archived(&shop, &user_events) == 2 * of(&user_events)
    });
    assert_eq!(daemon.finish(), Some(1));
}

/// When the topic is created again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    AtOnce,
    /// The archiver has noticed that it was deleted.
    OnceNoticed,
}

#[test]
fn a_topic_created_again_under_a_running_archiver_is_noticed_although_nobody_writes_to_it() {
    for again in [Again::AtOnce, Again::OnceNoticed] {
        is_noticed(again);
    }
}

fn is_noticed(again: Again) {
    let Some(shop) = Shop::open() else { return };
    let (payments, operator) = (shop.topic("payments"), Operator::new());
    shop.json(&["init"]);
    let sent = shop.ingest_generated(5_000, 1);
    let daemon = Daemon::start(&shop);
    until("all is archived", || {
        archived(&shop, &payments) == sent["topics"][&payments].as_u64().unwrap()
    });
    operator.delete(&payments);
    if again == Again::OnceNoticed {
        daemon.says("the topic no longer exists in Kafka");
    }
    shop.json(&["topics", "create"]);
    let created = Clock::start();
    let stopped = || {
        let page = daemon.metrics();
        let of_payments = |line: &&str| line.starts_with("kivend_stopped{") && line.contains(&payments);
        let stopped = page.lines().filter(of_payments);
        stopped
            .filter(|line| line.contains("topic_recreated") && line.ends_with(" 1"))
            .count()
    };
    let partitions = topic(&shop.json(&["topics", "list"]), &payments)["partitions"].as_u64();
    until("every partition is stopped", || Some(stopped() as u64) == partitions);
    daemon.says("event=\"topic_recreated\"");
    let took = created.elapsed_s();
    assert!(took < 30.0, "{took} s");
    let log = daemon.log();
    assert_eq!(log.matches("event=\"topic_recreated\"").count(), 1, "{log}");
    let (status, why) = daemon.get("/readyz");
    assert_eq!(status, 503);
    assert!(why.contains("the topic was deleted and created again"), "{why}");

    let verified = shop.run(&["verify", "--format", "json"]);
    assert_eq!(verified.status.code(), Some(11));
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    // Without the group's commits, which Kafka deleted with the topic, nothing may confirm the newest links yet.
    let mut codes: Vec<&String> = report["finding_counts"].as_object().unwrap().keys().collect();
    codes.retain(|code| *code != "KV412");
    assert_eq!(codes, ["KV521"], "{report:#}");
    let doctor = shop.run(&["doctor", "--format", "json"]);
    let checks: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let checks = checks["checks"].as_array().unwrap();
    let partitions = checks.iter().find(|check| check["name"] == "partitions").unwrap();
    assert_eq!(partitions["status"], "failed");
    assert!(
        partitions["detail"].as_str().unwrap().contains("--new-epoch"),
        "{partitions}"
    );
    assert_eq!(daemon.finish(), Some(1));
}

#[test]
fn records_that_kafka_deletes_before_they_are_archived_are_reported_and_recorded() {
    let Some(shop) = Shop::open() else { return };
    let (payments, operator) = (shop.topic("payments"), Operator::new());
    shop.json(&["init"]);
    shop.ingest_generated(5_000, 1);
    shop.json(&["archive"]);
    let archived = archived(&shop, &payments);
    let sent = shop.ingest_generated(5_000, 2);
    let lost = sent["topics"][&payments].as_u64().unwrap();
    let partitions = topic(&shop.json(&["topics", "list"]), &payments)["partitions"]
        .as_i64()
        .unwrap();
    operator.delete_records(&payments, i32::try_from(partitions).unwrap());

    let daemon = Daemon::start(&shop);
    daemon.says("LOSS: Kafka deleted records before they were archived");
    assert!(
        daemon
            .log()
            .lines()
            .any(|line| line.contains("ERROR") && line.contains("LOSS"))
    );
    let counted = |page: String| -> u64 {
        let of_payments = |line: &&str| line.starts_with("kivend_lost_records_total{") && line.contains(&payments);
        let values = page
            .lines()
            .filter(of_payments)
            .map(|line| line.rsplit(' ').next().unwrap().to_owned());
        values.map(|value| value.parse::<u64>().unwrap()).sum()
    };
    until("the alarm metric counts them", || counted(daemon.metrics()) == lost);
    assert_eq!(daemon.finish(), Some(0));

    let report = shop.verify_intact(10_000 - lost);
    assert_eq!(topic(&report, &payments)["records"], archived);
    assert_eq!(topic(&report, &payments)["lost"], lost);
    let declared = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == "KV210");
    assert!(declared.count() > 0);
    let refused = shop.run(&["verify", "--fail-on-loss"]);
    assert_eq!(refused.status.code(), Some(11));
}

#[test]
fn records_that_kafka_will_delete_within_a_day_cause_one_warning_and_a_countdown() {
    let Some(shop) = Shop::open() else { return };
    let (payments, operator) = (shop.topic("payments"), Operator::new());
    operator.keep_an_hour(&payments);
    shop.json(&["init"]);
    shop.ingest_generated(5_000, 1);
    let daemon = Daemon::start_with(
        &shop,
        &[
            "--set",
            "archive.seal_max_idle=10m",
            "--set",
            "archive.seal_max_age=10m",
        ],
    );
    // One partition after the other, because each is counted down before its warning.
    let partitions = topic(&shop.json(&["topics", "list"]), &payments)["partitions"].as_u64();
    let warned = || daemon.log().matches("Kafka may soon delete").count();
    until("a warning for each waiting partition", || {
        Some(warned() as u64) == partitions
    });
    let of_payments = |line: &&str| line.starts_with("kivend_until_deletion_seconds{") && line.contains(&payments);
    let left_s: Vec<f64> = daemon
        .metrics()
        .lines()
        .filter(of_payments)
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .filter(|left_s: &f64| left_s.is_finite())
        .collect();
    assert_eq!(Some(left_s.len() as u64), partitions);
    assert!(
        left_s.iter().all(|left_s| (3_000.0..=3_600.0).contains(left_s)),
        "{left_s:?}"
    );
    assert_eq!(daemon.finish(), Some(0));
    shop.verify_intact(5_000);
}

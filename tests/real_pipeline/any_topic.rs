//! Topics that a pattern takes are archived as they come and go.

use std::time::Duration;

use kivend::clock::Clock;
use kivend::kafka::sender::Sender;
use kivend::record::record::{Record, Timestamp};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};

use super::daemon::Daemon;
use super::replaced::Operator;
use super::shop::Shop;
use crate::fixture::patience::{until, until_within};

/// All topics but some, without an idle time that a test would wait for.
const ALL: &str = r#"
[[topics]]
name = "*"
exclude = ["*.tmp"]
[archive]
seal_max_idle = "1s"
checkpoint_copies = [{ topic = "copies" }]
"#;

/// How long after its creation a topic may go unseen.
const FOUND_WITHIN: Duration = Duration::from_secs(30);

impl Operator {
    /// Creates topics, and waits until they can be written to.
    fn create(&self, topics: &[String], partitions: i32) {
        for some in topics.chunks(50) {
            let new: Vec<NewTopic<'_>> = some
                .iter()
                .map(|topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(1)))
                .collect();
            for created in self.wait(self.0.create_topics(&new, &AdminOptions::new())).unwrap() {
                created.unwrap();
            }
        }
    }
}

/// Sends a record to each partition of each topic.
fn send_one_each(shop: &Shop, topics: &[String], partitions: i32) {
    let sender = Sender::connect(&shop.kafka_settings()).unwrap();
    for topic in topics {
        for partition in 0..partitions {
            let record = Record {
                offset: 0,
                timestamp: Timestamp::create_ms(Clock::start().wall().as_millisecond()),
                key: None,
                value: Some(topic.as_bytes()),
                headers: &[],
            };
            sender.send(topic, Some(partition), &record).unwrap();
        }
    }
    sender.finish().unwrap();
}

/// The sum of a counter over all partitions.
fn sum(daemon: &Daemon<'_>, counter: &str) -> u64 {
    let metrics = daemon.metrics();
    let values = metrics.lines().filter(|line| line.starts_with(counter));
    values
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn names(shop: &Shop, from: usize, count: usize) -> Vec<String> {
    (from..from + count)
        .map(|number| shop.topic(&format!("t{number:03}")))
        .collect()
}

#[test]
fn two_hundred_topics_with_a_thousand_partitions_are_archived_although_they_are_created_later() {
    let Some(shop) = Shop::with_settings(ALL) else { return };
    let operator = Operator::new();
    let daemon = Daemon::start_with(&shop, &[]);
    daemon.says("metrics, health and readiness");
    let topics = names(&shop, 0, 200);
    operator.create(&topics, 5);
    let since = Clock::start();
    until_within(FOUND_WITHIN, "all topics are found", || {
        daemon.log().matches("a new topic is archived").count() == topics.len()
    });
    send_one_each(&shop, &topics, 5);
    until("every record is archived", || {
        sum(&daemon, "kivend_records_total{") == 1_000
    });
    eprintln!("a thousand partitions are archived after {:.0} s", since.elapsed_s());
    assert_eq!(daemon.log().matches("ERROR").count(), 0, "{}", daemon.log());
    assert_eq!(daemon.finish(), Some(0));

    let report = shop.json(&["verify", "--at-rest"]);
    assert_eq!(report["verdict"], "intact", "{report:#}");
    assert_eq!(report["topics"].as_array().unwrap().len(), 200);
    assert_eq!(report["scope"]["records"], 1_000, "{}", report["scope"]);
}

#[test]
fn topics_come_and_go_without_disturbing_others_in_both_group_protocols() {
    let settings = |protocol: &str| Shop::with_more(ALL, &[("group.protocol", protocol)]);
    for protocol in ["classic", "consumer"] {
        let Some(shop) = settings(protocol) else { return };
        let operator = Operator::new();
        let [kept, gone, other] = ["kept", "gone", "not.tmp"].map(|name| shop.topic(name));
        operator.create(&[kept.clone(), other.clone()], 2);
        send_one_each(&shop, &[kept.clone(), other.clone()], 2);
        let daemon = Daemon::start_with(&shop, &[]);
        daemon.says("metrics, health and readiness");
        until("the first topic is archived", || {
            sum(&daemon, "kivend_records_total{") == 2
        });

        operator.create(std::slice::from_ref(&gone), 3);
        send_one_each(&shop, std::slice::from_ref(&gone), 3);
        until("the new topic is archived", || {
            sum(&daemon, "kivend_records_total{") == 5
        });
        let log = daemon.log();
        assert!(!log.contains("partitions_lost"), "{log}");

        operator.delete(&gone);
        daemon.says("the topic was deleted");
        let lag = format!("kivend_lag_records{{topic=\"{gone}\"");
        until("the deleted topic is released", || !daemon.metrics().contains(&lag));
        send_one_each(&shop, std::slice::from_ref(&kept), 2);
        until("the others go on", || sum(&daemon, "kivend_records_total{") == 7);
        let log = daemon.log();
        assert_eq!(log.matches("the topic was deleted").count(), 1, "{log}");
        assert_eq!(log.matches(" ERROR ").count(), 0, "{log}");
        assert_eq!(daemon.finish(), Some(0));

        let report = shop.json(&["verify", "--at-rest"]);
        assert_eq!(report["verdict"], "intact", "{report:#}");
        let topics: Vec<&str> = report["topics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["topic"].as_str().unwrap())
            .collect();
        assert_eq!(topics, [gone.as_str(), kept.as_str()]);
    }
}

//! An unclean leader election on real brokers: Kafka loses records that it acknowledged and that are archived, and gives their
//! offsets to others.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::Value;

use super::servers::Mine;
use super::shop::Chaos;
use super::{PATIENCE, until};
use crate::real_pipeline::shop::topic;

/// A topic of one partition on brokers 1 and 2 that prefers to go on over keeping what it acknowledged.
struct Careless<'c> {
    chaos: &'c Chaos,
    name: String,
    brokers: String,
}

impl Careless<'_> {
    /// Replaces a topic of the shop.
    fn instead_of<'c>(chaos: &'c Chaos, topic: &str) -> Careless<'c> {
        let careless = Careless {
            chaos,
            name: chaos.shop.topic(topic),
            brokers: chaos.shop.kafka_settings().brokers.join(","),
        };
        let operator: AdminClient<DefaultClientContext> = careless.client().create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let deleted = runtime.block_on(operator.delete_topics(&[&careless.name], &AdminOptions::new()));
        deleted.unwrap().pop().unwrap().unwrap();
        until("the topic is gone", || careless.leader().is_none());
        let replicas: [&[i32]; 1] = [&[1, 2]];
        let wanted = NewTopic::new(&careless.name, 1, TopicReplication::Variable(&replicas))
            .set("unclean.leader.election.enable", "true")
            .set("min.insync.replicas", "1");
        let created = runtime.block_on(operator.create_topics([&wanted], &AdminOptions::new()));
        created.unwrap().pop().unwrap().unwrap();
        until("broker 1 leads", || careless.leader() == Some(1));
        careless
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// The broker that leads its partition.
    fn leader(&self) -> Option<i32> {
        let client: BaseProducer = self.client().create().unwrap();
        let known = client.client().fetch_metadata(Some(&self.name), PATIENCE).ok()?;
        let leader = known.topics().first()?.partitions().first()?.leader();
        (leader >= 0).then_some(leader)
    }

    /// Sends records that Kafka acknowledges.
    fn send(&self, value: &str, records: usize) {
        let producer: BaseProducer = self.client().set("acks", "all").create().unwrap();
        for _ in 0..records {
            let record = BaseRecord::<str, str>::to(&self.name).partition(0).payload(value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Sends 100 records to both brokers, `first` to broker 1 alone, and has broker 2 elected, which lacks these. Then sends it
    /// `second`.
    fn lose(&self, mine: &Mine, first: usize, second: usize) {
        mine.kill(&["2"]);
        self.send("broker 1 alone", first);
        let archived = self.chaos.shop.run(&["archive"]);
        assert!(
            archived.status.success(),
            "{}",
            String::from_utf8_lossy(&archived.stderr)
        );
        mine.kill(&["1"]);
        mine.start(&["2"]);
        until("broker 2 leads without the newest records", || self.leader() == Some(2));
        self.send("broker 2", second);
        mine.start(&["1"]);
    }
}

fn report_of(chaos: &Chaos, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = chaos.shop.run(&[arguments, &["--format", "json"]].concat());
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {log}"));
    (output.status.code(), report, log)
}

fn comes_through(first: usize, second: usize) {
    let Some(mine) = Mine::take() else { return };
    let chaos = Chaos::begin();
    let careless = Careless::instead_of(&chaos, "fraud-alerts");
    careless.send("both", 100);
    chaos.shop.json(&["archive"]);
    careless.lose(&mine, first, second);
    let others = chaos.shop.ingest_generated(2_000, 3);

    let (code, report, log) = report_of(&chaos, &["archive"]);
    assert_eq!(code, Some(1), "{log}");
    let partitions = report["partitions"].as_array().unwrap();
    let stopped: Vec<&Value> = partitions.iter().filter(|p| !p["stopped"].is_null()).collect();
    assert_eq!(stopped.len(), 1, "{report:#}");
    assert_eq!(stopped[0]["topic"], careless.name.as_str(), "{report:#}");
    let why = stopped[0]["stopped"].as_str().unwrap();
    assert!(
        why.contains("unclean leader election") && why.contains("--diverged"),
        "{why}"
    );
    assert_eq!(
        report["records"], others["acked"],
        "the others are archived: {report:#}"
    );

    let (_, report, _) = report_of(&chaos, &["verify"]);
    assert_eq!(report["verdict"], "incomplete", "{report:#}");
    let found = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["code"] == "KV519");
    let found = found.unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(found["offsets"], serde_json::json!([100, 100 + first]), "{found:#}");

    let declared = format!("{}/0/0=100", careless.name);
    assert!(found["detail"].as_str().unwrap().contains(&declared), "{found:#}");
    let (code, report, log) = report_of(&chaos, &["archive", "--diverged", &declared]);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(report["records"], second, "{report:#}");
    let (_, report, _) = report_of(&chaos, &["verify", "--at-rest"]);
    assert_eq!(report["verdict"], "intact", "{report:#}");
    assert_eq!(topic(&report, &careless.name)["lag"], 0, "{report:#}");
    let exported = chaos.shop.run(&["export", "--topic", "fraud-alerts"]);
    let lines = String::from_utf8_lossy(&exported.stdout);
    let count = |value| lines.lines().filter(|line| line.contains(value)).count();
    assert_eq!(
        (count("both"), count("broker 1 alone"), count("broker 2")),
        (100, first, second),
        "what Kafka acknowledged is in the archive"
    );
}

#[test]
fn after_an_unclean_election_whose_log_grew_past_the_archive_its_partition_stops_until_it_is_declared() {
    comes_through(50, 80);
}

#[test]
fn after_an_unclean_election_whose_log_ends_below_the_archive_its_partition_stops_until_it_is_declared() {
    comes_through(50, 20);
}

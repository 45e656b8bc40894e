//! The shop of a chaos test: archivers that seal twice a second, events that arrive meanwhile, and the final comparison
//! of Kafka with the archive.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use kivend::clock::random_bytes;
use kivend::kafka::cluster::Cluster;
use kivend::record::position::{NextOffset, TopicPartition};
use serde_json::Value;

use super::process::Archiver;
use crate::fixture::servers::chaos_rounds;
use crate::real_pipeline::shop::{Shop, topic};
use crate::simulation::dice::Dice;

/// More events than any test sends.
const ENDLESS: &str = "1000000000";

/// A shop, and the random choices of the test.
pub struct Chaos {
    pub shop: Shop,
    pub dice: Dice,
    pub rounds: u32,
}

impl Chaos {
    /// Called after `Whole::share` or `Mine::take`.
    pub fn begin() -> Chaos {
        Chaos::with_properties(&[("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1000")])
    }

    /// With these properties of librdkafka's.
    pub fn with_properties(properties: &[(&str, &str)]) -> Chaos {
        let shop = Shop::with_properties(properties).expect("the servers run");
        shop.json(&["init"]);
        let seed = std::env::var("KIVEND_TEST_SEED").ok();
        let seed = seed.map_or_else(
            || u64::from(u32::from_le_bytes(random_bytes().unwrap())),
            |seed| seed.parse().expect("KIVEND_TEST_SEED is a number"),
        );
        eprintln!("KIVEND_TEST_SEED={seed}");
        Chaos {
            shop,
            dice: Dice::new(seed),
            rounds: chaos_rounds().expect("KIVEND_TEST_CHAOS is set"),
        }
    }

    /// Starts an archiver that seals twice a second, so that a failure hits it at work.
    pub fn archiver(&self, name: &str) -> Archiver {
        self.archiver_with(name, |_| ())
    }

    /// The same, with a changed command.
    pub fn archiver_with(&self, name: &str, change: impl FnOnce(&mut Command)) -> Archiver {
        let mut command = self.shop.archiver(&[]);
        command
            .env("KIVEND_LOG", "warn,kivend=debug,aws=error")
            .env("KIVEND_TELEMETRY__LISTEN", "127.0.0.1:0")
            .env("KIVEND_ARCHIVE__SEAL_MAX_AGE", "500ms")
            .env("KIVEND_STORE__ATTEMPT_TIMEOUT", "5s")
            .env("KIVEND_STORE__OPERATION_TIMEOUT", "15s");
        change(&mut command);
        Archiver::start(command, self.shop.folder().join(format!("{name}.log")))
    }

    /// Sends events at this rate in the background until the feed is ended.
    pub fn feed(&mut self, per_second: u32) -> Feed {
        let seed = (self.dice.roll() >> 40).to_string();
        let mut source = self
            .shop
            .kivend(&["generate", "--events", ENDLESS, "--seed", &seed])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let rate = per_second.to_string();
        let ingest = self
            .shop
            .kivend(&["ingest", "-", "--rate", &rate, "--format", "json"])
            .stdin(source.stdout.take().unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Feed { source, ingest }
    }

    /// The group's commits by partition.
    pub fn committed(&self) -> BTreeMap<TopicPartition, NextOffset> {
        let settings = self.shop.kafka_settings();
        let cluster = Cluster::connect_to_group(&settings).unwrap();
        let topics = ["user-events", "payments", "orders", "fraud-alerts"].map(|name| self.shop.topic(name));
        let partitions = topics
            .iter()
            .flat_map(|topic| cluster.topic(topic).unwrap().positions());
        let partitions: Vec<TopicPartition> = partitions.collect();
        let committed = cluster.committed(&partitions).unwrap().into_iter();
        let known = partitions.into_iter().zip(committed);
        known
            .filter_map(|(partition, commit)| Some((partition, commit?.next_offset)))
            .collect()
    }

    /// The number of records in Kafka.
    pub fn records_in_kafka(&self) -> u64 {
        let listed = self.shop.json(&["topics", "list"]);
        let topics = listed["topics"].as_array().unwrap().iter();
        topics.map(|topic| topic["records"].as_u64().unwrap()).sum()
    }

    /// Archives the rest, verifies, and checks that Kafka's end offsets, the archive and the verification agree.
    /// Returns the number of records.
    pub fn reckon(&self) -> u64 {
        let report = self.verified();
        let listed = self.shop.json(&["topics", "list"]);
        let mut records = 0;
        for counted in report["topics"].as_array().unwrap() {
            let in_kafka = &topic(&listed, counted["topic"].as_str().unwrap())["records"];
            assert_eq!(&counted["records"], in_kafka, "{report:#}");
            assert_eq!(counted["repeated_events"], 0, "{report:#}");
            records += counted["records"].as_u64().unwrap();
        }
        records
    }

    /// Archives the rest and checks that everything in Kafka is archived and equal, without a finding.
    pub fn verified(&self) -> Value {
        let mut rest = self.archiver_with("rest", |command| {
            command.arg("--once");
        });
        assert!(rest.ended().success(), "{}", rest.log());
        let report = self.shop.json(&["verify", "--at-rest"]);
        assert_eq!(report["verdict"], "intact", "{report:#}");
        assert_eq!(report["findings"], Value::Array(vec![]), "{report:#}");
        for counted in report["topics"].as_array().unwrap() {
            assert_eq!(counted["lag"], 0, "{report:#}");
            assert_eq!(counted["compared_with_kafka"], counted["records"], "{report:#}");
        }
        report
    }
}

/// A running generator and the ingest that it feeds.
pub struct Feed {
    source: Child,
    ingest: Child,
}

impl Feed {
    /// Ends the feed and checks that every event was acknowledged. Returns their number.
    pub fn all_acked(self) -> u64 {
        let report = self.report();
        assert_eq!(report["acked"], report["sent"], "{report:#}");
        assert_eq!(report["stopped_by"], Value::Null, "{report:#}");
        report["acked"].as_u64().unwrap()
    }

    /// Ends the feed, unless it ended by itself, and returns the report of ingest.
    pub fn report(mut self) -> Value {
        // Ingest sends what it has read and ends as at the end of a file.
        self.source.kill().unwrap();
        let mut report = Vec::new();
        self.ingest.stdout.take().unwrap().read_to_end(&mut report).unwrap();
        serde_json::from_slice(&report).unwrap()
    }
}

impl Drop for Feed {
    /// Ends the processes, so that a failed test leaves none running.
    fn drop(&mut self) {
        for child in [&mut self.source, &mut self.ingest] {
            // It may have ended already.
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}

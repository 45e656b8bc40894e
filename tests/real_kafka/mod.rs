//! The Kafka layer against real brokers: topics and their settings, reading, and handing over partitions in a group.
//! Every test has topics and a group of its own.

mod handing_over;
mod reading;
mod topics;

use std::collections::BTreeMap;
use std::time::Duration;

use kivend::clock::random_bytes;
use kivend::config::{KafkaSettings, Properties, TopicSettings};
use kivend::kafka::topics::{Alteration, Topics};
use kivend::record::position::TopicPartition;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::fixture::servers;

const PATIENCE: Duration = Duration::from_secs(20);

/// The topics and the group of one test.
struct Corner {
    settings: KafkaSettings,
    prefix: String,
}

impl Corner {
    /// `None` where the servers do not run.
    fn new() -> Option<Corner> {
        servers::running()?;
        let brokers = servers::variable("KIVEND_KAFKA__BROKERS");
        let random: [u8; 6] = random_bytes().unwrap();
        let prefix = random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let prefix = format!("test-{prefix}.");
        Some(Corner {
            settings: KafkaSettings {
                brokers: brokers.split(',').map(str::to_owned).collect(),
                group_id: format!("{prefix}group"),
                properties: Properties::default(),
            },
            prefix,
        })
    }

    fn with_property(mut self, name: &str, value: &str) -> Corner {
        self.settings.properties = [(name.to_owned(), value.to_owned())].into_iter().collect();
        self
    }

    fn wanted(&self, name: &str, partitions: i32) -> TopicSettings {
        let properties = [("min.insync.replicas", "2"), ("retention.ms", "604800000")];
        TopicSettings {
            name: format!("{}{name}", self.prefix),
            partitions,
            replication_factor: 3,
            properties: properties
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
        }
    }

    /// Creates a topic and returns its partitions.
    fn topic(&self, name: &str, partitions: i32) -> Vec<TopicPartition> {
        let wanted = self.wanted(name, partitions);
        Topics::connect(&self.settings)
            .unwrap()
            .ensure(&wanted, Alteration::Refused)
            .unwrap();
        (0..partitions)
            .map(|partition| TopicPartition::new(&wanted.name, partition))
            .collect()
    }

    fn producer(&self, properties: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.settings.brokers.join(","));
        for (name, value) in properties {
            config.set(*name, *value);
        }
        config.create().unwrap()
    }

    /// Sends `count` records of the form `<first + i>` to one partition.
    fn send(&self, partition: &TopicPartition, first: usize, count: usize) {
        let producer = self.producer(&[]);
        for number in first..first + count {
            queue(&producer, partition, &number.to_string());
        }
        producer.flush(PATIENCE).unwrap();
    }
}

fn queue(producer: &BaseProducer, partition: &TopicPartition, value: &str) {
    let record = BaseRecord::<str, str>::to(&partition.topic)
        .partition(partition.partition)
        .payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
}

/// Counts by key.
fn tally<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

//! A Kafka cluster inside this process, for the demo and for tests: librdkafka's mock brokers on local ports. Never a
//! substitute for the real servers where a promise is at stake.
//!
//! What it cannot do: it creates no topics by Kafka's own request (only by [`Embedded::create_topic`]), keeps no topic
//! settings, knows no log append time, and forgets everything at the end. It keeps about 5 MiB of batches, as sent, per
//! partition and then drops the oldest: 41 MB of events in 6 partitions stay below that compressed with lz4, and only
//! so. It hands out one batch per partition and fetch, so that small batches make it slow.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::config::{KafkaSettings, Properties, TopicSettings};
use crate::kafka::error::KafkaError;

/// A running cluster. It ends when dropped.
pub struct Embedded {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Embedded {
    /// Starts this many brokers on free ports of this machine.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(brokers: i32) -> Result<Embedded, KafkaError> {
        let cluster = MockCluster::new(brokers)
            .map_err(|error| KafkaError::from_rdkafka(&error, "start the embedded cluster"))?;
        Ok(Embedded { cluster })
    }

    /// Creates a topic; its settings beyond partitions and replication are ignored.
    ///
    /// # Errors
    /// There is such a topic, or there are fewer brokers than replicas.
    pub fn create_topic(&self, topic: &TopicSettings) -> Result<(), KafkaError> {
        self.cluster
            .create_topic(&topic.name, topic.partitions, topic.replication_factor)
            .map_err(|error| KafkaError::TopicRefused {
                topic: topic.name.clone(),
                reason: error.to_string(),
            })
    }

    /// `host:port` of each broker.
    #[must_use]
    pub fn brokers(&self) -> Vec<String> {
        self.cluster.bootstrap_servers().split(',').map(str::to_owned).collect()
    }

    /// The settings with which a client finds this cluster.
    #[must_use]
    pub fn settings(&self, group_id: &str) -> KafkaSettings {
        KafkaSettings {
            brokers: self.brokers(),
            group_id: group_id.to_owned(),
            properties: Properties::default(),
        }
    }
}

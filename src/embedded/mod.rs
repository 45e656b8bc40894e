//! A Kafka cluster inside this process, for the demo and for tests: librdkafka's mock brokers on local ports. Never a
//! substitute for the real servers where a promise is at stake.
//!
//! What it cannot do: it creates no topics by Kafka's own request (only by [`Embedded::create_topic`]), keeps no topic
//! settings, knows no log append time, and forgets everything at the end. It keeps about 5 MiB of batches, as sent, per
//! partition and then drops the oldest: 41 MB of events in 6 partitions stay below that compressed with lz4, and only
//! so. It hands out one batch per partition and fetch, so that small batches make it slow.

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};
use rdkafka_sys as sys;

use crate::config::{KafkaSettings, Properties, TopicSettings};
use crate::kafka::error::KafkaError;

/// A group's first members are not made to wait for others, which takes brokers three seconds by default.
const REBALANCE_DELAY_MS: i32 = 0;

/// A running cluster. It ends when dropped.
pub struct Embedded {
    /// The client whose threads serve the brokers; sends nothing itself.
    host: BaseProducer,
    brokers: Vec<String>,
}

impl Embedded {
    /// Starts this many brokers on free ports of this machine.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(brokers: i32) -> Result<Embedded, KafkaError> {
        let host: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", brokers.to_string())
            .create()
            .map_err(|error| KafkaError::from_rdkafka(&error, "start the embedded cluster"))?;
        let brokers = cluster_of(&host)?.bootstrap_servers();
        let brokers = brokers.split(',').map(str::to_owned).collect();
        shorten_rebalances(&host);
        Ok(Embedded { host, brokers })
    }

    /// Creates a topic; its settings beyond partitions and replication are ignored.
    ///
    /// # Errors
    /// There is such a topic, or there are fewer brokers than replicas.
    pub fn create_topic(&self, topic: &TopicSettings) -> Result<(), KafkaError> {
        cluster_of(&self.host)?
            .create_topic(&topic.name, topic.partitions, topic.replication_factor)
            .map_err(|error| KafkaError::TopicRefused {
                topic: topic.name.clone(),
                reason: error.to_string(),
            })
    }

    /// `host:port` of each broker.
    #[must_use]
    pub fn brokers(&self) -> Vec<String> {
        self.brokers.clone()
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

fn cluster_of(host: &BaseProducer) -> Result<MockCluster<'_, DefaultProducerContext>, KafkaError> {
    host.client().mock_cluster().ok_or_else(|| KafkaError::Other {
        doing: "start the embedded cluster",
        reason: "librdkafka made none".to_owned(),
    })
}

/// rust-rdkafka has no name for this setting of the mock cluster.
#[allow(unsafe_code)]
fn shorten_rebalances(host: &BaseProducer) {
    // SAFETY: the client is alive, and owns the cluster that it hosts; null where it hosts none.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(host.client().native_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, REBALANCE_DELAY_MS);
        }
    }
}

//! A Kafka cluster inside this process, for the demo and for tests: librdkafka's mock brokers on local ports. A test of a
//! guarantee needs the real servers.
//!
//! The mock brokers create topics only through [`Embedded::create_topic`], not by Kafka's own request. They have no topic
//! settings and no log append time, and keep everything in memory. A partition keeps about 5 MiB of batches as they were
//! sent, and then drops the oldest: 41 MB of events in 6 partitions fit only because lz4 compresses them. A fetch returns one
//! batch of each partition, so that small batches are slow.

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka_sys as sys;

use crate::config::{KafkaSettings, Properties, TopicSettings};
use crate::kafka::error::KafkaError;

/// A new group does not wait for further members; by default brokers wait for three seconds.
const REBALANCE_DELAY_MS: i32 = 0;

/// A running cluster. Dropping it stops it.
pub struct Embedded {
    /// The client whose threads serve the brokers. It sends nothing.
    host: BaseProducer,
    brokers: Vec<String>,
}

impl Embedded {
    /// Starts this many brokers on free ports of this machine.
    ///
    /// # Errors
    /// No port is free.
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

    /// Creates a topic. Settings other than partitions and replication are ignored.
    ///
    /// # Errors
    /// The topic exists, or there are fewer brokers than replicas.
    pub fn create_topic(&self, topic: &TopicSettings) -> Result<(), KafkaError> {
        cluster_of(&self.host)?
            .create_topic(&topic.name, topic.partitions, topic.replication_factor)
            .map_err(|error| KafkaError::TopicRefused {
                topic: topic.name.clone(),
                reason: error.to_string(),
            })
    }

    /// Makes the brokers refuse this many of the next requests to produce, because their batches are too large.
    ///
    /// # Errors
    /// The cluster does not run.
    pub fn refuse_batches(&self, requests: usize) -> Result<(), KafkaError> {
        let refusals = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; requests];
        cluster_of(&self.host)?.request_errors(RDKafkaApiKey::Produce, &refusals);
        Ok(())
    }

    /// The controls of the brokers, with which tests make them fail.
    ///
    /// # Errors
    /// librdkafka returned no mock cluster.
    pub fn controls(&self) -> Result<MockCluster<'_, DefaultProducerContext>, KafkaError> {
        cluster_of(&self.host)
    }

    /// `host:port` of each broker.
    #[must_use]
    pub fn brokers(&self) -> Vec<String> {
        self.brokers.clone()
    }

    /// Settings for a client of this cluster.
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
        reason: "librdkafka returned no mock cluster".to_owned(),
    })
}

/// Sets [`REBALANCE_DELAY_MS`].
#[allow(
    unsafe_code,
    reason = "rust-rdkafka has no function for this setting of the mock cluster"
)]
fn shorten_rebalances(host: &BaseProducer) {
    // SAFETY: the client is alive and owns its mock cluster; null if it has none.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(host.client().native_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, REBALANCE_DELAY_MS);
        }
    }
}

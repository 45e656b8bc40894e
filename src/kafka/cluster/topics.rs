//! Which brokers and topics there are.

use std::collections::BTreeMap;

use rdkafka::consumer::Consumer as _;
use rdkafka::metadata::MetadataBroker;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::TopicSelection;
use crate::error::Scope;
use crate::kafka::cluster::cluster::Cluster;
use crate::kafka::cluster::layout::{Broker, TopicLayout, layout_of};
use crate::kafka::cluster::patience::REQUEST_TIMEOUT;
use crate::kafka::error::KafkaError;
use crate::kafka::native::topic_id::{Described, topic_ids};

/// The prefix of the id of librdkafka's mock clusters. Their controller is a broker that does not exist, so a request to the
/// controller, such as the one for a topic's id, is not answered.
const MOCK_CLUSTER: &str = "mockCluster";
/// What errors call the request for ids.
const DOING: &str = "read a topic's id";

impl Cluster {
    /// The brokers of the cluster, by id.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn brokers(&self) -> Result<Vec<Broker>, KafkaError> {
        let metadata = self.ask("list the brokers", |timeout| self.client.fetch_metadata(None, timeout))?;
        let broker = |b: &MetadataBroker| Broker {
            id: b.id(),
            address: format!("{}:{}", b.host(), b.port()),
        };
        let mut brokers: Vec<_> = metadata.brokers().iter().map(broker).collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(brokers)
    }

    /// The cluster's id, which links contain.
    ///
    /// # Errors
    /// No broker answered, or none sent an id.
    pub fn cluster_id(&self) -> Result<String, KafkaError> {
        // Metadata first: it waits for a connection and gives the reason if there is none. The id would only be absent.
        self.brokers()?;
        self.client
            .client()
            .fetch_cluster_id(REQUEST_TIMEOUT)
            .ok_or_else(|| KafkaError::Busy {
                doing: "read the cluster's id",
                scope: Scope::Broker,
                reason: format!("no broker sent it within {} s", REQUEST_TIMEOUT.as_secs()),
            })
    }

    /// All topics but Kafka's internal ones, by name.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn topics(&self) -> Result<Vec<TopicLayout>, KafkaError> {
        let metadata = self.ask("list the topics", |timeout| self.client.fetch_metadata(None, timeout))?;
        let mut topics: Vec<_> = metadata
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(layout_of)
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The names of all topics that begin with this, Kafka's internal ones included.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn topics_with(&self, beginning: &str) -> Result<Vec<String>, KafkaError> {
        let metadata = self.ask("list the topics", |timeout| self.client.fetch_metadata(None, timeout))?;
        let names = metadata.topics().iter().map(rdkafka::metadata::MetadataTopic::name);
        Ok(names
            .filter(|name| name.starts_with(beginning))
            .map(str::to_owned)
            .collect())
    }

    /// The topics that exist of those that are archived, by name.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn archived_topics(&self, archived: &TopicSelection) -> Result<Vec<TopicLayout>, KafkaError> {
        let mut topics = Vec::new();
        if archived.has_patterns() {
            topics = self.topics()?;
            topics.retain(|topic| archived.takes(&topic.name));
        }
        for name in archived.names() {
            if !topics.iter().any(|topic| *topic.name == *name) {
                topics.extend(self.find_topic(name)?);
            }
        }
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic, or `None` if it does not exist. Does not create it.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn find_topic(&self, name: &str) -> Result<Option<TopicLayout>, KafkaError> {
        let doing = "describe a topic";
        let metadata = self.ask(doing, |timeout| self.client.fetch_metadata(Some(name), timeout))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(None);
        };
        match topic.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
            Some(code) => match KafkaError::of_topic(code, doing, name) {
                // Others, such as a leader that is not known yet, concern some of the partitions that are listed.
                error if topic.partitions().is_empty() || error.is_topic_forbidden() => Err(error),
                _ => Ok(Some(layout_of(topic))),
            },
            None => Ok(Some(layout_of(topic))),
        }
    }

    /// One topic.
    ///
    /// # Errors
    /// It does not exist, or no broker answered.
    pub fn topic(&self, name: &str) -> Result<TopicLayout, KafkaError> {
        self.find_topic(name)?
            .ok_or_else(|| KafkaError::UnknownTopic { topic: name.to_owned() })
    }

    /// Kafka's id of the topic, in its text form of 22 characters. A topic that was deleted and created again has another
    /// id. `None` for brokers that are too old to have ids, and for librdkafka's mock brokers.
    ///
    /// # Errors
    /// The topic does not exist, or no broker answered for it.
    pub fn topic_id(&self, name: &str) -> Result<Option<String>, KafkaError> {
        let described = self.described(&[name])?.into_iter().next();
        // Only a mock cluster answers nothing.
        described.map_or(Ok(None), |(_, id)| id).map_err(|code| match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic => KafkaError::UnknownTopic { topic: name.to_owned() },
            code => KafkaError::of_topic(code, DOING, name),
        })
    }

    /// Kafka's ids of those of these topics that exist and have one.
    ///
    /// # Errors
    /// No broker answered.
    pub fn topic_ids(&self, names: &[&str]) -> Result<BTreeMap<String, String>, KafkaError> {
        let described = self.described(names)?.into_iter();
        Ok(described
            .filter_map(|(name, id)| id.ok().flatten().map(|id| (name, id)))
            .collect())
    }

    fn described(&self, names: &[&str]) -> Result<Vec<Described>, KafkaError> {
        let cluster_id = self.client.client().fetch_cluster_id(REQUEST_TIMEOUT);
        if names.is_empty() || cluster_id.is_some_and(|id| id.starts_with(MOCK_CLUSTER)) {
            return Ok(Vec::new());
        }
        topic_ids(self.client.client().native_client(), names, REQUEST_TIMEOUT).map_err(|code| match code {
            Code::OperationTimedOut => self.refusal().unwrap_or_else(|| self.unreachable()),
            code => KafkaError::from_code(code, DOING, code.to_string()),
        })
    }
}

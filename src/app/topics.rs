//! Creates and lists the configured topics. Deletes none, and changes an existing one only on request.

use serde::Serialize;

use crate::config::{KafkaSettings, TopicSettings};
use crate::kafka::cluster::{Cluster, TopicLayout, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::topics::{Action, Alteration, Difference, Topics};

/// The result of creating the configured topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Created {
    /// The topics, in the order of the configuration.
    pub topics: Vec<CreatedTopic>,
}

/// The result for one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreatedTopic {
    /// The topic's name in Kafka, with the prefix.
    pub topic: String,
    /// The configured number of partitions.
    pub partitions: i32,
    /// The configured replication factor.
    pub replication_factor: i32,
    /// What was done.
    pub action: Action,
    /// Settings that are not as configured, or were not until they were altered.
    pub differences: Vec<Difference>,
}

/// The existing topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The topics, by name.
    pub topics: Vec<ListedTopic>,
}

/// An existing topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedTopic {
    /// The topic's name in Kafka.
    pub topic: String,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of replicas of each partition.
    pub replication_factor: usize,
    /// High minus low watermark, over all partitions: includes transaction markers, not what retention deleted.
    pub records: u64,
    /// Whether a replica of some partition is out of sync.
    pub under_replicated: bool,
}

/// Creates the missing topics and compares the others. After an error, topics that were created stay.
///
/// # Errors
/// As [`Topics::ensure`].
pub fn create(kafka: &KafkaSettings, topics: &[TopicSettings], alteration: Alteration) -> Result<Created, KafkaError> {
    let connection = Topics::connect(kafka)?;
    let ensure = |topic: &TopicSettings| {
        let outcome = connection.ensure(topic, alteration)?;
        Ok(CreatedTopic {
            topic: topic.name.clone(),
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            action: outcome.action,
            differences: outcome.differences,
        })
    };
    let topics = topics.iter().map(ensure).collect::<Result<_, KafkaError>>()?;
    Ok(Created { topics })
}

/// Lists the topics whose names begin with `prefix`, without Kafka's internal ones.
///
/// # Errors
/// No broker answered, or access was denied.
pub fn list(kafka: &KafkaSettings, prefix: &str) -> Result<Listed, KafkaError> {
    let cluster = Cluster::connect(kafka)?;
    let wanted = cluster
        .topics()?
        .into_iter()
        .filter(|topic| topic.name.starts_with(prefix));
    let topics = wanted
        .map(|topic| listed(&cluster, &topic))
        .collect::<Result<_, KafkaError>>()?;
    Ok(Listed { topics })
}

fn listed(cluster: &Cluster, topic: &TopicLayout) -> Result<ListedTopic, KafkaError> {
    let marks = cluster.watermarks_of(&topic.positions())?;
    Ok(ListedTopic {
        topic: topic.name.to_string(),
        partitions: topic.partitions.len(),
        replication_factor: topic.replication_factor(),
        records: marks.into_iter().map(Watermarks::offsets).sum(),
        under_replicated: topic.is_under_replicated(),
    })
}

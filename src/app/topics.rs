//! The configured topics in Kafka: creates what is missing, lists what is there. Never deletes, and alters only when
//! told to.

use serde::Serialize;

use crate::config::{KafkaSettings, TopicSettings};
use crate::kafka::cluster::{Cluster, TopicLayout, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::topics::{Action, Alteration, Difference, Topics};

/// What became of the configured topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Created {
    /// In the order of the configuration.
    pub topics: Vec<CreatedTopic>,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreatedTopic {
    /// With the prefix.
    pub topic: String,
    /// As configured.
    pub partitions: i32,
    /// As configured.
    pub replication_factor: i32,
    /// What was done.
    pub action: Action,
    /// Settings that are, or were until they were altered, not as configured.
    pub differences: Vec<Difference>,
}

/// The topics that are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// By name.
    pub topics: Vec<ListedTopic>,
}

/// One topic that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedTopic {
    /// Its name in Kafka.
    pub topic: String,
    /// How many there are.
    pub partitions: usize,
    /// Replicas of each partition.
    pub replication_factor: usize,
    /// High minus low watermark, over all partitions: transaction markers count, what retention deleted does not.
    pub records: u64,
    /// Whether some partition lacks a copy.
    pub under_replicated: bool,
}

/// Creates the topics that are missing and compares the others. What was created before an error stays.
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

/// Lists the topics whose names begin with `prefix`; Kafka's internal ones never.
///
/// # Errors
/// Nobody answered, or refused us.
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

//! Creates and lists the configured topics. Deletes none, and changes an existing one only on request.

use serde::Serialize;

use crate::config::{KafkaSettings, TopicSettings};
use crate::kafka::cluster::{Cluster, TopicLayout, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::topics::{Action, Alteration, Difference, Outcome, Topics};

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
    /// Its number of partitions.
    pub partitions: i32,
    /// Its replication factor.
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
    /// Last stable offset minus low watermark, over all partitions: includes transaction markers, aborted and compacted
    /// records, not what retention deleted.
    pub records: u64,
    /// Whether a replica of some partition is out of sync.
    pub under_replicated: bool,
}

/// Whether Kafka can remove the difference: it adds partitions, and never takes one away or adds replicas.
#[must_use]
pub fn is_alterable(difference: &Difference) -> bool {
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    match difference.setting.as_str() {
        "partitions" => number(&difference.wanted) > number(&difference.found),
        "replication_factor" => false,
        _ => true,
    }
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
            partitions: in_force(&outcome, "partitions", topic.partitions),
            replication_factor: in_force(&outcome, "replication_factor", topic.replication_factor),
            action: outcome.action,
            differences: outcome.differences,
        })
    };
    let topics = topics.iter().map(ensure).collect::<Result<_, KafkaError>>()?;
    Ok(Created { topics })
}

/// What Kafka has, not what is configured, where the two still differ.
fn in_force(outcome: &Outcome, setting: &str, configured: i32) -> i32 {
    let mut differing = outcome.differences.iter().filter(|_| outcome.action == Action::Differs);
    let found = differing.find(|difference| difference.setting == setting);
    found
        .and_then(|difference| difference.found.parse().ok())
        .unwrap_or(configured)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_still_differs_is_shown_as_kafka_has_it() {
        let outcome = |action: Action| Outcome {
            action,
            differences: vec![Difference {
                setting: "replication_factor".to_owned(),
                wanted: "5".to_owned(),
                found: "3".to_owned(),
            }],
        };
        assert_eq!(in_force(&outcome(Action::Differs), "replication_factor", 5), 3);
        assert_eq!(in_force(&outcome(Action::Altered), "replication_factor", 5), 5);
        assert_eq!(in_force(&outcome(Action::Differs), "partitions", 4), 4);
    }

    #[test]
    fn kafka_adds_partitions_and_neither_takes_one_away_nor_adds_replicas() {
        let is_alterable = |setting: &str, wanted: &str, found: &str| {
            is_alterable(&Difference {
                setting: setting.to_owned(),
                wanted: wanted.to_owned(),
                found: found.to_owned(),
            })
        };
        assert!(is_alterable("partitions", "12", "6"));
        assert!(!is_alterable("partitions", "6", "12"));
        assert!(!is_alterable("replication_factor", "5", "3"));
        assert!(is_alterable("retention.ms", "1", "2"));
    }
}

//! The committed offsets of the consumer groups that the settings name, as entries of the log record them (FORMAT.md section 3.1).
//! They are a claim for restores. A group that cannot be read delays nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{KafkaSettings, TopicSelection};
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::log::entry::GroupOffset;
use crate::record::position::TopicPartition;
use crate::record::topic_pattern::glob_matches;

/// The consumer groups of an archive's topics.
#[derive(Debug, Clone)]
pub struct ConsumerGroups {
    groups: Arc<BTreeSet<String>>,
    archived: TopicSelection,
    kafka: KafkaSettings,
}

impl ConsumerGroups {
    /// The groups with these names, for these topics. Nothing is read yet.
    #[must_use]
    pub fn new(groups: &[String], archived: &TopicSelection, kafka: &KafkaSettings) -> ConsumerGroups {
        ConsumerGroups {
            groups: Arc::new(groups.iter().cloned().collect()),
            archived: archived.clone(),
            kafka: kafka.clone(),
        }
    }

    /// The committed offsets, sorted; `None` if a group cannot be read.
    pub async fn read(&self) -> Option<Vec<GroupOffset>> {
        if self.groups.is_empty() {
            return Some(Vec::new());
        }
        let own = self.clone();
        match tokio::task::spawn_blocking(move || own.ask()).await {
            Ok(Ok(offsets)) => Some(offsets),
            Ok(Err(error)) => {
                tracing::warn!(event = "group_offsets_unknown", %error, "cannot read the offsets of archive.consumer_groups: this entry of the log is without them");
                None
            }
            Err(error) => {
                tracing::error!(event = "group_offsets_unknown", %error, "reading the offsets of archive.consumer_groups has failed");
                None
            }
        }
    }

    /// The groups that exist and match, sorted. Those that are named are asked for, whether they are listed or not.
    fn matching(&self) -> Result<BTreeSet<String>, KafkaError> {
        let (patterns, named): (Vec<&String>, Vec<&String>) =
            self.groups.iter().partition(|group| group.contains(['*', '?']));
        let mut groups: BTreeSet<String> = named.into_iter().cloned().collect();
        if !patterns.is_empty() {
            let existing = Cluster::connect(&self.kafka)?.groups()?;
            let is_meant = |group: &String| patterns.iter().any(|pattern| glob_matches(pattern, group));
            groups.extend(
                existing
                    .into_iter()
                    .filter(is_meant)
                    .filter(|group| *group != self.kafka.group_id),
            );
        }
        Ok(groups)
    }

    /// The partitions of the archived topics, sorted.
    fn partitions(&self) -> Result<Vec<TopicPartition>, KafkaError> {
        let mut partitions: Vec<TopicPartition> = Vec::new();
        for layout in Cluster::connect(&self.kafka)?.archived_topics(&self.archived)? {
            partitions.extend(layout.positions());
        }
        partitions.sort();
        Ok(partitions)
    }

    fn ask(&self) -> Result<Vec<GroupOffset>, KafkaError> {
        let partitions = self.partitions()?;
        let mut offsets = Vec::new();
        for group in self.matching()? {
            let settings = KafkaSettings {
                group_id: group.clone(),
                ..self.kafka.clone()
            };
            let cluster = Cluster::connect_to_group(&settings)?;
            let committed = cluster.committed(&partitions)?;
            let of_group = partitions.iter().zip(committed).filter_map(|(partition, committed)| {
                let next = committed?.next_offset.0;
                Some(GroupOffset(
                    group.clone(),
                    partition.topic.to_string(),
                    partition.partition,
                    next,
                ))
            });
            offsets.extend(of_group);
        }
        Ok(offsets)
    }
}

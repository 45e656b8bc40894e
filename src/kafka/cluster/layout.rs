//! What a cluster says about itself: brokers, topics, partitions, offsets.

use std::sync::Arc;

use rdkafka::metadata::MetadataTopic;

use crate::record::position::{NextOffset, TopicPartition};

/// A broker that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Kafka's `node.id`.
    pub id: i32,
    /// `host:port` as advertised.
    pub address: String,
}

/// A topic and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicLayout {
    /// The topic's name.
    pub name: Arc<str>,
    /// By partition number.
    pub partitions: Vec<PartitionLayout>,
}

/// Which brokers have a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLayout {
    /// From 0.
    pub partition: i32,
    /// The leader's broker id, or a negative number without a leader.
    pub leader: i32,
    /// The brokers that should have it.
    pub replicas: Vec<i32>,
    /// The replicas in sync.
    pub in_sync: Vec<i32>,
}

impl TopicLayout {
    /// The number of replicas of the first partition; 0 without partitions.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |first| first.replicas.len())
    }

    /// Whether some partition has a replica that is not in sync.
    #[must_use]
    pub fn is_under_replicated(&self) -> bool {
        self.partitions.iter().any(|p| p.in_sync.len() < p.replicas.len())
    }

    /// The partitions by name.
    #[must_use]
    pub fn positions(&self) -> Vec<TopicPartition> {
        let of = |p: &PartitionLayout| TopicPartition {
            topic: Arc::clone(&self.name),
            partition: p.partition,
        };
        self.partitions.iter().map(of).collect()
    }
}

/// The offsets of a partition that Kafka has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that retention left.
    pub low: i64,
    /// The last stable offset: the offset after the last one that a read_committed reader may see. The high watermark, if
    /// [`Cluster::connect_uncommitted`](super::Cluster::connect_uncommitted) asked.
    pub high: i64,
}

impl Watermarks {
    /// The number of offsets between the two: records, and the gaps that transactions and compaction leave.
    #[must_use]
    pub fn offsets(self) -> u64 {
        u64::try_from(self.high - self.low).unwrap_or(0)
    }
}

/// What a group committed last for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Where the group would continue.
    pub next_offset: NextOffset,
    /// Any bytes: every member of the group can write them.
    pub metadata: Vec<u8>,
}

pub(super) fn layout_of(topic: &MetadataTopic) -> TopicLayout {
    let mut partitions: Vec<_> = topic
        .partitions()
        .iter()
        .map(|p| PartitionLayout {
            partition: p.id(),
            leader: p.leader(),
            replicas: p.replicas().to_vec(),
            in_sync: p.isr().to_vec(),
        })
        .collect();
    partitions.sort_by_key(|p| p.partition);
    TopicLayout {
        name: topic.name().into(),
        partitions,
    }
}

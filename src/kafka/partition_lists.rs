//! Builds the lists of partitions that librdkafka takes.

use rdkafka::TopicPartitionList;
use rdkafka::topic_partition_list::Offset;

use crate::kafka::error::KafkaError;
use crate::kafka::native::listed::set_leader_epochs;
use crate::record::position::{Position, TopicPartition};

/// Partitions with an offset each, or with a time where librdkafka takes times.
pub(super) fn with_offsets(
    positions: impl IntoIterator<Item = (TopicPartition, i64)>,
    doing: &'static str,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in positions {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(offset))
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
    }
    Ok(list)
}

/// Partitions with a position each. The broker validates those with a leader epoch.
pub(super) fn with_positions(
    positions: &[(TopicPartition, Position)],
    doing: &'static str,
) -> Result<TopicPartitionList, KafkaError> {
    let offsets = positions.iter().map(|(partition, at)| (partition.clone(), at.next.0));
    let mut list = with_offsets(offsets, doing)?;
    set_leader_epochs(&mut list, positions.iter().map(|(_, at)| at.leader_epoch));
    Ok(list)
}

/// Partitions without offsets.
pub(super) fn names(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

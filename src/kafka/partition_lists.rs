//! Builds the lists of partitions that librdkafka takes.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::Offset;

use crate::kafka::context::Context;
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

/// Has the broker validate the positions that have a leader epoch (KIP-320). librdkafka (2.12) does it when it begins to fetch only if
/// it learns of the leader after that; a seek always does it.
pub(super) fn validate(
    client: &BaseConsumer<Context>,
    positions: &[(TopicPartition, Position)],
    doing: &'static str,
) -> Result<(), KafkaError> {
    let known: Vec<_> = positions
        .iter()
        .filter(|(_, at)| at.leader_epoch.is_some() && at.next.0 > 0)
        .cloned()
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    client
        .seek_partitions(with_positions(&known, doing)?, Duration::ZERO)
        .map(drop)
        .map_err(|error| KafkaError::from_rdkafka(&error, doing))
}

/// Partitions without offsets.
pub(super) fn names(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

//! The interface to the archivers' consumer group. The simulation implements it over a Kafka in memory.

use std::time::Duration;

use crate::kafka::PartitionIndex;
use crate::kafka::consumer::{Consumer, Polled};
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, Position, TopicPartition};

/// A member of the archivers' consumer group, polled by one thread.
pub trait Source {
    /// The next record or event; [`Polled::Nothing`] after `timeout`. A record borrows from the source until the next
    /// call.
    fn poll(&mut self, timeout: Duration) -> Polled<'_>;

    /// The partition with this index.
    fn partition(&self, index: PartitionIndex) -> &TopicPartition;

    /// The index of a partition, which it has from its first assignment on.
    fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex>;

    /// The partition's log end offset as a broker last reported it. Sends no request.
    fn known_log_end(&self, partition: &TopicPartition) -> Option<i64>;

    /// Starts fetching an assigned partition from this position.
    ///
    /// # Errors
    /// The partition is not assigned, is being revoked, or is fetched already.
    fn start(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError>;

    /// Continues a started partition at another position. Records fetched before the seek are not delivered.
    ///
    /// # Errors
    /// The partition is not started, or the client refuses.
    fn seek(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError>;

    /// Stops fetching started partitions, which stay assigned.
    ///
    /// # Errors
    /// A partition is not started.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Fetches paused partitions again, from their positions.
    ///
    /// # Errors
    /// A partition is not started.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Commits an offset without waiting; [`Polled::Committed`] reports the outcome.
    ///
    /// # Errors
    /// The partition is not assigned; nothing was sent.
    fn commit(&mut self, partition: &TopicPartition, next: NextOffset, metadata: &str) -> Result<(), KafkaError>;

    /// Returns a revoked partition to the group, which may assign it to another member from here on.
    ///
    /// # Errors
    /// The client refuses; the partition counts as released nevertheless.
    fn release(&mut self, partition: &TopicPartition) -> Result<(), KafkaError>;

    /// The group's committed offsets of these partitions, whichever member owns them. Blocks.
    ///
    /// # Errors
    /// Kafka does not answer.
    fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<NextOffset>>, KafkaError>;
}

impl Source for Consumer {
    #[inline]
    fn poll(&mut self, timeout: Duration) -> Polled<'_> {
        Consumer::poll(self, timeout)
    }

    #[inline]
    fn partition(&self, index: PartitionIndex) -> &TopicPartition {
        Consumer::partition(self, index)
    }

    fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex> {
        Consumer::index(self, partition)
    }

    fn known_log_end(&self, partition: &TopicPartition) -> Option<i64> {
        Consumer::known_log_end(self, partition)
    }

    fn start(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        Consumer::start(self, &[(partition.clone(), from)])
    }

    fn seek(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        Consumer::seek(self, partition, from)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Consumer::pause(self, partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Consumer::resume(self, partitions)
    }

    fn commit(&mut self, partition: &TopicPartition, next: NextOffset, metadata: &str) -> Result<(), KafkaError> {
        Consumer::commit(self, partition, next, metadata)
    }

    fn release(&mut self, partition: &TopicPartition) -> Result<(), KafkaError> {
        Consumer::release(self, std::slice::from_ref(partition))
    }

    fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<NextOffset>>, KafkaError> {
        let committed = self.cluster().committed(partitions)?;
        Ok(committed
            .into_iter()
            .map(|known| known.map(|known| known.next_offset))
            .collect())
    }
}

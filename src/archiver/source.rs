//! Where records come from: what the driver needs of a member of the archivers' group. The simulator implements it too.

use std::time::Duration;

use crate::kafka::PartitionIndex;
use crate::kafka::consumer::{Consumer, Polled};
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, TopicPartition};

/// A member of the archivers' group, polled by one thread.
pub trait Source {
    /// What happens next, waiting at most `timeout`. What it lends is valid until the next call.
    fn poll(&mut self, timeout: Duration) -> Polled<'_>;

    /// The partition behind an index.
    fn partition(&self, index: PartitionIndex) -> &TopicPartition;

    /// The index behind a partition, from its first assignment on.
    fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex>;

    /// Where the partition's log ended when a broker last reported it. Sends no request.
    fn known_log_end(&self, partition: &TopicPartition) -> Option<i64>;

    /// Begins to fetch an assigned partition.
    ///
    /// # Errors
    /// The partition is not assigned, is being revoked, or is fetched already.
    fn start(&mut self, partition: &TopicPartition, from: NextOffset) -> Result<(), KafkaError>;

    /// Goes on at another offset of a started partition; records from before the seek are no longer delivered.
    ///
    /// # Errors
    /// The partition is not started, or the client refuses.
    fn seek(&mut self, partition: &TopicPartition, from: NextOffset) -> Result<(), KafkaError>;

    /// Stops fetching started partitions, and keeps them.
    ///
    /// # Errors
    /// A partition is not started.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Fetches paused partitions again, from where they are.
    ///
    /// # Errors
    /// A partition is not started.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError>;

    /// Commits without waiting: [`Polled::Committed`] reports the outcome.
    ///
    /// # Errors
    /// The partition is not assigned: nothing was sent.
    fn commit(&mut self, partition: &TopicPartition, next: NextOffset, metadata: &str) -> Result<(), KafkaError>;

    /// Gives a revoked partition up; another member may own it from here on.
    ///
    /// # Errors
    /// The client refuses; the partition counts as released all the same.
    fn release(&mut self, partition: &TopicPartition) -> Result<(), KafkaError>;

    /// What the group has committed of each of these partitions, whoever owns them. Blocks.
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

    fn start(&mut self, partition: &TopicPartition, from: NextOffset) -> Result<(), KafkaError> {
        Consumer::start(self, &[(partition.clone(), from)])
    }

    fn seek(&mut self, partition: &TopicPartition, from: NextOffset) -> Result<(), KafkaError> {
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

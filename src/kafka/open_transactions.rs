//! Transactions that are open: records that a broker has acknowledged, and that no reader of committed records gets before
//! the transaction ends. Kafka's retention deletes them like others. Which producer began one, librdkafka cannot ask
//! (DescribeProducers, KIP-664).

use crate::config::KafkaSettings;
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::kafka::reader::{Reader, first_time_ms};
use crate::record::position::TopicPartition;

/// The oldest open transaction of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of its first record: the last stable offset.
    pub first_offset: i64,
    /// The offset after the newest record.
    pub high_watermark: i64,
}

impl OpenTransaction {
    /// The number of offsets that wait until it ends, of every producer.
    #[must_use]
    pub fn offsets(&self) -> u64 {
        u64::try_from(self.high_watermark - self.first_offset).unwrap_or(0)
    }
}

/// A connection that sees open transactions.
pub struct OpenTransactions(Reader);

impl OpenTransactions {
    /// Connects with the first request.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<OpenTransactions, KafkaError> {
        Reader::connect_uncommitted(settings).map(OpenTransactions)
    }

    /// The partitions among these in which a transaction is open. `stable` is a connection that reads committed records.
    ///
    /// # Errors
    /// A partition does not exist, or no broker answered for it.
    pub fn among(&self, partitions: &[TopicPartition], stable: &Cluster) -> Result<Vec<OpenTransaction>, KafkaError> {
        // The high watermarks first: what arrives between the two requests is not behind a transaction.
        let written = self.0.cluster().log_ends(partitions)?;
        let stable = stable.log_ends(partitions)?;
        let ends = partitions.iter().zip(written).zip(stable);
        let open = ends.filter(|((_, written), stable)| written > stable);
        Ok(open
            .map(|((partition, written), stable)| OpenTransaction {
                partition: partition.clone(),
                first_offset: stable,
                high_watermark: written,
            })
            .collect())
    }

    /// The time of the first record from `from` on, open or not, in ms; `None` if it has none.
    ///
    /// # Errors
    /// As [`first_time_ms`].
    pub fn time_ms(&self, open: &OpenTransaction, from: i64) -> Result<Option<i64>, KafkaError> {
        first_time_ms(&self.0, &open.partition, from, open.high_watermark)
    }
}

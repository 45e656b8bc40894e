//! The back ends that a request uses: the store, what Kafka says of offsets, and the keys that count.

use async_trait::async_trait;

use crate::log::commit_metadata::CommitMetadata;
use crate::record::position::TopicPartition;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::writer_keys::WriterKeys;

/// Where a partition's log begins and ends in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// The first offset that Kafka still has.
    pub start_offset: i64,
    /// The offset of the next record to come.
    pub end_offset: i64,
}

/// What Kafka says of a partition's offsets.
#[async_trait]
pub trait Offsets: Send + Sync {
    /// What the group's commit says of the head; nothing where there is none, or none of ours.
    ///
    /// # Errors
    /// Kafka's.
    async fn committed(&self, partition: &TopicPartition) -> Result<Option<CommitMetadata>, AppError>;

    /// Where the log begins and ends now.
    ///
    /// # Errors
    /// Kafka's.
    async fn log_range(&self, partition: &TopicPartition) -> Result<LogRange, AppError>;

    /// Kafka's id of the topic; nothing where it tells none.
    ///
    /// # Errors
    /// Kafka's.
    async fn topic_id(&self, topic: &str) -> Result<Option<String>, AppError>;
}

/// The back ends of one request.
#[derive(Clone, Copy)]
pub struct Backends<'a> {
    /// Where objects are.
    pub store: &'a dyn Store,
    /// Offsets and topic ids, as Kafka reports them.
    pub offsets: &'a dyn Offsets,
    /// The keys that count.
    pub keys: &'a WriterKeys,
}

//! The back ends that a request uses: the store, Kafka's offsets and topic ids, and the archive's log.

use std::sync::Arc;

use async_trait::async_trait;

use crate::log::commit_metadata::CommitMetadata;
use crate::log::signer::Signer;
use crate::record::position::TopicPartition;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::writer_log::WriterLog;

/// The range of a partition's log in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// The log start offset: the first that Kafka still has.
    pub start_offset: i64,
    /// The high watermark: the offset of the next record.
    pub end_offset: i64,
}

/// The offsets and the topic id of a partition in Kafka.
#[async_trait]
pub trait Offsets: Send + Sync {
    /// The metadata of the group's commit; `None` if there is no commit, or its metadata is not kivend's.
    ///
    /// # Errors
    /// Kafka's errors.
    async fn committed(&self, partition: &TopicPartition) -> Result<Option<CommitMetadata>, AppError>;

    /// The partition's log range at this moment.
    ///
    /// # Errors
    /// Kafka's errors.
    async fn log_range(&self, partition: &TopicPartition) -> Result<LogRange, AppError>;

    /// The topic's id (KIP-516); `None` if the brokers are older and have no topic ids.
    ///
    /// # Errors
    /// Kafka's errors; see [`KafkaError::is_topic_gone`](crate::kafka::error::KafkaError::is_topic_gone).
    async fn topic_id(&self, topic: &str) -> Result<Option<String>, AppError>;
}

/// The back ends of one request.
#[derive(Clone, Copy)]
pub struct Backends<'a> {
    /// The archive's store.
    pub store: &'a dyn Store,
    /// Kafka's offsets and topic ids.
    pub offsets: &'a dyn Offsets,
    /// The archive's log, with the keys whose signatures count.
    pub log: &'a WriterLog,
    /// The key that signs links.
    pub signer: &'a Arc<dyn Signer>,
}

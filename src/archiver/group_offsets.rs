//! [`Offsets`] from a Kafka cluster. Its calls block, so they run on the runtime's threads for blocking calls.

use std::sync::Arc;

use async_trait::async_trait;

use crate::archiver::backends::{LogRange, Offsets};
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::log::commit_metadata::CommitMetadata;
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// The offsets of the archivers' group in this cluster.
pub struct GroupOffsets(pub Arc<Cluster>);

impl GroupOffsets {
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Cluster) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, AppError> {
        let cluster = Arc::clone(&self.0);
        let answer = tokio::task::spawn_blocking(move || question(&cluster));
        Ok(answer.await.map_err(|error| AppError::internal(error.to_string()))??)
    }
}

#[async_trait]
impl Offsets for GroupOffsets {
    async fn committed(&self, partition: &TopicPartition) -> Result<Option<CommitMetadata>, AppError> {
        let asked = partition.clone();
        let mut answer = self.ask(move |cluster| cluster.committed(&[asked])).await?;
        let committed = answer.pop().flatten();
        Ok(committed.and_then(|c| std::str::from_utf8(&c.metadata).ok()?.parse().ok()))
    }

    async fn log_range(&self, partition: &TopicPartition) -> Result<LogRange, AppError> {
        let asked = partition.clone();
        let marks = self.ask(move |cluster| cluster.watermarks(&asked)).await?;
        Ok(LogRange {
            start_offset: marks.low,
            end_offset: marks.high,
        })
    }

    async fn topic_id(&self, topic: &str) -> Result<Option<String>, AppError> {
        let asked = topic.to_owned();
        self.ask(move |cluster| cluster.topic_id(&asked)).await
    }
}

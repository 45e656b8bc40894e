//! What a verification asks of Kafka. The real cluster answers in [`crate::app::verify::cluster`], the simulation from
//! its own memory; offline nobody does.

use std::sync::Arc;

use crate::record::position::TopicPartition;
use crate::record::record::Record;
use crate::verify::kafka::{Commit, Watermarks};

/// Kafka did not answer; why, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// Answers about topics. Every call may block, and may be made from several threads at once.
pub trait KafkaFacts: Send + Sync {
    /// How many partitions the topic has; nothing where there is no such topic.
    ///
    /// # Errors
    /// Kafka could not be asked. So it is with each of these.
    fn partition_count(&self, topic: &str) -> Result<Option<i32>, NoAnswer>;

    /// The group's commits, one for each partition, in their order.
    ///
    /// # Errors
    /// As above.
    fn commits(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Commit>>, NoAnswer>;

    /// Where the partition's log begins and ends; nothing where there is no such partition.
    ///
    /// # Errors
    /// As above.
    fn watermarks(&self, partition: &TopicPartition) -> Result<Option<Watermarks>, NoAnswer>;

    /// Every record of `[from, until)` that a read_committed reader gets, in order. Returns when the range has ended or
    /// the partition has no more.
    ///
    /// # Errors
    /// As above; what `sink` got before counts for nothing then.
    fn read(
        &self,
        partition: &TopicPartition,
        from: i64,
        until: i64,
        sink: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), NoAnswer>;
}

/// Asks on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    facts: &Arc<dyn KafkaFacts>,
    ask: impl FnOnce(&dyn KafkaFacts) -> Result<T, NoAnswer> + Send + 'static,
) -> Result<T, NoAnswer> {
    let facts = Arc::clone(facts);
    let asking = tokio::task::spawn_blocking(move || ask(facts.as_ref()));
    asking.await.unwrap_or_else(|error| Err(NoAnswer(error.to_string())))
}

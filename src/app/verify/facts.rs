//! What a verification asks Kafka. [`crate::app::verify::cluster`] asks a real cluster, the simulation its own memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::TopicSelection;
use crate::record::position::{Position, TopicPartition};
use crate::record::record::Record;
use crate::verify::kafka::{Commit, Watermarks};

/// Kafka did not answer: the reason and the remedy.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// Answers about topics. Every call may block, and may come from several threads at once.
pub trait KafkaFacts: Send + Sync {
    /// The number of partitions of the topic; `None` if it does not exist.
    ///
    /// # Errors
    /// Kafka could not be asked. The same holds for the other functions.
    fn partition_count(&self, topic: &str) -> Result<Option<i32>, NoAnswer>;

    /// The topics of the cluster, without Kafka's internal ones.
    ///
    /// # Errors
    /// As above.
    fn topics(&self) -> Result<Vec<String>, NoAnswer> {
        Ok(Vec::new())
    }

    /// The group's commits, one for each partition, in the order of `partitions`.
    ///
    /// # Errors
    /// As above.
    fn commits(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Commit>>, NoAnswer>;

    /// Where the partition's log begins and ends; `None` if it does not exist.
    ///
    /// # Errors
    /// As above.
    fn watermarks(&self, partition: &TopicPartition) -> Result<Option<Watermarks>, NoAnswer>;

    /// The value of the topic's `cleanup.policy`; `None` if it is not known.
    ///
    /// # Errors
    /// As above.
    fn cleanup_policy(&self, _topic: &str) -> Result<Option<String>, NoAnswer> {
        Ok(None)
    }

    /// Kafka's id of the topic, which changes when it is deleted and created again; `None` if it is not known.
    ///
    /// # Errors
    /// As above.
    fn topic_id(&self, _topic: &str) -> Result<Option<String>, NoAnswer> {
        Ok(None)
    }

    /// The number of archivers in the group; `None` if it is not known.
    ///
    /// # Errors
    /// As above.
    fn group_members(&self) -> Result<Option<usize>, NoAnswer> {
        Ok(None)
    }

    /// Whether the broker finds, by the leader epoch (KIP-320), that the log was cut back below the position; false where it
    /// cannot tell.
    ///
    /// # Errors
    /// As above.
    fn is_cut_below(&self, _partition: &TopicPartition, _position: Position) -> Result<bool, NoAnswer> {
        Ok(false)
    }

    /// Calls `sink` with every record of `[from, until)` that a read_committed reader gets, in order, until the range or the
    /// partition ends.
    ///
    /// # Errors
    /// As above; what `sink` got before is incomplete then.
    fn read(
        &self,
        partition: &TopicPartition,
        from: i64,
        until: i64,
        sink: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(), NoAnswer>;
}

/// The archived topics: those that are named, and those of the cluster that a pattern takes.
///
/// # Errors
/// Kafka could not be asked.
pub(super) async fn archived_topics(
    facts: &Arc<dyn KafkaFacts>,
    archived: &TopicSelection,
) -> Result<BTreeSet<String>, NoAnswer> {
    let listed = if archived.has_patterns() {
        blocking(facts, |facts| facts.topics()).await?
    } else {
        Vec::new()
    };
    Ok(archived.among(listed.iter().map(String::as_str)))
}

/// Runs a call on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    facts: &Arc<dyn KafkaFacts>,
    ask: impl FnOnce(&dyn KafkaFacts) -> Result<T, NoAnswer> + Send + 'static,
) -> Result<T, NoAnswer> {
    let facts = Arc::clone(facts);
    let asking = tokio::task::spawn_blocking(move || ask(facts.as_ref()));
    asking.await.unwrap_or_else(|error| Err(NoAnswer(error.to_string())))
}

//! Whether a place without an archive is a mistake of the user, or an archive that was removed. It was removed if objects of an
//! archive are left, or if something else says that an archive must be there.

use std::sync::Arc;

use crate::app::verify::facts::{KafkaFacts, NoAnswer, archived_topics, blocking};
use crate::app::verify::request::{Base, Request};
use crate::config::TopicSelection;
use crate::log::limits::IDENTITY_MAX_BYTES;
use crate::log::object_key::{CHECKPOINTS, IDENTITY, Key, LINKS, LOG, SEGMENTS};
use crate::record::position::TopicPartition;
use crate::store::{Store, StoreError};
use crate::verify::kafka::claim_of_commit;

/// Whether an archive is here, was here, or must be here. Where that cannot be found out, it is assumed.
pub async fn is_expected(store: &dyn Store, facts: Option<&Arc<dyn KafkaFacts>>, request: &Request) -> bool {
    if has_objects(store).await.unwrap_or(true) {
        return true;
    }
    if !request.saved_checkpoints.is_empty() || matches!(request.base, Some(Base::Saved(_))) {
        return true;
    }
    for mirror in &request.mirrors {
        if mirror.holds_any().await.unwrap_or(true) {
            return true;
        }
    }
    match facts {
        None => false,
        Some(facts) => is_in_kafka(facts, &request.topics).await.unwrap_or(true),
    }
}

/// Whether the place holds an object of an archive, or a trace of its identity or its first log entry.
///
/// # Errors
/// The store's errors.
pub async fn has_objects(store: &dyn Store) -> Result<bool, StoreError> {
    if store.get(IDENTITY, IDENTITY_MAX_BYTES).await?.is_some() {
        return Ok(true);
    }
    // Deleted objects of a bucket with versions.
    for traces in [IDENTITY.to_owned(), format!("{LOG}0000000000")] {
        if store
            .versions(&traces)
            .await?
            .is_some_and(|versions| !versions.is_empty())
        {
            return Ok(true);
        }
    }
    for folder in [LINKS, SEGMENTS, LOG, CHECKPOINTS] {
        let listed = store.list(folder, None, PROBED).await?;
        if listed.iter().any(|entry| entry.key.parse::<Key>().is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Objects of a folder that are looked at: foreign ones may be before those of an archive.
const PROBED: usize = 100;

/// Whether Kafka holds records of these topics, or a commit by an archiver.
async fn is_in_kafka(facts: &Arc<dyn KafkaFacts>, archived: &TopicSelection) -> Result<bool, NoAnswer> {
    let topics = archived_topics(facts, archived).await?;
    blocking(facts, move |facts| {
        for topic in topics {
            let count = facts.partition_count(&topic)?.unwrap_or(0);
            let partitions: Vec<_> = (0..count).map(|number| TopicPartition::new(&topic, number)).collect();
            let commits = facts.commits(&partitions)?;
            for (partition, commit) in partitions.iter().zip(commits) {
                let is_own = commit.is_some() && claim_of_commit(partition, commit.as_ref()).is_ok();
                if is_own || facts.watermarks(partition)?.is_some_and(|marks| marks.high > 0) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    })
    .await
}

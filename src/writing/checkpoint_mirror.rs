//! A checkpoint mirror: a folder, bucket or compacted topic that holds copies of an archive's checkpoints outside the
//! control of the bucket's owner. The object key, or the record key in a topic, is `<archive id>/<number:010>.note`. A
//! copy is never overwritten. Notes are not checked here; their readers check the signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::{CheckpointCopy, KafkaSettings, StoreBackend, StoreSettings, TopicSettings};
use crate::kafka::error::KafkaError;
use crate::kafka::reader::Reader;
use crate::kafka::sender::Sender;
use crate::kafka::topics::{Alteration, Topics};
use crate::record::position::TopicPartition;
use crate::record::record::{Record, Timestamp};
use crate::store::pages;
use crate::store::{self, Creation, Store};
use crate::task::error::AppError;

/// The most notes that [`CheckpointMirror::newest`] returns. It bounds the work that planted junk can cause.
const NEWEST_MAX: usize = 16;

/// One mirror. It is opened for each use, every few minutes, so that one that was unavailable is found again.
#[derive(Debug, Clone)]
pub struct CheckpointMirror {
    target: MirrorTarget,
}

#[derive(Debug, Clone)]
enum MirrorTarget {
    Store(StoreSettings),
    Topic(TopicSettings, KafkaSettings),
}

/// The mirror's location, for reports and messages.
impl fmt::Display for CheckpointMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            MirrorTarget::Topic(topic, _) => write!(f, "topic {}", topic.name),
            MirrorTarget::Store(settings) => match &settings.backend {
                StoreBackend::Directory(folder) => write!(f, "folder {}", folder.display()),
                StoreBackend::S3(bucket) if settings.prefix.is_empty() => write!(f, "bucket {}", bucket.bucket),
                StoreBackend::S3(bucket) => write!(f, "bucket {}/{}", bucket.bucket, settings.prefix),
            },
        }
    }
}

fn name(archive_id: &str, number: u64) -> String {
    format!("{archive_id}/{number:010}.note")
}

/// The checkpoint number in a name, if it is a name of this archive.
fn number_of(archive_id: &str, name: &str) -> Option<u64> {
    let number = name
        .strip_prefix(archive_id)?
        .strip_prefix('/')?
        .strip_suffix(".note")?;
    let parsed = number.parse().ok()?;
    (self::name(archive_id, parsed) == name).then_some(parsed)
}

impl CheckpointMirror {
    /// The mirror of one entry of `archive.checkpoint_copies`. Nothing is opened yet.
    #[must_use]
    pub fn new(copy: &CheckpointCopy, kafka: &KafkaSettings) -> CheckpointMirror {
        let target = match copy {
            CheckpointCopy::Store(settings) => MirrorTarget::Store(settings.clone()),
            CheckpointCopy::Topic(topic) => MirrorTarget::Topic(topic.clone(), kafka.clone()),
        };
        CheckpointMirror { target }
    }

    /// The numbers of the checkpoints that the mirror holds of this archive.
    ///
    /// # Errors
    /// `Input` if the folder does not exist; the store's and Kafka's errors.
    pub async fn numbers(&self, archive_id: &str) -> Result<BTreeSet<u64>, AppError> {
        match &self.target {
            MirrorTarget::Store(settings) => numbers_in(open(settings).await?.as_ref(), archive_id).await,
            MirrorTarget::Topic(topic, kafka) => Ok(read_topic(topic, kafka, archive_id).await?.into_keys().collect()),
        }
    }

    /// Stores a checkpoint, unless the mirror has it already. In a topic it is sent again; compaction removes the older
    /// record.
    ///
    /// # Errors
    /// As [`CheckpointMirror::numbers`]; `Corrupt` if a folder or bucket holds another object under its number.
    pub async fn put(&self, archive_id: &str, number: u64, note: Bytes) -> Result<(), AppError> {
        let name = name(archive_id, number);
        match &self.target {
            MirrorTarget::Store(settings) => put_in(open(settings).await?.as_ref(), &name, note).await,
            MirrorTarget::Topic(topic, kafka) => {
                let (topic, kafka) = (topic.clone(), kafka.clone());
                blocking(move || send(&topic, &kafka, &name, &note)).await
            }
        }
    }

    /// The notes with the greatest numbers of this archive, in descending order: several, because the first may be
    /// junk.
    ///
    /// # Errors
    /// As [`CheckpointMirror::numbers`].
    pub async fn newest(&self, archive_id: &str) -> Result<Vec<Bytes>, AppError> {
        match &self.target {
            MirrorTarget::Store(settings) => {
                let store = open(settings).await?;
                let numbers = numbers_in(store.as_ref(), archive_id).await?;
                let mut notes = Vec::new();
                for number in numbers.iter().rev().take(NEWEST_MAX) {
                    notes.extend(store.get(&name(archive_id, *number)).await?);
                }
                Ok(notes)
            }
            MirrorTarget::Topic(topic, kafka) => {
                let notes = read_topic(topic, kafka, archive_id).await?;
                Ok(notes.into_values().rev().take(NEWEST_MAX).collect())
            }
        }
    }
}

/// Opens the store. A folder must exist: one that is not mounted would be taken for empty, or written to below its
/// mount point.
async fn open(settings: &StoreSettings) -> Result<Arc<dyn Store>, AppError> {
    if let StoreBackend::Directory(folder) = &settings.backend
        && !folder.is_dir()
    {
        let error = AppError::input(format!("the folder does not exist folder=`{}`", folder.display()));
        return Err(error.fix("create it, or mount its file system"));
    }
    Ok(store::open(settings).await?)
}

async fn numbers_in(store: &dyn Store, archive_id: &str) -> Result<BTreeSet<u64>, AppError> {
    let keys = pages::keys(store, &format!("{archive_id}/"), None).await?;
    Ok(keys.iter().filter_map(|key| number_of(archive_id, key)).collect())
}

async fn put_in(store: &dyn Store, name: &str, note: Bytes) -> Result<(), AppError> {
    if store.create(name, note.clone()).await? == Creation::Created {
        return Ok(());
    }
    match store.get(name).await? {
        Some(existing) if existing == note => Ok(()),
        _ => Err(
            AppError::corrupt(format!("the checkpoint mirror holds other bytes under this name name=`{name}`"))
                .fix("compare the two objects: one of them was replaced, or another archive with the same id writes to this mirror"),
        ),
    }
}

/// The notes of this archive in the topic, the last one of each number.
async fn read_topic(
    topic: &TopicSettings,
    kafka: &KafkaSettings,
    archive_id: &str,
) -> Result<BTreeMap<u64, Bytes>, AppError> {
    let (topic, kafka, archive_id) = (topic.clone(), kafka.clone(), archive_id.to_owned());
    blocking(move || {
        let reader = Reader::connect(&kafka)?;
        let Some(layout) = reader.cluster().find_topic(&topic.name)? else {
            return Ok(BTreeMap::new());
        };
        let mut notes = BTreeMap::new();
        for partition in layout.positions() {
            read_partition(&reader, &partition, &archive_id, &mut notes)?;
        }
        Ok(notes)
    })
    .await
}

fn read_partition(
    reader: &Reader,
    partition: &TopicPartition,
    archive_id: &str,
    notes: &mut BTreeMap<u64, Bytes>,
) -> Result<(), KafkaError> {
    let marks = reader.cluster().watermarks(partition)?;
    let take = |record: &Record<'_>| {
        let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
        if let (Some(number), Some(value)) = (key.and_then(|key| number_of(archive_id, key)), record.value) {
            notes.insert(number, Bytes::copy_from_slice(value));
        }
        Ok::<(), KafkaError>(())
    };
    reader.read_range(partition, marks.low, marks.high, take).map(drop)
}

fn send(topic: &TopicSettings, kafka: &KafkaSettings, name: &str, note: &[u8]) -> Result<(), KafkaError> {
    let topics = Topics::connect(kafka)?;
    if topics.cluster().find_topic(&topic.name)?.is_none() {
        topics.ensure(topic, Alteration::Refused)?;
    }
    let sender = Sender::connect(kafka)?;
    let record = Record {
        offset: 0,
        timestamp: Timestamp::Absent,
        key: Some(name.as_bytes()),
        value: Some(note),
        headers: &[],
    };
    sender.send(&topic.name, None, &record)?;
    sender.finish().map(drop)
}

async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, AppError> {
    let asking = tokio::task::spawn_blocking(ask);
    Ok(asking.await.map_err(|error| AppError::internal(error.to_string()))??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_name_of_this_archive_has_a_number() {
        let id = "ab".repeat(16);
        assert_eq!(number_of(&id, &name(&id, 7)), Some(7));
        for wrong in ["0000000007.note", "x/0000000007.note"] {
            assert_eq!(number_of(&id, wrong), None);
        }
        assert_eq!(number_of(&id, &format!("{id}/7.note")), None);
        assert_eq!(number_of(&id, &format!("{id}/+000000007.note")), None);
    }
}

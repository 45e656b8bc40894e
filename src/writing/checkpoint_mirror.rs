//! A second place for checkpoints: each is stored there once more, where the bucket's owner cannot reach it. Under
//! `<archive id>/<number:010>.note` in a folder or bucket; under that name as the key in a compacted topic. Never changes
//! what stands there, and never looks at what a note says: whoever reads one checks its signature.

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

/// Notes that are read at most when the newest is wanted: junk above it is passed over, but not for ever.
const NEWEST_MAX: usize = 16;

/// One place. Opened anew for each use: it is used every few minutes.
#[derive(Debug, Clone)]
pub struct CheckpointMirror {
    to: To,
}

#[derive(Debug, Clone)]
enum To {
    Store(StoreSettings),
    Topic(TopicSettings, KafkaSettings),
}

/// Where it is, for people.
impl fmt::Display for CheckpointMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            To::Topic(topic, _) => write!(f, "topic {}", topic.name),
            To::Store(place) => match &place.backend {
                StoreBackend::Directory(folder) => write!(f, "folder {}", folder.display()),
                StoreBackend::S3(bucket) if place.prefix.is_empty() => write!(f, "bucket {}", bucket.bucket),
                StoreBackend::S3(bucket) => write!(f, "bucket {}/{}", bucket.bucket, place.prefix),
            },
        }
    }
}

fn name(archive_id: &str, number: u64) -> String {
    format!("{archive_id}/{number:010}.note")
}

/// The number in a name of this archive's.
fn number_of(archive_id: &str, name: &str) -> Option<u64> {
    let number = name
        .strip_prefix(archive_id)?
        .strip_prefix('/')?
        .strip_suffix(".note")?;
    let parsed = number.parse().ok()?;
    (self::name(archive_id, parsed) == name).then_some(parsed)
}

impl CheckpointMirror {
    /// The place that the settings name.
    #[must_use]
    pub fn new(copy: &CheckpointCopy, kafka: &KafkaSettings) -> CheckpointMirror {
        let to = match copy {
            CheckpointCopy::Store(place) => To::Store(place.clone()),
            CheckpointCopy::Topic(topic) => To::Topic(topic.clone(), kafka.clone()),
        };
        CheckpointMirror { to }
    }

    /// The numbers that stand there, of this archive.
    ///
    /// # Errors
    /// What the store or Kafka says.
    pub async fn numbers(&self, archive_id: &str) -> Result<BTreeSet<u64>, AppError> {
        match &self.to {
            To::Store(place) => numbers_in(open(place).await?.as_ref(), archive_id).await,
            To::Topic(topic, kafka) => Ok(read_topic(topic, kafka, archive_id).await?.into_keys().collect()),
        }
    }

    /// Stores a checkpoint there, once.
    ///
    /// # Errors
    /// What the store or Kafka says; `Corrupt` where another stands under its number.
    pub async fn put(&self, archive_id: &str, number: u64, note: Bytes) -> Result<(), AppError> {
        let name = name(archive_id, number);
        match &self.to {
            To::Store(place) => put_in(open(place).await?.as_ref(), &name, note).await,
            To::Topic(topic, kafka) => {
                let (topic, kafka) = (topic.clone(), kafka.clone());
                blocking(move || send(&topic, &kafka, &name, &note)).await
            }
        }
    }

    /// What stands there under the greatest numbers of this archive, the greatest first: at most a few, for the first may
    /// be junk.
    ///
    /// # Errors
    /// What the store or Kafka says.
    pub async fn newest(&self, archive_id: &str) -> Result<Vec<Bytes>, AppError> {
        match &self.to {
            To::Store(place) => {
                let store = open(place).await?;
                let numbers = numbers_in(store.as_ref(), archive_id).await?;
                let mut notes = Vec::new();
                for number in numbers.iter().rev().take(NEWEST_MAX) {
                    notes.extend(store.get(&name(archive_id, *number)).await?);
                }
                Ok(notes)
            }
            To::Topic(topic, kafka) => {
                let notes = read_topic(topic, kafka, archive_id).await?;
                Ok(notes.into_values().rev().take(NEWEST_MAX).collect())
            }
        }
    }
}

/// A folder must be there: what should have been mounted would else be taken for empty, or written beside.
async fn open(place: &StoreSettings) -> Result<Arc<dyn Store>, AppError> {
    if let StoreBackend::Directory(folder) = &place.backend
        && !folder.is_dir()
    {
        let error = AppError::input(format!("the folder is not there folder=`{}`", folder.display()));
        return Err(error.fix("make it, or mount what belongs there"));
    }
    Ok(store::open(place).await?)
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
        Some(there) if there == note => Ok(()),
        _ => Err(
            AppError::corrupt(format!("another checkpoint stands at the second place name=`{name}`"))
                .fix("compare the two: one of them was replaced, or another archive of this id writes there"),
        ),
    }
}

/// What the topic holds of this archive, the last under each number.
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
    fn a_name_tells_its_number_and_no_other_name_does() {
        let id = "ab".repeat(16);
        assert_eq!(number_of(&id, &name(&id, 7)), Some(7));
        for wrong in ["0000000007.note", "x/0000000007.note"] {
            assert_eq!(number_of(&id, wrong), None);
        }
        assert_eq!(number_of(&id, &format!("{id}/7.note")), None);
        assert_eq!(number_of(&id, &format!("{id}/+000000007.note")), None);
    }
}

//! A checkpoint mirror: a folder, bucket or compacted topic that holds copies of an archive's entries and checkpoints outside the
//! control of the bucket's owner. The object keys, or the record keys in a topic, are `<archive id>/checkpoints/<number:010>.note`
//! and `<archive id>/log/<number:010>.note`. A copy is never overwritten. Notes are not checked here; their readers check the
//! signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::{CheckpointCopy, KafkaSettings, StoreBackend, StoreSettings, TopicSettings};
use crate::kafka::error::KafkaError;
use crate::kafka::reader::Reader;
use crate::kafka::sender::Sender;
use crate::kafka::topics::{Alteration, Topics};
use crate::log::limits::{ENTRY_MAX_BYTES, NOTE_MAX_BYTES};
use crate::log::object_key::{Attempt, Key};
use crate::record::record::{Record, Timestamp};
use crate::store::pages;
use crate::store::{self, Creation, Store};
use crate::task::error::AppError;
use crate::writing::checkpoints::EntryObjects;

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

fn checkpoint_name(archive_id: &str, number: u64) -> String {
    format!("{archive_id}/{}", Key::Checkpoint(number, Attempt::PLAIN))
}

fn entry_name(archive_id: &str, number: u64) -> String {
    format!("{archive_id}/{}", Key::Entry(number, Attempt::PLAIN))
}

/// The checkpoint number in a name, if it is a name of this archive.
fn number_of(archive_id: &str, name: &str) -> Option<u64> {
    match name.strip_prefix(archive_id)?.strip_prefix('/')?.parse() {
        Ok(Key::Checkpoint(number, Attempt::PLAIN)) => Some(number),
        _ => None,
    }
}

/// Whether it is the name of a checkpoint, of whatever archive.
fn is_of_any(name: &str) -> bool {
    let id = name.split_once('/').map(|(id, _)| id);
    id.is_some_and(|id| number_of(id, name).is_some())
}

/// A checkpoint in a mirror, and its entry.
#[derive(Debug, Clone)]
pub struct MirroredCheckpoint {
    /// The checkpoint's note.
    pub checkpoint: Bytes,
    /// The entry's note; `None` if the mirror does not have it.
    pub entry: Option<Bytes>,
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
            MirrorTarget::Topic(topic, kafka) => numbers_in_topic(topic, kafka, archive_id).await,
        }
    }

    /// Whether the mirror holds a checkpoint of any archive.
    ///
    /// # Errors
    /// As [`CheckpointMirror::numbers`].
    pub async fn holds_any(&self) -> Result<bool, AppError> {
        match &self.target {
            MirrorTarget::Store(settings) => {
                let first = open(settings).await?.list("", None, pages::PAGE).await?;
                Ok(first.iter().any(|entry| is_of_any(&entry.key)))
            }
            MirrorTarget::Topic(topic, kafka) => {
                read_topic(topic, kafka, false, |found, name, _| *found |= is_of_any(name)).await
            }
        }
    }

    /// Stores an entry and its checkpoint, unless the mirror has them already. In a topic it is sent again; compaction removes the older
    /// record.
    ///
    /// # Errors
    /// As [`CheckpointMirror::numbers`]; `Corrupt` if a folder or bucket holds another object under its number.
    pub async fn put(&self, archive_id: &str, number: u64, objects: EntryObjects) -> Result<(), AppError> {
        // The checkpoint last: a mirror that has it has its entry.
        let copies = [
            (entry_name(archive_id, number), objects.entry),
            (checkpoint_name(archive_id, number), objects.checkpoint),
        ];
        match &self.target {
            MirrorTarget::Store(settings) => {
                let store = open(settings).await?;
                for (name, note) in copies {
                    put_in(store.as_ref(), &name, note).await?;
                }
                Ok(())
            }
            MirrorTarget::Topic(topic, kafka) => {
                let (topic, kafka) = (topic.clone(), kafka.clone());
                blocking(move || send(&topic, &kafka, &copies)).await
            }
        }
    }

    /// The checkpoints with the greatest numbers of this archive, in descending order: several, because the first may be
    /// junk.
    ///
    /// # Errors
    /// As [`CheckpointMirror::numbers`].
    pub async fn newest(&self, archive_id: &str) -> Result<Vec<MirroredCheckpoint>, AppError> {
        match &self.target {
            MirrorTarget::Store(settings) => {
                let store = open(settings).await?;
                let numbers = numbers_in(store.as_ref(), archive_id).await?;
                let mut newest = Vec::new();
                for number in numbers.iter().rev().take(NEWEST_MAX) {
                    let entry = store.get(&entry_name(archive_id, *number), ENTRY_MAX_BYTES).await?;
                    let checkpoint = store.get(&checkpoint_name(archive_id, *number), NOTE_MAX_BYTES).await?;
                    newest.extend(checkpoint.map(|checkpoint| MirroredCheckpoint { checkpoint, entry }));
                }
                Ok(newest)
            }
            MirrorTarget::Topic(topic, kafka) => read_newest(topic, kafka, archive_id).await,
        }
    }
}

/// Opens the store. A folder must exist: one that is not mounted would be taken for empty, or written to below its
/// mount point.
async fn open(settings: &StoreSettings) -> Result<Arc<dyn Store>, AppError> {
    if let StoreBackend::Directory(folder) = &settings.backend
        && !folder.is_dir()
    {
        let error = AppError::input(format!("the folder does not exist: `{}`", folder.display()));
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
    match store.get(name, ENTRY_MAX_BYTES).await? {
        Some(existing) if existing == note => Ok(()),
        _ => Err(
            AppError::corrupt(format!("the checkpoint mirror holds other bytes under the name {name}"))
                .fix("compare the two objects: one of them was replaced, or another archive with the same id writes to this mirror"),
        ),
    }
}

/// The numbers of this archive's checkpoints in the topic.
async fn numbers_in_topic(
    topic: &TopicSettings,
    kafka: &KafkaSettings,
    archive_id: &str,
) -> Result<BTreeSet<u64>, AppError> {
    let archive_id = archive_id.to_owned();
    read_topic(topic, kafka, BTreeSet::new(), move |numbers, name, _| {
        numbers.extend(number_of(&archive_id, name));
    })
    .await
}

/// The newest checkpoints of this archive in the topic, in descending order. Of each name the last record counts.
async fn read_newest(
    topic: &TopicSettings,
    kafka: &KafkaSettings,
    archive_id: &str,
) -> Result<Vec<MirroredCheckpoint>, AppError> {
    type Notes = (BTreeMap<u64, Bytes>, BTreeMap<u64, Bytes>);
    let id = archive_id.to_owned();
    let (mut entries, checkpoints) =
        read_topic(topic, kafka, Notes::default(), move |notes: &mut Notes, name, note| {
            let key = name
                .strip_prefix(id.as_str())
                .and_then(|rest| rest.strip_prefix('/')?.parse().ok());
            let (of_kind, number) = match key {
                Some(Key::Entry(number, Attempt::PLAIN)) => (&mut notes.0, number),
                Some(Key::Checkpoint(number, Attempt::PLAIN)) => (&mut notes.1, number),
                _ => return,
            };
            of_kind.insert(number, Bytes::copy_from_slice(note));
            if of_kind.len() > NEWEST_MAX {
                of_kind.pop_first();
            }
        })
        .await?;
    let newest = checkpoints
        .into_iter()
        .rev()
        .map(|(number, checkpoint)| MirroredCheckpoint {
            checkpoint,
            entry: entries.remove(&number),
        });
    Ok(newest.collect())
}

/// Calls `take` with the key and the value of every record in the topic, and returns what it gathered.
async fn read_topic<T: Send + 'static>(
    topic: &TopicSettings,
    kafka: &KafkaSettings,
    mut gathered: T,
    take: impl Fn(&mut T, &str, &[u8]) + Send + 'static,
) -> Result<T, AppError> {
    let (topic, kafka) = (topic.clone(), kafka.clone());
    blocking(move || {
        let reader = Reader::connect(&kafka)?;
        let Some(layout) = reader.cluster().find_topic(&topic.name)? else {
            return Ok(gathered);
        };
        for partition in layout.positions() {
            let marks = reader.cluster().watermarks(&partition)?;
            let each = |record: &Record<'_>| {
                let name = record.key.and_then(|key| std::str::from_utf8(key).ok());
                if let (Some(name), Some(note)) = (name, record.value) {
                    take(&mut gathered, name, note);
                }
                Ok::<(), KafkaError>(())
            };
            reader.read_range(&partition, marks.low, marks.high, each)?;
        }
        Ok(gathered)
    })
    .await
}

fn send(topic: &TopicSettings, kafka: &KafkaSettings, copies: &[(String, Bytes)]) -> Result<(), KafkaError> {
    let topics = Topics::connect(kafka)?;
    if topics.cluster().find_topic(&topic.name)?.is_none() {
        topics.ensure(topic, Alteration::Refused)?;
    }
    let sender = Sender::connect(kafka)?;
    for (name, note) in copies {
        let record = Record {
            offset: 0,
            timestamp: Timestamp::Absent,
            key: Some(name.as_bytes()),
            value: Some(note),
            headers: &[],
        };
        sender.send(&topic.name, None, &record)?;
    }
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
        assert_eq!(number_of(&id, &checkpoint_name(&id, 7)), Some(7));
        for wrong in ["checkpoints/0000000007.note", "x/checkpoints/0000000007.note"] {
            assert_eq!(number_of(&id, wrong), None);
        }
        for other in [
            "checkpoints/7.note",
            "checkpoints/+000000007.note",
            "log/0000000007.note",
        ] {
            assert_eq!(number_of(&id, &format!("{id}/{other}")), None);
        }
    }
}

//! The requests behind the machine's actions, one attempt each, against any store and any Kafka.

use crate::archive::step::{Event, LoadedHead, Object, Ticket};
use crate::archiver::backends::{Backends, Offsets};
use crate::error::{Explain as _, Kind};
use crate::log::commit_metadata::CommitMetadata;
use crate::log::object_key::{Key, Place};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, TopicPartition};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::create::create_object;
use crate::writing::head;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_keys::WriterKeys;

/// An object to be created.
#[derive(Debug)]
pub struct Creation {
    /// Its key.
    pub key: Key,
    /// Its bytes.
    pub object: Object,
    /// Kafka's id of the topic that its records came from; `None` where Kafka reports none.
    pub topic_id: Option<String>,
}

/// Finds the head of a partition, and what stands after it without a link.
///
/// # Errors
/// What the store and Kafka say; `Corrupt` where the chain cannot be continued.
pub async fn load_head(backends: Backends<'_>, partition: &TopicPartition) -> Result<LoadedHead, AppError> {
    loop {
        let trust = backends.keys.trust();
        let loaded = load_head_by(backends, &trust, partition).await;
        // A link by a key that we did not know yet was passed over: look again with that key.
        if backends.keys.refresh(backends.store).await?.change_number == trust.change_number {
            return loaded;
        }
    }
}

async fn load_head_by(
    backends: Backends<'_>,
    trust: &WriterTrust,
    partition: &TopicPartition,
) -> Result<LoadedHead, AppError> {
    let Backends { store, offsets, .. } = backends;
    // In this order: a commit never runs ahead of the bucket, nor the bucket of Kafka, while others go on writing. The
    // id first: a topic that is created again meanwhile is noticed when its first segment is to be created.
    let topic_id = offsets.topic_id(&partition.topic).await?;
    let committed = offsets.committed(partition).await?;
    let end_offset = offsets.log_range(partition).await?.end_offset;
    let head = head::find(store, trust, partition, committed.as_ref(), end_offset).await?;
    let is_beyond = |committed: &CommitMetadata| {
        let here = head.as_ref().filter(|head| committed.height <= head.link.height);
        here.is_none_or(|head| head.hash != committed.link && committed.height == head.link.height)
    };
    let committed = match committed {
        Some(void) if is_beyond(&void) && head::is_void(store, trust, partition, &void).await? => None,
        committed => committed,
    };
    let (epoch, next) = head
        .as_ref()
        .map_or((Epoch(0), 0), |head| (head.link.epoch, head.link.next_offset.0));
    let place = |epoch: Epoch, next: i64| Place {
        partition: partition.clone(),
        epoch,
        first_offset: FirstOffset(next),
    };
    let found = head::found_segments(store, &place(epoch, next)).await?;
    let next_epoch = place(Epoch(epoch.0.saturating_add(1)), 0);
    let found_in_next_epoch = head::found_segments(store, &next_epoch).await?;
    let log = offsets.log_range(partition).await?;
    Ok(LoadedHead {
        head,
        found,
        found_in_next_epoch,
        topic_id,
        log_start_offset: log.start_offset,
        log_end_offset: log.end_offset,
        committed,
    })
}

/// Creates a segment. Where something stands under its key, equal bytes count as ours. Where its place is linked already
/// it is not created: a zombie's segment beside a link that names none would be nobody's, for ever. Nor where the topic
/// that the records came from was replaced by another of its name: which of them are whose nobody could tell. The listing
/// of keys that its link needs is made here, beside the look for that link.
///
/// # Errors
/// The store's and Kafka's; `Config` where our key was retired.
pub async fn create_segment(backends: Backends<'_>, ticket: Ticket, creation: &Creation) -> Result<Event, AppError> {
    let Backends { store, offsets, keys } = backends;
    let Creation { key, object, topic_id } = creation;
    if let Key::Segment(place, _) = key {
        if is_replaced(offsets, &place.partition, topic_id.as_deref()).await? {
            return Ok(Event::TopicReplaced(ticket));
        }
        match is_linked(store, keys, place).await {
            Ok(false) => keys.note_listed(ticket),
            Ok(true) => return Ok(Event::SegmentTaken(ticket)),
            // Loading the head says what is wrong with it.
            Err(error) if error.kind() == Kind::Corrupt => return Ok(Event::SegmentTaken(ticket)),
            Err(error) => return Err(error),
        }
    }
    keys.require_own()?;
    Ok(
        match create_object(store, &key.to_string(), (object.bytes.clone(), &object.sha256)).await? {
            None => Event::SegmentCreated(ticket),
            Some(other) if Hash::of(&other) == object.sha256 => Event::SegmentCreated(ticket),
            Some(_) => Event::SegmentTaken(ticket),
        },
    )
}

/// Whether a valid link stands at a place, by the keys of now.
async fn is_linked(store: &dyn Store, keys: &WriterKeys, place: &Place) -> Result<bool, AppError> {
    let trust = keys.trust();
    let (refreshed, linked) = futures::join!(keys.refresh(store), head::is_linked(store, &trust, place));
    let refreshed = refreshed?;
    if refreshed.change_number == trust.change_number {
        return linked;
    }
    head::is_linked(store, &refreshed, place).await
}

/// Whether Kafka has another topic under this name now. Where it has none, nothing came from another one.
async fn is_replaced(offsets: &dyn Offsets, partition: &TopicPartition, known: Option<&str>) -> Result<bool, AppError> {
    let Some(known) = known else { return Ok(false) };
    match offsets.topic_id(&partition.topic).await {
        Ok(now) => Ok(now.is_some_and(|now| now != known)),
        Err(AppError::Kafka(error)) if error.is_topic_gone() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a link: THE COMMIT. Never with a key that a listing of `keys/` before it shows retired. Of one without a
/// segment, what it says of the topic's offsets must still be of this topic.
///
/// # Errors
/// The store's and Kafka's; `Config` where our key was retired.
pub async fn create_link(backends: Backends<'_>, ticket: Ticket, creation: &Creation) -> Result<Event, AppError> {
    let Backends { store, offsets, keys } = backends;
    let Creation { key, object, topic_id } = creation;
    if let Key::Link(place, _) = key
        && is_replaced(offsets, &place.partition, topic_id.as_deref()).await?
    {
        return Ok(Event::TopicReplaced(ticket));
    }
    if !keys.take_listed(ticket) {
        keys.refresh(store).await?;
    }
    keys.require_own()?;
    let Some(standing) = create_object(store, &key.to_string(), (object.bytes.clone(), &object.sha256)).await? else {
        return Ok(Event::LinkCreated(ticket));
    };
    // Whoever was first may have signed with a key that was added meanwhile: it must not be taken for junk.
    keys.refresh(store).await?;
    Ok(Event::LinkTaken(ticket, standing))
}

//! The requests behind the state machine's actions, one attempt each. A seal has three durability points: create the
//! segment, create the link, commit the offset to Kafka. A comment at each says what a crash there costs.

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

/// An object to create.
#[derive(Debug)]
pub struct Creation {
    /// The object key.
    pub key: Key,
    /// The bytes and their SHA-256.
    pub object: Object,
    /// The id of the topic that the records came from; `None` if it is unknown or need not be checked.
    pub topic_id: Option<String>,
}

/// Loads the head of a partition, and the segments after it that have no link.
///
/// # Errors
/// The store's and Kafka's errors; `Corrupt` if the chain cannot be continued.
pub async fn load_head(backends: Backends<'_>, partition: &TopicPartition) -> Result<LoadedHead, AppError> {
    loop {
        let trust = backends.keys.trust();
        let loaded = load_head_by(backends, &trust, partition).await;
        // Links by a key that was added meanwhile were skipped as invalid: load again with that key.
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
    // The order matters while others write: a commit is never ahead of the bucket, and the bucket never ahead of Kafka.
    // The topic id comes first: if the topic is recreated meanwhile, `create_segment` sees another id.
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

/// Creates a segment. If its key is taken, equal bytes count as created. It is not created if
///
/// - its place has a link already: this writer was fenced, and the segment would stay without a link;
/// - the topic was recreated since its records were read: they would be archived as records of the new topic.
///
/// `keys/` is listed for the next link here, at the same time as that link is looked up, so that the link need not
/// wait.
///
/// Durability point. A crash before the create costs nothing: the next owner reads the records from Kafka again. A
/// crash after it leaves a segment without a link: the next owner adopts it if it makes the same bytes (AD-1), and
/// otherwise lists it as rejected in its link.
///
/// # Errors
/// The store's and Kafka's errors; `Config` if the signing key was retired.
pub async fn create_segment(backends: Backends<'_>, ticket: Ticket, creation: &Creation) -> Result<Event, AppError> {
    let Backends { store, offsets, keys } = backends;
    let Creation { key, object, topic_id } = creation;
    if let Key::Segment(place, _) = key {
        if is_replaced(offsets, &place.partition, topic_id.as_deref()).await? {
            return Ok(Event::TopicReplaced(ticket));
        }
        match is_linked(store, keys, place).await {
            Ok(false) => keys.mark_listed(ticket),
            Ok(true) => return Ok(Event::SegmentTaken(ticket)),
            // The machine then loads the head, which fails with the same error and stops the partition.
            Err(error) if error.kind() == Kind::Corrupt => return Ok(Event::SegmentTaken(ticket)),
            Err(error) => return Err(error),
        }
    }
    keys.require_own()?;
    Ok(
        match create_object(store, &key.to_string(), object.bytes.clone(), &object.sha256).await? {
            None => Event::SegmentCreated(ticket),
            Some(other) if Hash::of(&other) == object.sha256 => Event::SegmentCreated(ticket),
            Some(_) => Event::SegmentTaken(ticket),
        },
    )
}

/// Whether a place has a valid link, by the keys in force now.
async fn is_linked(store: &dyn Store, keys: &WriterKeys, place: &Place) -> Result<bool, AppError> {
    let trust = keys.trust();
    let (refreshed, linked) = futures::join!(keys.refresh(store), head::is_linked(store, &trust, place));
    let refreshed = refreshed?;
    if refreshed.change_number == trust.change_number {
        return linked;
    }
    head::is_linked(store, &refreshed, place).await
}

/// Whether the topic has another id than `known`. A deleted topic counts as not replaced: nothing was read from another
/// one.
async fn is_replaced(offsets: &dyn Offsets, partition: &TopicPartition, known: Option<&str>) -> Result<bool, AppError> {
    let Some(known) = known else { return Ok(false) };
    match offsets.topic_id(&partition.topic).await {
        Ok(now) => Ok(now.is_some_and(|now| now != known)),
        Err(AppError::Kafka(error)) if error.is_topic_gone() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a link, unless a listing of `keys/` shows that the signing key was retired. For a link without a segment,
/// `topic_id` is checked here, because no segment's create has checked it.
///
/// Durability point, and the commit. A crash before the create costs nothing: the next owner adopts the segment. From
/// the create on the records are archived. A crash between it and Kafka's commit costs nothing: the next owner finds
/// the head in the bucket and commits its offset (AR-1).
///
/// # Errors
/// The store's and Kafka's errors; `Config` if the signing key was retired.
pub async fn create_link(backends: Backends<'_>, ticket: Ticket, creation: &Creation) -> Result<Event, AppError> {
    let Backends { store, offsets, keys } = backends;
    let Creation { key, object, topic_id } = creation;
    if let Key::Link(place, _) = key
        && is_replaced(offsets, &place.partition, topic_id.as_deref()).await?
    {
        return Ok(Event::TopicReplaced(ticket));
    }
    if !keys.take_listed_mark(ticket) {
        keys.refresh(store).await?;
    }
    keys.require_own()?;
    let Some(existing) = create_object(store, &key.to_string(), object.bytes.clone(), &object.sha256).await? else {
        return Ok(Event::LinkCreated(ticket));
    };
    // The existing link may be signed with a key that was added meanwhile: the machine must not take it for junk.
    keys.refresh(store).await?;
    Ok(Event::LinkTaken(ticket, existing))
}

//! The requests behind the state machine's actions, one attempt each. A seal has three durability points: create the
//! segment, create the link, commit the offset to Kafka. A comment at each says what a crash there costs.

use bytes::Bytes;

use crate::archive::step::{Event, LoadedHead, Look, Object, Ticket};
use crate::archiver::backends::{Backends, Offsets};
use crate::error::{Explain as _, Kind};
use crate::log::commit_metadata::CommitMetadata;
use crate::log::link::{Link, SignedLink};
use crate::log::object_key::{Key, Place};
use crate::reading::attempts::Judged;
use crate::record::position::{Epoch, FirstOffset, TopicPartition};
use crate::store::{self, Store};
use crate::task::error::AppError;
use crate::writing::create::create_or_compare;
use crate::writing::signing::sign_with;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_log::WriterLog;
use crate::writing::{found_segments, head};

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

/// A link to sign and create.
#[derive(Debug)]
pub struct LinkToCreate {
    /// The object key.
    pub key: Key,
    /// The link.
    pub link: Box<Link>,
    /// Like [`Creation::topic_id`].
    pub topic_id: Option<String>,
}

/// Signs a link.
///
/// # Errors
/// `Transient` if the signing key cannot be reached now, `Config` if it may not be used.
pub async fn sign_link(backends: Backends<'_>, link: &Link) -> Result<Object, AppError> {
    let link = link.clone();
    let sealed = sign_with(backends.signer, move |signer| link.seal(signer)).await?;
    Ok(Object {
        bytes: Bytes::from(sealed.object),
        sha256: sealed.hash,
    })
}

/// Loads the head of a partition, and the segments after it that have no link.
///
/// # Errors
/// The store's and Kafka's errors; `Corrupt` if the chain cannot be continued.
pub async fn load_head(backends: Backends<'_>, partition: &TopicPartition) -> Result<LoadedHead, AppError> {
    loop {
        let trust = backends.log.trust();
        let loaded = load_head_by(backends, &trust, partition).await;
        let now = backends.log.refresh(backends.store).await?;
        // Links by a key that was added meanwhile were skipped as invalid: load again with that key.
        if now.has_other_keys(&trust) {
            continue;
        }
        let loaded = loaded?;
        refuse_cut(&now, loaded.head.as_ref())?;
        return Ok(loaded);
    }
}

/// Refuses a bucket whose newest link names a checkpoint that the log does not have (FORMAT.md section 3.5).
fn refuse_cut(trust: &WriterTrust, head: Option<&SignedLink>) -> Result<(), AppError> {
    let named = head.map(|head| head.link.checkpoint.number);
    match named.filter(|named| *named >= trust.history.next_number()) {
        None => Ok(()),
        Some(named) => Err(AppError::corrupt(format!(
            "a link names checkpoint {named}, which the log does not have: the bucket was cut or restored"
        ))
        .fix("restore the missing objects of log/ and checkpoints/ from a copy of the bucket")),
    }
}

/// The head of a partition in the bucket, with what Kafka said before it was looked for.
#[derive(Debug)]
pub struct HeadFound {
    /// The head.
    pub head: Option<SignedLink>,
    /// Kafka's id of the topic.
    pub topic_id: Option<String>,
    /// The group's commit, unless its link counts no more.
    pub committed: Option<CommitMetadata>,
}

/// Finds the head of a partition. The partition's log range must be asked for after it.
///
/// # Errors
/// As [`load_head`].
pub async fn find_head(
    (store, offsets): (&dyn Store, &dyn Offsets),
    trust: &WriterTrust,
    partition: &TopicPartition,
) -> Result<HeadFound, AppError> {
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
    Ok(HeadFound {
        head,
        topic_id,
        committed,
    })
}

async fn load_head_by(
    backends: Backends<'_>,
    trust: &WriterTrust,
    partition: &TopicPartition,
) -> Result<LoadedHead, AppError> {
    let Backends { store, offsets, .. } = backends;
    let HeadFound {
        head,
        topic_id,
        committed,
    } = find_head((store, offsets), trust, partition).await?;
    let first = || Place {
        partition: partition.clone(),
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
    };
    let place = head.as_ref().map_or_else(first, |head| head.link.next_place());
    let found = found_segments::at(store, &place).await?;
    let log = offsets.log_range(partition).await?;
    Ok(LoadedHead {
        head,
        found,
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
/// The log is listed at the same time as the link is looked up, so that a writer whose key was retired uploads no segment. Neither
/// is asked where the machine spares the look: the create fails where a link with a segment stands, and so does that of the link.
///
/// Durability point. A crash before the create costs nothing: the next owner reads the records from Kafka again. A
/// crash after it leaves a segment without a link: the next owner adopts it if it makes the same bytes (AD-1), and
/// otherwise lists it as rejected in its link.
///
/// # Errors
/// The store's and Kafka's errors; `Config` if the signing key was retired.
pub async fn create_segment(
    backends: Backends<'_>,
    ticket: Ticket,
    creation: &Creation,
    look: Look,
) -> Result<Event, AppError> {
    let Backends {
        store, offsets, log, ..
    } = backends;
    let Creation { key, object, topic_id } = creation;
    if let Key::Segment(place, _) = key {
        if is_replaced(offsets, &place.partition, topic_id.as_deref()).await? {
            return Ok(Event::TopicReplaced(ticket));
        }
        let linked = match look {
            Look::Spared => Ok(false),
            Look::Needed => is_linked(store, log, place).await,
        };
        match linked {
            Ok(false) => {}
            Ok(true) => return Ok(Event::SegmentTaken(ticket)),
            // The machine then loads the head, which fails with the same error and stops the partition.
            Err(error) if error.kind() == Kind::Corrupt => return Ok(Event::SegmentTaken(ticket)),
            Err(error) => return Err(error),
        }
    }
    log.require_own()?;
    let is_ours = create_or_compare(store, &key.to_string(), object.bytes.clone(), &object.sha256).await?;
    Ok(if is_ours {
        Event::SegmentCreated(ticket)
    } else {
        Event::SegmentTaken(ticket)
    })
}

/// Whether a place has a valid link, by the keys in force now.
async fn is_linked(store: &dyn Store, log: &WriterLog, place: &Place) -> Result<bool, AppError> {
    let trust = log.trust();
    let (refreshed, linked) = futures::join!(log.refresh(store), head::is_linked(store, &trust, place));
    let refreshed = refreshed?;
    if !refreshed.has_other_keys(&trust) {
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

/// Creates a signed link, and then requires a listing of the log that shows the signing key in force: only then may the caller
/// commit to Kafka (FORMAT.md section 4, rule 9). For a link without a segment, `topic_id` is checked here, because no segment's
/// create has checked it.
///
/// Durability point, and the commit. A crash before the create costs nothing: the next owner adopts the segment. From
/// the create on the records are archived. A crash between it and Kafka's commit costs nothing: the next owner finds
/// the head in the bucket and commits its offset (AR-1).
///
/// # Errors
/// The store's and Kafka's errors; `Config` if the signing key was retired.
pub async fn create_link(backends: Backends<'_>, ticket: Ticket, creation: &Creation) -> Result<Event, AppError> {
    let Backends {
        store, offsets, log, ..
    } = backends;
    let Creation { key, object, topic_id } = creation;
    if let Key::Link(place, _) = key
        && is_replaced(offsets, &place.partition, topic_id.as_deref()).await?
    {
        return Ok(Event::TopicReplaced(ticket));
    }
    log.require_own()?;
    let Key::Link(place, attempt) = key else {
        return Err(AppError::internal("a link was created under the key of another object"));
    };
    let name = key.to_string();
    let created = store.create_hashed(&name, object.bytes.clone(), &object.sha256).await?;
    // An existing link may be signed with a key that was added meanwhile: it must not be taken for junk.
    let trust = log.refresh(store).await?;
    log.require_own()?;
    if created == store::Creation::Created {
        return Ok(Event::LinkCreated(ticket, object.sha256));
    }
    Ok(match head::judge_taken_link(store, &trust, place, *attempt).await? {
        Judged::Valid(ours) if ours == object.bytes => Event::LinkCreated(ticket, object.sha256),
        Judged::Valid(existing) => Event::LinkTaken(ticket, existing),
        Judged::Free(free) => Event::LinkPassedOver(ticket, free),
    })
}

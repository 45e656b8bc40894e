//! What goes into the machine and what comes out of it. Never how either is carried out.

use bytes::Bytes;

use crate::log::checkpoint::CheckpointRef;
use crate::log::commit_metadata::CommitMetadata;
use crate::log::keyring::Keyring;
use crate::log::link::SignedLink;
use crate::log::object_key::{Attempt, Key};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, NextOffset, TopicPartition};
use crate::record::utc::UtcSeconds;
use crate::segment::footer::Footer;
use crate::segment::rows::Rows;

/// The time of a step, as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// A clock that never goes back, in ms: ages are measured with it.
    pub monotonic_ms: u64,
    /// What the wall says: written down, decides nothing.
    pub wall: UtcSeconds,
}

/// A partition's index in the machine: what a record is told by, because a name is too slow for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// Ties an answer to its question: an answer to what a partition asked before it was lost, revoked or loaded anew
/// arrives with an older turn, and is ignored (EP-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The partition.
    pub slot: Slot,
    /// Which life of it.
    pub turn: u64,
}

/// A finished object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Bytes,
    /// Their SHA-256.
    pub sha256: Hash,
}

/// A segment that stands at the head's next offset without a link: a hint from a stranger, nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which name of the place it has.
    pub attempt: Attempt,
    /// Its length.
    pub bytes: u64,
    /// The hash of its bytes.
    pub sha256: Hash,
    /// Where its footer says that its range ends; nothing where it is no segment of this place.
    pub ends: Option<NextOffset>,
}

/// What was found for a partition in the bucket and in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedHead {
    /// The end of the chain, its signature and position checked (KY-1); nothing where no link stands.
    pub head: Option<SignedLink>,
    /// What stands at the head's next offset without a link, by ascending attempt.
    pub found: Vec<Found>,
    /// The same at offset 0 of the epoch after the head's.
    pub found_in_next_epoch: Vec<Found>,
    /// Kafka's id of the topic; nothing where it tells none.
    pub topic_id: Option<String>,
    /// Where Kafka's log begins.
    pub log_start_offset: i64,
    /// Where Kafka's log ends.
    pub log_end_offset: i64,
    /// What the group's commit says of the head.
    pub committed: Option<CommitMetadata>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Kafka gave us this partition.
    Assigned(TopicPartition),
    /// The answer to [`Action::LoadHead`].
    HeadLoaded(Ticket, Box<LoadedHead>),
    /// The head cannot be loaded, and trying again will not help.
    HeadRefused(Ticket, String),
    /// The consumer has delivered everything before this offset, which is the log's end.
    EndReached(TopicPartition, i64),
    /// The offset we asked for is no longer there, or not yet.
    OutOfRange(TopicPartition),
    /// The topic is no longer there.
    TopicGone(TopicPartition),
    /// Time has passed.
    Tick,
    /// The answer to [`Action::Encode`].
    Encoded(Ticket, Object),
    /// The segment is durable under its key, by us, now or before.
    SegmentCreated(Ticket),
    /// Other bytes stand under the segment's key.
    SegmentTaken(Ticket),
    /// The topic has another id than the one that the records came from: nothing was created.
    TopicReplaced(Ticket),
    /// The link is durable under its key.
    LinkCreated(Ticket),
    /// An object stands under the link's key: these bytes.
    LinkTaken(Ticket, Bytes),
    /// The commit was answered; a refusal is told by Kafka's client and costs nothing.
    Committed(Ticket),
    /// The keys whose notes count, as they are known now.
    KeysSeen(Keyring),
    /// A newer checkpoint stands in the archive.
    CheckpointSeen(CheckpointRef),
    /// Kafka wants this partition back: finish, then let go.
    Revoked(TopicPartition),
    /// Kafka has taken this partition already: drop everything.
    Lost(TopicPartition),
    /// Finish everything and let go.
    Shutdown,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Find the head, and what stands after it without a link. Answer with [`Event::HeadLoaded`].
    LoadHead(Ticket, TopicPartition),
    /// Deliver records from this offset on.
    Consume(TopicPartition, NextOffset),
    /// The memory budget is reached: deliver nothing until [`Action::Resume`].
    Pause,
    /// Deliver again.
    Resume,
    /// Make the segment's bytes. Answer with [`Event::Encoded`].
    Encode(Ticket, Box<(Rows, Footer)>),
    /// Create this object of records from the topic of this id, while it is still the topic's. Answer with
    /// [`Event::SegmentCreated`] or, where other bytes stand there, [`Event::SegmentTaken`], or
    /// [`Event::TopicReplaced`].
    CreateSegment(Ticket, Key, Object, Option<String>),
    /// Create this link: THE COMMIT; where an id is given, while it is still the topic's. Answer with
    /// [`Event::LinkCreated`], [`Event::LinkTaken`] or [`Event::TopicReplaced`].
    CreateLink(Ticket, Key, Object, Option<String>),
    /// Commit this offset to Kafka: a cache and a witness. Answer with [`Event::Committed`].
    Commit(Ticket, TopicPartition, NextOffset, CommitMetadata),
    /// Nothing of this partition is left in us: let go of it.
    Release(TopicPartition),
    /// Tell the people.
    Report(TopicPartition, Report),
}

/// What people and metrics are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Records will be taken from here on.
    Continues(NextOffset),
    /// A link is durable.
    Linked {
        /// Its height, range and root in the words of the format.
        link: Box<SignedLink>,
        /// The bytes of its records' values.
        value_bytes: u64,
        /// Its segment was there already.
        adopted: Adopted,
    },
    /// Kafka deleted records before they were archived: a loss, for ever on record.
    LossFound {
        /// The first offset that is gone.
        first_offset: i64,
        /// The first that is not.
        next_offset: i64,
    },
    /// The topic was created again, as an operator declared: from here on its records are of this epoch.
    NewEpoch(Epoch),
    /// Another writer owns the partition now; our state of it is dropped.
    Fenced,
    /// An object that is no valid note stands where our link belongs, and was passed over.
    PassedOver(Key),
    /// This partition stands still until somebody acts.
    Stopped(StopReason),
}

/// Whether a segment was written by us or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Our own.
    Ours,
    /// A predecessor's, equal to what we made.
    Found,
}

/// Why a partition stands still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// The bucket is behind what Kafka's commit knows.
    #[error(
        "links are missing: Kafka's commit knows a head that the bucket does not have; run `kivend verify` and restore the bucket: committed_height={committed} bucket_height={bucket}"
    )]
    BehindCommit {
        /// The height that the commit names.
        committed: u64,
        /// The head's height in the bucket, or −1.
        bucket: i64,
    },
    /// The bucket's head is not the one that Kafka's commit knows.
    #[error("the head in the bucket is not the one that Kafka's commit knows; run `kivend verify`: height={0}")]
    DiffersFromCommit(u64),
    /// Kafka's log ends before the archive does.
    #[error(
        "the topic was deleted and created again, or its newest records are gone: Kafka's log ends below the archive's head; if that was meant, declare it with `kivend archive --new-epoch TOPIC`: log_end_offset={log_end_offset} next_offset={next_offset}"
    )]
    LogBehindArchive {
        /// Kafka's log end.
        log_end_offset: i64,
        /// The archive's end.
        next_offset: i64,
    },
    /// Kafka gave the topic another id.
    #[error(
        "the topic was deleted and created again: Kafka's id of it is not the archive's; if that was meant, declare it with `kivend archive --new-epoch TOPIC`: archived_topic_id={archived} topic_id={found}"
    )]
    TopicRecreated {
        /// The id in the chain.
        archived: String,
        /// The id now.
        found: String,
    },
    /// The topic is not there any more.
    #[error(
        "the topic does not exist in Kafka any more; what it had delivered is archived; if it is created again, declare that with `kivend archive --new-epoch TOPIC`"
    )]
    TopicGone,
    /// The chain was written for another cluster.
    #[error(
        "the archive holds the records of another cluster under this prefix; set store.prefix to one of its own: archived={archived} connected={connected}"
    )]
    OtherCluster {
        /// The cluster in the chain.
        archived: String,
        /// The cluster we read from.
        connected: String,
    },
    /// The head cannot be trusted or read.
    #[error("the head of the chain cannot be continued; run `kivend verify`: {0}")]
    HeadRefused(String),
    /// A link cannot be signed: a field holds what no note may.
    #[error("the link cannot be signed: {0}")]
    Unsignable(String),
}

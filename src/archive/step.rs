//! The events and actions of the state machine.

use bytes::Bytes;

use crate::log::checkpoint::CheckpointRef;
use crate::log::commit_metadata::CommitMetadata;
use crate::log::keyring::Keyring;
use crate::log::link::{Link, SignedLink};
use crate::log::object_key::{Attempt, Key};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, NextOffset, Position, TopicPartition};
use crate::record::record::Record;
use crate::record::utc::UtcSeconds;
use crate::segment::footer::Footer;
use crate::segment::rows::Rows;

/// The time of a step, as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock in ms, by which durations are measured.
    pub monotonic_ms: u64,
    /// Wall-clock time. It is stored in links; no decision may depend on it.
    pub wall: UtcSeconds,
}

/// A record with what Kafka says of it beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Delivered<'r, 'b> {
    /// The record.
    pub record: &'r Record<'b>,
    /// Kafka's leader epoch of the record, if it is known.
    pub leader_epoch: Option<i32>,
}

/// A partition's index in the machine. Records are passed with it because a lookup by name is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub usize);

/// Ties an answer to its action. An answer to an action from before the partition was lost, revoked or loaded again has an
/// older turn and is ignored (EP-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The partition's slot.
    pub slot: Slot,
    /// Increases whenever earlier actions of the partition become void.
    pub turn: u64,
}

/// The bytes of an object with their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub bytes: Bytes,
    /// The SHA-256 of the bytes.
    pub sha256: Hash,
}

/// A segment that exists at the head's next offset without a link. It is untrusted and only a hint where to cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The attempt of its object key.
    pub attempt: Attempt,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the bytes; none if it is larger than the limit of segments, and was not read.
    pub sha256: Option<Hash>,
    /// The end of the range in its footer; none if it is not a segment of this place.
    pub ends: Option<NextOffset>,
}

/// The segments that exist at a place without a link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundSegments {
    /// Those that a link of the place can name, by ascending attempt without a gap, up to
    /// [`MAX_REJECTED_ATTEMPT`](crate::log::rejected::MAX_REJECTED_ATTEMPT).
    pub segments: Vec<Found>,
    /// The lowest free attempt, which may be greater than those that a link can name.
    pub free: Attempt,
}

/// The state of a partition in the bucket and in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedHead {
    /// The newest link of the chain, signature and position checked (KY-1); none if there is no link.
    pub head: Option<SignedLink>,
    /// The segments without a link at the place of the next link, by ascending attempt.
    pub found: FoundSegments,
    /// Kafka's topic id; none if Kafka has no topic ids.
    pub topic_id: Option<String>,
    /// Kafka's log start offset.
    pub log_start_offset: i64,
    /// Kafka's log end offset.
    pub log_end_offset: i64,
    /// The metadata of the group's commit, if it is kivend's.
    pub committed: Option<CommitMetadata>,
}

/// An input of the state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Kafka assigned this partition.
    Assigned(TopicPartition),
    /// The answer to [`Action::LoadHead`].
    HeadLoaded(Ticket, Box<LoadedHead>),
    /// The head cannot be loaded, and a retry will not help.
    HeadRefused(Ticket, String),
    /// The consumer has delivered everything before this offset, the end of the log.
    EndReached(TopicPartition, i64),
    /// The offset to consume from is below the log's start or beyond its end.
    OutOfRange(TopicPartition),
    /// The broker found that the log was cut back below the offset to consume from (KIP-320).
    Truncated(TopicPartition),
    /// The partition's topic has this id in Kafka now.
    TopicIdSeen(TopicPartition, String),
    /// The consumer cannot read the partition any further, for this reason.
    CannotRead(TopicPartition, StopReason),
    /// Kafka does not allow what an action needs, with its reason.
    NotAllowed(Ticket, String),
    /// Time has passed.
    Tick,
    /// The answer to [`Action::Encode`].
    Encoded(Ticket, Object),
    /// The segment with these bytes is durable under its key.
    SegmentCreated(Ticket),
    /// The segment's key has other bytes.
    SegmentTaken(Ticket),
    /// The topic has another id than the topic of the records; nothing was created.
    TopicReplaced(Ticket),
    /// The link is durable under its key; its object has this hash.
    LinkCreated(Ticket, Hash),
    /// The link's place has another writer's link: these are its bytes.
    LinkTaken(Ticket, Bytes),
    /// The link cannot be signed, whatever the key.
    LinkUnsignable(Ticket, String),
    /// The link's place has objects, but no link; this is the lowest free attempt.
    LinkPassedOver(Ticket, Attempt),
    /// Kafka or the store refuses the partition's request, though not those of other partitions, and a retry will not help.
    Refused(Ticket, String),
    /// Kafka answered the commit. Success and refusal are treated alike: the next commit covers this one.
    Committed(Ticket),
    /// The current keys of the archive.
    KeysSeen(Keyring),
    /// The archive has a newer checkpoint.
    CheckpointSeen(CheckpointRef),
    /// Kafka revokes this partition: finish it, then release it.
    Revoked(TopicPartition),
    /// Kafka has given this partition to another member already: drop its state.
    Lost(TopicPartition),
    /// Finish all partitions and release them.
    Shutdown,
}

/// An output of the state machine, for the caller to carry out.
#[derive(Debug)]
pub enum Action {
    /// Load the head and the segments after it without a link. Answer with [`Event::HeadLoaded`].
    LoadHead(Ticket, TopicPartition),
    /// Deliver records from this position on.
    Consume(TopicPartition, Position),
    /// The memory budget is reached: deliver nothing until [`Action::Resume`].
    Pause,
    /// Resume delivery.
    Resume,
    /// Encode the segment. Answer with [`Event::Encoded`].
    Encode(Ticket, Box<(Rows, Footer)>),
    /// Create this segment, unless the topic no longer has this topic id. Answer with [`Event::SegmentCreated`],
    /// [`Event::SegmentTaken`] or [`Event::TopicReplaced`].
    CreateSegment(Ticket, Key, Object, Option<String>, Look),
    /// Sign and create this link, which is the commit; if a topic id is given, unless the topic no longer has it. Answer with
    /// [`Event::LinkCreated`], [`Event::LinkTaken`], [`Event::LinkPassedOver`], [`Event::LinkUnsignable`] or [`Event::TopicReplaced`].
    CreateLink(Ticket, Key, Box<Link>, Option<String>),
    /// Commit this offset to Kafka. Answer with [`Event::Committed`].
    Commit(Ticket, TopicPartition, NextOffset, CommitMetadata),
    /// The partition is finished: give it back to Kafka.
    Release(TopicPartition),
    /// Log this and update metrics.
    Report(TopicPartition, Report),
}

/// Whether the place of a segment, and the log, are looked at before the segment is created. The create of the link decides who
/// archives the range, with and without a look: a look only spares a writer that was replaced, or whose key was retired, an
/// upload that no link will name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// They are looked at first.
    Needed,
    /// This writer's link before it, or the head, was read or created a moment ago.
    Spared,
}

/// What is shown of a partition between reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Bytes of its records in memory, outside the encoder.
    pub buffered_bytes: usize,
    /// Its records in memory that no link covers yet.
    pub unarchived_records: u64,
    /// The time until the open segment is sealed if no record comes; 0 during a seal, none where no record waits.
    pub sealed_in_ms: Option<u64>,
    /// The newest timestamp in the head's segment, if it has one.
    pub newest_archived_ms: Option<i64>,
}

/// News of a partition, for the log and the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Archiving continues from this offset.
    Continues(NextOffset),
    /// A link is durable.
    Linked {
        /// The link.
        link: Box<SignedLink>,
        /// The length of its records' values in bytes.
        value_bytes: u64,
        /// Whether its segment was adopted.
        adopted: Adopted,
        /// The time from the cut of the segment to the durable link, in ms.
        seal_ms: u64,
    },
    /// Kafka deleted records before they were archived; the chain records the loss.
    LossFound {
        /// The first lost offset.
        first_offset: i64,
        /// The offset after the last lost one.
        next_offset: i64,
    },
    /// An epoch was ended, as declared by an operator. This epoch begins at this offset.
    NewEpoch(Epoch, FirstOffset),
    /// Another writer owns the partition now; its state was dropped.
    Fenced,
    /// The key of the link has an object that is not a valid note; a higher attempt is used.
    PassedOver(Key),
    /// The partition is stopped until an operator acts.
    Stopped(StopReason),
}

/// Whether a link's segment was created by this process or adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Created by this process.
    Ours,
    /// Created by an earlier owner, with the same bytes.
    Found,
}

/// Why a partition is stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// The bucket's head is below the head in Kafka's commit.
    #[error(
        "links are missing: Kafka's commit names a head at height {committed}, and the bucket's head is at height {bucket}; run `kivend verify` and restore the bucket"
    )]
    BehindCommit {
        /// The height in the commit.
        committed: u64,
        /// The head's height in the bucket, or −1.
        bucket: i64,
    },
    /// The bucket's head differs from the head in Kafka's commit.
    #[error("the head in the bucket, at height {0}, is not the head that Kafka's commit names; run `kivend verify`")]
    DiffersFromCommit(u64),
    /// Kafka's log ends before the archive does.
    #[error(
        "Kafka's log ends at offset {log_end_offset}, below the archive's next offset {next_offset}: an unclean leader election removed its newest records, or the topic was deleted and created again; declare the first with `kivend archive --diverged TOPIC/PARTITION/{epoch}=OFFSET`, where OFFSET is the first offset whose record Kafka lost (`kivend verify` names it; it is at most {log_end_offset}), and the second with `kivend archive --new-epoch TOPIC`"
    )]
    LogBehindArchive {
        /// The epoch that would end.
        epoch: Epoch,
        /// Kafka's log end offset.
        log_end_offset: i64,
        /// The end of the archived range.
        next_offset: i64,
    },
    /// The broker found that the log was cut back below the archive's head.
    #[error(
        "an unclean leader election removed records from Kafka that are archived: the broker reports that its log was cut back below the archive's next offset {next_offset}; find the first offset that differs with `kivend verify` (if none does, it is the end offset in the broker's report, which was logged), and declare it with `kivend archive --diverged TOPIC/PARTITION/{epoch}=OFFSET`"
    )]
    Truncated {
        /// The epoch that would end.
        epoch: Epoch,
        /// The end of the archived range.
        next_offset: i64,
    },
    /// A record has a lower leader epoch than one before it.
    #[error(
        "Kafka's leader epoch fell from {before} to {now} at offset {offset}, which means that this is another log than the archived one: the topic was deleted and created again, or its log was cut back; find the first offset that differs with `kivend verify`, and declare it with `kivend archive --new-epoch TOPIC` or `--diverged TOPIC/PARTITION/{epoch}=OFFSET`"
    )]
    LeaderEpochFell {
        /// The epoch that would end.
        epoch: Epoch,
        /// The offset of the record.
        offset: i64,
        /// The leader epoch of a record before it.
        before: i32,
        /// Its leader epoch.
        now: i32,
    },
    /// A declared divergence does not fit the chain or Kafka's log.
    #[error(
        "the divergence {declared} that --diverged declares is impossible: its epoch must be the one that the archive is in, which is {epoch}, and its offset below the archive's next offset {next_offset} and at most Kafka's log end {log_end_offset}"
    )]
    ImpossibleDivergence {
        /// The declaration.
        declared: String,
        /// The epoch of the next link.
        epoch: Epoch,
        /// The end of the archived range.
        next_offset: i64,
        /// Kafka's log end offset.
        log_end_offset: i64,
    },
    /// The topic has another id than in the chain.
    #[error(
        "the topic was deleted and created again: its id in Kafka is {found}, and in the archive {archived}; if this is intended, declare it with `kivend archive --new-epoch TOPIC`"
    )]
    TopicRecreated {
        /// The topic id in the chain.
        archived: String,
        /// The topic id in Kafka.
        found: String,
    },
    /// The topic no longer exists.
    #[error(
        "the topic no longer exists in Kafka; all records that it delivered are archived; if it is created again, declare it with `kivend archive --new-epoch TOPIC`"
    )]
    TopicGone,
    /// No ACL allows to read the partition.
    #[error(
        "Kafka does not allow this user to read the topic; grant it (`kafka-acls --add --operation Read --topic TOPIC`), and a running archiver continues within a minute: {0}"
    )]
    NotAllowed(String),
    /// A record does not fit into a segment.
    #[error(
        "the record at offset {offset} has {bytes} bytes, more than the 320 MiB that a segment of the archive's format can hold; what Kafka delivered before is archived, what follows is not; lower the topic's max.message.bytes so that no further one comes, and delete the record (`kafka-delete-records.sh` deletes it with all before it)"
    )]
    RecordTooLarge {
        /// Its offset.
        offset: i64,
        /// The length of its key and value.
        bytes: usize,
    },
    /// Kafka delivered a batch that cannot be read.
    #[error(
        "Kafka delivered a record batch that cannot be read; what it delivered before is archived, what follows is not; check the disks and the logs of the brokers, then start the archiver again: {0}"
    )]
    Unreadable(String),
    /// The chain is of another cluster.
    #[error(
        "the archive under this prefix has the records of another cluster, {archived}, not of {connected}; set store.prefix to an unused prefix"
    )]
    OtherCluster {
        /// The cluster id in the chain.
        archived: String,
        /// The cluster id of the connected cluster.
        connected: String,
    },
    /// The head is invalid or cannot be read.
    #[error("the head of the chain cannot be continued; run `kivend verify`: {0}")]
    HeadRefused(String),
    /// Kafka or the store refuses a request, though not those of other partitions.
    #[error("{0}")]
    Refused(String),
    /// A field of the link has a character that a note does not allow.
    #[error("the link cannot be signed: {0}")]
    Unsignable(String),
}

impl StopReason {
    /// A word for metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            StopReason::BehindCommit { .. } => "behind_commit",
            StopReason::DiffersFromCommit(_) => "differs_from_commit",
            StopReason::LogBehindArchive { .. } => "log_behind_archive",
            StopReason::Truncated { .. } => "truncated",
            StopReason::LeaderEpochFell { .. } => "leader_epoch_fell",
            StopReason::ImpossibleDivergence { .. } => "impossible_divergence",
            StopReason::TopicRecreated { .. } => "topic_recreated",
            StopReason::TopicGone => "topic_gone",
            StopReason::NotAllowed(_) => "not_allowed",
            StopReason::RecordTooLarge { .. } => "record_too_large",
            StopReason::Unreadable(_) => "unreadable",
            StopReason::OtherCluster { .. } => "other_cluster",
            StopReason::Refused(_) => "refused",
            StopReason::HeadRefused(_) => "head_refused",
            StopReason::Unsignable(_) => "unsignable",
        }
    }
}

//! Links (FORMAT.md section 6): a link commits one range of a partition, with its segment, to the chain. This file has the
//! content; [`link_rules`](crate::log::link_rules) has the rules of a single link and
//! [`link_chain`](crate::log::link_chain) those between two.

use serde::{Deserialize, Serialize};

use crate::json::canonical::{self, NotCanonical};
use crate::log::checkpoint::CheckpointRef;
use crate::log::commit_metadata::CommitMetadata;
use crate::log::keyring::{Coverage, Keyring};
use crate::log::note::{Expected, Invalid, TypeFound, check_type};
use crate::log::object_key::{Attempt, Place};
use crate::log::rejected::Rejected;
use crate::log::seal::{Sealed, seal};
use crate::log::signed_note::{KeyId, NoteError};
use crate::log::signer::{SignError, Signer};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::record::utc::UtcSeconds;

/// The maximum number of absent ranges in a link; a writer seals before it would need more.
pub const MAX_ABSENT_RANGES: usize = 10_000;

/// Why a segment was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SealReason {
    /// It held `seal_max_bytes`, or the memory budget was reached.
    Bytes,
    /// It held `seal_max_records`.
    Records,
    /// Its first record was `seal_max_age` old.
    Age,
    /// No record came for `seal_max_idle`.
    Idle,
    /// The archiver was asked to stop.
    Shutdown,
    /// The partition moved to another owner, or the segment was adopted from an owner that crashed.
    Revoked,
    /// It had [`MAX_ABSENT_RANGES`] absent ranges.
    Absent,
    /// Kafka deleted the range before it was archived.
    Lost,
    /// A closing link: the topic was deleted and created again.
    Recreated,
    /// A closing link: an unclean leader election cut Kafka's log back.
    Diverged,
}

/// The record encoding of FORMAT.md section 7.1, and the only one that this version can verify.
pub const RECORD_ENCODING: u64 = 1;

/// A reference to the segment of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// The object key, relative to the prefix.
    pub key: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the bytes.
    pub sha256: Hash,
}

/// A range that Kafka deleted before it was archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The first lost offset.
    pub first_offset: FirstOffset,
    /// The offset after the last lost one.
    pub next_offset: NextOffset,
    /// Kafka's log start offset when the loss was observed.
    pub log_start_offset: i64,
    /// When the loss was observed, by the writer's clock.
    pub observed_at: UtcSeconds,
    /// Why Kafka deleted the range.
    pub reason: LossReason,
}

/// Why Kafka deleted a lost range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossReason {
    /// Kafka's retention.
    Retention,
}

/// The content of a link; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 6 defines each field")]
pub struct Link {
    pub r#type: LinkType,
    pub archive_id: String,
    pub cluster_id: String,
    pub topic: String,
    pub topic_id: Option<String>,
    pub partition: i32,
    pub epoch: Epoch,
    pub height: Height,
    pub first_offset: FirstOffset,
    pub next_offset: NextOffset,
    pub record_count: u64,
    pub encoding: u64,
    pub leader_epoch: Option<i32>,
    pub absent: Vec<(i64, i64)>,
    pub lost: Option<Lost>,
    pub min_timestamp_ms: Option<i64>,
    pub max_timestamp_ms: Option<i64>,
    pub records_root: Hash,
    pub segment: Option<SegmentRef>,
    pub rejected: Vec<Rejected>,
    pub checkpoint: CheckpointRef,
    pub sealed_at: UtcSeconds,
    pub seal_reason: SealReason,
    pub next_epoch_at: Option<i64>,
    pub sealed_by: String,
    pub previous: Hash,
}

/// The type and version of a link's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkType {
    /// Version 1.
    #[serde(rename = "kivend.link/v1")]
    V1,
}

/// A rule of FORMAT.md section 6 that a link breaks, by itself or after the link before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub(super) String);

macro_rules! demand {
    ($holds:expr, $($message:tt)+) => {
        if !$holds { return Err(Broken(format!($($message)+))); }
    };
}
pub(super) use demand;

/// A link whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLink {
    /// The content.
    pub link: Link,
    /// The SHA-256 of its object: `previous` of the next link.
    pub hash: Hash,
    /// The key that signed it.
    pub signer: KeyId,
}

impl SignedLink {
    /// The metadata of a Kafka commit with this link as head.
    #[must_use]
    pub fn commit_metadata(&self) -> CommitMetadata {
        let Link {
            epoch,
            height,
            first_offset,
            ..
        } = self.link;
        CommitMetadata {
            epoch,
            height,
            first_offset,
            link: self.hash,
        }
    }
}

/// Verifies the object at `place` as a link of this archive.
///
/// # Errors
/// [`Invalid`] if it is not valid there; `Content` if a key in force signed other content; `Undecided` if the log does not
/// say yet whether a retired key's link counts.
pub fn open(object: &[u8], keyring: &Keyring, archive_id: &str, place: &Place) -> Result<SignedLink, Invalid> {
    match open_with_coverage(object, keyring, archive_id, place)? {
        (link, Coverage::Inside) => Ok(link),
        (_, Coverage::Outside) => Err(keyring.open(object)?.out_of_term()),
        (_, Coverage::Undecided(entry)) => Err(Invalid::Undecided(entry)),
    }
}

/// As [`open`], and whether the signer's term covers the link.
///
/// # Errors
/// As [`open`], save that a link outside the signer's term is returned.
pub fn open_with_coverage(
    object: &[u8],
    keyring: &Keyring,
    archive_id: &str,
    place: &Place,
) -> Result<(SignedLink, Coverage), Invalid> {
    let opened = keyring.open(object)?;
    if let TypeFound::Unknown(kind) = check_type(&opened.text, Expected::Link(place), archive_id)? {
        return Err(opened.unknown_type(kind));
    }
    let link: Link =
        canonical::from_text(&opened.text).map_err(|error: NotCanonical| Invalid::Content(error.to_string()))?;
    link.check().map_err(|broken| Invalid::Content(broken.to_string()))?;
    if link.archive_id != archive_id || link.place() != *place {
        return Err(Invalid::Replay(format!("{}", link.place().link(Attempt::PLAIN))));
    }
    let coverage = opened.term.covers_link_at(place, link.height, &opened.hash);
    let signed = SignedLink {
        link,
        hash: opened.hash,
        signer: opened.term.key.id(),
    };
    Ok((signed, coverage))
}

impl Link {
    /// The partition of the chain.
    #[must_use]
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition::new(&self.topic, self.partition)
    }

    /// The topic id that Kafka's topic must have for its records to continue after this link, if it is known.
    #[must_use]
    pub fn continuing_topic_id(&self) -> Option<String> {
        match self.seal_reason {
            SealReason::Recreated => None,
            _ => self.topic_id.clone(),
        }
    }

    /// The place of this link.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            partition: self.topic_partition(),
            epoch: self.epoch,
            first_offset: self.first_offset,
        }
    }

    /// Whether this link ends its epoch.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self.seal_reason, SealReason::Recreated | SealReason::Diverged)
    }

    /// The only place where the next link of the chain can be: where this range ends, or, after a closing link, where the
    /// next epoch begins. Kafka's committed offset is the same.
    #[must_use]
    pub fn next_place(&self) -> Place {
        let (epoch, first_offset) = match self.next_epoch_at {
            Some(begins) => (self.epoch.next(), FirstOffset(begins)),
            None => (self.epoch, self.next_offset.begins()),
        };
        Place {
            partition: self.topic_partition(),
            epoch,
            first_offset,
        }
    }

    /// Kafka's leader epoch of the record directly before [`next_place`](Link::next_place), if it is known. An offset that
    /// has no record may be of a later leader epoch than the record before it.
    #[must_use]
    pub fn leader_epoch_at_end(&self) -> Option<i32> {
        let ends_with_record = self.absent.last().is_none_or(|(_, to)| *to < self.next_offset.0);
        self.leader_epoch.filter(|_| ends_with_record)
    }

    /// Signs the canonical text of the link.
    ///
    /// # Errors
    /// Those of [`Signer::sign`].
    pub fn seal(&self, key: &dyn Signer) -> Result<Sealed, SignError> {
        seal(canonical::to_text(self).map_err(|_| NoteError::Text)?, key)
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;

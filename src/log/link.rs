//! Links (FORMAT.md section 4): a link commits one range of a partition, with its segment, to the chain. This file has the
//! content and the rules of a single link; [`link_chain`](crate::log::link_chain) has the rules between two.

use serde::{Deserialize, Serialize};

use crate::json::canonical::{self, NotCanonical};
use crate::log::checkpoint::CheckpointRef;
use crate::log::commit_metadata::CommitMetadata;
use crate::log::identity::is_archive_id;
use crate::log::keyring::{Keyring, Term};
use crate::log::note::{self, Invalid, Sealed};
use crate::log::object_key::{Attempt, Key, Place};
use crate::log::signed_note::{NoteError, SigningKey};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition, is_topic_id, is_topic_name};
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
    /// The topic was deleted and created again.
    Epoch,
}

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

/// Why a found segment was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RejectReason {
    /// The records of this range in Kafka give other bytes.
    Differs,
    /// It is not a segment of this place.
    Unreadable,
}

/// An object that was found at a segment key of this place and is not part of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The object key, relative to the prefix.
    pub key: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The SHA-256 of the bytes.
    pub sha256: Hash,
    /// Why it was rejected.
    pub reason: RejectReason,
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
#[expect(missing_docs, reason = "FORMAT.md section 4 defines each field")]
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

/// A rule of FORMAT.md section 4 that a link breaks, by itself or after the link before it.
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
/// [`Invalid`] if it is not valid there; `Content` if a key in force signed other content.
pub fn open(object: &[u8], keyring: &Keyring, archive_id: &str, place: &Place) -> Result<SignedLink, Invalid> {
    let covers = |term: &Term, link: &Link| term.covers_link(&place.partition, link.height);
    open_where(object, keyring, archive_id, place, covers)
}

/// As [`open`], with `covers` deciding whether the signer's term covers the link.
///
/// # Errors
/// As [`open`].
pub fn open_where(
    object: &[u8],
    keyring: &Keyring,
    archive_id: &str,
    place: &Place,
    covers: impl Fn(&Term, &Link) -> bool,
) -> Result<SignedLink, Invalid> {
    let opened = keyring.open(object)?;
    let link = parse(&opened.text)?;
    link.check().map_err(|broken| Invalid::Content(broken.to_string()))?;
    if link.archive_id != archive_id || link.place() != *place {
        return Err(Invalid::Content(format!(
            "the link names another place or archive: place={}",
            link.place().link(Attempt::PLAIN)
        )));
    }
    if !covers(opened.term, &link) {
        return Err(opened.out_of_term());
    }
    Ok(SignedLink {
        link,
        hash: opened.hash,
    })
}

fn parse(text: &str) -> Result<Link, Invalid> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    canonical::from_text(text).map_err(|error: NotCanonical| match serde_json::from_str::<Typed>(text) {
        Ok(typed) if !note::JSON_TYPES.contains(&typed.r#type.as_str()) => Invalid::UnknownType(typed.r#type),
        _ => Invalid::Content(error.to_string()),
    })
}

impl Link {
    /// The partition of the chain.
    #[must_use]
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition::new(&self.topic, self.partition)
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

    /// Signs the canonical text of the link.
    ///
    /// # Errors
    /// [`NoteError::Text`] if a field has a character that a note does not allow.
    pub fn seal(&self, key: &SigningKey) -> Result<Sealed, NoteError> {
        note::seal(canonical::to_text(self).map_err(|_| NoteError::Text)?, key)
    }

    /// Checks the rules of FORMAT.md section 4 for a single link.
    ///
    /// # Errors
    /// [`Broken`] names the first broken rule.
    pub fn check(&self) -> Result<(), Broken> {
        demand!(is_archive_id(&self.archive_id), "archive_id is not 32 hex digits");
        demand!(
            is_topic_name(&self.topic) && self.partition >= 0,
            "topic or partition is not one of Kafka"
        );
        demand!(
            self.topic_id.as_deref().is_none_or(is_topic_id),
            "topic_id is not a topic id of Kafka"
        );
        demand!(
            self.first_offset.0 >= 0 && self.next_offset.0 > self.first_offset.0,
            "the range is empty or negative"
        );
        demand!(
            self.height.0 <= i64::MAX as u64 && self.record_count <= i64::MAX as u64,
            "an integer is beyond i64"
        );
        self.check_counts()?;
        self.check_loss()?;
        self.check_times()?;
        self.check_segments()
    }

    fn check_counts(&self) -> Result<(), Broken> {
        demand!(
            self.absent.len() <= MAX_ABSENT_RANGES,
            "more than {MAX_ABSENT_RANGES} absent ranges"
        );
        let mut free_from = self.first_offset.0;
        let mut absent_count = 0;
        for (index, &(from, to)) in self.absent.iter().enumerate() {
            let follows = from > free_from || (index == 0 && from == free_from);
            demand!(
                follows && to > from && to <= self.next_offset.0,
                "absent is not maximal, sorted and within the range"
            );
            absent_count += to - from;
            free_from = to;
        }
        if self.lost.is_none() {
            let count = self.next_offset.0 - self.first_offset.0 - absent_count;
            demand!(
                u64::try_from(count) == Ok(self.record_count),
                "record_count is not what the range holds"
            );
        }
        Ok(())
    }

    fn check_loss(&self) -> Result<(), Broken> {
        demand!(
            self.lost.is_some() == (self.seal_reason == SealReason::Lost),
            "seal_reason and lost disagree"
        );
        let Some(lost) = &self.lost else { return Ok(()) };
        let whole = lost.first_offset == self.first_offset
            && lost.next_offset == self.next_offset
            && lost.log_start_offset == self.next_offset.0;
        demand!(whole, "lost does not cover the link's whole range");
        demand!(
            self.record_count == 0 && self.absent.is_empty(),
            "a lost range has records or absent offsets"
        );
        Ok(())
    }

    fn check_times(&self) -> Result<(), Broken> {
        match (self.min_timestamp_ms, self.max_timestamp_ms) {
            (None, None) => Ok(()),
            (Some(min), Some(max)) => {
                demand!(
                    min <= max && min != -1 && max != -1,
                    "min and max timestamp are not a pair"
                );
                demand!(self.record_count > 0, "timestamps without records");
                Ok(())
            }
            _ => Err(Broken("min and max timestamp are not a pair".into())),
        }
    }

    fn check_segments(&self) -> Result<(), Broken> {
        demand!(
            self.segment.is_some() == (self.record_count > 0),
            "a link with records has no segment, or one without records has one"
        );
        if self.record_count == 0 {
            demand!(
                self.records_root == Hash::of(b""),
                "records_root is not that of no records"
            );
        }
        let ascending = self.rejected.is_sorted_by(|a, b| a.key.as_bytes() < b.key.as_bytes());
        demand!(ascending, "rejected is not ascending by key");
        let mut attempts = Vec::with_capacity(self.rejected.len() + 1);
        for key in self
            .segment
            .iter()
            .map(|s| &s.key)
            .chain(self.rejected.iter().map(|r| &r.key))
        {
            match key.parse() {
                Ok(Key::Segment(place, attempt)) if place == self.place() => attempts.push(attempt.0),
                _ => return Err(Broken(format!("it names a segment of another place: key={key}"))),
            }
        }
        attempts.sort_unstable();
        let gapless = attempts
            .iter()
            .enumerate()
            .all(|(index, attempt)| *attempt as usize == index);
        demand!(
            gapless,
            "the attempts in segment and rejected have a gap or a repetition"
        );
        Ok(())
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;

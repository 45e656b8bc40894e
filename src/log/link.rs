//! A link: the signed commit point of a segment, and its place in the chain of a partition. Knows every rule that one
//! link, or two neighbours, must keep; never reads a segment or a store.

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

/// A link names at most so many absent ranges; a writer seals before that.
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
    /// The partition moved to another owner; also a segment adopted from an owner that died.
    Revoked,
    /// One more absent range would not fit.
    Absent,
    /// Kafka deleted the range before it was archived.
    Lost,
    /// The topic was deleted and created again.
    Epoch,
}

/// The segment that a link owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// Its key, relative to the prefix.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// The hash of its bytes.
    pub sha256: Hash,
}

/// Why a found segment did not enter the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RejectReason {
    /// It is not what this range of Kafka gives.
    Differs,
    /// It is no segment.
    Unreadable,
}

/// A segment found at our key that did not enter the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its key, relative to the prefix.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// The hash of its bytes.
    pub sha256: Hash,
    /// Why.
    pub reason: RejectReason,
}

/// A range that Kafka deleted before it was archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Where it begins.
    pub first_offset: FirstOffset,
    /// Where it ends.
    pub next_offset: NextOffset,
    /// What Kafka still had, when this was seen, began here.
    pub log_start_offset: i64,
    /// When this was seen.
    pub observed_at: UtcSeconds,
    /// What took it.
    pub reason: LossReason,
}

/// What took a lost range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossReason {
    /// Kafka's retention.
    Retention,
}

/// What a link says, in the order of its canonical text.
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

/// Why a link breaks a rule of its own, or does not continue the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

macro_rules! demand {
    ($holds:expr, $($message:tt)+) => {
        if !$holds { return Err(Broken(format!($($message)+))); }
    };
}

/// A link that was opened: its content, and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLink {
    /// What it says.
    pub link: Link,
    /// The hash of its object: `previous` of the next.
    pub hash: Hash,
}

impl SignedLink {
    /// What a Kafka commit says of this head.
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

/// Opens the object at `place` as this archive's link.
///
/// # Errors
/// [`Invalid`] where it is no valid note for that place; `Content` where a key in force signed something else.
pub fn open(object: &[u8], keyring: &Keyring, archive_id: &str, place: &Place) -> Result<SignedLink, Invalid> {
    let covers = |term: &Term, link: &Link| term.covers_link(&place.partition, link.height);
    open_where(object, keyring, archive_id, place, covers)
}

/// The same where `covers` says whether the signer's term covers the link.
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
    /// The partition.
    #[must_use]
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition::new(&self.topic, self.partition)
    }

    /// Where this link stands.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            partition: self.topic_partition(),
            epoch: self.epoch,
            first_offset: self.first_offset,
        }
    }

    /// Signs it into an object.
    ///
    /// # Errors
    /// [`NoteError::Text`] where a field holds what no note may.
    pub fn seal(&self, key: &SigningKey) -> Result<Sealed, NoteError> {
        note::seal(canonical::to_text(self).map_err(|_| NoteError::Text)?, key)
    }

    /// Holds the rules of FORMAT.md section 4 that concern this link alone.
    ///
    /// # Errors
    /// [`Broken`] names the first rule that does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        demand!(is_archive_id(&self.archive_id), "archive_id is not 32 hex digits");
        demand!(
            is_topic_name(&self.topic) && self.partition >= 0,
            "not a partition of Kafka"
        );
        demand!(
            self.topic_id.as_deref().is_none_or(is_topic_id),
            "topic_id is not Kafka's 22 characters"
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
            "a segment stands exactly where records do"
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
                _ => return Err(Broken(format!("a segment of another place is named: key={key}"))),
            }
        }
        attempts.sort_unstable();
        let gapless = attempts
            .iter()
            .enumerate()
            .all(|(index, attempt)| *attempt as usize == index);
        demand!(
            gapless,
            "segment and rejected do not name the key and its -r ones without a gap"
        );
        Ok(())
    }

    /// Holds the rules of FORMAT.md section 4 between this link and the one before it; `genesis` stands for it at height 0.
    ///
    /// # Errors
    /// [`Broken`] names the first rule that does not hold.
    pub fn continues(&self, before: Option<&SignedLink>, genesis: &Hash) -> Result<(), Broken> {
        let Some(SignedLink { link: before, hash }) = before else {
            demand!(
                self.height == Height(0),
                "the first link has a height: height={}",
                self.height
            );
            demand!(
                self.previous == *genesis,
                "previous is not the genesis of this partition in this archive"
            );
            demand!(
                self.epoch == Epoch(0),
                "the first link is not of epoch 0: epoch={}",
                self.epoch
            );
            demand!(self.first_offset.0 == 0, "the first link does not begin at offset 0");
            return Ok(());
        };
        demand!(
            self.height == before.height.next(),
            "height does not follow: height={}",
            self.height
        );
        demand!(self.previous == *hash, "previous is not the hash of the link before");
        demand!(self.archive_id == before.archive_id, "archive_id changed");
        demand!(
            self.topic_partition() == before.topic_partition(),
            "the partition changed"
        );
        demand!(
            self.checkpoint.number >= before.checkpoint.number,
            "checkpoint went back"
        );
        if self.epoch == before.epoch {
            demand!(
                self.first_offset == before.next_offset.begins(),
                "the range does not begin where the one before ends"
            );
            demand!(
                self.cluster_id == before.cluster_id,
                "cluster_id changed within an epoch"
            );
            demand!(
                before.topic_id.is_none() || self.topic_id == before.topic_id,
                "topic_id changed within an epoch"
            );
        } else {
            demand!(
                Some(self.epoch.0) == before.epoch.0.checked_add(1),
                "epoch does not follow: epoch={}",
                self.epoch
            );
            demand!(self.first_offset.0 == 0, "a new epoch does not begin at offset 0");
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;

//! The chain of one partition as a walk found it: its links, ranges, segments and findings. [`crate::verify::chain_walk`]
//! makes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::link::{Link, RECORD_ENCODING, SealReason, SignedLink};
use crate::log::object_key::{Attempt, Key};
use crate::log::signed_note::VerifyingKey;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::verify::chain_head::ChainHead;
use crate::verify::claims::Anchors;
use crate::verify::findings::Findings;
use crate::verify::inventory::Slot;
use crate::verify::timeline::Timeline;

/// A link that was opened, and its leaf in the log of its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedLink {
    /// The link, its signature checked.
    pub signed: SignedLink,
    /// The RFC 9162 leaf hash of its object.
    pub leaf: Hash,
    /// The key that signed it.
    pub key: VerifyingKey,
}

/// A link that the walk accepted into the chain.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The link, its signature checked.
    pub signed: Arc<SignedLink>,
    /// The RFC 9162 leaf hash of its object.
    pub leaf: Hash,
    /// The key of its object, relative to the prefix.
    pub key: String,
    /// Whether the segment that it names was listed.
    pub segment_listed: bool,
}

/// The range of one link, to compare with Kafka and with orphans. A link without offsets, which ends an epoch, has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The link's epoch.
    pub epoch: Epoch,
    /// The link's height.
    pub height: Height,
    /// The first offset.
    pub first_offset: FirstOffset,
    /// The offset after the last.
    pub next_offset: NextOffset,
    /// Where a later epoch begins within the range, or else its end: records from there on are no longer current.
    pub until: NextOffset,
    /// The number of its records.
    pub record_count: u64,
    /// The Merkle root of its records.
    pub records_root: Hash,
    /// Kafka's leader epoch of its last record, if it is known.
    pub leader_epoch: Option<i32>,
    /// The same, only where the record is directly before the range's end.
    pub leader_epoch_at_end: Option<i32>,
    /// Whether this version knows the encoding of its records.
    pub is_known_encoding: bool,
    /// Whether the link declares the range lost.
    pub lost: bool,
    /// The retry suffix of its segment; `None` if the range has no records.
    pub segment: Option<Attempt>,
}

impl Range {
    /// The range of a link, all of it current.
    pub(super) fn of(link: &Link) -> Range {
        Range {
            epoch: link.epoch,
            height: link.height,
            first_offset: link.first_offset,
            next_offset: link.next_offset,
            until: link.next_offset,
            record_count: link.record_count,
            records_root: link.records_root,
            leader_epoch: link.leader_epoch,
            leader_epoch_at_end: link.leader_epoch_at_end(),
            is_known_encoding: link.encoding == RECORD_ENCODING,
            lost: link.lost.is_some(),
            segment: segment_attempt(link),
        }
    }

    /// Whether a later epoch begins within the range.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.until < self.next_offset
    }
}

/// The records that an epoch held from the offset on to which Kafka's log was cut back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// The epoch that ended.
    pub epoch: Epoch,
    /// Where the next epoch begins.
    pub begins: i64,
    /// The offset at which the epoch ended.
    pub ended_at: i64,
    /// The ranges that were current until then, each from `begins` or its first offset up to its `until`.
    pub ranges: Vec<Range>,
}

impl Superseded {
    /// The records that Kafka lost. Of a link that holds others too, only the offsets are known here.
    pub(super) fn describe(&self) -> String {
        let Superseded {
            epoch,
            begins,
            ended_at,
            ranges,
        } = self;
        let is_whole = |range: &&Range| range.first_offset.0 >= *begins && !range.is_cut();
        let records: u64 = ranges.iter().filter(is_whole).map(|range| range.record_count).sum();
        let parts: Vec<String> = ranges
            .iter()
            .filter(|range| !is_whole(range) && range.record_count > 0)
            .map(|range| {
                let first = range.first_offset.0.max(*begins);
                format!(" and those at offsets {first} to {}", range.until.0 - 1)
            })
            .collect();
        format!(
            "Kafka's log was cut back from offset {ended_at} to {begins}: epoch {epoch} keeps {records} records{} that Kafka acknowledged and lost",
            parts.concat()
        )
    }
}

/// Kafka's ids of the topic of one chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenTopicIds {
    /// That of the epoch after the head, if it is known.
    pub current: Option<String>,
    /// Those whose epochs ended because the topic was created again.
    pub ended: Vec<String>,
}

impl SeenTopicIds {
    /// Takes the id from a link. After a link that ends an epoch because the topic was created again, none is known.
    pub(super) fn note(&mut self, link: &Link) {
        if link.topic_id.is_some() {
            self.current.clone_from(&link.topic_id);
        }
        if link.seal_reason == SealReason::Recreated {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended.extend(self.current.take());
    }
}

/// The result of walking one chain.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The partition.
    pub partition: TopicPartition,
    /// The last accepted link; `None` if there is no valid link.
    pub head: Option<ChainHead>,
    /// Kafka's ids of the topic, where the walked links say them.
    pub topic_ids: SeenTopicIds,
    /// The ranges with current records, which no later epoch begins at or below, ascending. They may be of several epochs.
    pub ranges: Vec<Range>,
    /// What was superseded by epochs that began in the middle, since the topic was created.
    pub superseded: Vec<Superseded>,
    /// The ranges of ended epochs that have a segment without a link, ascending.
    pub(super) earlier: BTreeMap<Epoch, Vec<Range>>,
    /// Segments at the place of a link that does not name them.
    pub unnamed: Vec<Slot>,
    /// The number of accepted links.
    pub links: u64,
    /// The number of segments that they name.
    pub segments: u64,
    /// The number of records that they count.
    pub records: u64,
    /// The number of offsets that they declare lost.
    pub lost: u64,
    /// Up to which height the chain is confirmed from outside.
    pub anchors: Anchors,
    /// Whether a key whose signatures prove something signed one of the links.
    pub has_counting_signer: bool,
    /// The checkpoints that links name, by number and root, each with the key of the first link that does.
    pub checkpoints_named: BTreeMap<(u64, Hash), String>,
    /// The record times that its links give, by offset.
    pub times: Timeline,
    /// The findings about the chain.
    pub findings: Findings,
}

impl Chain {
    /// The ranges of an epoch, ascending: of the newest epoch, or of one that has a segment without a link. Of other ended
    /// epochs, those with current records.
    #[must_use]
    pub fn ranges_of(&self, epoch: Epoch) -> &[Range] {
        if let Some(ended) = self.earlier.get(&epoch) {
            return ended;
        }
        let begin = self.ranges.partition_point(|range| range.epoch < epoch);
        let end = self.ranges.partition_point(|range| range.epoch <= epoch);
        self.ranges.get(begin..end).unwrap_or_default()
    }

    /// Ends an epoch. With `begins`, the next epoch of the same topic begins there, and what is superseded is kept apart.
    /// Without, it is a new topic or unknown, and nothing before it is current.
    pub(super) fn end_epoch(&mut self, epoch: Epoch, begins: Option<i64>) -> Option<&Superseded> {
        if self.unnamed.iter().any(|slot| slot.epoch == epoch) {
            let ended = self.ranges_of(epoch).to_vec();
            self.earlier.insert(epoch, ended);
        }
        let Some(begins) = begins else {
            self.topic_ids.end();
            self.ranges.clear();
            self.superseded.clear();
            return None;
        };
        let ended_at = self.head.map_or(begins, |head| head.next_offset.0);
        let below = self.ranges.partition_point(|range| range.until.0 <= begins);
        let ranges = self.ranges.split_off(below);
        if let Some(cut) = ranges.first().filter(|range| range.first_offset.0 < begins) {
            self.ranges.push(Range {
                until: NextOffset(begins),
                ..*cut
            });
        }
        self.superseded.push(Superseded {
            epoch,
            begins,
            ended_at,
            ranges,
        });
        self.superseded.last()
    }

    /// The leader epoch that the records after the current ones cannot be below: that of the newest range that ends at or
    /// below `begins` and has one.
    pub(super) fn leader_epoch_below(&self, begins: i64) -> Option<i32> {
        let ends_below = |range: &&Range| !range.is_cut() && range.until.0 <= begins;
        self.ranges
            .iter()
            .rev()
            .filter(ends_below)
            .find_map(|range| range.leader_epoch)
    }
}

/// The attempt of the segment that a link names.
pub(super) fn segment_attempt(link: &Link) -> Option<Attempt> {
    match link.segment.as_ref()?.key.parse() {
        Ok(Key::Segment(_, attempt)) => Some(attempt),
        _ => None,
    }
}

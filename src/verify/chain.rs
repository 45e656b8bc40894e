//! The chain of one partition as a walk found it: its links, ranges, segments and findings. [`crate::verify::chain_walk`]
//! makes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::link::SignedLink;
use crate::log::object_key::Attempt;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset, TopicPartition};
use crate::verify::chain_head::ChainHead;
use crate::verify::claims::Anchors;
use crate::verify::findings::Findings;
use crate::verify::inventory::Slot;

/// A link that was opened, and its leaf in the log of its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedLink {
    /// The link, its signature checked.
    pub signed: SignedLink,
    /// The RFC 9162 leaf hash of its object.
    pub leaf: Hash,
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

/// The range of one link, to compare with Kafka and with orphans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The link's height.
    pub height: Height,
    /// The first offset.
    pub first_offset: FirstOffset,
    /// The offset after the last.
    pub next_offset: NextOffset,
    /// The Merkle root of its records.
    pub records_root: Hash,
    /// Whether the link declares the range lost.
    pub lost: bool,
    /// The retry suffix of its segment; `None` if the range has no records.
    pub segment: Option<Attempt>,
}

/// The result of walking one chain.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The partition.
    pub partition: TopicPartition,
    /// The last accepted link; `None` if there is no valid link.
    pub head: Option<ChainHead>,
    /// The ranges of the newest epoch, ascending.
    pub ranges: Vec<Range>,
    /// The ranges of earlier epochs that have a segment without a link, ascending.
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
    /// The checkpoints that links name, each with the key of the first link that does.
    pub checkpoints_named: BTreeMap<(u64, Hash), String>,
    /// The findings about the chain.
    pub findings: Findings,
}

impl Chain {
    /// The ranges of an epoch, ascending: of the newest epoch, or of one that has a segment without a link.
    #[must_use]
    pub fn ranges_of(&self, epoch: Epoch) -> &[Range] {
        match self.head {
            Some(head) if head.epoch == epoch => &self.ranges,
            _ => self.earlier.get(&epoch).map_or(&[], Vec::as_slice),
        }
    }
}

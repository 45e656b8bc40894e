//! Segments that no link names, at the place of a link. An archiver that slept between its last look at the chain and its
//! create leaves one: a copy of records that links hold, which harms nobody. What holds anything else is tampering.
//! The bytes are a stranger's; nothing of them ever counts.

use bytes::Bytes;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};
use crate::segment::check::examine;
use crate::verify::chain::Range;
use crate::verify::inventory::Slot;

/// What a segment without a link claims to be: records of a range, by their leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    first_offset: i64,
    next_offset: i64,
    leaves: Vec<(i64, Hash)>,
}

/// Why a segment is no copy of what links hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCopy(pub String);

fn no_copy<T>(why: impl Into<String>) -> Result<T, NoCopy> {
    Err(NoCopy(why.into()))
}

impl Claimed {
    /// Reads a segment that stands at this slot.
    ///
    /// # Errors
    /// [`NoCopy`] where it is no segment of that place, or its columns or statistics say what its records do not.
    pub fn read(bytes: Bytes, partition: &TopicPartition, slot: &Slot) -> Result<Claimed, NoCopy> {
        let mut hasher = LeafHasher::new(partition);
        let mut leaves = Vec::new();
        let mut take = |record: &Record<'_>, _| leaves.push((record.offset, hasher.leaf(record)));
        let examined = examine(bytes, partition, &mut take).map_err(|unreadable| NoCopy(unreadable.to_string()))?;
        let footer = &examined.footer;
        let is_here = footer.topic_partition == *partition
            && (footer.epoch, footer.first_offset) == (slot.epoch, slot.first_offset);
        let is_whole = (footer.record_count, footer.records_root) == (examined.rows, examined.root);
        if !is_here || !is_whole || examined.mismatch_count > 0 {
            return no_copy("its footer, columns or statistics are not those of its place and records");
        }
        let (first_offset, next_offset) = (footer.first_offset.0, footer.next_offset.0);
        Ok(Claimed {
            first_offset,
            next_offset,
            leaves,
        })
    }

    /// The links' ranges that it overlaps, of those of its epoch.
    ///
    /// # Errors
    /// [`NoCopy`] where links do not hold all of its range.
    pub fn overlapping<'r>(&self, ranges: &'r [Range]) -> Result<&'r [Range], NoCopy> {
        let begin = ranges.partition_point(|range| range.next_offset.0 <= self.first_offset);
        let end = ranges.partition_point(|range| range.first_offset.0 < self.next_offset);
        let overlapping = ranges.get(begin..end).unwrap_or_default();
        let mut reached = self.first_offset;
        for range in overlapping {
            if range.first_offset.0 > reached {
                break;
            }
            reached = range.next_offset.0;
        }
        if self.first_offset < self.next_offset && reached >= self.next_offset {
            Ok(overlapping)
        } else {
            no_copy("it claims offsets that no link holds")
        }
    }

    /// Holds it against the records of one range, in the order of ranges; `archived` are all of that link's.
    ///
    /// # Errors
    /// [`NoCopy`] where the archived records are not what the link signed, or one of its own is not among them.
    pub fn compare(&self, range: &Range, archived: &[(i64, Hash)]) -> Result<(), NoCopy> {
        let mut tree = Tree::default();
        archived.iter().for_each(|(_, leaf)| tree.push(*leaf));
        if !range.lost && tree.root() != range.records_root {
            return no_copy("the records that it would be a copy of are not those that their link signed");
        }
        let first = range.first_offset.0.max(self.first_offset);
        let next = range.next_offset.0.min(self.next_offset);
        let archived = within(archived, first, next);
        let is_archived = |leaf: &(i64, Hash)| archived.binary_search(leaf).is_ok();
        // Compaction may have taken records between the read that the link signed and a later one.
        if within(&self.leaves, first, next).iter().all(is_archived) {
            Ok(())
        } else {
            no_copy(format!(
                "it holds other records than the links of its range: height={}",
                range.height
            ))
        }
    }

    /// Whether every record lies within its range, so that comparing range by range passes over none.
    ///
    /// # Errors
    /// [`NoCopy`] where one does not.
    pub fn must_keep_to_its_range(&self) -> Result<(), NoCopy> {
        let ascending = self.leaves.is_sorted_by(|(a, _), (b, _)| a < b);
        if ascending && within(&self.leaves, self.first_offset, self.next_offset).len() == self.leaves.len() {
            Ok(())
        } else {
            no_copy("its rows are not those of its range")
        }
    }
}

fn within(leaves: &[(i64, Hash)], first: i64, next: i64) -> &[(i64, Hash)] {
    let begin = leaves.partition_point(|(offset, _)| *offset < first);
    let end = leaves.partition_point(|(offset, _)| *offset < next);
    leaves.get(begin..end).unwrap_or_default()
}

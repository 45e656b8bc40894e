//! Segments at the place of a link that does not name them. An archiver that paused between its last look at the chain and
//! its create can leave one: an orphan, whose records are all archived elsewhere (FORMAT.md section 6.2). Anything
//! else there is tampering. The bytes are untrusted.

use bytes::Bytes;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};
use crate::segment::check::examine;
use crate::verify::chain::Range;
use crate::verify::inventory::Slot;

/// The maximum number of records that are compared: an outsider's object may have any number, and each costs 40 bytes.
const RECORDS_MAX: usize = 4 << 20;

/// The records that a segment without a link holds, by their leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    first_offset: i64,
    next_offset: i64,
    leaves: Vec<(i64, Hash)>,
}

/// Why a segment without a link is not an orphan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotOrphan(pub String);

fn not_orphan<T>(why: impl Into<String>) -> Result<T, NotOrphan> {
    Err(NotOrphan(why.into()))
}

impl Claimed {
    /// Reads the segment at this slot.
    ///
    /// # Errors
    /// [`NotOrphan`] if it is not a segment of that place, or its columns or statistics contradict its records.
    pub fn read(bytes: Bytes, partition: &TopicPartition, slot: &Slot) -> Result<Claimed, NotOrphan> {
        let mut hasher = LeafHasher::new(partition);
        let mut leaves = Vec::new();
        let mut take = |record: &Record<'_>, _| {
            if leaves.len() <= RECORDS_MAX {
                leaves.push((record.offset, hasher.leaf(record)));
            }
        };
        let examined = examine(bytes, partition, &mut take).map_err(|unreadable| NotOrphan(unreadable.to_string()))?;
        let footer = &examined.footer;
        let is_here = footer.topic_partition == *partition
            && (footer.epoch, footer.first_offset) == (slot.epoch, slot.first_offset);
        let is_whole = (footer.record_count, footer.records_root) == (examined.rows, examined.root);
        if !is_here || !is_whole || examined.mismatch_count > 0 {
            return not_orphan("its footer, columns or statistics contradict its place or its records");
        }
        if leaves.len() > RECORDS_MAX {
            return not_orphan("it has too many records to compare them");
        }
        let (first_offset, next_offset) = (footer.first_offset.0, footer.next_offset.0);
        Ok(Claimed {
            first_offset,
            next_offset,
            leaves,
        })
    }

    /// The ranges of `ranges` that it overlaps. `ranges` are those of its epoch, ascending.
    ///
    /// # Errors
    /// [`NotOrphan`] if links do not cover all of its range.
    pub fn overlapping<'r>(&self, ranges: &'r [Range]) -> Result<&'r [Range], NotOrphan> {
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
            not_orphan("it covers offsets that no link covers")
        }
    }

    /// Compares it with the records of one range. `archived` are the leaves of all records of that link.
    ///
    /// # Errors
    /// [`NotOrphan`] if the archived records are not the signed ones, or if it holds a record that is not among them.
    pub fn compare(&self, range: &Range, archived: &[(i64, Hash)]) -> Result<(), NotOrphan> {
        let mut tree = Tree::default();
        archived.iter().for_each(|(_, leaf)| tree.push(*leaf));
        if !range.lost && tree.root() != range.records_root {
            return not_orphan(
                "the archived records of its range are not the signed ones, so it cannot be compared with them",
            );
        }
        let first = range.first_offset.0.max(self.first_offset);
        let next = range.next_offset.0.min(self.next_offset);
        let archived = within(archived, first, next);
        let is_archived = |leaf: &(i64, Hash)| archived.binary_search(leaf).is_ok();
        // Compaction may have removed records before it was read, so it may hold fewer.
        if within(&self.leaves, first, next).iter().all(is_archived) {
            Ok(())
        } else {
            not_orphan(format!(
                "it holds records that the archive does not have at these offsets of the link at height {}",
                range.height
            ))
        }
    }

    /// Checks that all of its records are within its range, so that comparing range by range misses none.
    ///
    /// # Errors
    /// [`NotOrphan`] if one is outside, or if they are out of order.
    pub fn check_range(&self) -> Result<(), NotOrphan> {
        let ascending = self.leaves.is_sorted_by(|(a, _), (b, _)| a < b);
        if ascending && within(&self.leaves, self.first_offset, self.next_offset).len() == self.leaves.len() {
            Ok(())
        } else {
            not_orphan("its rows are outside its range or out of order")
        }
    }
}

fn within(leaves: &[(i64, Hash)], first: i64, next: i64) -> &[(i64, Hash)] {
    let begin = leaves.partition_point(|(offset, _)| *offset < first);
    let end = leaves.partition_point(|(offset, _)| *offset < next);
    leaves.get(begin..end).unwrap_or_default()
}

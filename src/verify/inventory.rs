//! The listed keys of an archive, sorted by what they name. An archive of a million objects takes some tens of megabytes.
//! A key that no object of an archive has is reported as a stray object.

use std::collections::BTreeMap;

use crate::log::head::Head;
use crate::log::object_key::{Attempt, Key, Place, TILES, is_folder_marker};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use crate::verify::findings::{Code, Finding, Findings};

/// The key of a link or segment, within its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The epoch in the key.
    pub epoch: Epoch,
    /// The first offset in the key.
    pub first_offset: FirstOffset,
    /// The retry suffix of the key.
    pub attempt: Attempt,
}

impl Slot {
    /// The place of this slot in a partition.
    #[must_use]
    pub fn place(&self, partition: &TopicPartition) -> Place {
        Place {
            partition: partition.clone(),
            epoch: self.epoch,
            first_offset: self.first_offset,
        }
    }

    /// The slot of an object at this place.
    #[must_use]
    pub fn of(place: &Place, attempt: Attempt) -> Slot {
        Slot {
            epoch: place.epoch,
            first_offset: place.first_offset,
            attempt,
        }
    }

    /// Whether both are at the same place of the chain, whatever their attempts.
    #[must_use]
    pub fn same_place(&self, other: &Slot) -> bool {
        (self.epoch, self.first_offset) == (other.epoch, other.first_offset)
    }
}

/// The listed links and segments of one partition, in the order of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionObjects {
    /// The keys of links.
    pub links: Vec<Slot>,
    /// The keys of segments.
    pub segments: Vec<Slot>,
    /// The head after which the listing starts, if only newer objects were listed.
    pub after: Option<Head>,
}

impl PartitionObjects {
    /// The number of offsets that the listed links cover, where their head ends at `newest` or, if that is not known, begins
    /// at the last listed place. An estimate of the number of records.
    #[must_use]
    pub fn offsets(&self, newest: Option<NextOffset>) -> u64 {
        let listed = || self.links.iter().map(|slot| slot.first_offset.0);
        let first = self.after.as_ref().map(|head| head.next_offset.0);
        let first = first.or_else(|| listed().min()).unwrap_or(0);
        let end = listed().chain(newest.map(|next| next.0)).max().unwrap_or(first);
        u64::try_from(end - first).unwrap_or(0)
    }
}

/// The listed keys of an archive.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Whether `archive.json` exists.
    pub identity: bool,
    /// The keys of the log's entries.
    pub entries: Vec<(u64, Attempt)>,
    /// The keys of checkpoints.
    pub checkpoints: Vec<(u64, Attempt)>,
    /// The keys of cosignatures: the number of the checkpoint, and the hash of the object.
    pub cosignatures: Vec<(u64, Hash)>,
    /// The links and segments of each partition.
    pub partitions: BTreeMap<TopicPartition, PartitionObjects>,
    /// Findings about keys that no object of an archive has, and about keys that are ignored.
    pub strays: Findings,
    /// The findings about segments that only delete markers hide, by key. A retention change may let such a segment go.
    pub hidden: BTreeMap<String, Finding>,
}

impl Inventory {
    /// Adds one listed key, relative to the prefix, and the object's size. Returns whether an object of an archive has
    /// such a key. [`Inventory::sort`] removes duplicates.
    pub fn add(&mut self, key: &str, bytes: u64) -> bool {
        if is_folder_marker(key, bytes) {
            self.note(Code::FolderMarker, "an empty object that ends in `/` is ignored", key);
            return false;
        }
        if key.starts_with(TILES) {
            self.note(Code::ReservedObject, "objects under tile/ are ignored", key);
            return false;
        }
        match key.parse() {
            Ok(Key::Identity) => self.identity = true,
            Ok(Key::Entry(number, attempt)) => self.entries.push((number, attempt)),
            Ok(Key::Checkpoint(number, attempt)) => self.checkpoints.push((number, attempt)),
            Ok(Key::Cosignature(number, hash)) => self.cosignatures.push((number, hash)),
            Ok(Key::Segment(place, attempt)) => self.objects(&place).segments.push(Slot::of(&place, attempt)),
            Ok(Key::Link(place, attempt)) => self.objects(&place).links.push(Slot::of(&place, attempt)),
            Ok(Key::Probe(_)) => {}
            Err(_) => {
                self.note(Code::StrayObject, "no object of an archive has a key like this", key);
                return false;
            }
        }
        true
    }

    /// Whether no object of an archive was listed.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.identity
            && self.entries.is_empty()
            && self.checkpoints.is_empty()
            && self.cosignatures.is_empty()
            && self.partitions.is_empty()
            && self.hidden.is_empty()
    }

    fn note(&mut self, code: Code, detail: &str, key: &str) {
        // A marker of the prefix itself has no name below it.
        let shown = if key.is_empty() { "/".to_owned() } else { printable(key) };
        self.strays.push(Finding::new(code, detail).object(shown));
    }

    fn objects(&mut self, place: &Place) -> &mut PartitionObjects {
        self.partitions.entry(place.partition.clone()).or_default()
    }

    /// Sorts everything into the order of the chain and removes duplicates. Listings sort keys by bytes, which puts `-r10`
    /// before `-r2`, and both before the key without a suffix.
    pub fn sort(&mut self) {
        for list in [&mut self.entries, &mut self.checkpoints] {
            list.sort_unstable();
            list.dedup();
        }
        self.cosignatures.sort_unstable();
        self.cosignatures.dedup();
        for objects in self.partitions.values_mut() {
            for list in [&mut objects.links, &mut objects.segments] {
                list.sort_unstable();
                list.dedup();
            }
        }
    }
}

/// A foreign key without control characters, cut to 300 characters.
fn printable(key: &str) -> String {
    key.chars().take(300).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_into_what_they_are() {
        let mut inventory = Inventory::default();
        for key in [
            "archive.json",
            "log/0000000001.note",
            "checkpoints/0000000000.note",
            "data/t/0/0000-00000000000000000000.parquet",
            "links/t/0/0000-00000000000000000000-r10.note",
            "links/t/0/0000-00000000000000000000-r2.note",
            "links/t/0/0000-00000000000000000000.note",
            "links/t/0/0000-00000000000000000000.note",
            "probes/x",
            "what\u{7}ever",
        ] {
            inventory.add(key, 1);
        }
        inventory.add("links/", 0);
        inventory.add("tile/0/000", 1);
        inventory.sort();
        assert!(inventory.identity);
        assert_eq!(inventory.entries, [(1, Attempt::PLAIN)]);
        assert_eq!(inventory.checkpoints, [(0, Attempt::PLAIN)]);
        let objects = &inventory.partitions[&TopicPartition::new("t", 0)];
        assert_eq!(objects.segments.len(), 1);
        let attempts: Vec<_> = objects.links.iter().map(|slot| slot.attempt.0).collect();
        assert_eq!(attempts, [0, 2, 10]);
        for code in [Code::StrayObject, Code::FolderMarker, Code::ReservedObject] {
            assert_eq!(inventory.strays.counts()[&code], 1);
        }
        assert_eq!(inventory.strays.kept()[0].object.as_deref(), Some("what\\u{7}ever"));
    }
}

//! What stands under the prefix, sorted into what it is by its key. Compact: an archive of a million objects lists in
//! some tens of megabytes. Never reads an object; what no object of an archive has as its key is a stray.

use std::collections::BTreeMap;

use crate::log::checkpoint::Head;
use crate::log::object_key::{Attempt, Key, Place};
use crate::record::position::{Epoch, FirstOffset, TopicPartition};
use crate::verify::findings::{Code, Finding, Findings};

/// A link's or segment's key within its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The epoch.
    pub epoch: Epoch,
    /// Where the range begins.
    pub first_offset: FirstOffset,
    /// Which name of the place.
    pub attempt: Attempt,
}

impl Slot {
    /// The place in this partition.
    #[must_use]
    pub fn place(&self, partition: &TopicPartition) -> Place {
        Place {
            partition: partition.clone(),
            epoch: self.epoch,
            first_offset: self.first_offset,
        }
    }

    /// The slot of this place.
    #[must_use]
    pub fn of(place: &Place, attempt: Attempt) -> Slot {
        Slot {
            epoch: place.epoch,
            first_offset: place.first_offset,
            attempt,
        }
    }

    /// Whether the other stands at the same place of the chain.
    #[must_use]
    pub fn same_place(&self, other: &Slot) -> bool {
        (self.epoch, self.first_offset) == (other.epoch, other.first_offset)
    }
}

/// What a partition has, in the order of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Everything that has a link's key.
    pub links: Vec<Slot>,
    /// Everything that has a segment's key.
    pub segments: Vec<Slot>,
    /// The head after which the above begins, where not everything was listed.
    pub after: Option<Head>,
}

/// The keys of an archive.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Whether `archive.json` stands there.
    pub identity: bool,
    /// Everything that has a key change's key.
    pub key_changes: Vec<(u64, Attempt)>,
    /// Everything that has a checkpoint's key.
    pub checkpoints: Vec<(u64, Attempt)>,
    /// What stands in each partition.
    pub partitions: BTreeMap<TopicPartition, Shelf>,
    /// What has no key of an archive.
    pub strays: Findings,
}

impl Inventory {
    /// Takes in one listed key, relative to the prefix. A key that comes twice is taken once (see [`Inventory::sort`]).
    pub fn add(&mut self, key: &str) {
        match key.parse() {
            Ok(Key::Identity) => self.identity = true,
            Ok(Key::KeyChange(number, attempt)) => self.key_changes.push((number, attempt)),
            Ok(Key::Checkpoint(number, attempt)) => self.checkpoints.push((number, attempt)),
            Ok(Key::Segment(place, attempt)) => self.shelf(&place).segments.push(Slot::of(&place, attempt)),
            Ok(Key::Link(place, attempt)) => self.shelf(&place).links.push(Slot::of(&place, attempt)),
            Ok(Key::Probe(_)) => {}
            Err(_) => self
                .strays
                .push(Finding::new(Code::StrayObject, "no object of an archive has such a key").object(printable(key))),
        }
    }

    fn shelf(&mut self, place: &Place) -> &mut Shelf {
        self.partitions.entry(place.partition.clone()).or_default()
    }

    /// Brings everything into the order of the chain, whatever the order of the listing: keys sort by their bytes, and
    /// there `-r10` stands before `-r2`, and both before the plain key.
    pub fn sort(&mut self) {
        for list in [&mut self.key_changes, &mut self.checkpoints] {
            list.sort_unstable();
            list.dedup();
        }
        for shelf in self.partitions.values_mut() {
            for list in [&mut shelf.links, &mut shelf.segments] {
                list.sort_unstable();
                list.dedup();
            }
        }
    }
}

/// A foreign key for people's eyes: no control characters, not endless.
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
            "keys/000001.note",
            "checkpoints/0000000000.note",
            "data/topic=t/partition=0/0000-00000000000000000000.parquet",
            "links/t/0/0000-00000000000000000000-r10.note",
            "links/t/0/0000-00000000000000000000-r2.note",
            "links/t/0/0000-00000000000000000000.note",
            "links/t/0/0000-00000000000000000000.note",
            "probes/x",
            "what\u{7}ever",
        ] {
            inventory.add(key);
        }
        inventory.sort();
        assert!(inventory.identity);
        assert_eq!(inventory.key_changes, [(1, Attempt::PLAIN)]);
        assert_eq!(inventory.checkpoints, [(0, Attempt::PLAIN)]);
        let shelf = &inventory.partitions[&TopicPartition::new("t", 0)];
        assert_eq!(shelf.segments.len(), 1);
        let attempts: Vec<_> = shelf.links.iter().map(|slot| slot.attempt.0).collect();
        assert_eq!(attempts, [0, 2, 10]);
        assert_eq!(inventory.strays.counts()[&Code::StrayObject], 1);
        assert_eq!(inventory.strays.kept()[0].object.as_deref(), Some("what\\u{7}ever"));
    }
}

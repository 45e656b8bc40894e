//! The honest archive that every attack starts from. It has two partitions: the victim, with a checkpoint after its
//! first links and more than ten links beyond it, and a neighbour. Two checkpoints cover both, everything is committed,
//! and Kafka holds records beyond the victim's head that are not archived yet. One planted object was rejected by the
//! writer.

use kivend::app::verify::SavedFiles;
use kivend::log::entry::Entry;
use kivend::log::link::Link;
use kivend::log::object_key::{Attempt, Key};
use kivend::record::position::{Height, TopicPartition};

use crate::fixture::{Archive, OwnedRecord};

/// Numbers of the checkpoints after the first links and over everything.
pub const EARLY: u64 = 1;
pub const NEWEST: u64 = 2;
/// A height of the victim below both checkpoints.
pub const MIDDLE: usize = 1;

/// An archive, and the names in it that attacks refer to.
pub struct Scene {
    pub archive: Archive,
    pub victim: TopicPartition,
    pub beside: TopicPartition,
    /// The newest checkpoint with its entry, as an auditor saved them.
    pub saved: SavedFiles,
}

impl Scene {
    pub fn in_memory() -> Scene {
        let mut archive = Archive::new();
        let (victim, beside) = (
            TopicPartition::new("payments", 0),
            TopicPartition::new("user-events", 1),
        );
        for topic in [&victim.topic, &beside.topic] {
            archive.broker.identify(topic, "AAAAAAAAAAAAAAAAAAAAAQ");
        }
        for _ in 0..3 {
            archive.seal("payments", 0, 4);
        }
        archive.seal("user-events", 1, 4);
        archive.checkpoint();
        for _ in 0..11 {
            archive.seal("payments", 0, 4);
        }
        archive.seal_beside_junk(&beside, 4);
        archive.checkpoint();
        archive.commit();
        archive.produce(&victim, 10);
        Scene::of(archive, victim, beside)
    }

    /// The scene over an archive of the shape that the module describes.
    pub fn of(archive: Archive, victim: TopicPartition, beside: TopicPartition) -> Scene {
        let saved = archive.saved(NEWEST);
        let scene = Scene {
            archive,
            victim,
            beside,
            saved,
        };
        let named = |signed: &kivend::log::link::SignedLink| signed.link.checkpoint.number;
        let named: Vec<u64> = scene.archive.chains[&scene.victim].iter().map(named).collect();
        assert!(
            scene.height_of_early() > MIDDLE,
            "checkpoints named by the victim: {named:?}"
        );
        assert!(scene.head() >= scene.height_of_early() + 11);
        assert_eq!(scene.rejected().len(), 1);
        assert!(scene.unarchived().len() >= 10);
        scene
    }

    /// A deep copy.
    pub fn copy(&self) -> Scene {
        Scene {
            archive: self.archive.copy(),
            victim: self.victim.clone(),
            beside: self.beside.clone(),
            saved: self.saved.clone(),
        }
    }

    /// The height of the victim's head.
    pub fn head(&self) -> usize {
        self.archive.chains[&self.victim].len() - 1
    }

    /// The height of the victim in the early checkpoint.
    pub fn height_of_early(&self) -> usize {
        let named = |signed: &&kivend::log::link::SignedLink| signed.link.checkpoint.number < EARLY;
        self.archive.chains[&self.victim].iter().filter(named).count() - 1
    }

    pub fn link(&self, height: usize) -> String {
        self.archive.link_key(&self.victim.topic, self.victim.partition, height)
    }

    pub fn segment(&self, height: usize) -> String {
        self.archive
            .segment_key(&self.victim.topic, self.victim.partition, height)
    }

    pub fn records(&self, height: usize) -> Vec<OwnedRecord> {
        self.archive.records(&self.victim.topic, self.victim.partition, height)
    }

    /// The victim's records in Kafka beyond its head.
    pub fn unarchived(&self) -> Vec<OwnedRecord> {
        let from = self.archive.chains[&self.victim][self.head()].link.next_offset.0;
        let logs = self.archive.broker.logs();
        let records = &logs[&self.victim].records;
        records.iter().filter(|record| record.offset >= from).cloned().collect()
    }

    /// A segment of the records beyond the victim's head, and the link that would append it.
    pub fn plant_unarchived(&self) -> Link {
        let records = self.unarchived();
        let next = self.archive.next_link(&self.victim, records.last().unwrap().offset + 1);
        let (segment, link) = self.archive.fill(next, &records);
        let (key, bytes) = segment.unwrap();
        self.archive.store.plant(&key, bytes);
        link
    }

    /// The objects that links name as rejected.
    pub fn rejected(&self) -> Vec<String> {
        let links = self.archive.chains.values().flatten();
        links
            .flat_map(|signed| signed.link.rejected.iter().map(|rejected| rejected.key.clone()))
            .collect()
    }

    /// Removes the links of these heights, and their segments.
    pub fn cut(&self, heights: std::ops::RangeInclusive<usize>) {
        for height in heights {
            self.archive.store.vanish(&self.link(height));
            self.archive.store.vanish(&self.segment(height));
        }
    }

    pub fn vanish(&self, key: &str) {
        self.archive.store.vanish(key);
    }

    pub fn flip(&self, key: &str, part: usize) {
        self.archive.tamper(key, |bytes| {
            let at = bytes.len() * part / 8;
            bytes[at] ^= 0x04;
        });
    }

    /// Exchanges the objects at two keys.
    pub fn swap(&self, one: &str, other: &str) {
        let store = &self.archive.store;
        let (a, b) = (store.bytes(one).unwrap(), store.bytes(other).unwrap());
        store.tamper(one, b);
        store.tamper(other, a);
    }

    /// Copies an object to another key.
    pub fn copy_to(&self, key: &str, to: &str) {
        self.archive.store.plant(to, self.archive.store.bytes(key).unwrap());
    }

    /// The key of the victim's next link.
    pub fn next_link(&self) -> String {
        let next = self.archive.next_link(&self.victim, i64::MAX).place();
        next.link(Attempt::PLAIN).to_string()
    }

    /// The key of the victim's next segment.
    pub fn next_segment(&self) -> String {
        let next = self.archive.next_link(&self.victim, i64::MAX).place();
        next.segment(Attempt::PLAIN).to_string()
    }

    /// The next entry, with the heads as they were `below` links ago.
    pub fn entry_below(&self, below: u64) -> Entry {
        let archive = &self.archive;
        let mut heads = archive.heads();
        for head in &mut heads {
            head.height = Height(head.height.0.saturating_sub(below));
            let signed = &archive.chains[&head.partition][usize::try_from(head.height.0).unwrap()];
            (head.link, head.next_offset) = (signed.hash, signed.link.next_offset);
            head.log_root = archive.log_root(&head.partition, head.height);
        }
        Entry {
            heads,
            ..archive.next_entry()
        }
    }

    /// Signs the next entry with the archive's key, whether it is valid or not.
    pub fn force(&self, entry: &Entry) {
        let key = self::entry(self.archive.next_entry().number);
        self.archive.forge_entry(entry, &self.archive.key, &key);
    }

    /// Signs the newest entry and its checkpoint again with other heads.
    pub fn sign_newest_again(&self, below: u64, change: impl FnOnce(&mut Entry)) {
        let newest = self.archive.entry(NEWEST);
        let mut forged = Entry {
            heads: self.entry_below(below).heads,
            ..newest
        };
        change(&mut forged);
        self.archive.forge_entry(&forged, &self.archive.key, &entry(NEWEST));
        let root = forged.checkpoint().unwrap();
        self.archive
            .forge_checkpoint(root, &self.archive.key, &checkpoint(NEWEST));
    }
}

/// The key with the attempt 1.
pub fn again(key: &str) -> String {
    match key.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}-r1.{ending}"),
        None => unreachable!("{key}"),
    }
}

pub fn entry(number: u64) -> String {
    Key::Entry(number, Attempt::PLAIN).to_string()
}

pub fn checkpoint(number: u64) -> String {
    Key::Checkpoint(number, Attempt::PLAIN).to_string()
}

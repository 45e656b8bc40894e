//! Entries of the archive's log (FORMAT.md section 3): the heads of all partitions, and sometimes a change. This file has the
//! content of an entry, the rules of a single one, and its leaf; [`history`](crate::log::history) has the rules of the log.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::log::checkpoint::CheckpointRef;
use crate::log::head::{Head, head_of};
use crate::log::identity::is_archive_id;
use crate::log::seal::{Sealed, seal};
use crate::log::signed_note::{Note, NoteError};
use crate::log::signer::{SignError, Signer};
use crate::record::hash::Hash;
use crate::record::merkle::{Tree, leaf_hash};
use crate::record::position::{TopicPartition, is_topic_name};
use crate::record::utc::UtcSeconds;

/// The type and version of an entry's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryType {
    /// Version 1.
    #[serde(rename = "kivend.entry/v1")]
    V1,
}

/// The type and version of a leaf's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeafType {
    /// Version 1.
    #[serde(rename = "kivend.leaf/v1")]
    V1,
}

/// The newest change before an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesRef {
    /// Its sequence; 0 if there is none.
    pub sequence: u64,
    /// The SHA-256 of its note; of `archive.json` if there is none.
    pub sha256: Hash,
    /// The number of the entry that carries it; 0 if there is none.
    pub entry: u64,
}

/// A committed offset of a consumer group of Kafka, in the order of the stored list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupOffset(
    /// The group.
    pub String,
    /// The topic.
    pub String,
    /// The partition.
    pub i32,
    /// The committed offset.
    pub i64,
);

/// The content of an entry; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 3.1 defines each field")]
pub struct Entry {
    pub r#type: EntryType,
    pub archive_id: String,
    pub archive_sha256: Hash,
    pub number: u64,
    pub at: UtcSeconds,
    pub tree: Vec<Hash>,
    pub changes: ChangesRef,
    pub heads: Vec<Head>,
    pub groups: Option<Vec<GroupOffset>>,
    pub change: Option<String>,
}

/// The count and the Merkle root of an entry's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsRoot {
    /// The number of heads.
    pub count: u64,
    /// The root over their lines.
    pub root: Hash,
}

/// The short form of an entry, over which the log's tree is built; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 3.2 defines each field")]
pub struct Leaf {
    pub r#type: LeafType,
    pub archive_id: String,
    pub archive_sha256: Hash,
    pub number: u64,
    pub at: UtcSeconds,
    pub changes: ChangesRef,
    pub heads: HeadsRoot,
    pub groups_sha256: Hash,
    pub change: Option<String>,
}

impl Entry {
    /// Signs the canonical text of the entry.
    ///
    /// # Errors
    /// Those of [`Signer::sign`].
    pub fn seal(&self, key: &dyn Signer) -> Result<Sealed, SignError> {
        seal(canonical::to_text(self).map_err(|_| NoteError::Text)?, key)
    }

    /// The entry in this object, if it carries the named change. Its signature is not checked: the hash of the change, and the
    /// entry that names it, vouch for the change.
    #[must_use]
    pub fn carrying(object: &[u8], named: ChangesRef) -> Option<Entry> {
        let note = Note::parse(object).ok()?;
        let entry: Entry = canonical::from_text(note.text()).ok()?;
        let carries = entry.change.as_ref().map(|change| Hash::of(change.as_bytes())) == Some(named.sha256);
        (carries && entry.number == named.entry).then_some(entry)
    }

    /// The head of a partition.
    #[must_use]
    pub fn head(&self, partition: &TopicPartition) -> Option<&Head> {
        head_of(&self.heads, partition)
    }

    /// The hashes of the heads, in their order: the leaves of the tree whose root the leaf of this entry has.
    ///
    /// # Errors
    /// As [`Entry::leaf`].
    pub fn head_leaves(&self) -> Result<Vec<Hash>, serde_json::Error> {
        let leaf = |head: &Head| Ok(leaf_hash(head.line()?.as_bytes()));
        self.heads.iter().map(leaf).collect()
    }

    /// The leaf of this entry.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn leaf(&self) -> Result<Leaf, serde_json::Error> {
        let mut heads = Tree::default();
        heads.extend(self.head_leaves()?);
        Ok(Leaf {
            r#type: LeafType::V1,
            archive_id: self.archive_id.clone(),
            archive_sha256: self.archive_sha256,
            number: self.number,
            at: self.at,
            changes: self.changes,
            heads: HeadsRoot {
                count: heads.leaf_count(),
                root: heads.root(),
            },
            groups_sha256: Hash::of(canonical::to_text(&self.groups)?.as_bytes()),
            change: self.change.clone(),
        })
    }

    /// The reference to the checkpoint over this entry and those before it, by its peaks and its leaf; `None` if its peaks do
    /// not fit its number.
    #[must_use]
    pub fn checkpoint(&self) -> Option<CheckpointRef> {
        let mut tree = Tree::from_peaks(&self.tree, self.number)?;
        tree.push(self.leaf_hash().ok()?);
        Some(CheckpointRef {
            number: self.number,
            root: tree.root(),
        })
    }

    /// The hash of this entry's leaf in the log's tree.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn leaf_hash(&self) -> Result<Hash, serde_json::Error> {
        Ok(leaf_hash(self.leaf()?.to_text()?.as_bytes()))
    }

    /// The rule for a single entry that this one breaks.
    #[must_use]
    pub fn broken_rule(&self) -> Option<&'static str> {
        let ordered = self.heads.is_sorted_by(|a, b| a.partition < b.partition);
        let groups = self.groups.as_deref().unwrap_or_default();
        if !is_archive_id(&self.archive_id) {
            Some("archive_id is not 32 hex digits")
        } else if self.number > i64::MAX as u64 || self.changes.sequence > i64::MAX as u64 {
            Some("an integer is beyond i64")
        } else if self.number.count_ones() as usize != self.tree.len() {
            Some("tree does not have the peaks of a tree of this number of leaves")
        } else if !ordered || !self.heads.iter().all(Head::is_well_formed) {
            Some("the heads are malformed or not sorted")
        } else if !groups.is_sorted_by(|a, b| (&a.0, &a.1, a.2) < (&b.0, &b.1, b.2)) {
            Some("the groups are not sorted")
        } else if !groups
            .iter()
            .all(|GroupOffset(_, topic, partition, offset)| is_topic_name(topic) && *partition >= 0 && *offset >= 0)
        {
            Some("a group's offset is malformed")
        } else if self.number == 0 && (!self.heads.is_empty() || self.change.is_some() || self.groups != Some(vec![])) {
            Some("entry 0 has heads, groups or a change")
        } else {
            None
        }
    }
}

impl Leaf {
    /// The canonical text, which is the data of the log's leaf.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        canonical::to_text(self)
    }
}

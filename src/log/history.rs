//! The archive's log as far as it was read (FORMAT.md sections 3 and 4): what the entries 0 to n − 1 decide about entry n, and the
//! keys in force. Writers and verifiers fold the same entries with this code.

use std::collections::BTreeMap;

use crate::json::canonical;
use crate::log::change::{Before, Change, SignedChange, Unread};
use crate::log::checkpoint::{Checkpoint, CheckpointRef};
use crate::log::entry::{ChangesRef, Entry, EntryType, GroupOffset};
use crate::log::head::Head;
use crate::log::identity::{Identity, IdentityError};
use crate::log::keyring::{Addition, Heights, Keyring, Retirement, Role};
use crate::log::note::{Expected, Invalid, TypeFound, check_type};
use crate::log::signed_note::VerifyingKey;
use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::{Height, TopicPartition};
use crate::record::utc::UtcSeconds;

/// A valid entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry {
    /// The content.
    pub entry: Entry,
    /// The key that signed it.
    pub signer: VerifyingKey,
    /// The change that it carries.
    pub change: Option<SignedChange>,
    /// The hash of its leaf in the log's tree.
    pub leaf: Hash,
}

/// A retention change that is in effect for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Links below this height may be without their segments.
    pub below: Height,
    /// The sequence of the change.
    pub sequence: u64,
    /// When it was signed.
    pub at: UtcSeconds,
    /// Why.
    pub reason: String,
}

/// The state of the log after some number of entries.
#[derive(Debug, Clone)]
pub struct History {
    archive_id: String,
    archive_sha256: Hash,
    pub(super) keyring: Keyring,
    pub(super) tree: Tree,
    before_newest: Option<CheckpointRef>,
    changes: ChangesRef,
    newest_change: Option<Change>,
    heads: Vec<Head>,
    removed: BTreeMap<TopicPartition, Height>,
    removals: BTreeMap<TopicPartition, Vec<Removal>>,
}

/// What the next entry holds beside what the log decides.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The writer's clock.
    pub at: UtcSeconds,
    /// The heads, sorted by partition.
    pub heads: Vec<Head>,
    /// The committed offsets of the configured groups.
    pub groups: Option<Vec<GroupOffset>>,
    /// The note of a change.
    pub change: Option<String>,
}

impl History {
    /// The state before entry 0. `archive_sha256` is the hash of `archive.json`.
    ///
    /// # Errors
    /// [`IdentityError`] if a key cannot be parsed.
    pub fn new(identity: &Identity, archive_sha256: Hash) -> Result<History, IdentityError> {
        Ok(History {
            archive_id: identity.id().to_owned(),
            archive_sha256,
            keyring: Keyring::new(identity.origin(), identity.keys()?, identity.change_keys()?),
            tree: Tree::default(),
            before_newest: None,
            changes: ChangesRef {
                sequence: 0,
                sha256: archive_sha256,
                entry: 0,
            },
            newest_change: None,
            heads: Vec::new(),
            removed: BTreeMap::new(),
            removals: BTreeMap::new(),
        })
    }

    /// The number of the next entry.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.tree.leaf_count()
    }

    /// The keys and their terms.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The archive's id.
    #[must_use]
    pub fn archive_id(&self) -> &str {
        &self.archive_id
    }

    /// The SHA-256 of `archive.json`.
    #[must_use]
    pub fn archive_sha256(&self) -> Hash {
        self.archive_sha256
    }

    /// The newest change.
    #[must_use]
    pub fn changes(&self) -> ChangesRef {
        self.changes
    }

    /// The heads of the newest entry.
    #[must_use]
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The heights below which links may be without their segments.
    #[must_use]
    pub fn removed(&self) -> &BTreeMap<TopicPartition, Height> {
        &self.removed
    }

    /// The retention changes of each partition, oldest first.
    #[must_use]
    pub fn removals(&self) -> &BTreeMap<TopicPartition, Vec<Removal>> {
        &self.removals
    }

    /// The checkpoint over the entries so far; `None` before entry 0.
    #[must_use]
    pub fn checkpoint(&self) -> Option<CheckpointRef> {
        Some(CheckpointRef {
            number: self.next_number().checked_sub(1)?,
            root: self.tree.root(),
        })
    }

    /// The checkpoint over the entries before the newest one; `None` if there is at most one.
    #[must_use]
    pub fn checkpoint_before(&self) -> Option<CheckpointRef> {
        self.before_newest
    }

    /// The newest change.
    #[must_use]
    pub fn newest_change(&self) -> Option<&Change> {
        self.newest_change.as_ref()
    }

    /// Whether this note is the newest change.
    #[must_use]
    pub fn has_change(&self, note: &str) -> bool {
        self.changes.sequence > 0 && self.changes.sha256 == Hash::of(note.as_bytes())
    }

    /// The text of the checkpoint over the entries so far; `None` before entry 0.
    #[must_use]
    pub fn checkpoint_text(&self) -> Option<Checkpoint> {
        Some(Checkpoint::of(self.keyring.origin(), self.checkpoint()?))
    }

    /// The next entry.
    #[must_use]
    pub fn draft(&self, draft: Draft) -> Entry {
        Entry {
            r#type: EntryType::V1,
            archive_id: self.archive_id.clone(),
            archive_sha256: self.archive_sha256,
            number: self.next_number(),
            at: draft.at,
            tree: self.tree.peaks().to_vec(),
            changes: self.changes,
            heads: draft.heads,
            groups: draft.groups,
            change: draft.change,
        }
    }

    /// The state that decides whether the next entry's change is valid.
    #[must_use]
    pub fn before_change(&self) -> Before<'_> {
        Before {
            archive_id: &self.archive_id,
            keyring: &self.keyring,
            newest: (self.changes.sequence, self.changes.sha256),
            removed: &self.removed,
            entry: self.next_number(),
        }
    }

    /// Verifies an object at the place of the next entry.
    ///
    /// # Errors
    /// [`Invalid`] if it is not valid there.
    pub fn open_entry(&self, object: &[u8]) -> Result<SignedEntry, Invalid> {
        let (entry, signer) = self.open_named(object, self.next_number())?;
        self.check_entry(entry, signer)
    }

    /// As [`History::open_named`], for an entry by a key that is known to be in force there although this history may not have
    /// reached its addition.
    ///
    /// # Errors
    /// As [`History::open_named`].
    pub fn open_as(&self, object: &[u8], number: u64, signer: &VerifyingKey) -> Result<(Entry, VerifyingKey), Invalid> {
        let keyring = Keyring::new(self.keyring.origin(), vec![signer.clone()], Vec::new());
        let alone = History {
            keyring,
            ..self.clone()
        };
        alone.open_named(object, number)
    }

    /// Verifies the signature, the form and the place of an object at an entry's place, but not what stands before it.
    ///
    /// # Errors
    /// [`Invalid`]; an entry by a key that is not in force is junk.
    pub fn open_named(&self, object: &[u8], number: u64) -> Result<(Entry, VerifyingKey), Invalid> {
        let opened = self.keyring.open(object)?;
        let in_force = opened.term.role == Role::Signing && opened.term.is_in_force_before(number);
        match check_type(&opened.text, Expected::Entry(number), &self.archive_id)? {
            TypeFound::Unknown(kind) if in_force => return Err(opened.unknown_type(kind)),
            TypeFound::Unknown(_) => return Err(opened.out_of_term()),
            TypeFound::Expected => {}
        }
        let entry: Entry = canonical::from_text(&opened.text).map_err(|error| Invalid::Content(error.to_string()))?;
        if let Some(broken) = entry.broken_rule() {
            return Err(Invalid::Content(broken.to_owned()));
        }
        if entry.archive_id == self.archive_id && entry.archive_sha256 != self.archive_sha256 {
            return Err(Invalid::Content(
                "archive_sha256 is not the hash of archive.json".to_owned(),
            ));
        }
        if (entry.archive_id.as_str(), entry.number) != (&self.archive_id, number) {
            return Err(Invalid::Replay(format!("number {}", entry.number)));
        }
        if !in_force {
            return Err(opened.out_of_term());
        }
        Ok((entry, opened.term.key.clone()))
    }

    pub(super) fn check_entry(&self, entry: Entry, signer: VerifyingKey) -> Result<SignedEntry, Invalid> {
        let broken = |why: &str| Err(Invalid::Content(why.to_owned()));
        if entry.tree != self.tree.peaks() {
            return broken("tree is not that of the entries before");
        }
        if entry.changes != self.changes {
            return broken("changes is not the newest change before");
        }
        let change = match &entry.change {
            None => None,
            Some(note) => {
                let opened = self.before_change().open(note, &entry.heads);
                Some(opened.map_err(|unread| in_entry(unread, &signer))?)
            }
        };
        let leaf = entry.leaf_hash().map_err(|error| Invalid::Content(error.to_string()))?;
        Ok(SignedEntry {
            entry,
            signer,
            change,
            leaf,
        })
    }

    /// Appends a valid entry.
    pub fn apply(&mut self, signed: &SignedEntry) {
        let number = self.next_number();
        let heights = Heights::of(&signed.entry.heads);
        self.keyring.decide(&heights);
        if let Some(change) = &signed.change {
            self.apply_change(number, change, &heights);
        }
        self.heads.clone_from(&signed.entry.heads);
        self.before_newest = self.checkpoint();
        self.tree.push(signed.leaf);
    }

    pub(super) fn apply_change(&mut self, entry: u64, signed: &SignedChange, heights: &Heights) {
        match &signed.change {
            Change::Keys(change) => {
                let addition = Addition {
                    entry,
                    heights: heights.clone(),
                    by: signed.signer.clone(),
                };
                self.keyring.add(&signed.add, change.of.role(), &addition);
                let retirement = Retirement {
                    entry,
                    heights: heights.clone(),
                    until: None,
                };
                self.keyring.retire(&signed.retire, &retirement);
            }
            Change::Retention(change) => {
                for below in &change.below {
                    self.removed.insert(below.partition(), below.2);
                    self.removals.entry(below.partition()).or_default().push(Removal {
                        below: below.2,
                        sequence: change.sequence,
                        at: change.at,
                        reason: change.reason.clone(),
                    });
                }
            }
        }
        self.newest_change = Some(signed.change.clone());
        self.changes = ChangesRef {
            sequence: signed.change.sequence(),
            sha256: signed.hash,
            entry,
        };
    }
}

/// What a change that is not valid makes of its entry: every fault but another version breaks a rule.
fn in_entry(unread: Unread, signer: &VerifyingKey) -> Invalid {
    match unread {
        Unread::Unknown(kind) => Invalid::UnknownType {
            kind,
            signer: signer.id(),
        },
        Unread::Invalid(other) => Invalid::Content(format!("its change: {other}")),
    }
}

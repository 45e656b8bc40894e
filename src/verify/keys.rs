//! Which keys count for which note (FORMAT.md section 3): those of the archive, those that key changes add and retire,
//! and of all these only what the keys that were brought vouch for. No clock decides: a change names a checkpoint, and
//! heights and numbers are held against that. Never fetches a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::checkpoint::{self, SignedCheckpoint};
use crate::log::identity::{Identity, IdentityError, genesis};
use crate::log::key_change::{self, SignedKeyChange};
use crate::log::keyring::{Keyring, Term};
use crate::log::link::{self, Link, SignedLink};
use crate::log::note::Invalid;
use crate::log::object_key::{IDENTITY, Place};
use crate::log::signed_note::VerifyingKey;
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::position::TopicPartition;
use crate::verify::chain::OpenedLink;
use crate::verify::findings::{Code, Finding};

/// Why the keys are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Whoever verifies brought them.
    KeysBrought,
    /// They were taken from `archive.json`: whoever could write that could write everything.
    FirstUse,
}

/// What stands where a key change may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A valid one, with this hash. Under number 0: `archive.json`.
    Valid(Hash),
    /// Something that is none.
    Junk,
    /// It could not be read or understood.
    Unknown,
}

/// The archive as far as notes are concerned: who it is, and which keys speak for it when.
#[derive(Debug, Clone)]
pub struct Trust {
    identity: Identity,
    identity_hash: Hash,
    brought: Vec<VerifyingKey>,
    keyring: Keyring,
    /// The key changes by their numbers, and under 0 `archive.json`.
    changes: BTreeMap<u64, Standing>,
}

impl Trust {
    /// Begins with the keys of the archive itself. `brought` are the keys that whoever verifies has from elsewhere.
    ///
    /// # Errors
    /// The finding that says why there is no archive to verify.
    pub fn new(archive_json: &[u8], brought: &[VerifyingKey]) -> Result<Trust, Finding> {
        let malformed =
            |error: IdentityError| Finding::new(Code::IdentityMalformed, error.to_string()).object(IDENTITY);
        let identity = Identity::from_bytes(archive_json).map_err(malformed)?;
        let own = identity.keys().map_err(malformed)?;
        Ok(Trust {
            identity_hash: Hash::of(archive_json),
            identity,
            brought: brought.to_vec(),
            keyring: Keyring::new(own),
            changes: BTreeMap::from([(0, Standing::Valid(Hash::of(archive_json)))]),
        })
    }

    /// Opens the object at a key change's key, as one that comes after those applied so far.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid key change of that number.
    pub fn open_change(&self, object: &[u8], number: u64) -> Result<SignedKeyChange, Invalid> {
        key_change::open(object, &self.keyring, self.identity.id(), number)
    }

    /// What a change breaks that its note alone does not show; nothing where it holds.
    #[must_use]
    pub fn refuses(&self, signed: &SignedKeyChange) -> Option<String> {
        if let Some(broken) = signed.broken_rule(&self.keyring) {
            return Some(broken.to_owned());
        }
        let number = signed.change.number;
        match self.changes.get(&number.saturating_sub(1)) {
            Some(Standing::Valid(hash)) if *hash != signed.change.previous => {
                Some("it does not name the hash of the change before".to_owned())
            }
            _ => None,
        }
    }

    /// Takes a change into account; `checkpoint` is the one that it names, where it is there.
    pub fn apply(&mut self, signed: &SignedKeyChange, checkpoint: Option<&SignedCheckpoint>) {
        signed.apply_to(&mut self.keyring, checkpoint);
        self.note(signed.change.number, Standing::Valid(signed.hash));
    }

    /// Whether what the keys of `archive.json` sign counts, as far as changes were applied: no key was brought, or one that
    /// a change added, which vouches through `previous` for everything before that change.
    #[must_use]
    pub fn vouches_for_the_archive(&self) -> bool {
        let added_and_brought = |term: &Term| term.added.is_some() && self.brought.contains(&term.key);
        self.brought.is_empty() || self.keyring.terms().iter().any(added_and_brought)
    }

    /// The same archive before any change, for whom nothing counts that a key signs which was not brought: what such a key
    /// adds or retires neither.
    #[must_use]
    pub fn of_brought_alone(mut self) -> Trust {
        self.keyring.distrust_others(&self.brought);
        self
    }

    /// All changes were applied: only the keys that count are left.
    ///
    /// # Errors
    /// The finding that none of the keys brought is the archive's.
    pub fn settle(&mut self) -> Result<(), Finding> {
        self.keyring.drop_distrusted();
        if self.keyring.terms().is_empty() {
            let detail = "neither archive.json nor a key change names one of the keys that were brought";
            return Err(Finding::new(Code::KeyNotOfArchive, detail).object(IDENTITY));
        }
        Ok(())
    }

    /// Who the archive is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The hash of `archive.json`.
    #[must_use]
    pub fn identity_hash(&self) -> Hash {
        self.identity_hash
    }

    /// What stands at the key change of this number.
    pub(super) fn note(&mut self, number: u64, standing: Standing) {
        self.changes.insert(number, standing);
    }

    /// The key changes by their numbers, and under 0 `archive.json`.
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<u64, Standing> {
        &self.changes
    }

    /// Why the keys are believed.
    #[must_use]
    pub fn basis(&self) -> Basis {
        if self.brought.is_empty() {
            Basis::FirstUse
        } else {
            Basis::KeysBrought
        }
    }

    /// The keys that count for something.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keyring.keys()
    }

    /// `previous` of the first link of this partition.
    #[must_use]
    pub fn genesis(&self, partition: &TopicPartition) -> Hash {
        genesis(&self.identity_hash, partition)
    }

    /// Opens the object at a link's key.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid link of that place.
    pub fn open_link(&self, object: &[u8], place: &Place) -> Result<OpenedLink, Invalid> {
        Ok(OpenedLink {
            signed: link::open(object, &self.keyring, self.identity.id(), place)?,
            leaf: leaf_hash(object),
        })
    }

    /// Opens a link of which only the oldest checkpoint that covers it is known: a key counts up to a checkpoint, or beyond
    /// one, for a link and for the oldest checkpoint over it alike.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid link of that place.
    pub fn open_covered_link(&self, object: &[u8], place: &Place, checkpoint: u64) -> Result<SignedLink, Invalid> {
        let covers = |term: &Term, _: &Link| term.covers_checkpoint(checkpoint);
        link::open_where(object, &self.keyring, self.identity.id(), place, covers)
    }

    /// Opens the object at a checkpoint's key.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid checkpoint of that number.
    pub fn open_checkpoint(&self, object: &[u8], number: u64) -> Result<SignedCheckpoint, Invalid> {
        checkpoint::open(object, &self.keyring, self.identity.id(), number)
    }
}

//! Which keys count for which notes (FORMAT.md section 3): the keys of the archive and those that key changes add and retire,
//! limited to what the given keys vouch for. Terms begin and end at checkpoints, so no clock is needed.

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

/// Why the keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Public keys were given to the verifier.
    #[serde(rename = "keys_brought")]
    KeysGiven,
    /// No key was given, so the keys are those of `archive.json` (trust on first use).
    FirstUse,
}

/// What was found at the number of a key change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeState {
    /// A valid key change with this hash; at number 0: `archive.json`.
    Valid(Hash),
    /// Objects that are not a valid key change.
    Junk,
    /// An object that could not be read or understood.
    Unknown,
}

/// The identity of an archive, and the terms of its keys.
#[derive(Debug, Clone)]
pub struct Trust {
    identity: Identity,
    identity_hash: Hash,
    given: Vec<VerifyingKey>,
    keyring: Keyring,
    /// What was found at each number; at 0: `archive.json`.
    changes: BTreeMap<u64, ChangeState>,
}

impl Trust {
    /// Starts with the keys in `archive.json`. `given` are the public keys that the user has from elsewhere.
    ///
    /// # Errors
    /// A finding if the bytes are not the identity of an archive.
    pub fn new(archive_json: &[u8], given: &[VerifyingKey]) -> Result<Trust, Finding> {
        let malformed =
            |error: IdentityError| Finding::new(Code::IdentityMalformed, error.to_string()).object(IDENTITY);
        let identity = Identity::from_bytes(archive_json).map_err(malformed)?;
        let own = identity.keys().map_err(malformed)?;
        Ok(Trust {
            identity_hash: Hash::of(archive_json),
            identity,
            given: given.to_vec(),
            keyring: Keyring::new(own),
            changes: BTreeMap::from([(0, ChangeState::Valid(Hash::of(archive_json)))]),
        })
    }

    /// Opens the object at a key change's key, by the keys in force after the changes applied so far.
    ///
    /// # Errors
    /// [`Invalid`] if it is not a valid key change with that number.
    pub fn open_change(&self, object: &[u8], number: u64) -> Result<SignedKeyChange, Invalid> {
        key_change::open(object, &self.keyring, self.identity.id(), number)
    }

    /// The rule that a validly signed change breaks, given the changes before it.
    #[must_use]
    pub fn refuses(&self, signed: &SignedKeyChange) -> Option<String> {
        if let Some(broken) = signed.broken_rule(&self.keyring) {
            return Some(broken.to_owned());
        }
        let number = signed.change.number;
        match self.changes.get(&number.saturating_sub(1)) {
            Some(ChangeState::Valid(hash)) if *hash != signed.change.previous => {
                Some("it does not name the hash of the key change before it".to_owned())
            }
            _ => None,
        }
    }

    /// Applies a change. `checkpoint` is the one that it names, if that is valid.
    pub fn apply(&mut self, signed: &SignedKeyChange, checkpoint: Option<&SignedCheckpoint>) {
        signed.apply_to(&mut self.keyring, checkpoint);
        self.note(signed.change.number, ChangeState::Valid(signed.hash));
    }

    /// Whether notes signed by the keys of `archive.json` count, given the changes applied so far: if no key was given, or one
    /// that a change added (through `previous` that change vouches for everything before it).
    #[must_use]
    pub fn archive_keys_count(&self) -> bool {
        let added_and_given = |term: &Term| term.added.is_some() && self.given.contains(&term.key);
        self.given.is_empty() || self.keyring.terms().iter().any(added_and_given)
    }

    /// The same archive before any key change, where only the given keys sign. Changes by other keys neither add nor retire.
    #[must_use]
    pub fn with_given_keys_only(mut self) -> Trust {
        self.keyring.distrust_others(&self.given);
        self
    }

    /// Ends the sequence of changes: drops the keys whose signatures do not count.
    ///
    /// # Errors
    /// The finding that none of the given keys belongs to the archive.
    pub fn finish(&mut self) -> Result<(), Finding> {
        self.keyring.drop_distrusted();
        if self.keyring.terms().is_empty() {
            let detail = "neither archive.json nor a key change names one of the given keys";
            return Err(Finding::new(Code::KeyNotOfArchive, detail).object(IDENTITY));
        }
        Ok(())
    }

    /// The identity in `archive.json`.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The SHA-256 of `archive.json`.
    #[must_use]
    pub fn identity_hash(&self) -> Hash {
        self.identity_hash
    }

    /// Records what was found at this number.
    pub(super) fn note(&mut self, number: u64, state: ChangeState) {
        self.changes.insert(number, state);
    }

    /// What was found at each number of a key change; at 0: `archive.json`.
    #[must_use]
    pub fn changes(&self) -> &BTreeMap<u64, ChangeState> {
        &self.changes
    }

    /// Why the keys count.
    #[must_use]
    pub fn basis(&self) -> Basis {
        if self.given.is_empty() {
            Basis::FirstUse
        } else {
            Basis::KeysGiven
        }
    }

    /// The keys whose signatures count at some point of the archive.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keyring.keys()
    }

    /// The genesis hash: `previous` of the first link of this partition (FORMAT.md section 4).
    #[must_use]
    pub fn genesis(&self, partition: &TopicPartition) -> Hash {
        genesis(&self.identity_hash, partition)
    }

    /// Opens the object at a link's key.
    ///
    /// # Errors
    /// [`Invalid`] if it is not a valid link of that place.
    pub fn open_link(&self, object: &[u8], place: &Place) -> Result<OpenedLink, Invalid> {
        Ok(OpenedLink {
            signed: link::open(object, &self.keyring, self.identity.id(), place)?,
            leaf: leaf_hash(object),
        })
    }

    /// Opens a link of which only the oldest checkpoint that covers it is known, as in a proof. Terms begin and end at
    /// checkpoints, so a key counts for the link exactly if it counts for that checkpoint (FORMAT.md section 8).
    ///
    /// # Errors
    /// [`Invalid`] if it is not a valid link of that place.
    pub fn open_covered_link(&self, object: &[u8], place: &Place, checkpoint: u64) -> Result<SignedLink, Invalid> {
        let covers = |term: &Term, _: &Link| term.covers_checkpoint(checkpoint);
        link::open_where(object, &self.keyring, self.identity.id(), place, covers)
    }

    /// Opens the object at a checkpoint's key.
    ///
    /// # Errors
    /// [`Invalid`] if it is not a valid checkpoint with that number.
    pub fn open_checkpoint(&self, object: &[u8], number: u64) -> Result<SignedCheckpoint, Invalid> {
        checkpoint::open(object, &self.keyring, self.identity.id(), number)
    }
}

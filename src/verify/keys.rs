//! Which keys count for which note (FORMAT.md section 3): those of the archive, those that key changes add and retire,
//! and of all these only what the keys that were brought vouch for. No clock decides: a change names a checkpoint, and
//! heights and numbers are held against that. Never fetches a key.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::hash::Hash;
use crate::model::merkle::leaf_hash;
use crate::model::note::{KeyId, Note, VerifyingKey};
use crate::model::position::{Height, TopicPartition};
use crate::segment::checkpoint::{self, SignedCheckpoint};
use crate::segment::identity::{Identity, IdentityError, genesis};
use crate::segment::key::{IDENTITY, Place};
use crate::segment::key_change::{self, SignedKeyChange};
use crate::segment::link::{self, SignedLink};
use crate::segment::note::{Invalid, Keyring};
use crate::verify::chain::OpenedLink;
use crate::verify::findings::{Code, Finding};

/// Why the keys are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Whoever verifies brought them.
    KeysBrought,
    /// They were taken from `archive.json`: whoever could write that could write everything.
    FirstUse,
}

/// A moment in the archive's own order: a key change, and the checkpoint that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    change: u64,
    checkpoint: u64,
    /// The heights of that checkpoint; nothing where it is missing, and then neither side of it can be refused.
    heights: Option<BTreeMap<TopicPartition, Height>>,
}

impl Turn {
    fn is_after(&self, partition: &TopicPartition, height: Height) -> Option<bool> {
        let heights = self.heights.as_ref()?;
        Some(heights.get(partition).is_none_or(|named| height > *named))
    }
}

/// A key, and from when until when it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    key: VerifyingKey,
    added: Option<Turn>,
    /// The key that signed the change which added it.
    added_by: Option<VerifyingKey>,
    retired: Option<Turn>,
}

impl Term {
    fn covers_link(&self, partition: &TopicPartition, height: Height) -> bool {
        let begun = self.added.as_ref().and_then(|turn| turn.is_after(partition, height));
        let ended = self.retired.as_ref().and_then(|turn| turn.is_after(partition, height));
        begun.unwrap_or(true) && !ended.unwrap_or(false)
    }

    fn covers_checkpoint(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|turn| number > turn.checkpoint)
            && self.retired.as_ref().is_none_or(|turn| number <= turn.checkpoint)
    }

    fn covers_change(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|turn| number > turn.change)
            && self.retired.as_ref().is_none_or(|turn| number < turn.change)
    }
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
    terms: Vec<Term>,
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
        let of_the_archive = |key| Term {
            key,
            added: None,
            added_by: None,
            retired: None,
        };
        Ok(Trust {
            identity_hash: Hash::of(archive_json),
            identity,
            brought: brought.to_vec(),
            terms: own.into_iter().map(of_the_archive).collect(),
            changes: BTreeMap::from([(0, Standing::Valid(Hash::of(archive_json)))]),
        })
    }

    /// Opens the object at a key change's key, as one that comes after those applied so far.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid key change of that number.
    pub fn open_change(&self, object: &[u8], number: u64) -> Result<SignedKeyChange, Invalid> {
        let in_force = self.terms.iter().filter(|term| term.covers_change(number));
        let keyring = Keyring::new(in_force.map(|term| term.key.clone()).collect());
        key_change::open(object, &keyring, self.identity.id(), number)
    }

    /// What a change breaks that its note alone does not show; nothing where it holds.
    #[must_use]
    pub fn refuses(&self, signed: &SignedKeyChange) -> Option<String> {
        let number = signed.change.number;
        let known = |key: &VerifyingKey| self.terms.iter().find(|term| term.key == *key);
        if signed.add.iter().any(|key| known(key).is_some()) {
            return Some("it adds a key that was there before".to_owned());
        }
        if !signed
            .retire
            .iter()
            .all(|key| known(key).is_some_and(|term| term.covers_change(number)))
        {
            return Some("it retires a key that is not in force".to_owned());
        }
        if signed.retire.contains(&signed.signer) {
            return Some("it is signed by a key that it retires".to_owned());
        }
        let stays = |term: &&Term| term.covers_change(number) && !signed.retire.contains(&term.key);
        if !self.terms.iter().any(|term| stays(&term)) {
            return Some("it leaves no key in force".to_owned());
        }
        match self.changes.get(&number.saturating_sub(1)) {
            Some(Standing::Valid(hash)) if *hash != signed.change.previous => {
                Some("it does not name the hash of the change before".to_owned())
            }
            _ => None,
        }
    }

    /// Takes a change into account; `checkpoint` is the one that it names, where it is there.
    pub fn apply(&mut self, signed: &SignedKeyChange, checkpoint: Option<&SignedCheckpoint>) {
        let heights = checkpoint.map(|signed| {
            let heads = signed.checkpoint.heads.iter();
            heads.map(|head| (head.partition.clone(), head.height)).collect()
        });
        let turn = Turn {
            change: signed.change.number,
            checkpoint: signed.change.checkpoint.number,
            heights,
        };
        for term in self.terms.iter_mut().filter(|term| signed.retire.contains(&term.key)) {
            term.retired = Some(turn.clone());
        }
        for key in &signed.add {
            self.terms.push(Term {
                key: key.clone(),
                added: Some(turn.clone()),
                added_by: Some(signed.signer.clone()),
                retired: None,
            });
        }
        self.note(signed.change.number, Standing::Valid(signed.hash));
    }

    /// All changes were applied: from here on only what the keys brought vouch for counts.
    ///
    /// # Errors
    /// The finding that none of the keys brought is the archive's.
    pub fn settle(&mut self) -> Result<(), Finding> {
        if self.brought.is_empty() {
            return Ok(());
        }
        // A key that a change added vouches, through `previous`, for everything before that change.
        let is_brought = |term: &&Term| self.brought.contains(&term.key);
        let vouched = self
            .terms
            .iter()
            .filter(is_brought)
            .filter_map(|term| term.added.as_ref());
        let vouched_until = vouched.map(|turn| turn.change).max().unwrap_or(0);
        let mut trusted: Vec<VerifyingKey> = Vec::new();
        for term in &self.terms {
            let counts = match (&term.added, &term.added_by) {
                (Some(turn), Some(by)) => turn.change <= vouched_until || trusted.contains(by),
                _ => vouched_until > 0,
            };
            if counts || self.brought.contains(&term.key) {
                trusted.push(term.key.clone());
            }
        }
        self.terms.retain(|term| trusted.contains(&term.key));
        if self.terms.is_empty() {
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
        self.terms.iter().map(|term| &term.key)
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
        let signed = link::open(object, &self.keyring(), self.identity.id(), place)?;
        self.demand(object, |term| term.covers_link(&place.partition, signed.link.height))?;
        Ok(OpenedLink {
            signed,
            leaf: leaf_hash(object),
        })
    }

    /// Opens a link of which only the oldest checkpoint that covers it is known: a key counts up to a checkpoint, or beyond
    /// one, for a link and for the oldest checkpoint over it alike.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid link of that place.
    pub fn open_covered_link(&self, object: &[u8], place: &Place, checkpoint: u64) -> Result<SignedLink, Invalid> {
        let signed = link::open(object, &self.keyring(), self.identity.id(), place)?;
        self.demand(object, |term| term.covers_checkpoint(checkpoint))?;
        Ok(signed)
    }

    /// Opens the object at a checkpoint's key.
    ///
    /// # Errors
    /// [`Invalid`] where it is no valid checkpoint of that number.
    pub fn open_checkpoint(&self, object: &[u8], number: u64) -> Result<SignedCheckpoint, Invalid> {
        let signed = checkpoint::open(object, &self.keyring(), self.identity.id(), number)?;
        self.demand(object, |term| term.covers_checkpoint(number))?;
        Ok(signed)
    }

    fn keyring(&self) -> Keyring {
        Keyring::new(self.keys().cloned().collect())
    }

    /// The signer's term must cover the note: a key outside of it is as good as unknown.
    fn demand(&self, object: &[u8], covers: impl Fn(&Term) -> bool) -> Result<(), Invalid> {
        if self
            .terms
            .iter()
            .all(|term| term.added.is_none() && term.retired.is_none())
        {
            return Ok(());
        }
        let note = Note::parse(object)?;
        let [signature] = note.signatures() else {
            return Err(Invalid::Signatures(note.signatures().len()));
        };
        let (name, id): (String, KeyId) = (signature.name.clone(), signature.key_id);
        let signer = self
            .terms
            .iter()
            .find(|term| term.key.name() == name && term.key.id() == id);
        if signer.is_some_and(covers) {
            Ok(())
        } else {
            Err(Invalid::UnknownKey { name, id })
        }
    }
}

//! The keys of an archive and what each may sign (FORMAT.md section 3): the keys of `archive.json`, and the keys that key
//! changes add and retire. Clocks play no part: a change names a checkpoint, and heights and numbers are compared with
//! that. Writer and verifier use the same code.

use std::collections::BTreeMap;

use crate::log::note::Invalid;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};

/// A point in the archive's history: a key change and the checkpoint that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePoint {
    /// The number of the change.
    pub change: u64,
    /// The number of the checkpoint.
    pub checkpoint: u64,
    /// The heights of that checkpoint; none if it is missing, and then links before and after it are accepted.
    pub(super) heights: Option<BTreeMap<TopicPartition, Height>>,
}

impl ChangePoint {
    fn is_after(&self, partition: &TopicPartition, height: Height) -> Option<bool> {
        let heights = self.heights.as_ref()?;
        Some(heights.get(partition).is_none_or(|named| height > *named))
    }
}

/// A key and the period in which it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The public key.
    pub key: VerifyingKey,
    /// The change that added it; none for a key of `archive.json`.
    pub added: Option<ChangePoint>,
    /// The change that retired it, if any.
    pub retired: Option<ChangePoint>,
    /// The verifier does not trust the key: its signatures do not count, but a change may retire it.
    pub distrusted: bool,
}

impl Term {
    /// Whether a link that this key signed counts at this height.
    #[must_use]
    pub fn covers_link(&self, partition: &TopicPartition, height: Height) -> bool {
        let begun = self.added.as_ref().and_then(|point| point.is_after(partition, height));
        let ended = self
            .retired
            .as_ref()
            .and_then(|point| point.is_after(partition, height));
        begun.unwrap_or(true) && !ended.unwrap_or(false)
    }

    /// Whether a checkpoint that this key signed counts under this number.
    #[must_use]
    pub fn covers_checkpoint(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|point| number > point.checkpoint)
            && self.retired.as_ref().is_none_or(|point| number <= point.checkpoint)
    }

    /// Whether a key change that this key signed counts under this number.
    #[must_use]
    pub fn covers_change(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|point| number > point.change)
            && self.retired.as_ref().is_none_or(|point| number < point.change)
    }
}

/// A note with a valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'k> {
    /// The signed text.
    pub text: String,
    /// The SHA-256 of the whole object.
    pub hash: Hash,
    /// The signer's term. The caller must check that it covers the note's position.
    pub term: &'k Term,
}

impl Opened<'_> {
    /// The error for a note that the signer's term does not cover: the key counts as unknown there.
    #[must_use]
    pub fn out_of_term(&self) -> Invalid {
        Invalid::UnknownKey {
            name: self.term.key.name().to_owned(),
            id: self.term.key.id(),
        }
    }
}

/// All keys of an archive with their terms, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    terms: Vec<Term>,
}

impl Keyring {
    /// A keyring with `keys` in force from the beginning.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>) -> Keyring {
        let from_the_beginning = |key| Term {
            key,
            added: None,
            retired: None,
            distrusted: false,
        };
        Keyring {
            terms: keys.into_iter().map(from_the_beginning).collect(),
        }
    }

    /// The keys with their terms.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// All keys, retired ones included.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.terms.iter().map(|term| &term.key)
    }

    /// The keys that are not retired.
    pub fn in_force(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.terms
            .iter()
            .filter(|term| term.retired.is_none())
            .map(|term| &term.key)
    }

    /// The term of `key`, if the keyring has it.
    #[must_use]
    pub fn term(&self, key: &VerifyingKey) -> Option<&Term> {
        self.terms.iter().find(|term| term.key == *key)
    }

    /// Verifies an object as a note with exactly one signature, by a key of the keyring.
    ///
    /// # Errors
    /// [`Invalid`]: every variant before `Content`.
    pub fn open(&self, object: &[u8]) -> Result<Opened<'_>, Invalid> {
        let note = Note::parse(object)?;
        let [signature] = note.signatures() else {
            return Err(Invalid::Signatures(note.signatures().len()));
        };
        let named =
            |term: &&Term| !term.distrusted && term.key.name() == signature.name && term.key.id() == signature.key_id;
        let (name, id) = (signature.name.clone(), signature.key_id);
        let Some(term) = self.terms.iter().find(named) else {
            return Err(Invalid::UnknownKey { name, id });
        };
        if !term.key.signed(note.text(), signature) {
            return Err(Invalid::Forged { name, id });
        }
        Ok(Opened {
            text: note.text().to_owned(),
            hash: Hash::of(object),
            term,
        })
    }

    /// Adds a key that is in force after `from`.
    pub(super) fn add(&mut self, key: VerifyingKey, from: ChangePoint) {
        self.terms.push(Term {
            key,
            added: Some(from),
            retired: None,
            distrusted: false,
        });
    }

    /// Ends the terms of `keys` at `from`.
    pub(super) fn retire(&mut self, keys: &[VerifyingKey], from: &ChangePoint) {
        for term in self.terms.iter_mut().filter(|term| keys.contains(&term.key)) {
            term.retired = Some(from.clone());
        }
    }

    /// Of the keys in the keyring, trusts only `keys`.
    pub fn distrust_others(&mut self, keys: &[VerifyingKey]) {
        for term in &mut self.terms {
            term.distrusted = !keys.contains(&term.key);
        }
    }

    /// Removes the keys that are not trusted.
    pub fn drop_distrusted(&mut self) {
        self.terms.retain(|term| !term.distrusted);
    }
}

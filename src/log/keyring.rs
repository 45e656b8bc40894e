//! The keys of an archive, and what each may sign (FORMAT.md section 3): those of `archive.json`, and those that key changes
//! add and retire. No clock decides: a change names a checkpoint, and heights and numbers are held against that. Writer
//! and verifier ask the same keyring. Never fetches a key change, and never judges who is to be trusted.

use std::collections::BTreeMap;

use crate::log::note::Invalid;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};

/// A moment in the archive's own order: a key change, and the checkpoint that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The number of the change.
    pub change: u64,
    /// The number of the checkpoint.
    pub checkpoint: u64,
    /// The heights of that checkpoint; nothing where it is missing, and then neither side of it can be refused.
    pub(super) heights: Option<BTreeMap<TopicPartition, Height>>,
}

impl Turn {
    fn is_after(&self, partition: &TopicPartition, height: Height) -> Option<bool> {
        let heights = self.heights.as_ref()?;
        Some(heights.get(partition).is_none_or(|named| height > *named))
    }
}

/// A key, and from when until when it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The key.
    pub key: VerifyingKey,
    /// The change that added it; nothing for a key of `archive.json`.
    pub added: Option<Turn>,
    /// The change that retired it.
    pub retired: Option<Turn>,
    /// Nothing that it signs counts: whoever verifies neither brought it nor believes it otherwise. It may be retired.
    pub silent: bool,
}

impl Term {
    /// Whether a link that this key signed counts at this height.
    #[must_use]
    pub fn covers_link(&self, partition: &TopicPartition, height: Height) -> bool {
        let begun = self.added.as_ref().and_then(|turn| turn.is_after(partition, height));
        let ended = self.retired.as_ref().and_then(|turn| turn.is_after(partition, height));
        begun.unwrap_or(true) && !ended.unwrap_or(false)
    }

    /// Whether a checkpoint that this key signed counts under this number.
    #[must_use]
    pub fn covers_checkpoint(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|turn| number > turn.checkpoint)
            && self.retired.as_ref().is_none_or(|turn| number <= turn.checkpoint)
    }

    /// Whether a key change that this key signed counts under this number.
    #[must_use]
    pub fn covers_change(&self, number: u64) -> bool {
        self.added.as_ref().is_none_or(|turn| number > turn.change)
            && self.retired.as_ref().is_none_or(|turn| number < turn.change)
    }
}

/// A note that a key in force signed: its text, and what is needed to name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'k> {
    /// The signed text.
    pub text: String,
    /// The SHA-256 of the whole object.
    pub hash: Hash,
    /// The key that signed it, and what it may sign: whoever knows the note's place asks.
    pub term: &'k Term,
}

impl Opened<'_> {
    /// What to say where the signer's term does not cover the note: its key is as good as unknown.
    #[must_use]
    pub fn out_of_term(&self) -> Invalid {
        Invalid::UnknownKey {
            name: self.term.key.name().to_owned(),
            id: self.term.key.id(),
        }
    }
}

/// Every key that counts for something, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    terms: Vec<Term>,
}

impl Keyring {
    /// These keys from the beginning, and no others.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>) -> Keyring {
        let from_the_beginning = |key| Term {
            key,
            added: None,
            retired: None,
            silent: false,
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

    /// The keys, retired ones too.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.terms.iter().map(|term| &term.key)
    }

    /// The keys that no change has retired.
    pub fn in_force(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.terms
            .iter()
            .filter(|term| term.retired.is_none())
            .map(|term| &term.key)
    }

    /// The term of this key.
    #[must_use]
    pub fn term(&self, key: &VerifyingKey) -> Option<&Term> {
        self.terms.iter().find(|term| term.key == *key)
    }

    /// Opens an object that must be a note with exactly one signature, by a key of the ring.
    ///
    /// # Errors
    /// [`Invalid`]: every variant before `Content`.
    pub fn open(&self, object: &[u8]) -> Result<Opened<'_>, Invalid> {
        let note = Note::parse(object)?;
        let [signature] = note.signatures() else {
            return Err(Invalid::Signatures(note.signatures().len()));
        };
        let named =
            |term: &&Term| !term.silent && term.key.name() == signature.name && term.key.id() == signature.key_id;
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

    /// Adds a key that is in force from this moment on.
    pub(super) fn add(&mut self, key: VerifyingKey, from: Turn) {
        self.terms.push(Term {
            key,
            added: Some(from),
            retired: None,
            silent: false,
        });
    }

    /// Ends the term of each of these keys at this moment.
    pub(super) fn retire(&mut self, keys: &[VerifyingKey], from: &Turn) {
        for term in self.terms.iter_mut().filter(|term| keys.contains(&term.key)) {
            term.retired = Some(from.clone());
        }
    }

    /// From here on nothing counts that a key other than these signs, of those that are here now.
    pub fn silence_others(&mut self, keys: &[VerifyingKey]) {
        for term in &mut self.terms {
            term.silent = !keys.contains(&term.key);
        }
    }

    /// Keeps only the keys that sign what counts, with their terms.
    pub fn drop_silent(&mut self) {
        self.terms.retain(|term| !term.silent);
    }
}

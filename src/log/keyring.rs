//! The keys of an archive, and what each may sign (FORMAT.md section 3): those of `archive.json`, and those that key changes
//! add and retire. No clock decides: a change names a checkpoint, and heights and numbers are held against that. Writer
//! and verifier ask the same keyring. Never fetches a key change, and never judges who is to be trusted.

use std::collections::BTreeMap;

use crate::log::checkpoint::SignedCheckpoint;
use crate::log::key_change::SignedKeyChange;
use crate::log::signed_note::VerifyingKey;
use crate::record::position::{Height, TopicPartition};

/// A moment in the archive's own order: a key change, and the checkpoint that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The number of the change.
    pub change: u64,
    /// The number of the checkpoint.
    pub checkpoint: u64,
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

    /// What a change breaks that its note alone does not show; nothing where it holds.
    #[must_use]
    pub fn refuses(&self, signed: &SignedKeyChange) -> Option<&'static str> {
        let number = signed.change.number;
        if signed.add.iter().any(|key| self.term(key).is_some()) {
            return Some("it adds a key that was there before");
        }
        let in_force = |key: &VerifyingKey| self.term(key).is_some_and(|term| term.covers_change(number));
        if !signed.retire.iter().all(in_force) {
            return Some("it retires a key that is not in force");
        }
        if signed.retire.contains(&signed.signer) {
            return Some("it is signed by a key that it retires");
        }
        let stays = |term: &Term| term.covers_change(number) && !signed.retire.contains(&term.key);
        if !self.terms.iter().any(stays) {
            return Some("it leaves no key in force");
        }
        None
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
                retired: None,
                silent: false,
            });
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

//! Changes of keys and of retention (FORMAT.md section 4): the text of a change, and its rules after the changes before it. An
//! entry of the log carries a change; [`History`](crate::log::history::History) applies it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::log::head::{Head, head_of};
use crate::log::keyring::{Keyring, Role};
use crate::log::note::{Expected, Invalid, TypeFound, check_type};
use crate::log::signed_note::{Note, NoteError, Signature, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition, is_topic_name};
use crate::record::utc::UtcSeconds;

/// The most characters of a retention change's reason.
pub const REASON_MAX_CHARS: usize = 1_000;

/// The type and version of a change's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeType {
    /// Version 1.
    #[serde(rename = "kivend.change/v1")]
    V1,
}

/// The kind of keys that a change is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysOf {
    /// The keys that sign entries, checkpoints and links.
    Keys,
    /// The keys that sign changes.
    ChangeKeys,
}

impl KeysOf {
    /// The role that a key of this kind has.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            KeysOf::Keys => Role::Signing,
            KeysOf::ChangeKeys => Role::Change,
        }
    }
}

/// The word `retention`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionOf {
    /// The only value.
    Retention,
}

/// A change of keys; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 4 defines each field")]
pub struct KeysChange {
    pub r#type: ChangeType,
    pub archive_id: String,
    pub sequence: u64,
    pub previous: Hash,
    pub at: UtcSeconds,
    pub of: KeysOf,
    pub add: Vec<String>,
    pub retire: Vec<String>,
}

/// Below this height, segments of a partition may be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Below(
    /// The topic.
    pub String,
    /// The partition.
    pub i32,
    /// The height; links below it may be without their segments.
    pub Height,
);

impl Below {
    /// The partition.
    #[must_use]
    pub fn partition(&self) -> TopicPartition {
        TopicPartition::new(&self.0, self.1)
    }
}

/// A change of retention; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 4 defines each field")]
pub struct RetentionChange {
    pub r#type: ChangeType,
    pub archive_id: String,
    pub sequence: u64,
    pub previous: Hash,
    pub at: UtcSeconds,
    pub of: RetentionOf,
    pub below: Vec<Below>,
    pub reason: String,
}

/// The content of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Of signing keys or change keys.
    Keys(KeysChange),
    /// Of retention.
    Retention(RetentionChange),
}

/// A change whose signatures and rules were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedChange {
    /// The content.
    pub change: Change,
    /// The key in force that signed it first.
    pub signer: VerifyingKey,
    /// The added keys; none for a retention change.
    pub add: Vec<VerifyingKey>,
    /// The retired keys.
    pub retire: Vec<VerifyingKey>,
    /// The SHA-256 of its note.
    pub hash: Hash,
}

impl Change {
    /// Reads the text of a change.
    ///
    /// # Errors
    /// [`Unread`] for another version or another text.
    pub fn from_text(text: &str, archive_id: &str) -> Result<Change, Unread> {
        #[derive(Deserialize)]
        struct Kind {
            of: String,
        }
        if let TypeFound::Unknown(kind) = check_type(text, Expected::Change, archive_id)? {
            return Err(Unread::Unknown(kind));
        }
        let broken = |error: &dyn std::fmt::Display| Invalid::Content(error.to_string());
        let kind: Kind = serde_json::from_str(text).map_err(|error| broken(&error))?;
        let change = if kind.of == "retention" {
            canonical::from_text(text).map(Change::Retention)
        } else {
            canonical::from_text(text).map(Change::Keys)
        };
        Ok(change.map_err(|error| broken(&error))?)
    }

    /// Reads the text of a change, whatever archive it names.
    ///
    /// # Errors
    /// As [`Change::from_text`].
    pub fn of_any_archive(text: &str) -> Result<Change, Unread> {
        #[derive(Deserialize)]
        struct Named {
            archive_id: String,
        }
        let named: Named = serde_json::from_str(text).map_err(|error| Invalid::Content(error.to_string()))?;
        Change::from_text(text, &named.archive_id)
    }

    /// The canonical text.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        match self {
            Change::Keys(change) => canonical::to_text(change),
            Change::Retention(change) => canonical::to_text(change),
        }
    }

    /// The sequence of the change.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Change::Keys(change) => change.sequence,
            Change::Retention(change) => change.sequence,
        }
    }

    /// When it was signed, by the signer's clock.
    #[must_use]
    pub fn at(&self) -> UtcSeconds {
        match self {
            Change::Keys(change) => change.at,
            Change::Retention(change) => change.at,
        }
    }

    fn names(&self) -> (&str, Hash) {
        match self {
            Change::Keys(change) => (&change.archive_id, change.previous),
            Change::Retention(change) => (&change.archive_id, change.previous),
        }
    }
}

/// Why a change cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is no change of this archive, is not validly signed, or breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It has a type that this version does not know.
    #[error("the change has an unknown type, perhaps of a newer version of kivend: {0}")]
    Unknown(String),
}

impl From<NoteError> for Unread {
    fn from(error: NoteError) -> Unread {
        Unread::Invalid(error.into())
    }
}

/// What stands before a change, and decides whether it is valid.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The archive's id.
    pub archive_id: &'a str,
    /// The keys after the changes before this one.
    pub keyring: &'a Keyring,
    /// The sequence and the hash of the change before.
    pub newest: (u64, Hash),
    /// The heights below which earlier changes let segments be deleted.
    pub removed: &'a BTreeMap<TopicPartition, Height>,
    /// The number of the entry that carries the change.
    pub entry: u64,
}

impl Before<'_> {
    /// The role of the keys that sign changes.
    #[must_use]
    pub fn signing_role(&self) -> Role {
        self.keyring.change_role()
    }

    /// Verifies a change that an entry with these heads carries.
    ///
    /// # Errors
    /// [`Unread`]; any of them makes the entry invalid.
    pub fn open(&self, object: &str, heads: &[Head]) -> Result<SignedChange, Unread> {
        let note = Note::parse(object.as_bytes())?;
        let change = Change::from_text(note.text(), self.archive_id)?;
        let signed = self.check_signers(&note, change)?;
        self.check(&signed, heads)
            .map_err(|why| Invalid::Content(why.to_owned()))?;
        Ok(signed)
    }

    fn check_signers(&self, note: &Note, change: Change) -> Result<SignedChange, Invalid> {
        let parse = |keys: &[String]| -> Result<Vec<VerifyingKey>, Invalid> {
            let keys: Result<Vec<VerifyingKey>, _> = keys.iter().map(|key| key.parse()).collect();
            keys.map_err(|error| Invalid::Content(error.to_string()))
        };
        let (add, retire) = match &change {
            Change::Keys(change) => (parse(&change.add)?, parse(&change.retire)?),
            Change::Retention(_) => (Vec::new(), Vec::new()),
        };
        let Some((first, others)) = note.signatures().split_first() else {
            return Err(Invalid::Signatures(0));
        };
        let in_force = self.keyring.in_force(self.signing_role());
        let signer = signer(note, first, in_force)?.clone();
        if others.len() != add.len() {
            return Err(Invalid::Signatures(note.signatures().len()));
        }
        for (added, signature) in add.iter().zip(others) {
            self::signer(note, signature, std::iter::once(added))?;
        }
        Ok(SignedChange {
            change,
            signer,
            add,
            retire,
            hash: Hash::of(&note.to_bytes()),
        })
    }

    fn check(&self, signed: &SignedChange, heads: &[Head]) -> Result<(), &'static str> {
        let (archive_id, previous) = signed.change.names();
        if archive_id != self.archive_id {
            return Err("the change names another archive");
        }
        if (signed.change.sequence(), previous) != (self.newest.0 + 1, self.newest.1) {
            return Err("the change does not continue the change before it");
        }
        match &signed.change {
            Change::Keys(change) => self.check_keys(change, signed),
            Change::Retention(change) => self.check_retention(change, heads),
        }
    }

    fn check_keys(&self, change: &KeysChange, signed: &SignedChange) -> Result<(), &'static str> {
        self.check_unsigned(change, &signed.add, &signed.retire)?;
        if signed.retire.contains(&signed.signer) {
            return Err("the change is signed by a key that it retires");
        }
        Ok(())
    }

    /// Whether a change of keys that adds or retires these would be valid, signed as it must be.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn check_unsigned(
        &self,
        change: &KeysChange,
        add: &[VerifyingKey],
        retire: &[VerifyingKey],
    ) -> Result<(), &'static str> {
        let twice = |keys: &[String]| keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key));
        let role = change.of.role();
        if change.add.is_empty() == change.retire.is_empty() {
            return Err("a change of keys either adds or retires keys");
        }
        if twice(&change.add) || twice(&change.retire) {
            return Err("the change names a key twice");
        }
        if role == Role::Change && self.signing_role() != Role::Change {
            return Err("change keys are changed only where archive.json names one");
        }
        if add.iter().any(|key| self.keyring.has_id(key.id())) {
            return Err("the change adds a key that the archive has or had already");
        }
        if add.iter().any(|key| key.name() != self.keyring.origin()) {
            return Err("the change adds a key that is not named by the archive's origin");
        }
        if !retire.is_empty() && self.leaves_none(role, retire) {
            return Err("the change leaves no key in force");
        }
        if !retire
            .iter()
            .all(|key| self.keyring.in_force(role).any(|known| known == key))
        {
            return Err("the change retires a key that is not in force");
        }
        Ok(())
    }

    /// Whether these are all keys in force that have the role.
    #[must_use]
    pub fn leaves_none(&self, role: Role, retire: &[VerifyingKey]) -> bool {
        self.keyring.in_force(role).all(|key| retire.contains(key))
    }

    fn check_retention(&self, change: &RetentionChange, heads: &[Head]) -> Result<(), &'static str> {
        let chars = change.reason.chars().count();
        if chars == 0 || chars > REASON_MAX_CHARS {
            return Err("the reason does not have 1 to 1,000 characters");
        }
        let sorted = change.below.is_sorted_by(|a, b| (&a.0, a.1) < (&b.0, b.1));
        if change.below.is_empty() || !sorted {
            return Err("the partitions are not sorted, or there are none");
        }
        for below in &change.below {
            let partition = below.partition();
            if !is_topic_name(&below.0) || below.1 < 0 {
                return Err("a topic or partition is not one of Kafka");
            }
            let Some(head) = head_of(heads, &partition) else {
                return Err("a partition is not among the heads of the entry");
            };
            if below.2 > head.height {
                return Err("a height is above that of the entry's head");
            }
            if self.removed.get(&partition).is_some_and(|before| below.2 < *before) {
                return Err("a height is below that of an earlier change");
            }
        }
        Ok(())
    }
}

fn signer<'k>(
    note: &Note,
    signature: &Signature,
    keys: impl Iterator<Item = &'k VerifyingKey>,
) -> Result<&'k VerifyingKey, Invalid> {
    let mut named = false;
    for key in keys.filter(|key| key.name() == signature.name && key.id() == signature.key_id) {
        named = true;
        if key.signed(note.text(), signature) {
            return Ok(key);
        }
    }
    let (name, id) = (signature.name.clone(), signature.key_id);
    Err(if named {
        Invalid::Forged { name, id }
    } else {
        Invalid::UnknownKey { name, id }
    })
}

//! A change that is being signed: the file that `kivend keys propose` writes, `keys sign` signs, on a machine without network if
//! wanted, and `keys apply` enters. It is a line with the archive's origin, which names the keys; the text of the change; an empty
//! line; and the signature lines so far, in any order.

use crate::log::change::{Before, Change, Unread};
use crate::log::note::Invalid;
use crate::log::signed_note::{Note, NoteError, VerifyingKey};
use crate::log::signer::{SignError, Signer};

/// The text of a change and its signatures so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    origin: String,
    note: Note,
}

impl Proposal {
    /// A change that nobody has signed.
    ///
    /// # Errors
    /// [`NoteError::Text`] if a note does not allow the text.
    pub fn new(origin: &str, change: &Change) -> Result<Proposal, NoteError> {
        let text = change.to_text().map_err(|_| NoteError::Text)?;
        Ok(Proposal {
            origin: origin.to_owned(),
            note: Note::unsigned(text)?,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`NoteError`] if it is not the text of a note with or without signature lines.
    pub fn from_bytes(file: &[u8]) -> Result<Proposal, NoteError> {
        let text = std::str::from_utf8(file).map_err(|_| NoteError::Text)?;
        let (origin, text) = text.split_once('\n').ok_or(NoteError::Layout)?;
        let note = match text.strip_suffix("\n\n") {
            Some(unsigned) => Note::unsigned(format!("{unsigned}\n"))?,
            None => Note::parse(text.as_bytes())?,
        };
        Ok(Proposal {
            origin: origin.to_owned(),
            note,
        })
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\n", self.origin).into_bytes();
        bytes.extend(self.note.to_bytes());
        bytes
    }

    /// The name of the keys that sign it: the archive's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What it changes.
    ///
    /// # Errors
    /// [`Unread`] if the text is not a change.
    pub fn change(&self) -> Result<Change, Unread> {
        Change::of_any_archive(self.note.text())
    }

    /// Whether this key has signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let text = self.note.text();
        self.note.signatures().iter().any(|line| key.signed(text, line))
    }

    /// Adds a signature, unless the key has signed already.
    ///
    /// # Errors
    /// Those of [`Signer::sign_text`].
    pub fn sign(self, signer: &dyn Signer) -> Result<Proposal, SignError> {
        if self.is_signed_by(signer.verifying_key()) {
            return Ok(self);
        }
        let signature = signer.sign_text(self.note.text())?;
        Ok(Proposal {
            origin: self.origin,
            note: self.note.with_signature(signer.verifying_key(), signature),
        })
    }

    /// The note to enter: the line of a key in force that signs changes, then those of the added keys in the order of the change.
    ///
    /// # Errors
    /// [`Unread`] if the text is no change, or a signature is missing.
    pub fn arranged(&self, before: &Before<'_>) -> Result<String, Unread> {
        let mut signers = before.keyring.in_force(before.signing_role());
        let Some(first) = signers.find(|key| self.is_signed_by(key)) else {
            return Err(missing("no key in force that signs changes has signed it").into());
        };
        let mut order = vec![first.clone()];
        if let Change::Keys(change) = self.change()? {
            for added in &change.add {
                let key: VerifyingKey = added.parse()?;
                if !self.is_signed_by(&key) {
                    return Err(missing(&format!("an added key has not signed it: {added}")).into());
                }
                order.push(key);
            }
        }
        let text = self.note.text();
        let lines = order.iter().filter_map(|key| {
            let mut lines = self.note.signatures().iter();
            lines.find(|line| key.signed(text, line)).cloned()
        });
        let note = self.note.clone().with_lines(lines.collect());
        String::from_utf8(note.to_bytes()).map_err(|_| NoteError::Text.into())
    }
}

fn missing(why: &str) -> Invalid {
    Invalid::Content(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::change::{ChangeType, KeysChange, KeysOf};
    use crate::log::keyring::Keyring;
    use crate::log::signed_note::SigningKey;
    use crate::record::hash::Hash;
    use crate::record::utc::UtcSeconds;
    use std::collections::BTreeMap;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("shop/1", &[seed; 32]).unwrap()
    }

    fn adds(keys: &[&SigningKey]) -> Change {
        Change::Keys(KeysChange {
            r#type: ChangeType::V1,
            archive_id: "ab".repeat(16),
            sequence: 1,
            previous: Hash::ZERO,
            at: UtcSeconds::from_unix(0),
            of: KeysOf::Keys,
            add: keys.iter().map(|key| key.verifying_key().to_string()).collect(),
            retire: vec![],
        })
    }

    #[test]
    fn signatures_are_collected_in_any_order_and_arranged() {
        let keyring = Keyring::new("shop/1", vec![key(1).verifying_key().clone()], vec![]);
        let (id, removed) = ("ab".repeat(16), BTreeMap::new());
        let before = Before {
            archive_id: &id,
            keyring: &keyring,
            newest: (0, Hash::ZERO),
            removed: &removed,
            entry: 5,
        };
        let mut file = Proposal::new("shop/1", &adds(&[&key(2), &key(3)])).unwrap().to_bytes();
        for seed in [3, 1, 9, 2, 3] {
            let read = Proposal::from_bytes(&file).unwrap();
            assert_eq!(read.origin(), "shop/1");
            let last = seed == 2;
            assert!(last || read.arranged(&before).is_err() || seed == 3);
            file = read.sign(&key(seed)).unwrap().to_bytes();
        }
        let note = Proposal::from_bytes(&file).unwrap().arranged(&before).unwrap();
        assert_eq!(before.open(&note, &[]).unwrap().signer, *key(1).verifying_key());
    }
}

//! Changes of signing keys (FORMAT.md section 3): a change adds keys or retires keys, and is signed by a key in force and
//! by every added key.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::log::checkpoint::{CheckpointRef, SignedCheckpoint};
use crate::log::keyring::{ChangePoint, Keyring, Term};
use crate::log::note::{self, Invalid, Sealed};
use crate::log::signed_note::{KeyId, Note, NoteError, Signature, SigningKey, VerifyingKey};
use crate::record::hash::Hash;
use crate::record::utc::UtcSeconds;

/// The content of a key change; the fields are in the order of the canonical text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FORMAT.md section 3 defines each field")]
pub struct KeyChange {
    pub r#type: KeyChangeType,
    pub id: String,
    pub number: u64,
    pub add: Vec<String>,
    pub retire: Vec<String>,
    pub at: UtcSeconds,
    pub checkpoint: CheckpointRef,
    pub previous: Hash,
}

/// The type and version of a key change's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyChangeType {
    /// Version 1.
    #[serde(rename = "kivend.keys/v1")]
    V1,
}

/// A key change whose signatures were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedKeyChange {
    /// The content.
    pub change: KeyChange,
    /// The added keys.
    pub add: Vec<VerifyingKey>,
    /// The retired keys.
    pub retire: Vec<VerifyingKey>,
    /// The key in force that signed it.
    pub signer: VerifyingKey,
    /// The SHA-256 of its object.
    pub hash: Hash,
}

impl SignedKeyChange {
    /// The rule that this change breaks after the changes in `keyring`; none if it is valid there.
    #[must_use]
    pub fn broken_rule(&self, keyring: &Keyring) -> Option<&'static str> {
        let number = self.change.number;
        if self.add.iter().any(|key| keyring.term(key).is_some()) {
            return Some("it adds a key that the archive has or had already");
        }
        let in_force = |key: &VerifyingKey| keyring.term(key).is_some_and(|term| term.covers_change(number));
        if !self.retire.iter().all(in_force) {
            return Some("it retires a key that is not in force");
        }
        if self.retire.contains(&self.signer) {
            return Some("it is signed by a key that it retires");
        }
        let stays = |term: &Term| term.covers_change(number) && !self.retire.contains(&term.key);
        if !keyring.terms().iter().any(stays) {
            return Some("it leaves no key in force");
        }
        None
    }

    /// Applies the change to `keyring`; `checkpoint` is the checkpoint that it names, if the archive has it.
    pub fn apply_to(&self, keyring: &mut Keyring, checkpoint: Option<&SignedCheckpoint>) {
        let heights = checkpoint.map(|signed| {
            let heads = signed.checkpoint.heads.iter();
            heads.map(|head| (head.partition.clone(), head.height)).collect()
        });
        let point = ChangePoint {
            change: self.change.number,
            checkpoint: self.change.checkpoint.number,
            heights,
        };
        keyring.retire(&self.retire, &point);
        for key in &self.add {
            keyring.add(key.clone(), point.clone());
        }
    }
}

/// Verifies the object at `keys/<number>` as a key change of this archive; `keyring` has the keys before it.
///
/// # Errors
/// [`Invalid`] if it is not valid there; `Content` if a key in force signed other content.
pub fn open(object: &[u8], keyring: &Keyring, archive_id: &str, number: u64) -> Result<SignedKeyChange, Invalid> {
    let note = Note::parse(object)?;
    let Some((first, others)) = note.signatures().split_first() else {
        return Err(Invalid::Signatures(0));
    };
    let in_force = keyring.terms().iter();
    let in_force = in_force.filter(|term| term.covers_change(number) && !term.distrusted);
    let signer = signer(&note, first, in_force.map(|term| &term.key))?.clone();
    let change = parse(note.text())?;
    let (add, retire) = change.check().map_err(Invalid::Content)?;
    if others.len() != add.len() {
        return Err(Invalid::Signatures(note.signatures().len()));
    }
    for (added, signature) in add.iter().zip(others) {
        self::signer(&note, signature, std::iter::once(added))?;
    }
    if change.id != archive_id || change.number != number {
        let detail = format!(
            "the key change names another number or archive: number={}",
            change.number
        );
        return Err(Invalid::Content(detail));
    }
    Ok(SignedKeyChange {
        change,
        add,
        retire,
        signer,
        hash: Hash::of(object),
    })
}

fn signer<'k>(
    note: &Note,
    signature: &Signature,
    mut keys: impl Iterator<Item = &'k VerifyingKey>,
) -> Result<&'k VerifyingKey, Invalid> {
    let (name, id): (String, KeyId) = (signature.name.clone(), signature.key_id);
    let Some(key) = keys.find(|key| key.name() == name && key.id() == id) else {
        return Err(Invalid::UnknownKey { name, id });
    };
    if key.signed(note.text(), signature) {
        Ok(key)
    } else {
        Err(Invalid::Forged { name, id })
    }
}

fn parse(text: &str) -> Result<KeyChange, Invalid> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    canonical::from_text(text).map_err(|error| match serde_json::from_str::<Typed>(text) {
        Ok(typed) if !note::JSON_TYPES.contains(&typed.r#type.as_str()) => Invalid::UnknownType(typed.r#type),
        _ => Invalid::Content(error.to_string()),
    })
}

impl KeyChange {
    /// Signs the change: `signer` is a key in force, `added` are the added keys in the order of the change.
    ///
    /// # Errors
    /// [`NoteError::Text`] if a field has a character that a note does not allow.
    pub fn seal(&self, signer: &SigningKey, added: &[&SigningKey]) -> Result<Sealed, NoteError> {
        let text = canonical::to_text(self).map_err(|_| NoteError::Text)?;
        let mut object = signer.sign(text.clone())?.to_bytes();
        for key in added {
            // Append the signature line, which follows the text and an empty line.
            let signed = key.sign(text.clone())?.to_bytes();
            object.extend(&signed[text.len() + 1..]);
        }
        let hash = Hash::of(&object);
        Ok(Sealed { object, hash })
    }

    /// The added and the retired keys, or the broken rule.
    fn check(&self) -> Result<(Vec<VerifyingKey>, Vec<VerifyingKey>), String> {
        if self.add.is_empty() == self.retire.is_empty() {
            return Err("a key change either adds or retires keys".to_owned());
        }
        let read = |keys: &[String]| -> Result<Vec<VerifyingKey>, String> {
            let read: Result<Vec<VerifyingKey>, NoteError> = keys.iter().map(|key| key.parse()).collect();
            read.map_err(|error| error.to_string())
        };
        let twice = |keys: &[String]| keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key));
        if twice(&self.add) || twice(&self.retire) {
            return Err("a key change names a key twice".to_owned());
        }
        Ok((read(&self.add)?, read(&self.retire)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("kivend", &[seed; 32]).unwrap()
    }

    fn adds(keys: &[&SigningKey]) -> KeyChange {
        KeyChange {
            r#type: KeyChangeType::V1,
            id: "ab".repeat(16),
            number: 1,
            add: keys.iter().map(|key| key.verifying_key().to_string()).collect(),
            retire: vec![],
            at: UtcSeconds::from_unix(0),
            checkpoint: CheckpointRef {
                number: 7,
                sha256: Hash::ZERO,
            },
            previous: Hash::ZERO,
        }
    }

    fn opened(object: &[u8]) -> Result<SignedKeyChange, Invalid> {
        open(
            object,
            &Keyring::new(vec![key(1).verifying_key().clone()]),
            &"ab".repeat(16),
            1,
        )
    }

    #[test]
    fn the_text_follows_the_format_and_reads_back() {
        let change = adds(&[&key(2)]);
        let sealed = change.seal(&key(1), &[&key(2)]).unwrap();
        let text = String::from_utf8(sealed.object.clone()).unwrap();
        let expected = format!(
            "{{\"type\":\"kivend.keys/v1\",\"id\":\"{}\",\"number\":1,\"add\":[\"{}\"],\"retire\":[],\"at\":\"1970-01-01T00:00:00Z\",\"checkpoint\":{{\"number\":7,\"sha256\":\"{zero}\"}},\"previous\":\"{zero}\"}}\n\n",
            "ab".repeat(16),
            key(2).verifying_key(),
            zero = Hash::ZERO,
        );
        assert!(text.starts_with(&expected), "{text}");
        let opened = opened(&sealed.object).unwrap();
        assert_eq!((opened.change, opened.hash), (change, sealed.hash));
        assert_eq!(opened.signer, *key(1).verifying_key());
    }

    #[test]
    fn every_added_key_must_sign_in_order() {
        let change = adds(&[&key(2), &key(3)]);
        opened(&change.seal(&key(1), &[&key(2), &key(3)]).unwrap().object).unwrap();
        for signers in [&[][..], &[&key(2)], &[&key(3), &key(2)], &[&key(2), &key(3), &key(4)]] {
            assert!(opened(&change.seal(&key(1), signers).unwrap().object).is_err());
        }
        assert!(opened(&change.seal(&key(2), &[&key(2), &key(3)]).unwrap().object).is_err());
    }

    #[test]
    fn a_change_adds_or_retires_and_names_each_key_once() {
        let mut both = adds(&[&key(2)]);
        both.retire = vec![key(1).verifying_key().to_string()];
        let neither = adds(&[]);
        let twice = adds(&[&key(2), &key(2)]);
        for (change, signers) in [(both, &[&key(2)][..]), (neither, &[]), (twice, &[&key(2), &key(2)])] {
            let object = change.seal(&key(1), signers).unwrap().object;
            assert!(matches!(opened(&object), Err(Invalid::Content(_))));
        }
    }
}

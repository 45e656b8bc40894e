//! The signed notes of an archive: opening one with the keys in force. Says whether a note is *valid*; never whether it
//! continues what stands before it.

use crate::log::keyring::{Keyring, Term};
use crate::log::signed_note::{KeyId, Note, NoteError, SigningKey};
use crate::record::hash::Hash;

/// The types of version 1 whose text is JSON. One of them where another belongs is no unknown type but a broken rule.
pub(crate) const JSON_TYPES: [&str; 3] = ["kivend.archive/v1", "kivend.keys/v1", "kivend.link/v1"];

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

/// Why an object is not a valid note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no note at all.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It has other than exactly one signature line.
    #[error("the note does not have exactly one signature: signatures={0}")]
    Signatures(usize),
    /// A key that is not in force is said to have signed it.
    #[error("a key that is not in force signed the note: key={name}+{id}")]
    UnknownKey {
        /// Its name.
        name: String,
        /// Its id.
        id: KeyId,
    },
    /// The signature is not that of the key it names.
    #[error("the signature does not verify: key={name}+{id}")]
    Forged {
        /// The key's name.
        name: String,
        /// Its id.
        id: KeyId,
    },
    /// A key in force signed it, and its content breaks a rule.
    #[error("{0}")]
    Content(String),
    /// A key in force signed it, and its type is one that this version does not know.
    #[error("the note is of an unknown type, written by a newer version perhaps: type={0}")]
    UnknownType(String),
}

/// Opens an object that must be a note with exactly one signature, by a key of the ring.
///
/// # Errors
/// [`Invalid`]: every variant before `Content`.
pub fn open<'k>(object: &[u8], keyring: &'k Keyring) -> Result<Opened<'k>, Invalid> {
    let note = Note::parse(object)?;
    let [signature] = note.signatures() else {
        return Err(Invalid::Signatures(note.signatures().len()));
    };
    let named = |term: &&Term| !term.silent && term.key.name() == signature.name && term.key.id() == signature.key_id;
    let (name, id) = (signature.name.clone(), signature.key_id);
    let Some(term) = keyring.terms().iter().find(named) else {
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

/// A note as it will stand in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The object's bytes.
    pub object: Vec<u8>,
    /// Their SHA-256.
    pub hash: Hash,
}

/// Signs a text into an object.
///
/// # Errors
/// [`NoteError::Text`] where it is no text for a note.
pub fn seal(text: String, key: &SigningKey) -> Result<Sealed, NoteError> {
    let object = key.sign(text)?.to_bytes();
    let hash = Hash::of(&object);
    Ok(Sealed { object, hash })
}

//! Signing a note, and the reasons why an object is not a valid note.
//! [`Keyring::open`](crate::log::keyring::Keyring::open) verifies one.

use crate::log::signed_note::{KeyId, NoteError, SigningKey};
use crate::record::hash::Hash;

/// The types of version 1 whose text is JSON. One of these at the place of another is a broken rule, not an unknown type.
pub(crate) const JSON_TYPES: [&str; 3] = ["kivend.archive/v1", "kivend.keys/v1", "kivend.link/v1"];

/// Why an object is not a valid note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is not a note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It does not have exactly one signature line.
    #[error("the note does not have exactly one signature: signatures={0}")]
    Signatures(usize),
    /// Its signature names a key that is not in force.
    #[error("a key that is not in force signed the note: key={name}+{id}")]
    UnknownKey {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// The signature does not verify with the key that it names.
    #[error("the signature does not verify: key={name}+{id}")]
    Forged {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// The signature is valid, and the content breaks a rule.
    #[error("{0}")]
    Content(String),
    /// The signature is valid, and this version does not know the type.
    #[error("the note has an unknown type, perhaps of a newer version of kivend: type={0}")]
    UnknownType(String),
}

/// A signed note as an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The object's bytes.
    pub object: Vec<u8>,
    /// The SHA-256 of the bytes.
    pub hash: Hash,
}

/// Signs `text` as a note.
///
/// # Errors
/// [`NoteError::Text`] if a note does not allow the text.
pub fn seal(text: String, key: &SigningKey) -> Result<Sealed, NoteError> {
    let object = key.sign(text)?.to_bytes();
    let hash = Hash::of(&object);
    Ok(Sealed { object, hash })
}

//! The notes of an archive: signing one, and why an object is not a valid one. Opening one takes the keys in force:
//! see [`Keyring::open`](crate::log::keyring::Keyring::open).

use crate::log::signed_note::{KeyId, NoteError, SigningKey};
use crate::record::hash::Hash;

/// The types of version 1 whose text is JSON. One of them where another belongs is no unknown type but a broken rule.
pub(crate) const JSON_TYPES: [&str; 3] = ["kivend.archive/v1", "kivend.keys/v1", "kivend.link/v1"];

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

//! Signing a text as a note.

use crate::log::signer::{SignError, Signer};
use crate::record::hash::Hash;

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
/// Those of [`Signer::sign`].
pub fn seal(text: String, key: &dyn Signer) -> Result<Sealed, SignError> {
    let object = key.sign(text)?.to_bytes();
    let hash = Hash::of(&object);
    Ok(Sealed { object, hash })
}

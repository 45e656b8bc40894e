//! Signing with a key that may be held by a file, a setting or a device.

use std::fmt;

use crate::log::signed_note::{Note, NoteError, SigningKey, VerifyingKey};

/// Why a text was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A note does not allow the text.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The key cannot be reached now: a device is unplugged or busy. A retry may succeed.
    #[error("the signing key cannot be reached: {0}")]
    Unavailable(String),
    /// The key may not be used: the PIN is wrong, or the key is gone. A retry does not help.
    #[error("the signing key cannot be used: {0}")]
    Refused(String),
}

/// A private Ed25519 key with a name.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public key.
    fn verifying_key(&self) -> &VerifyingKey;

    /// The Ed25519 signature over the bytes of `text`.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] or [`SignError::Refused`] if the key cannot be used.
    fn sign_text(&self, text: &str) -> Result<[u8; 64], SignError>;

    /// Whether a signature may take long, so that it must not be made on a thread of the async runtime.
    fn may_block(&self) -> bool {
        false
    }

    /// Signs `text`, which must end in a newline and have no control character below U+0020 other than newlines.
    ///
    /// # Errors
    /// [`SignError::Note`] for another text; those of [`Signer::sign_text`].
    fn sign(&self, text: String) -> Result<Note, SignError> {
        let note = Note::unsigned(text)?;
        let bytes = self.sign_text(note.text())?;
        Ok(note.with_signature(self.verifying_key(), bytes))
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> &VerifyingKey {
        SigningKey::verifying_key(self)
    }

    fn sign_text(&self, text: &str) -> Result<[u8; 64], SignError> {
        Ok(self.signature_of(text))
    }
}

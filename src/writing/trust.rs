//! What a writer holds the archive against: its identity, and the keys whose notes count.

use crate::log::identity::{Identity, IdentityError};
use crate::log::keyring::Keyring;
use crate::record::hash::Hash;

/// What a chain is checked against.
#[derive(Debug, Clone)]
pub struct WriterTrust {
    /// The archive's id.
    pub archive_id: String,
    /// The hash of `archive.json`.
    pub identity: Hash,
    /// The keys whose notes count.
    pub keyring: Keyring,
    /// The number of the newest key change in there, or 0.
    pub change_number: u64,
    /// Its hash, or that of `archive.json`.
    pub change: Hash,
}

impl WriterTrust {
    /// The archive before any key change; `object` is its `archive.json`.
    ///
    /// # Errors
    /// [`IdentityError`] where a key does not read.
    pub fn of_identity(identity: &Identity, object: &[u8]) -> Result<WriterTrust, IdentityError> {
        let hash = Hash::of(object);
        Ok(WriterTrust {
            archive_id: identity.id().to_owned(),
            identity: hash,
            keyring: Keyring::new(identity.keys()?),
            change_number: 0,
            change: hash,
        })
    }
}

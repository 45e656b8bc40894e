//! What a writer checks notes against: the archive's identity, and the keys whose notes count.

use crate::log::identity::{Identity, IdentityError};
use crate::log::keyring::Keyring;
use crate::record::hash::Hash;

/// The identity and the keys of an archive, as of some key change.
#[derive(Debug, Clone)]
pub struct WriterTrust {
    /// The archive's id.
    pub archive_id: String,
    /// The SHA-256 of `archive.json`, from which the genesis of each chain follows (FORMAT.md section 4).
    pub identity: Hash,
    /// The keys whose notes count.
    pub keyring: Keyring,
    /// The number of the newest key change in the keyring; 0 if there is none.
    pub change_number: u64,
    /// The SHA-256 of that key change; that of `archive.json` if there is none.
    pub change: Hash,
}

impl WriterTrust {
    /// The state before the first key change. `object` is the bytes of `archive.json`.
    ///
    /// # Errors
    /// [`IdentityError`] if a key in it cannot be parsed.
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

//! What a writer checks notes against: the archive's log as far as it was read, and with it the keys in force.

use crate::log::checkpoint::CheckpointRef;
use crate::log::history::{History, SignedEntry};
use crate::log::identity::{Identity, IdentityError};
use crate::log::keyring::Keyring;
use crate::record::hash::Hash;

/// An archive's log as of its newest entry.
#[derive(Debug, Clone)]
pub struct WriterTrust {
    /// The entries so far.
    pub history: History,
    /// The newest checkpoint that is known to be in the bucket; `None` before checkpoint 0.
    pub checkpoint: Option<CheckpointRef>,
}

impl WriterTrust {
    /// The state before entry 0. `object` is the bytes of `archive.json`.
    ///
    /// # Errors
    /// [`IdentityError`] if a key in it cannot be parsed.
    pub fn of_identity(identity: &Identity, object: &[u8]) -> Result<WriterTrust, IdentityError> {
        Ok(WriterTrust {
            history: History::new(identity, Hash::of(object))?,
            checkpoint: None,
        })
    }

    /// The keys and their terms.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        self.history.keyring()
    }

    /// The archive's id.
    #[must_use]
    pub fn archive_id(&self) -> &str {
        self.history.archive_id()
    }

    /// The SHA-256 of `archive.json`, from which the genesis of each chain follows (FORMAT.md section 6).
    #[must_use]
    pub fn identity(&self) -> Hash {
        self.history.archive_sha256()
    }

    /// Appends a valid entry. Its predecessor's checkpoint is in the bucket (FORMAT.md section 3.1, rule 7).
    pub(super) fn apply(&mut self, signed: &SignedEntry) {
        self.history.apply(signed);
        self.checkpoint = self.history.checkpoint_before().or(self.checkpoint);
    }

    /// Whether the keys, or what they may sign, differ from those of `before`.
    #[must_use]
    pub fn has_other_keys(&self, before: &WriterTrust) -> bool {
        let keys = |trust: &WriterTrust| (trust.history.changes(), trust.keyring().undecided_since());
        keys(self) != keys(before)
    }
}

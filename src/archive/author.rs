//! The fields that all links of this process share, and the signing key.

use bytes::Bytes;

use crate::archive::step::Object;
use crate::log::checkpoint::CheckpointRef;
use crate::log::identity;
use crate::log::keyring::Keyring;
use crate::log::link::{Link, SignedLink};
use crate::log::signed_note::{NoteError, SigningKey};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;

/// The writer of links.
#[derive(Debug, Clone)]
pub struct Author {
    /// The archive's id.
    pub archive_id: String,
    /// The SHA-256 of `archive.json`.
    pub identity: Hash,
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// Name and version of the program.
    pub sealed_by: String,
    /// The signing key.
    pub key: SigningKey,
    /// The keys of the archive.
    pub keyring: Keyring,
    /// The newest known checkpoint.
    pub checkpoint: CheckpointRef,
}

impl Author {
    /// The field `previous` of a partition's first link.
    #[must_use]
    pub fn genesis(&self, partition: &TopicPartition) -> Hash {
        identity::genesis(&self.identity, partition)
    }

    /// Fills in the newest checkpoint and signs the link.
    ///
    /// # Errors
    /// [`NoteError`] if a field has a character that a note does not allow.
    pub fn sign(&self, mut link: Link, before: Option<&SignedLink>) -> Result<(SignedLink, Object), NoteError> {
        let known = before
            .map(|before| before.link.checkpoint)
            .filter(|known| known.number > self.checkpoint.number);
        link.checkpoint = known.unwrap_or(self.checkpoint);
        let sealed = link.seal(&self.key)?;
        let object = Object {
            bytes: Bytes::from(sealed.object),
            sha256: sealed.hash,
        };
        Ok((
            SignedLink {
                link,
                hash: sealed.hash,
            },
            object,
        ))
    }
}

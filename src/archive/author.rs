//! The writer's hand: what every link of this process has in common, and the key that signs it. Never decides what a
//! link covers.

use bytes::Bytes;

use crate::archive::step::Object;
use crate::log::checkpoint::CheckpointRef;
use crate::log::identity;
use crate::log::keyring::Keyring;
use crate::log::link::{Link, SignedLink};
use crate::log::signed_note::{NoteError, SigningKey};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;

/// Who writes.
#[derive(Debug, Clone)]
pub struct Author {
    /// The archive's id.
    pub archive_id: String,
    /// The hash of `archive.json`.
    pub identity: Hash,
    /// Kafka's id of the cluster.
    pub cluster_id: String,
    /// Name and version of the software.
    pub sealed_by: String,
    /// The key that signs.
    pub key: SigningKey,
    /// The keys whose links count.
    pub keyring: Keyring,
    /// The newest checkpoint known.
    pub checkpoint: CheckpointRef,
}

impl Author {
    /// What the first link of a partition names as `previous`.
    #[must_use]
    pub fn genesis(&self, partition: &TopicPartition) -> Hash {
        identity::genesis(&self.identity, partition)
    }

    /// Signs a link whose content is complete but for the newest checkpoint.
    ///
    /// # Errors
    /// [`NoteError`] where a field holds what no note may.
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

//! The fields that all links of this process share.

use crate::log::checkpoint::CheckpointRef;
use crate::log::identity;
use crate::log::keyring::Keyring;
use crate::log::link::SignedLink;
use crate::log::signed_note::KeyId;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;

/// What this process writes into every link. It holds no private key: links are signed where they are created.
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
    /// The id of the key that signs links.
    pub signer: KeyId,
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

    /// The newest known checkpoint for the link after `before`; never older than the one that `before` names.
    #[must_use]
    pub fn checkpoint_after(&self, before: Option<&SignedLink>) -> CheckpointRef {
        let known = before
            .map(|before| before.link.checkpoint)
            .filter(|known| known.number > self.checkpoint.number);
        known.unwrap_or(self.checkpoint)
    }
}

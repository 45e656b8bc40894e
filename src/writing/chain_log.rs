//! The part of a partition's chain that the writer of entries has read: its Merkle tree and its head.

use std::ops::ControlFlow;

use crate::log::head::Head;
use crate::log::keyring::Coverage;
use crate::log::link::SignedLink;
use crate::record::merkle::Tree;
use crate::record::position::{Height, TopicPartition};
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::chain_links::{self, After};
use crate::writing::trust::WriterTrust;

/// The links of one partition from height 0 on.
#[derive(Debug, Clone, Default)]
pub struct ChainLog {
    tree: Tree,
    head: Option<SignedLink>,
    /// The key of the head, after which reading continues.
    head_key: Option<String>,
    /// The newest checkpoint that a link names.
    named: Option<u64>,
}

impl ChainLog {
    /// The object key of the head.
    #[must_use]
    pub fn head_key(&self) -> Option<&str> {
        self.head_key.as_deref()
    }

    /// The number of the newest checkpoint that a link names.
    #[must_use]
    pub fn named_checkpoint(&self) -> Option<u64> {
        self.named
    }

    /// The height of the head.
    #[must_use]
    pub fn height(&self) -> Option<Height> {
        self.head.as_ref().map(|head| head.link.height)
    }

    /// The head as an entry names it.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        let head = self.head.as_ref()?;
        Some(Head {
            partition: head.link.topic_partition(),
            epoch: head.link.epoch,
            height: head.link.height,
            next_offset: head.link.next_offset,
            link: head.hash,
            log_root: self.tree.root(),
        })
    }

    /// Whether the head counts by these keys, also if that is not decided yet.
    #[must_use]
    pub fn still_counts(&self, trust: &WriterTrust) -> bool {
        let Some(head) = &self.head else { return true };
        let signers = trust
            .keyring()
            .terms()
            .iter()
            .filter(|term| term.key.id() == head.signer);
        let place = head.link.place();
        signers
            .map(|term| term.covers_link_at(&place, head.link.height, &head.hash))
            .any(|coverage| coverage != Coverage::Outside)
    }
}

/// Reads the links after the head. Links of a retired key count here while it is not decided whether they do: the entry that
/// decides is the next one, and it covers what its writer has read (FORMAT.md section 4, rule 8).
///
/// # Errors
/// Those of [`chain_links::each`].
pub async fn extend(
    store: &dyn Store,
    trust: &WriterTrust,
    partition: &TopicPartition,
    chain: &mut ChainLog,
) -> Result<(), AppError> {
    let after = chain.head_key.clone().zip(chain.head.clone());
    let after = after.map(|(key, signed)| After { key, signed });
    chain_links::each(store, trust, (partition, after), |next| {
        chain.named = chain.named.max(Some(next.signed.link.checkpoint.number));
        chain.tree.push(next.leaf);
        chain.head = Some(next.signed);
        chain.head_key = Some(next.key);
        ControlFlow::Continue(())
    })
    .await
}

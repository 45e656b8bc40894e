//! The part of a partition's chain that the writer of entries has read: its Merkle tree and its head.

use crate::log::head::Head;
use crate::log::identity::genesis;
use crate::log::keyring::Coverage;
use crate::log::link::{self, SignedLink};
use crate::log::object_key::{Key, Place, links_of};
use crate::reading::fetch;
use crate::record::merkle::{Tree, leaf_hash};
use crate::record::position::{Height, TopicPartition};
use crate::store::Store;
use crate::store::pages::Pages;
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;

/// The links of one partition from height 0 on.
#[derive(Debug, Clone, Default)]
pub struct ChainLog {
    tree: Tree,
    head: Option<SignedLink>,
    /// The key of the head, after which reading continues. It must not be the key of a later invalid object: the next
    /// link may have the key with `-r1`, which sorts before that object.
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
        let partition = head.link.topic_partition();
        signers
            .map(|term| term.covers_link(&partition, head.link.height))
            .any(|coverage| coverage != Coverage::Outside)
    }
}

/// Reads the links after the head. Links of a retired key count here while it is not decided whether they do: the entry that
/// decides is the next one, and it covers what its writer has read (FORMAT.md section 4, rule 8).
///
/// # Errors
/// The store's errors; `Corrupt` if a valid link does not continue the chain.
pub async fn extend(
    store: &dyn Store,
    trust: &WriterTrust,
    partition: &TopicPartition,
    chain: &mut ChainLog,
) -> Result<(), AppError> {
    let mut pages = Pages::new(store, &links_of(partition), chain.head_key.as_deref());
    while let Some(page) = pages.next().await? {
        fetch::each(store, page, |key, object| match key.parse() {
            Ok(Key::Link(place, _)) => append(trust, chain, (&place, key), &object),
            _ => Ok(()),
        })
        .await?;
    }
    Ok(())
}

/// Appends a link. An invalid note is skipped; a valid one must continue the chain.
fn append(
    trust: &WriterTrust,
    chain: &mut ChainLog,
    (place, key): (&Place, &str),
    object: &[u8],
) -> Result<(), AppError> {
    let opened = link::open_with_coverage(object, trust.keyring(), trust.archive_id(), place);
    let Ok((next, Coverage::Inside | Coverage::Undecided(_))) = opened else {
        return Ok(());
    };
    let genesis = genesis(&trust.identity(), &place.partition);
    next.link.continues(chain.head.as_ref(), &genesis).map_err(|broken| {
        AppError::corrupt(format!(
            "nothing is signed, because the chain is broken: {broken} key=`{key}`"
        ))
    })?;
    chain.named = chain.named.max(Some(next.link.checkpoint.number));
    chain.tree.push(leaf_hash(object));
    chain.head = Some(next);
    chain.head_key = Some(key.to_owned());
    Ok(())
}

//! Checkpoints of the archive: reads every partition's new links, whoever owns them, and signs their heads under the
//! next number. Keeps one small tree a partition between two checkpoints; never holds up the archiver, which only
//! learns the newest number.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::log::checkpoint::{self, Checkpoint, Head, SignedCheckpoint};
use crate::log::identity::genesis;
use crate::log::link::{self, SignedLink};
use crate::log::object_key::{Attempt, Key, LINKS, Place, links_of};
use crate::log::signed_note::SigningKey;
use crate::reading::fetch;
use crate::reading::folders::{links_after, partitions};
use crate::record::hash::Hash;
use crate::record::merkle::{Tree, leaf_hash};
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::store::pages::Pages;
use crate::store::{Creation, Store};
use crate::task::error::AppError;
use crate::writing::checkpoints::{at, newest};
use crate::writing::create::create_or_read;
use crate::writing::trust::WriterTrust;
use crate::writing::writer_keys::WriterKeys;

/// Partitions that are asked about side by side.
const PARTITIONS_AT_ONCE: usize = 16;

/// Signs checkpoints, one after the other.
pub struct Checkpointer {
    archive: String,
    keys: Arc<WriterKeys>,
    /// What the last listing of `keys/` came to.
    trust: Arc<WriterTrust>,
    key: SigningKey,
    logs: BTreeMap<TopicPartition, Log>,
    newest: Option<SignedCheckpoint>,
}

/// What is known of a partition's chain: its tree so far and its head.
#[derive(Debug, Clone, Default)]
struct Log {
    tree: Tree,
    head: Option<SignedLink>,
    /// Where reading goes on: never beyond junk that stands in the next link's way, because `-r1` sorts before it.
    head_key: Option<String>,
}

impl Checkpointer {
    /// Knows nothing yet; the first checkpoint reads every link.
    #[must_use]
    pub fn new(archive: &str, keys: Arc<WriterKeys>, key: SigningKey) -> Checkpointer {
        Checkpointer {
            archive: archive.to_owned(),
            trust: keys.trust(),
            keys,
            key,
            logs: BTreeMap::new(),
            newest: None,
        }
    }

    /// Writes the next checkpoint if heads moved since the newest one, and answers with the newest. Number 0, which has
    /// no heads, is written where it is missing.
    ///
    /// # Errors
    /// What the store says; `Corrupt` where the links of a partition are no chain, `Config` where the key was retired:
    /// nothing is signed then.
    pub async fn advance(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        self.refresh(store).await?;
        self.advance_from_here(store, now).await
    }

    async fn advance_from_here(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        loop {
            let newest = match self.newest.clone() {
                Some(newest) => newest,
                None => self.found(store, now).await?,
            };
            self.read_links(store).await?;
            let heads = self.heads();
            // Who lost the race for a number reads the winner here, and adds another only if heads moved since.
            if heads.is_empty() || heads == newest.checkpoint.heads || self.is_behind(&newest) {
                return Ok(newest);
            }
            // After the newest checkpoint was read: the key change that a checkpoint names never goes back.
            self.trust = self.keys.refresh(store).await?;
            self.keys.require_own()?;
            let number = newest.checkpoint.number + 1;
            let draft = self.draft(number, newest.hash, heads, now);
            // Heads that moved while it was written are the next one's: others may be writing without a pause.
            if self.create(store, draft).await? == Creation::Created
                && let Some(ours) = &self.newest
            {
                return Ok(ours.clone());
            }
        }
    }

    /// As [`Checkpointer::advance`], but reads no chain while nothing was linked since the newest checkpoint: whoever starts and
    /// finds nothing to do asks one question a partition, however long the chains are.
    ///
    /// # Errors
    /// As [`Checkpointer::advance`].
    pub async fn advance_if_moved(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        self.refresh(store).await?;
        if self.logs.is_empty()
            && let Some(newest) = &self.newest
            && !has_moved(store, &newest.checkpoint.heads).await?
        {
            return Ok(newest.clone());
        }
        self.advance_from_here(store, now).await
    }

    /// Writes a checkpoint though heads may not have moved: the newest is then signed by this key.
    ///
    /// # Errors
    /// As [`Checkpointer::advance`].
    pub async fn renew(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        loop {
            let newest = self.advance(store, now).await?;
            let heads = newest.checkpoint.heads.clone();
            let draft = self.draft(newest.checkpoint.number + 1, newest.hash, heads, now);
            if self.create(store, draft).await? == Creation::Created
                && let Some(own) = self.newest.clone()
            {
                return Ok(own);
            }
        }
    }

    /// The keys of the heads, as they were read last.
    pub fn head_keys(&self) -> impl Iterator<Item = &str> {
        self.logs.values().filter_map(|log| log.head_key.as_deref())
    }

    /// Writes number 0, or reads it where another writer was first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn found(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        self.create(store, self.draft(0, Hash::ZERO, Vec::new(), now)).await?;
        self.newest
            .clone()
            .ok_or_else(|| AppError::internal("checkpoint 0 was created and is not known"))
    }

    /// Learns of new keys, and then of new checkpoints.
    async fn refresh(&mut self, store: &dyn Store) -> Result<(), AppError> {
        self.trust = self.keys.refresh(store).await?;
        let Some(known) = &self.newest else {
            self.newest = newest(store, &self.trust).await?;
            return Ok(());
        };
        let mut number = known.checkpoint.number + 1;
        while let Some(next) = at(store, &self.trust, number).await? {
            self.newest = Some(next);
            number += 1;
        }
        Ok(())
    }

    /// Heights never go back: a checkpoint that knows more than we read (a listing of another moment) is left alone.
    fn is_behind(&self, newest: &SignedCheckpoint) -> bool {
        newest.checkpoint.heads.iter().any(|signed| {
            let read = self.logs.get(&signed.partition).and_then(|log| log.head.as_ref());
            read.is_none_or(|head| head.link.height < signed.height)
        })
    }

    fn draft(&self, number: u64, previous: Hash, heads: Vec<Head>, at: UtcSeconds) -> Checkpoint {
        Checkpoint {
            archive: self.archive.clone(),
            archive_id: self.trust.archive_id.clone(),
            number,
            previous,
            key_change_number: self.trust.change_number,
            key_change: self.trust.change,
            at,
            heads,
        }
    }

    /// Creates the checkpoint, or reads the one that another writer created first; junk is passed over.
    async fn create(&mut self, store: &dyn Store, checkpoint: Checkpoint) -> Result<Creation, AppError> {
        let number = checkpoint.number;
        let sealed = checkpoint
            .seal(&self.key)
            .map_err(|error| AppError::internal(error.to_string()))?;
        let mut attempt = Attempt::PLAIN;
        loop {
            let key = Key::Checkpoint(number, attempt).to_string();
            let Some(object) = create_or_read(store, &key, &sealed).await? else {
                self.newest = Some(SignedCheckpoint {
                    checkpoint,
                    hash: sealed.hash,
                });
                return Ok(Creation::Created);
            };
            // A key that was added meanwhile may have signed it: whose signature is not known would be passed over.
            self.trust = self.keys.refresh(store).await?;
            if let Ok(winner) = checkpoint::open(&object, &self.trust.keyring, &self.trust.archive_id, number) {
                self.newest = Some(winner);
                return Ok(Creation::Exists);
            }
            attempt = attempt.next();
        }
    }

    fn heads(&self) -> Vec<Head> {
        let head = |(partition, log): (&TopicPartition, &Log)| {
            let head = log.head.as_ref()?;
            Some(Head {
                partition: partition.clone(),
                epoch: head.link.epoch,
                height: head.link.height,
                next_offset: head.link.next_offset,
                link: head.hash,
                log_root: log.tree.root(),
            })
        };
        self.logs.iter().filter_map(head).collect()
    }

    async fn read_links(&mut self, store: &dyn Store) -> Result<(), AppError> {
        let partitions = partitions(store, LINKS).await?;
        let known = &*self;
        let read = stream::iter(partitions).map(|partition| async move {
            let mut log = known.logs.get(&partition).cloned().unwrap_or_default();
            known.read_log(store, &partition, &mut log).await?;
            Ok::<_, AppError>((partition, log))
        });
        let read: Vec<_> = read.buffered(PARTITIONS_AT_ONCE).try_collect().await?;
        self.logs.extend(read);
        Ok(())
    }

    async fn read_log(&self, store: &dyn Store, partition: &TopicPartition, log: &mut Log) -> Result<(), AppError> {
        let mut pages = Pages::new(store, &links_of(partition), log.head_key.as_deref());
        while let Some(page) = pages.next().await? {
            let places = page.into_iter().filter_map(|entry| match entry.key.parse() {
                Ok(Key::Link(place, _)) => Some((place, entry.key)),
                _ => None,
            });
            let (places, keys): (Vec<Place>, Vec<String>) = places.unzip();
            let objects = fetch::get_all(store, &keys).await?;
            for ((place, key), object) in places.iter().zip(&keys).zip(objects) {
                let Some(object) = object else { continue };
                self.extend(log, (place, key), &object)?;
            }
        }
        Ok(())
    }

    /// Takes a link into the log. What is no valid note is passed over; a valid one must continue the chain.
    fn extend(&self, log: &mut Log, (place, key): (&Place, &str), object: &[u8]) -> Result<(), AppError> {
        let Ok(next) = link::open(object, &self.trust.keyring, &self.trust.archive_id, place) else {
            return Ok(());
        };
        let genesis = genesis(&self.trust.identity, &place.partition);
        next.link.continues(log.head.as_ref(), &genesis).map_err(|broken| {
            AppError::corrupt(format!(
                "no checkpoint is signed over a broken chain: {broken} key=`{key}`"
            ))
        })?;
        log.tree.push(leaf_hash(object));
        log.head = Some(next);
        log.head_key = Some(key.to_owned());
        Ok(())
    }
}

/// Whether anything stands under `links/` behind these heads, or in a partition that has none of them: a request a partition.
async fn has_moved(store: &dyn Store, heads: &[Head]) -> Result<bool, AppError> {
    let known: BTreeSet<&TopicPartition> = heads.iter().map(|head| &head.partition).collect();
    if partitions(store, LINKS)
        .await?
        .iter()
        .any(|found| !known.contains(found))
    {
        return Ok(true);
    }
    let behind: Vec<_> = heads
        .iter()
        .map(|head| (links_of(&head.partition), links_after(head)))
        .collect();
    let asked = stream::iter(behind).map(|(links, after)| async move {
        let page = store.list(&links, Some(&after), 1).await?;
        Ok::<_, AppError>(!page.is_empty())
    });
    asked.buffer_unordered(PARTITIONS_AT_ONCE).try_any(ready).await
}

//! The signer of checkpoints: reads the new links of every partition, whichever member owns it, and signs all heads
//! under the next number (FORMAT.md section 6). It keeps one Merkle tree for each partition from one checkpoint to the
//! next.

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

/// Partitions that are read at the same time.
const PARTITIONS_AT_ONCE: usize = 16;

/// Signs the checkpoints of one archive with one key.
pub struct Checkpointer {
    archive: String,
    keys: Arc<WriterKeys>,
    /// The keys in force by the last listing of `keys/`.
    trust: Arc<WriterTrust>,
    key: SigningKey,
    logs: BTreeMap<TopicPartition, Log>,
    newest: Option<SignedCheckpoint>,
}

/// The part of a partition's chain that was read.
#[derive(Debug, Clone, Default)]
struct Log {
    tree: Tree,
    head: Option<SignedLink>,
    /// The key of the head, after which reading continues. It must not be the key of a later invalid object: the next
    /// link may have the key with `-r1`, which sorts before that object.
    head_key: Option<String>,
}

impl Checkpointer {
    /// A checkpointer that has read nothing: its first checkpoint reads every link.
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

    /// Signs the next checkpoint if a head moved since the newest one. Returns the newest checkpoint. If number 0 is
    /// missing, it is created; it has no heads.
    ///
    /// # Errors
    /// The store's errors; `Corrupt` if the links of a partition do not form a chain; `Config` if the signing
    /// key was retired. Nothing is signed then.
    pub async fn advance(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        self.refresh(store).await?;
        self.advance_from_newest(store, now).await
    }

    async fn advance_from_newest(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        loop {
            let newest = match self.newest.clone() {
                Some(newest) => newest,
                None => self.ensure_first(store, now).await?,
            };
            self.read_links(store).await?;
            let heads = self.heads();
            // Also after another writer took the number: a further checkpoint is signed only if heads moved since that
            // one.
            if heads.is_empty() || heads == newest.checkpoint.heads || self.is_behind(&newest) {
                return Ok(newest);
            }
            // After the newest checkpoint was read, so that the key change named here is not older than the one named
            // there.
            self.trust = self.keys.refresh(store).await?;
            self.keys.require_own()?;
            let number = newest.checkpoint.number + 1;
            let draft = self.draft(number, newest.hash, heads, now);
            // Heads that moved meanwhile are left for the next checkpoint; otherwise this loop might not end while
            // others write.
            if self.create(store, draft).await? == Creation::Created
                && let Some(created) = &self.newest
            {
                return Ok(created.clone());
            }
        }
    }

    /// Like [`Checkpointer::advance`], but before the first link is read, checks for new links with one request for
    /// each partition. If there are none, no chain is read: a start with nothing to do takes the same time however long
    /// the chains are.
    ///
    /// # Errors
    /// Those of [`Checkpointer::advance`].
    pub async fn advance_if_moved(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        self.refresh(store).await?;
        if self.logs.is_empty()
            && let Some(newest) = &self.newest
            && !has_new_links(store, &newest.checkpoint.heads).await?
        {
            return Ok(newest.clone());
        }
        self.advance_from_newest(store, now).await
    }

    /// Signs a checkpoint even if no head moved, so that the newest one is signed by this key.
    ///
    /// # Errors
    /// Those of [`Checkpointer::advance`].
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

    /// The object keys of the heads that were read last.
    pub fn head_keys(&self) -> impl Iterator<Item = &str> {
        self.logs.values().filter_map(|log| log.head_key.as_deref())
    }

    /// Creates checkpoint 0, or reads it if another writer created it first.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn ensure_first(&mut self, store: &dyn Store, now: UtcSeconds) -> Result<SignedCheckpoint, AppError> {
        self.create(store, self.draft(0, Hash::ZERO, Vec::new(), now)).await?;
        self.newest
            .clone()
            .ok_or_else(|| AppError::internal("checkpoint 0 was created but not kept in memory"))
    }

    /// Reads new key changes, then new checkpoints: those may be signed with new keys.
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

    /// Whether the newest checkpoint has a greater height than was read here, as after a stale listing. Heights must
    /// not decrease, so nothing may be signed then.
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

    /// Creates the checkpoint, or reads the valid one that another writer created first. Invalid objects are skipped.
    ///
    /// Durability point. A crash before the create costs nothing: the next checkpoint covers the same links. A crash
    /// after it costs only the copies in the mirrors, which the next checkpoint makes.
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
            // It may be signed with a key that was added meanwhile. Without that key it would be skipped as invalid.
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
                self.extend(log, place, key, &object)?;
            }
        }
        Ok(())
    }

    /// Appends a link to the log. An invalid note is skipped; a valid one must continue the chain.
    fn extend(&self, log: &mut Log, place: &Place, key: &str, object: &[u8]) -> Result<(), AppError> {
        let Ok(next) = link::open(object, &self.trust.keyring, &self.trust.archive_id, place) else {
            return Ok(());
        };
        let genesis = genesis(&self.trust.identity, &place.partition);
        next.link.continues(log.head.as_ref(), &genesis).map_err(|broken| {
            AppError::corrupt(format!(
                "no checkpoint is signed, because the chain is broken: {broken} key=`{key}`"
            ))
        })?;
        log.tree.push(leaf_hash(object));
        log.head = Some(next);
        log.head_key = Some(key.to_owned());
        Ok(())
    }
}

/// Whether `links/` has objects after these heads, or in a partition without a head. One request for each partition.
async fn has_new_links(store: &dyn Store, heads: &[Head]) -> Result<bool, AppError> {
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

//! The archive for proofs and exports: notes that are signed by keys in force, and segments whose bytes match their
//! links. Nothing else that is read from the bucket is trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::json::canonical;
use crate::log::entry::Entry;
use crate::log::history::Removal;
use crate::log::identity::Identity;
use crate::log::keyring::Role;
use crate::log::link::Link;
use crate::log::object_key::{IDENTITY, Key};
use crate::log::proof::First;
use crate::log::signed_note::{Note, VerifyingKey};
use crate::reading::bucket::Bucket;
use crate::reading::cosignatures;
use crate::reading::log_listing::{LogKeys, read_place, walk_log};
use crate::reading::notes::{add_newer_links, read_identity, walk_links};
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::store::Store;
use crate::task::error::AppError;
use crate::verify::candidates::Unread;
use crate::verify::chain::Accepted;
use crate::verify::cosigned::Cosigned;
use crate::verify::findings::{Code, Findings, Severity};
use crate::verify::given::Given;
use crate::verify::inventory::Inventory;
use crate::verify::log_walk::LogWalk;
use crate::verify::trust::{Brought, Trust};

/// The capacity of the channel of accepted links.
const QUEUE: usize = 256;

/// An archive that was listed, and whose log was read.
pub struct Archive {
    pub(super) bucket: Arc<Bucket>,
    pub(super) inventory: Inventory,
    pub(super) walk: LogWalk,
    pub(super) trust: Arc<Trust>,
    pub(super) removals: BTreeMap<TopicPartition, Vec<Removal>>,
    pub(super) identity: Bytes,
    /// The newest checkpoint that is cosigned as the policy asks.
    pub(super) cosigned: Option<u64>,
}

impl Archive {
    /// Lists the archive and reads its log. Without anything given, the keys of `archive.json` are trusted.
    ///
    /// # Errors
    /// The store's errors; `Input` if there is no archive, or if nothing that was given proves its keys.
    pub async fn open(store: Arc<dyn Store>, given: &Given) -> Result<Archive, AppError> {
        let (bucket, inventory, _) = Bucket::list(store).await.map_err(AppError::CannotList)?;
        let bucket = Arc::new(bucket);
        let mut findings = Findings::default();
        let opened = read_identity(&bucket, &inventory, &mut findings).await;
        let identity = bucket.get(IDENTITY).await.ok().flatten();
        let (Some((of, history)), Some(identity)) = (opened, identity) else {
            return Err(unusable(&findings));
        };
        let mut walk = LogWalk::new(history).keeping_for_proofs();
        let listed = LogKeys {
            entries: inventory.entries.clone(),
            checkpoints: inventory.checkpoints.clone(),
        };
        walk_log(&bucket, listed, &mut walk)
            .await
            .map_err(AppError::CannotList)?;
        let cosigned = match &given.policy {
            Some(policy) if given.means(walk.history().keyring()) => {
                let mut cosigned = Cosigned::new(policy);
                cosignatures::read(&bucket, &inventory.cosignatures, &walk, &mut cosigned).await;
                cosigned.finish().0
            }
            _ => None,
        };
        let brought = Brought {
            keys: given.keys.clone(),
            has_checkpoints: given.policy.is_some() || given.origin.is_some(),
            proved: cosigned,
        };
        let trust = Trust::new(of, &walk, &brought);
        // Links show later whether a given key of the archive signed something.
        let unproved = trust.findings(&walk, trust.has_given_key());
        let is_unusable = walk.newest_entry().is_none() || unproved.iter().any(|f| f.severity == Severity::Tampered);
        unproved.into_iter().for_each(|finding| findings.push(finding));
        if is_unusable {
            findings.append(walk.finish(&BTreeMap::new()));
            return Err(unusable(&findings));
        }
        Ok(Archive {
            bucket,
            inventory,
            removals: walk.removals(),
            walk,
            trust: Arc::new(trust),
            identity,
            cosigned,
        })
    }

    /// The partitions that have links, or should have.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        let named = self.walk.heads_at(u64::MAX).map(|head| &head.partition);
        let known: BTreeSet<&TopicPartition> = self.inventory.partitions.keys().chain(named).collect();
        known.into_iter().cloned().collect()
    }

    /// The number of records of a partition, estimated without reading its links.
    #[must_use]
    pub fn estimated_records(&self, partition: &TopicPartition) -> u64 {
        let newest = self.walk.newest_head(partition).map(|(_, head)| head.next_offset);
        let objects = self.inventory.partitions.get(partition);
        objects.map_or(0, |objects| objects.offsets(newest))
    }

    /// The text of `archive.json`.
    ///
    /// # Errors
    /// `Corrupt` if it is not UTF-8.
    pub fn identity(&self) -> Result<String, AppError> {
        text(&self.identity)
    }

    /// The content of `archive.json`.
    #[must_use]
    pub fn content(&self) -> &Identity {
        self.trust.identity()
    }

    /// The notes of the changes that entries up to `number` carry, from sequence 1.
    #[must_use]
    pub fn changes(&self, number: u64) -> Vec<String> {
        let kept = self.walk.kept().map_or(&[][..], |kept| &kept.changes);
        let until = kept.iter().filter(|(entry, _)| *entry <= number);
        until.map(|(_, note)| note.clone()).collect()
    }

    /// The hashes of the first `count` leaves of the log.
    #[must_use]
    pub fn leaves(&self, count: u64) -> &[Hash] {
        let leaves = self.walk.kept().map_or(&[][..], |kept| &kept.leaves);
        &leaves[..usize::try_from(count).unwrap_or(usize::MAX).min(leaves.len())]
    }

    /// The number of the first entry whose heads cover this height of a partition.
    #[must_use]
    pub fn first_covering(&self, partition: &TopicPartition, height: Height) -> Option<u64> {
        self.walk.first_covering(partition, height)
    }

    /// Whether a retention change lets the segment of this link be deleted.
    #[must_use]
    pub fn may_be_removed(&self, link: &Link) -> bool {
        let removals = self.removals.get(&link.topic_partition());
        removals.is_some_and(|removals| removals.iter().any(|removal| link.height < removal.below))
    }

    /// The hash of `archive.json`.
    #[must_use]
    pub fn identity_hash(&self) -> Hash {
        Hash::of(&self.identity)
    }

    /// The number of the newest entry.
    #[must_use]
    pub fn newest_entry(&self) -> Option<u64> {
        self.walk.newest_entry()
    }

    /// The entry with this number.
    ///
    /// # Errors
    /// The store's errors; `Corrupt` if it is no longer there.
    pub async fn entry(&self, number: u64) -> Result<Entry, AppError> {
        let objects = read_place(&self.bucket, |attempt| Key::Entry(number, attempt)).await;
        let root = self.walk.root(number);
        let is_valid = |entry: &Entry| root.is_some() && entry.checkpoint().map(|named| named.root) == root;
        let mut entries = objects.map_err(AppError::CannotList)?.into_iter().filter_map(|raw| {
            let note = Note::parse(&raw.object.ok()?).ok()?;
            canonical::from_text(note.text()).ok()
        });
        // The root over the entries authenticates it, whatever its signature.
        entries
            .find(is_valid)
            .ok_or_else(|| AppError::corrupt(format!("entry {number} of the log is missing")))
    }

    /// What shows that a change key of `archive.json` knew it; `None` where there are no change keys.
    ///
    /// # Errors
    /// Those of [`Archive::entry`].
    pub async fn first(&self) -> Result<Option<First>, AppError> {
        if self.trust.keyring().change_role() != Role::Change {
            return Ok(None);
        }
        let leaf = self.entry(0).await?.leaf().and_then(|leaf| leaf.to_text());
        let leaf = leaf.map_err(|error| AppError::internal(error.to_string()))?;
        let signed_first = |signer: &VerifyingKey| {
            let term = self.trust.keyring().term(signer);
            term.is_some_and(|term| term.role == Role::Change && term.added.is_none())
        };
        let found = self.checkpoint_by(0, signed_first).await?;
        Ok(found.map(|found| First {
            leaf,
            checkpoint: found.note,
        }))
    }

    /// The object with this key; `None` if there is none, or one that is larger than the limit of its kind.
    ///
    /// # Errors
    /// `Transient` if it cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, AppError> {
        match self.bucket.get(key).await {
            Ok(object) => Ok(object),
            Err(Unread::TooLarge(_)) => Ok(None),
            Err(Unread::Failed(why)) => Err(unread(key, &why)),
        }
    }

    /// The segment of a link. Its SHA-256 is checked against the link.
    ///
    /// # Errors
    /// `Corrupt` if it is missing or has another hash; `Transient` if it cannot be read.
    pub async fn segment(&self, link: &Link) -> Result<Bytes, AppError> {
        let Some(segment) = &link.segment else {
            return Err(AppError::internal("a link with records has no segment"));
        };
        let key = &segment.key;
        let missing = || match self.may_be_removed(link) {
            true => AppError::input(format!("the segment was removed under a retention change: {key}")),
            false => AppError::corrupt(format!("the segment is missing or too large: {key}")),
        };
        let object = self.get(key).await?.ok_or_else(missing)?;
        if Hash::of(&object) == segment.sha256 {
            Ok(object)
        } else {
            Err(AppError::corrupt(format!(
                "the segment does not have the hash in its link: {key}"
            )))
        }
    }

    /// As [`Archive::segment`]; `None` if it is missing, and a retention change lets it be.
    ///
    /// # Errors
    /// Those of [`Archive::segment`].
    pub async fn kept_segment(&self, link: &Link) -> Result<Option<Bytes>, AppError> {
        if let Some(segment) = link.segment.as_ref().filter(|_| self.may_be_removed(link))
            && self.get(&segment.key).await?.is_none()
        {
            return Ok(None);
        }
        self.segment(link).await.map(Some)
    }

    /// The last bytes of the segment at a key; `None` if they cannot be read alone. They are not checked.
    pub async fn segment_end(&self, key: &str, bytes: u64) -> Option<Bytes> {
        self.bucket.end(key, bytes).await
    }

    /// The chain of a partition, from height 0 without a gap. Invalid objects beside it are ignored, so that an
    /// outsider with write access cannot prevent proofs.
    ///
    /// # Errors
    /// `Corrupt` if a link is missing or breaks the chain.
    pub async fn chain(&self, partition: &TopicPartition) -> Result<Vec<Accepted>, AppError> {
        let mut shelf = self.inventory.partitions.get(partition).cloned().unwrap_or_default();
        let named = self.walk.newest_head(partition);
        if named.is_some() {
            // The log is listed after the links, and may name one that was not there yet.
            let newer = add_newer_links(&self.bucket, partition, &mut shelf);
            newer.await.map_err(AppError::CannotList)?;
        }
        let (accepted, mut queue) = mpsc::channel(QUEUE);
        let walk = walk_links(&self.bucket, &self.trust, partition, (shelf, Vec::new()), accepted);
        let collect = async {
            let mut links = Vec::new();
            while let Some(link) = queue.recv().await {
                links.push(link);
            }
            links
        };
        let (chain, links) = futures::join!(walk, collect);
        let in_order = (0..)
            .zip(&links)
            .all(|(height, link)| link.signed.link.height.0 == height);
        let is_proved = !chain.findings.has(Code::LinkNotProved);
        if in_order && is_proved {
            return match named.filter(|(_, head)| links.len() as u64 <= head.height.0) {
                None => Ok(links),
                Some((number, head)) => Err(AppError::corrupt(format!(
                    "links are missing: entry {number} of the log names one at height {} of {partition}",
                    head.height.0
                ))),
            };
        }
        let worst = chain
            .findings
            .kept()
            .iter()
            .find(|finding| finding.severity > Severity::Note);
        let why = worst.map_or("", |finding| &finding.detail);
        Err(AppError::corrupt(format!("the chain is broken: {why}, in {partition}")))
    }
}

fn unusable(findings: &Findings) -> AppError {
    let why = findings.kept().first().map_or("", |finding| &finding.detail);
    AppError::input(format!("the archive or its keys cannot be used: {why}"))
        .fix("check store.bucket, store.prefix and store.endpoint; `kivend verify` lists all findings")
}

fn unread(key: &str, why: &str) -> AppError {
    AppError::transient(format!("the object {key} cannot be read: {why}"))
}

/// The text of a note or of `archive.json`.
///
/// # Errors
/// `Corrupt` if it is not UTF-8.
pub fn text(object: &Bytes) -> Result<String, AppError> {
    std::str::from_utf8(object)
        .map(str::to_owned)
        .map_err(|_| AppError::corrupt("an object of the archive is not UTF-8"))
}

//! The archive for proofs and exports: notes that are signed by keys in force, and segments whose bytes match their
//! links. Nothing else that is read from the bucket is trusted.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::log::checkpoint::SignedCheckpoint;
use crate::log::link::Link;
use crate::log::object_key::{Attempt, IDENTITY, Key};
use crate::log::signed_note::VerifyingKey;
use crate::reading::bucket::Bucket;
use crate::reading::notes::{read_trust, walk_links};
use crate::reading::saved_checkpoint::{NotASavedCheckpoint, open_saved, without_cosignatures};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::store::Store;
use crate::task::error::AppError;
use crate::verify::chain::Accepted;
use crate::verify::findings::{Findings, Severity};
use crate::verify::inventory::Inventory;
use crate::verify::keys::{ChangeState, Trust};

/// The capacity of the channel of accepted links.
const QUEUE: usize = 256;

/// A checkpoint as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedCheckpoint {
    /// The bucket's checkpoint with this number.
    Number(u64),
    /// A saved checkpoint: the bytes of its file.
    Saved(Vec<u8>),
}

/// An archive that was listed, and whose keys were read.
pub struct Archive {
    bucket: Arc<Bucket>,
    inventory: Inventory,
    trust: Arc<Trust>,
    identity: Bytes,
}

/// A valid checkpoint and its object.
pub struct CheckpointObject {
    /// The object's bytes.
    pub object: Bytes,
    /// The parsed checkpoint.
    pub signed: SignedCheckpoint,
}

impl Archive {
    /// Lists the archive and reads its keys. `keys` are the user's public keys; without any, the keys of `archive.json`
    /// are trusted.
    ///
    /// # Errors
    /// The store's errors; `Input` if there is no archive, or if its keys cannot be trusted.
    pub async fn open(store: Arc<dyn Store>, keys: &[VerifyingKey]) -> Result<Archive, AppError> {
        let (bucket, inventory, _) = Bucket::list(store).await.map_err(AppError::CannotList)?;
        let mut findings = Findings::default();
        let trust = read_trust(&bucket, &inventory, keys, &mut findings).await;
        let identity = bucket.get(IDENTITY).await.map_err(AppError::transient)?;
        match (trust, identity) {
            (Some(trust), Some(identity)) => Ok(Archive {
                bucket: Arc::new(bucket),
                inventory,
                trust: Arc::new(trust),
                identity,
            }),
            _ => {
                let why = findings.kept().first().map_or("", |finding| &finding.detail);
                Err(
                    AppError::input(format!("the archive or its keys cannot be used: {why}"))
                        .fix("check store.bucket, store.prefix and store.endpoint"),
                )
            }
        }
    }

    /// The partitions that have links.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.inventory.partitions.keys().cloned().collect()
    }

    /// The text of `archive.json`.
    ///
    /// # Errors
    /// `Corrupt` if it is not UTF-8.
    pub fn identity(&self) -> Result<String, AppError> {
        text(&self.identity)
    }

    /// The notes of the valid key changes, from number 1 on without a gap.
    ///
    /// # Errors
    /// `Transient` if an object cannot be read.
    pub async fn key_changes(&self) -> Result<Vec<String>, AppError> {
        let mut notes = Vec::new();
        for (number, standing) in self.trust.changes().range(1..) {
            let ChangeState::Valid(hash) = standing else { break };
            let attempts = self.inventory.key_changes.iter().filter(|(listed, _)| listed == number);
            for (_, attempt) in attempts {
                let object = self.get(&Key::KeyChange(*number, *attempt).to_string()).await?;
                if let Some(object) = object.filter(|object| Hash::of(object) == *hash) {
                    notes.push(text(&object)?);
                    break;
                }
            }
        }
        Ok(notes)
    }

    /// The object with this key; `None` if there is none.
    ///
    /// # Errors
    /// `Transient` if it cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, AppError> {
        self.bucket
            .get(key)
            .await
            .map_err(|why| AppError::transient(format!("an object cannot be read: {why} key=`{key}`")))
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
        let missing = || AppError::corrupt(format!("the segment is missing key=`{key}`"));
        let object = self.get(key).await?.ok_or_else(missing)?;
        if Hash::of(&object) == segment.sha256 {
            Ok(object)
        } else {
            let what = "the segment does not have the hash in its link";
            Err(AppError::corrupt(format!("{what} key=`{key}`")))
        }
    }

    /// The chain of a partition, from height 0 without a gap. Invalid objects beside it are ignored, so that an
    /// outsider with write access cannot prevent proofs.
    ///
    /// # Errors
    /// `Corrupt` if a link is missing or breaks the chain.
    pub async fn chain(&self, partition: &TopicPartition) -> Result<Vec<Accepted>, AppError> {
        let shelf = self.inventory.partitions.get(partition).cloned().unwrap_or_default();
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
        if in_order {
            return Ok(links);
        }
        let worst = chain
            .findings
            .kept()
            .iter()
            .find(|finding| finding.severity > Severity::Note);
        let why = worst.map_or("", |finding| &finding.detail);
        Err(AppError::corrupt(format!(
            "the chain is broken: {why} partition=`{partition}`"
        )))
    }

    /// The leaf hashes of a partition's first `size` links.
    ///
    /// # Errors
    /// Those of [`Archive::chain`]; `Corrupt` if the chain is shorter.
    pub async fn log(&self, partition: &TopicPartition, size: u64) -> Result<Vec<Hash>, AppError> {
        let chain = self.chain(partition).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if chain.len() < size {
            let found = chain.len();
            return Err(AppError::corrupt(format!(
                "the newest part of a chain is missing partition=`{partition}` links=`{found}` expected=`{size}`"
            )));
        }
        Ok(chain[..size].iter().map(|link| link.leaf).collect())
    }

    /// The valid checkpoint with this number, if there is one.
    ///
    /// # Errors
    /// `Transient` if an object cannot be read.
    pub async fn checkpoint(&self, number: u64) -> Result<Option<CheckpointObject>, AppError> {
        let listed = &self.inventory.checkpoints;
        let from = listed.partition_point(|(listed, _)| *listed < number);
        for (_, attempt) in listed[from..].iter().take_while(|(listed, _)| *listed == number) {
            let Some(object) = self.get(&Key::Checkpoint(number, *attempt).to_string()).await? else {
                continue;
            };
            if let Ok(signed) = self.trust.open_checkpoint(&object, number) {
                return Ok(Some(CheckpointObject { object, signed }));
            }
        }
        Ok(None)
    }

    /// The oldest checkpoint that covers a height of a partition, found by binary search: heights do not decrease.
    ///
    /// # Errors
    /// `Transient` if an object cannot be read.
    pub async fn oldest_covering(
        &self,
        partition: &TopicPartition,
        height: u64,
    ) -> Result<Option<CheckpointObject>, AppError> {
        let mut numbers: Vec<u64> = self.inventory.checkpoints.iter().map(|(number, _)| *number).collect();
        numbers.dedup();
        let (mut low, mut high, mut found) = (0, numbers.len(), None);
        while low < high {
            let middle = low + (high - low) / 2;
            let checkpoint = self.checkpoint(numbers[middle]).await?;
            let covers = |checkpoint: &CheckpointObject| {
                let head = checkpoint.signed.checkpoint.head(partition);
                head.is_some_and(|head| head.height.0 >= height)
            };
            match checkpoint.filter(covers) {
                Some(checkpoint) => (high, found) = (middle, Some(checkpoint)),
                None => low = middle + 1,
            }
        }
        Ok(found)
    }

    /// The checkpoint that a user names.
    ///
    /// # Errors `Input` if there is none, or if the saved file is not a checkpoint of this archive; `Transient` if an
    /// object cannot be read.
    pub async fn named_checkpoint(&self, wanted: &WantedCheckpoint) -> Result<CheckpointObject, AppError> {
        match wanted {
            WantedCheckpoint::Number(number) => self.checkpoint(*number).await?.ok_or_else(|| {
                let key = Key::Checkpoint(*number, Attempt::PLAIN);
                AppError::input(format!(
                    "the archive has no valid checkpoint of this number key=`{key}`"
                ))
                .fix("name a number up to that of the newest checkpoint, which `kivend verify` prints, or the file of a saved checkpoint")
            }),
            WantedCheckpoint::Saved(object) => {
                let signed = open_saved(&self.trust, object)
                    .and_then(|opened| opened.map_err(NotASavedCheckpoint))
                    .map_err(not_saved)?;
                // A proof contains the bucket's object. With the signatures of witnesses it would have another hash.
                let object = without_cosignatures(&self.trust, object)
                    .map_err(not_saved)?
                    .to_bytes()
                    .into();
                Ok(CheckpointObject { object, signed })
            }
        }
    }
}

fn not_saved(error: NotASavedCheckpoint) -> AppError {
    AppError::input(error.to_string())
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

//! The configured witnesses, and what a submission to them needs of the archive.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::config::WitnessSettings;
use crate::log::checkpoint::Checkpoint;
use crate::log::witness::{Cosignature, WitnessKey};
use crate::record::hash::Hash;
use crate::record::merkle::range::{LeafPoint, LeafRange, consistency_ranges};
use crate::store::Store;
use crate::task::error::AppError;

/// How many entries are read at a time for a proof.
const READS_MAX: usize = 8;

/// A configured witness, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The submission prefix.
    pub url: String,
    /// The monitoring prefix.
    pub monitoring_url: String,
    /// The public key.
    pub key: WitnessKey,
}

impl Witness {
    /// The witnesses of the setting `archive.witnesses`.
    ///
    /// # Errors
    /// `Config` if a key is not one of a witness, or two witnesses have the same.
    pub fn of_settings(settings: &[WitnessSettings]) -> Result<Vec<Witness>, AppError> {
        let mut witnesses: Vec<Witness> = Vec::with_capacity(settings.len());
        for written in settings {
            let fix = "set `key` in archive.witnesses to the key that the witness's operator published";
            let refused = |why: &dyn std::fmt::Display| {
                AppError::config(format!("archive.witnesses, `{}`: {why}", written.url)).fix(fix)
            };
            let key: WitnessKey = written.key.parse().map_err(|error| refused(&error))?;
            if witnesses.iter().any(|other| other.key.has_key_of(&key)) {
                return Err(refused(&"another witness has the same public key"));
            }
            witnesses.push(Witness {
                url: written.url.clone(),
                monitoring_url: written.monitoring_url.clone(),
                key,
            });
        }
        Ok(witnesses)
    }
}

/// A checkpoint that the bucket holds. Only such a one is submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingCheckpoint {
    /// What its text says.
    pub head: Checkpoint,
    /// The object: a signed note over `head`.
    pub note: Bytes,
}

impl StandingCheckpoint {
    /// The checkpoint's number: that of the newest entry below it. A checkpoint is over one entry at least.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.head.size.saturating_sub(1)
    }
}

/// The archive's log, as far as submissions to witnesses need it.
#[async_trait]
pub trait WitnessedLog: Send + Sync {
    /// The leaf of entry `number`, and the peaks of the leaves before it, which the entry has in `tree`.
    ///
    /// # Errors
    /// The entry cannot be read.
    async fn leaf_point(&self, number: u64) -> Result<LeafPoint, AppError>;

    /// Stores a cosignature of checkpoint `number` under [`Cosignature::object_key`]. It verified. One that is stored already
    /// is no error.
    ///
    /// # Errors
    /// The store's errors; the cosignature is then asked for again.
    async fn store(&self, number: u64, cosignature: &Cosignature) -> Result<(), AppError>;

    /// A witness cosigned a tree with `size` leaves, more than the checkpoint that was submitted. Either another archiver
    /// submitted a newer one, or the bucket was cut.
    async fn witness_is_ahead(&self, _witness: &Witness, _size: u64) {}
}

/// Creates the object of a cosignature of checkpoint `number`, unless it stands already: its key depends on its bytes.
///
/// # Errors
/// The store's errors.
pub async fn store_cosignature(store: &dyn Store, number: u64, cosignature: &Cosignature) -> Result<(), AppError> {
    let object = cosignature.to_object();
    let hash = Hash::of(&object);
    let key = cosignature.object_key(number);
    store.create_hashed(&key, Bytes::from(object), &hash).await?;
    Ok(())
}

/// The consistency proof from the first `first` leaves to the first `second`, by O(log n) reads.
///
/// # Errors
/// Those of [`WitnessedLog::leaf_point`]; `Corrupt` if an entry has too few peaks.
pub async fn consistency_proof(log: &dyn WitnessedLog, first: u64, second: u64) -> Result<Vec<Hash>, AppError> {
    let node = async |range: LeafRange| {
        let number = range.last();
        let too_few = || AppError::corrupt(format!("entry {number} of the log has too few peaks"));
        range.root(&log.leaf_point(number).await?).ok_or_else(too_few)
    };
    let nodes = stream::iter(consistency_ranges(first, second)).map(node);
    nodes.buffered(READS_MAX).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Explain as _, Kind};
    use crate::store::memory::MemoryStore;

    const KEY: &str = "example.com/witness+10a1c019+BGSEitir7W6FmBs7OHWyUrh2frtLAvcDrKOx5xu9ao5Q";
    const LINE: &str = "\u{2014} example.com/witness EKHAGQAAAABrCuIQD6DsnsB8rGY9CK5TU/j4VhotwvZ3o+77P6oA4fgONoATNqL511xN4GrW/1xcRoNt1t8HdWNGsYfNOKU5P3kHAQ==";

    fn written(key: &str) -> WitnessSettings {
        WitnessSettings {
            url: "https://w.example".to_owned(),
            key: key.to_owned(),
            monitoring_url: "https://w.example".to_owned(),
        }
    }

    #[test]
    fn a_key_that_is_not_a_witness_s_or_counts_twice_is_a_wrong_setting() {
        assert_eq!(Witness::of_settings(&[written(KEY)]).unwrap()[0].key.to_string(), KEY);
        let of_a_log = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        for wrong in [
            vec![written("nonsense")],
            vec![written(of_a_log)],
            vec![written(KEY), written(KEY)],
        ] {
            let error = Witness::of_settings(&wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{error}");
            assert!(error.to_string().contains("archive.witnesses, `"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_cosignature_is_stored_once_below_its_checkpoint() {
        let (store, line) = (MemoryStore::default(), Cosignature::parse(LINE).unwrap());
        for _ in 0..2 {
            store_cosignature(&store, 7, &line).await.unwrap();
        }
        let hash = Hash::of(format!("{LINE}\n").as_bytes());
        let stored = store
            .get(&format!("cosignatures/0000000007/{hash}.txt"), 1 << 13)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(Cosignature::from_object(&stored), Some(line));
    }
}

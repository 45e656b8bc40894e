//! The checkpoints of an archive as a writer finds them: by number, or the newest.

use bytes::Bytes;

use crate::log::checkpoint::{self, CheckpointRef, SignedCheckpoint};
use crate::log::object_key::{Attempt, Key};
use crate::reading::attempts;
use crate::record::hash::Hash;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;

/// The newest checkpoint of the archive, or nothing where there is not even number 0. Numbers have no gap, so it is found
/// by doubling and then halving: O(log n) requests. What is no valid note does not count.
///
/// # Errors
/// What the store says.
pub async fn newest(store: &dyn Store, trust: &WriterTrust) -> Result<Option<SignedCheckpoint>, AppError> {
    let Some(mut newest) = at(store, trust, 0).await? else {
        return Ok(None);
    };
    let mut step = 1u64;
    while let Some(found) = at(store, trust, newest.checkpoint.number + step).await? {
        newest = found;
        step = step.saturating_mul(2);
    }
    while step > 1 {
        step /= 2;
        if let Some(found) = at(store, trust, newest.checkpoint.number + step).await? {
            newest = found;
        }
    }
    Ok(Some(newest))
}

/// The valid checkpoint with this number, lowest attempt first.
///
/// # Errors
/// What the store says.
pub async fn at(store: &dyn Store, trust: &WriterTrust, number: u64) -> Result<Option<SignedCheckpoint>, AppError> {
    let found = attempts::lowest(
        store,
        |attempt| Key::Checkpoint(number, attempt),
        |found| checkpoint::open(&found.object, &trust.keyring, &trust.archive_id, number).ok(),
    );
    Ok(found.await?)
}

/// The object of the checkpoint that is known by number and hash, and its key.
///
/// # Errors
/// What the store says; `Corrupt` where it is not there.
pub async fn object_of(store: &dyn Store, named: &CheckpointRef) -> Result<(String, Bytes), AppError> {
    let found = attempts::lowest(
        store,
        |attempt| Key::Checkpoint(named.number, attempt),
        |found| (Hash::of(&found.object) == named.sha256).then_some((found.key, found.object)),
    );
    found.await?.ok_or_else(|| {
        let key = Key::Checkpoint(named.number, Attempt::PLAIN);
        AppError::corrupt(format!("a checkpoint that was signed is missing key=`{key}`"))
    })
}

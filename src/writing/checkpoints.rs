//! Reading the checkpoints of an archive: by number, by reference, or the newest.

use bytes::Bytes;

use crate::log::checkpoint::{self, CheckpointRef, SignedCheckpoint};
use crate::log::object_key::{Attempt, Key};
use crate::reading::attempts;
use crate::record::hash::Hash;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::trust::WriterTrust;

/// The newest valid checkpoint; `None` if the archive has none. Numbers have no gaps, so it is found with O(log n)
/// requests.
///
/// # Errors
/// The store's errors.
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

/// The valid checkpoint with this number, of the lowest attempt (FORMAT.md section 1).
///
/// # Errors
/// The store's errors.
pub async fn at(store: &dyn Store, trust: &WriterTrust, number: u64) -> Result<Option<SignedCheckpoint>, AppError> {
    let found = attempts::lowest(
        store,
        |attempt| Key::Checkpoint(number, attempt),
        |found| checkpoint::open(&found.object, &trust.keyring, &trust.archive_id, number).ok(),
    );
    Ok(found.await?)
}

/// The object key and the bytes of the checkpoint with this number and hash.
///
/// # Errors
/// The store's errors; `Corrupt` if it is missing.
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

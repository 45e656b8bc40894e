//! The start of a verification: lists the archive, reads the keys, and opens the checkpoint of an incremental verification.

use std::sync::Arc;

use crate::app::verify::error::VerifyError;
use crate::app::verify::request::{Base, Request};
use crate::log::checkpoint::SignedCheckpoint;
use crate::reading::bucket::Bucket;
use crate::reading::notes::{find_checkpoint, read_trust};
use crate::reading::saved_checkpoint::{NotASavedCheckpoint, open_saved};
use crate::store::Store;
use crate::verify::findings::Findings;
use crate::verify::inventory::Inventory;
use crate::verify::keys::Trust;

/// What is known before the first chain is walked.
pub(super) struct Opened {
    pub(super) bucket: Arc<Bucket>,
    pub(super) inventory: Inventory,
    pub(super) findings: Findings,
    /// `None` if there is no archive.
    pub(super) trust: Option<Trust>,
    pub(super) base: Option<SignedCheckpoint>,
}

/// Lists the archive and reads its keys.
pub(super) async fn begin(store: Arc<dyn Store>, request: &Request) -> Result<Opened, VerifyError> {
    let listed = match request.base {
        None => Bucket::list(store).await,
        Some(_) => Bucket::list_keys(store).await,
    };
    let (mut bucket, mut inventory, mut findings) = listed.map_err(VerifyError::Store)?;
    let trust = read_trust(&bucket, &inventory, &request.keys, &mut findings).await;
    let base = match (&trust, &request.base) {
        (Some(trust), Some(base)) => Some(open_base(&bucket, trust, base).await?),
        _ => None,
    };
    if let Some(base) = &base {
        let beyond = bucket.list_beyond(&base.checkpoint, &mut inventory, &mut findings);
        beyond.await.map_err(VerifyError::Store)?;
    }
    Ok(Opened {
        bucket: Arc::new(bucket),
        inventory,
        findings,
        trust,
        base,
    })
}

async fn open_base(bucket: &Bucket, trust: &Trust, base: &Base) -> Result<SignedCheckpoint, VerifyError> {
    match base {
        Base::Saved(object) => open_saved(trust, object)?.map_err(|why| NotASavedCheckpoint(why).into()),
        Base::Number(number) => {
            let found = find_checkpoint(bucket, trust, *number).await;
            found.ok().flatten().ok_or(VerifyError::NoSuchCheckpoint(*number))
        }
    }
}

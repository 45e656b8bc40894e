//! The start of a verification: lists the archive, and reads its log, from the beginning or from the checkpoint of an
//! incremental verification on.

use std::sync::Arc;

use crate::app::verify::error::VerifyError;
use crate::app::verify::request::{Base, Request};
use crate::log::entry::Entry;
use crate::reading::bucket::Bucket;
use crate::reading::log_listing::{LogKeys, walk_log};
use crate::reading::log_resume::resume;
use crate::reading::notes::read_identity;
use crate::store::Store;
use crate::verify::findings::Findings;
use crate::verify::inventory::Inventory;
use crate::verify::log_walk::LogWalk;
use crate::verify::saved::SavedCheckpoint;
use crate::verify::trust::ArchiveIdentity;

/// What is known before the first chain is walked.
pub(super) struct Opened {
    pub(super) bucket: Arc<Bucket>,
    pub(super) inventory: Inventory,
    pub(super) findings: Findings,
    /// `None` if there is no archive.
    pub(super) log: Option<OpenedLog>,
}

/// The log as far as it was listed.
pub(super) struct OpenedLog {
    pub(super) of: ArchiveIdentity,
    pub(super) walk: LogWalk,
    pub(super) listed: LogKeys,
    /// The entry of the checkpoint to start from.
    pub(super) base: Option<Entry>,
    /// The saved checkpoints that were given.
    pub(super) saved: Vec<SavedCheckpoint>,
}

/// Lists the archive and reads its log.
pub(super) async fn begin(store: Arc<dyn Store>, request: &Request) -> Result<Opened, VerifyError> {
    let mut saved = Vec::new();
    for file in &request.saved_checkpoints {
        saved.push(file.parse()?);
    }
    let base = match &request.base {
        None => None,
        Some(Base::Number(number)) => Some((*number, None)),
        Some(Base::Saved(file)) => {
            let parsed = file.parse()?;
            let base = (parsed.checkpoint.number(), Some(parsed.checkpoint.reference()));
            saved.push(parsed);
            Some(base)
        }
    };
    let listed = match base {
        None => Bucket::list(Arc::clone(&store)).await,
        Some(_) => Bucket::list_identity(Arc::clone(&store)).await,
    };
    let (mut bucket, mut inventory, mut findings) = listed.map_err(VerifyError::Store)?;
    let Some((of, history)) = read_identity(&bucket, &inventory, &mut findings).await else {
        let bucket = Arc::new(bucket);
        return Ok(Opened {
            bucket,
            inventory,
            findings,
            log: None,
        });
    };
    let (mut walk, base) = match base {
        None => (LogWalk::new(history), None),
        Some((number, root)) => {
            let resumed = resume(&bucket, &history, number, root)
                .await
                .map_err(VerifyError::Store)?;
            let Some((walk, entry)) = resumed else {
                return match without_base(request) {
                    Some(whole) => Box::pin(begin(store, &whole)).await,
                    None => Err(VerifyError::NoSuchCheckpoint(number)),
                };
            };
            let beyond = bucket.list_beyond((number, &entry.heads), &mut inventory, &mut findings);
            beyond.await.map_err(VerifyError::Store)?;
            (walk, Some(entry))
        }
    };
    let bucket = Arc::new(bucket);
    let listed = log_keys(&mut inventory, base.as_ref());
    walk_log(&bucket, listed.clone(), &mut walk)
        .await
        .map_err(VerifyError::Store)?;
    Ok(Opened {
        bucket,
        inventory,
        findings,
        log: Some(OpenedLog {
            of,
            walk,
            listed,
            base,
            saved,
        }),
    })
}

/// The verification of the whole archive where the bucket does not have the entry of a saved checkpoint to start from: that is
/// a finding, and no reason to judge nothing.
fn without_base(request: &Request) -> Option<Request> {
    let Some(Base::Saved(file)) = &request.base else {
        return None;
    };
    let mut whole = Request {
        base: None,
        ..request.clone()
    };
    whole.saved_checkpoints.push(file.clone());
    Some(whole)
}

/// The listed keys of the log: the entries after the one to start from, and the checkpoints from its own on.
fn log_keys(inventory: &mut Inventory, base: Option<&Entry>) -> LogKeys {
    let mut keys = LogKeys {
        entries: std::mem::take(&mut inventory.entries),
        checkpoints: std::mem::take(&mut inventory.checkpoints),
    };
    if let Some(base) = base {
        keys.entries.retain(|(number, _)| *number > base.number);
        keys.checkpoints.retain(|(number, _)| *number >= base.number);
    }
    keys
}

//! `checkpoint`: signs the current heads, as the archiver does at every interval, and returns the note to be saved elsewhere.
//! Writes nothing if no head has moved, and does not create an archive.

use std::sync::Arc;

use serde::Serialize;

use crate::archiver::checkpoints::{Beside, Checkpoints};
use crate::config::Settings;
use crate::log::head::Head;
use crate::log::limits::IDENTITY_MAX_BYTES;
use crate::log::object_key::IDENTITY;
use crate::reading::archive::text;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpoints::objects_of;
use crate::writing::init::{self, NewArchive};
use crate::writing::mirrors::MirrorOutcome;

/// The newest checkpoint of the bucket, and its entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The checkpoint's number.
    pub number: u64,
    /// The root of the log's tree, in hex.
    pub root: String,
    /// Whether this call signed it; otherwise no head had moved.
    pub signed_now: bool,
    /// Its heads.
    pub heads: Vec<HeadReport>,
    /// The checkpoint mirrors, and whether they have it.
    #[serde(rename = "copies")]
    pub mirrors: Vec<MirrorStatus>,
    /// The note itself, to be saved byte for byte.
    pub note: String,
    /// The note of its entry, to be saved with it.
    pub entry: String,
}

/// A head in a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The epoch of the head.
    pub epoch: u32,
    /// The height of the head.
    pub height: u64,
    /// The offset up to which the partition is archived.
    pub next_offset: i64,
    /// The SHA-256 of the head's object.
    pub link: String,
    /// The root over the partition's links.
    pub log_root: String,
}

impl From<&Head> for HeadReport {
    fn from(head: &Head) -> HeadReport {
        HeadReport {
            topic: head.partition.topic.to_string(),
            partition: head.partition.partition,
            epoch: head.epoch.0,
            height: head.height.0,
            next_offset: head.next_offset.0,
            link: head.link.to_string(),
            log_root: head.log_root.to_string(),
        }
    }
}

/// A checkpoint mirror, and whether it has the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MirrorStatus {
    /// The location of the mirror.
    pub place: String,
    /// Why it does not have the checkpoint; the next checkpoint tries again.
    pub error: Option<String>,
}

impl From<MirrorOutcome> for MirrorStatus {
    fn from(copied: MirrorOutcome) -> MirrorStatus {
        MirrorStatus {
            place: copied.mirror,
            error: copied.outcome.err().map(|error| error.to_string()),
        }
    }
}

/// Signs the heads in the bucket, also of partitions that other archivers write.
///
/// # Errors
/// `Input` if there is no archive or no key; `Corrupt` if a chain is broken; errors of the store.
pub async fn checkpoint_now(store: &Arc<dyn Store>, settings: &Settings) -> Result<Report, AppError> {
    if store.get(IDENTITY, IDENTITY_MAX_BYTES).await?.is_none() {
        return Err(
            AppError::input("there is no archive at this location, so there are no heads to sign")
                .fix("check store.bucket and store.prefix; `kivend init` or `kivend archive` creates an archive"),
        );
    }
    let source = (&settings.archive).into();
    let own = init::open_or_make(store.as_ref(), &settings.archive.name, &source, &NewArchive::default()).await?;
    let beside = Beside::of(settings, store, &own)?;
    let checkpoints = Checkpoints::new(Arc::clone(store), &own, beside);
    let newest = checkpoints.advance().await?;
    let trust = own.log.trust();
    let objects = objects_of(store.as_ref(), &trust.history, newest.number).await?;
    Ok(Report {
        number: newest.number,
        root: newest.root.to_string(),
        signed_now: newest.number > own.checkpoint.number,
        mirrors: checkpoints
            .copy(&newest)
            .await
            .into_iter()
            .map(MirrorStatus::from)
            .collect(),
        heads: trust.history.heads().iter().map(HeadReport::from).collect(),
        note: text(&objects.checkpoint)?,
        entry: text(&objects.entry)?,
    })
}

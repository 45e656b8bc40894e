//! `checkpoint`: signs the current heads, as the archiver does at every interval, and returns the note to be saved elsewhere.
//! Writes nothing if no head has moved, and does not create an archive.

use std::sync::Arc;

use serde::Serialize;

use crate::archiver::checkpoints::Checkpoints;
use crate::config::Settings;
use crate::log::checkpoint::Head;
use crate::log::object_key::IDENTITY;
use crate::reading::archive::text;
use crate::store::Store;
use crate::task::error::AppError;
use crate::writing::checkpoints::object_of;
use crate::writing::init;
use crate::writing::mirrors::{MirrorOutcome, Mirrors};

/// The newest checkpoint of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The checkpoint's number.
    pub number: u64,
    /// The SHA-256 of its object.
    pub sha256: String,
    /// Its time, by the clock of its writer.
    pub at: String,
    /// Whether this call signed it; otherwise no head had moved.
    pub signed_now: bool,
    /// Its heads.
    pub heads: Vec<HeadReport>,
    /// The checkpoint mirrors, and whether they have it.
    #[serde(rename = "copies")]
    pub mirrors: Vec<MirrorStatus>,
    /// The note itself, to be saved byte for byte.
    pub note: String,
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
    if store.get(IDENTITY).await?.is_none() {
        return Err(
            AppError::input("there is no archive at this location, so there are no heads to sign")
                .fix("check store.bucket and store.prefix; `kivend init` or `kivend archive` creates an archive"),
        );
    }
    let source = (&settings.archive).into();
    let own = init::open_or_make(store.as_ref(), &settings.archive.name, &source).await?;
    let checkpoints = Checkpoints::new(Arc::clone(store), &own, Mirrors::of(own.identity.id(), settings));
    let newest = checkpoints.advance().await?;
    let (_, object) = object_of(store.as_ref(), &newest.reference()).await?;
    Ok(Report {
        number: newest.checkpoint.number,
        sha256: newest.hash.to_string(),
        at: newest.checkpoint.at.to_string(),
        signed_now: newest.checkpoint.number > own.checkpoint.number,
        mirrors: checkpoints
            .copy(&newest.reference())
            .await
            .into_iter()
            .map(MirrorStatus::from)
            .collect(),
        heads: newest.checkpoint.heads.iter().map(HeadReport::from).collect(),
        note: text(&object)?,
    })
}

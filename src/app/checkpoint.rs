//! `checkpoint`: signs the heads now, as the archiver does every interval, and gives the note to whoever wants to keep it.
//! Never makes an archive, and writes nothing where no head moved.

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
use crate::writing::mirrors::{MirrorUpdate, Mirrors};

/// A checkpoint that stands in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its number.
    pub number: u64,
    /// The hash of its object.
    pub sha256: String,
    /// When it was signed, by its writer's clock.
    pub at: String,
    /// Whether this call signed it; else no head had moved since.
    pub signed_now: bool,
    /// What it says of each partition.
    pub heads: Vec<HeadReport>,
    /// What became of it at each second place.
    pub copies: Vec<CopyReport>,
    /// The note itself: what is saved elsewhere, byte for byte.
    pub note: String,
}

/// One head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The head's epoch.
    pub epoch: u32,
    /// Its height.
    pub height: u64,
    /// Where the archive ends.
    pub next_offset: i64,
    /// The hash of the head's object.
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

/// A second place, and whether it has the checkpoint now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyReport {
    /// Where it is, for people.
    pub place: String,
    /// Why it has not; it is tried again with the next checkpoint.
    pub error: Option<String>,
}

impl From<MirrorUpdate> for CopyReport {
    fn from(copied: MirrorUpdate) -> CopyReport {
        CopyReport {
            place: copied.place,
            error: copied.outcome.err().map(|error| error.to_string()),
        }
    }
}

/// Signs the heads as they stand in the bucket, whoever owns the partitions.
///
/// # Errors
/// `Input` where there is no archive or no key; `Corrupt` where a chain is broken; what the store says.
pub async fn checkpoint_now(store: &Arc<dyn Store>, settings: &Settings) -> Result<Report, AppError> {
    if store.get(IDENTITY).await?.is_none() {
        return Err(AppError::input("there is no archive here to sign the heads of")
            .fix("check store.bucket and store.prefix; `kivend archive` makes an archive"));
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
        copies: checkpoints
            .copy(&newest.reference())
            .await
            .into_iter()
            .map(CopyReport::from)
            .collect(),
        heads: newest.checkpoint.heads.iter().map(HeadReport::from).collect(),
        note: text(&object)?,
    })
}

//! Removing what retention changes let go. It can be interrupted anywhere and run again.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use crate::log::history::History;
use crate::log::object_key::{Key, segments_of};
use crate::record::position::{Epoch, FirstOffset, Height, TopicPartition};
use crate::store::removal::{Lock, Removal, Removed};
use crate::store::{Store, pages};
use crate::task::error::AppError;
use crate::writing::chain_links;
use crate::writing::checkpoints::objects_of;
use crate::writing::init;
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;

/// Removals that run at the same time.
const AT_ONCE: usize = 16;

/// The result of a removal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RemovalReport {
    /// Objects that were removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that are locked and were kept.
    pub locked: u64,
    /// The latest end of such a lock.
    pub locked_until: Option<String>,
}

/// Removes the segments, rejected objects and orphans of links below the heights of the changes in the log, once a checkpoint is
/// over them.
///
/// # Errors
/// The store's errors; `Input` if the log has no change of retention, or no checkpoint over it.
pub async fn remove(
    store: &Arc<dyn Store>,
    removal: &dyn Removal,
    topic: Option<&str>,
) -> Result<RemovalReport, AppError> {
    let (identity, object) = init::read_identity(store.as_ref()).await?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let trust = log_start::read(store.as_ref(), first, None).await?;
    require_checkpoint(store.as_ref(), &trust.history).await?;
    let mut report = RemovalReport::default();
    let mut until = None;
    for (partition, below) in trust.history.removed() {
        if topic.is_some_and(|topic| *topic != *partition.topic) {
            continue;
        }
        let end = place_at(store.as_ref(), &trust, partition, *below).await?;
        let objects = objects_before(store.as_ref(), partition, end).await?;
        let removals = stream::iter(objects)
            .map(|(key, bytes)| async move { Ok::<_, AppError>((removal.remove(&key).await?, bytes)) });
        let removals: Vec<(Removed, u64)> = removals.buffer_unordered(AT_ONCE).try_collect().await?;
        for (removed, bytes) in removals {
            match removed {
                Removed::Gone => (report.removed, report.bytes) = (report.removed + 1, report.bytes + bytes),
                Removed::Locked(lock) => {
                    report.locked += 1;
                    if let Lock::Until(time) = lock {
                        until = until.max(Some(time));
                    }
                }
            }
        }
    }
    report.locked_until = until.map(|until| until.to_string());
    Ok(report)
}

/// A verifier excuses what is missing only where a checkpoint is over the change.
async fn require_checkpoint(store: &dyn Store, history: &History) -> Result<(), AppError> {
    if history.removed().is_empty() {
        return Err(
            AppError::input("the log has no change of retention, so nothing may be removed")
                .fix("propose one with --propose FILE, have it signed with `kivend keys sign`, and enter it with `kivend keys apply`"),
        );
    }
    // A change of keys may follow the one of retention: then a later checkpoint is over both.
    let newest = history.next_number().saturating_sub(1);
    match objects_of(store, history, newest).await {
        Ok(_) => Ok(()),
        Err(_) if newest > history.changes().entry => Ok(()),
        Err(error) => Err(error),
    }
}

/// The place of the link at this height: what stands before it is below.
async fn place_at(
    store: &dyn Store,
    trust: &WriterTrust,
    partition: &TopicPartition,
    below: Height,
) -> Result<(Epoch, FirstOffset), AppError> {
    let mut place = None;
    chain_links::each(store, trust, (partition, None), |next| {
        let link = next.signed.link;
        if link.height < below {
            return ControlFlow::Continue(());
        }
        place = (link.height == below).then_some((link.epoch, link.first_offset));
        ControlFlow::Break(())
    })
    .await?;
    if let Some(place) = place {
        return Ok(place);
    }
    Err(AppError::corrupt(format!(
        "the link at height {below} of {partition}, the height of the change, is missing, so nothing is removed"
    ))
    .fix("`kivend verify` lists what is missing"))
}

/// The objects in a partition's data folder whose places are before this one, with their sizes.
async fn objects_before(
    store: &dyn Store,
    partition: &TopicPartition,
    end: (Epoch, FirstOffset),
) -> Result<Vec<(String, u64)>, AppError> {
    let listed = pages::entries(store, &segments_of(partition), None).await?;
    let before = |key: &str| match key.parse() {
        Ok(Key::Segment(place, _)) => (place.epoch, place.first_offset) < end,
        _ => false,
    };
    let objects = listed.into_iter().filter(|entry| before(&entry.key));
    Ok(objects.map(|entry| (entry.key, entry.bytes)).collect())
}

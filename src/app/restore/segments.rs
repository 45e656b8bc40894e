//! Reads the segments of a topic ahead of their sending: fetched, checked against their signed links, partitions in turn.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::app::restore::mark::Mark;
use crate::app::restore::plan::{PartitionPlan, TopicPlan};
use crate::app::restore::request::Damage;
use crate::error::{Explain as _, Kind};
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::reading::signed_segment;
use crate::segment::decode::Segment;
use crate::task::error::AppError;

/// Segments that are fetched and checked at the same time.
const AT_ONCE: usize = 3;
/// What the archive is read for, in messages.
const DOING: &str = "restored";
/// Checked segments that wait.
const AHEAD: usize = 1;

/// A segment whose records are those that its link signs.
#[derive(Debug, Clone)]
pub(in crate::app) struct Checked {
    /// The index of its partition in the plan.
    pub(super) partition: usize,
    pub(in crate::app) link: Arc<Link>,
    /// `None` if it was removed under a retention change, or is damaged.
    pub(in crate::app) segment: Option<Arc<Segment>>,
    /// Why it does not hold what its link signs, where damage is skipped.
    pub(in crate::app) damage: Option<String>,
}

impl Checked {
    /// The records that were removed under a retention change.
    pub(in crate::app) fn removed(&self) -> u64 {
        match (&self.segment, &self.damage) {
            (None, None) => self.link.record_count,
            _ => 0,
        }
    }
}

/// Starts to read the segments that the marks leave. One of the partitions after the other gives one.
pub(super) fn read(
    archive: &Arc<Archive>,
    plan: &TopicPlan,
    marks: &[Option<Mark>],
    damage: Damage,
) -> mpsc::Receiver<Result<Checked, AppError>> {
    read_in_order(archive, in_turn(plan, marks), damage)
}

/// Starts to read all segments of one partition, without those that are damaged.
pub(in crate::app) fn read_partition(
    archive: &Arc<Archive>,
    plan: &PartitionPlan,
) -> mpsc::Receiver<Result<Checked, AppError>> {
    let links = plan.links.iter().map(|link| (0, Arc::new(link.clone())));
    read_in_order(archive, links.collect(), Damage::Skipped)
}

fn read_in_order(
    archive: &Arc<Archive>,
    order: Vec<(usize, Arc<Link>)>,
    damage: Damage,
) -> mpsc::Receiver<Result<Checked, AppError>> {
    let archive = Arc::clone(archive);
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut checked = futures::stream::iter(order)
            .map(|(partition, link)| {
                let archive = Arc::clone(&archive);
                // A task of its own, so that checks use all cores.
                tokio::spawn(async move { check(&archive, (partition, link), damage).await })
            })
            .buffered(AT_ONCE);
        while let Some(joined) = checked.next().await {
            let outcome = joined.unwrap_or_else(|error| Err(AppError::internal(error.to_string())));
            let is_last = outcome.is_err();
            if sender.send(outcome).await.is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

fn in_turn(plan: &TopicPlan, marks: &[Option<Mark>]) -> Vec<(usize, Arc<Link>)> {
    let mut queues: Vec<_> = plan
        .partitions
        .iter()
        .zip(marks)
        .map(|(partition, mark)| partition.left(*mark))
        .collect();
    let mut order = Vec::new();
    loop {
        let before = order.len();
        for (index, queue) in queues.iter_mut().enumerate() {
            order.extend(queue.next().map(|link| (index, Arc::new(link.clone()))));
        }
        if order.len() == before {
            return order;
        }
    }
}

async fn check(archive: &Archive, (partition, link): (usize, Arc<Link>), damage: Damage) -> Result<Checked, AppError> {
    let (segment, damage) = match (open(archive, &link).await, damage) {
        (Err(error), Damage::Skipped) if error.kind() == Kind::Corrupt => (None, Some(error.to_string())),
        (opened, _) => (opened?, None),
    };
    Ok(Checked {
        partition,
        link,
        segment,
        damage,
    })
}

async fn open(archive: &Archive, link: &Arc<Link>) -> Result<Option<Arc<Segment>>, AppError> {
    let Some(object) = archive.kept_segment(link).await? else {
        return Ok(None);
    };
    let of = Arc::clone(link);
    let opened = tokio::task::spawn_blocking(move || signed_segment(&of, object)).await;
    let opened = opened.map_err(|error| AppError::internal(error.to_string()))?;
    Ok(Some(Arc::new(opened?)))
}

/// Opens a segment, after checking that its records have the root that its link signs.
pub(super) fn signed_segment(link: &Link, object: Bytes) -> Result<Segment, AppError> {
    signed_segment::signed_segment(link, object, DOING)
}

/// The error for a segment that does not hold what its link signs.
pub(in crate::app) fn unreadable(link: &Link, why: &dyn std::fmt::Display) -> AppError {
    signed_segment::unreadable(link, DOING, why)
}

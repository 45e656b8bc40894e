//! Reads the segments of a topic ahead of their sending: fetched, checked against their signed links, partitions in turn.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::app::restore::mark::Mark;
use crate::app::restore::plan::TopicPlan;
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::record::merkle::Tree;
use crate::record::record::LeafHasher;
use crate::segment::decode::Segment;
use crate::task::error::AppError;

/// Segments that are fetched and checked at the same time.
const AT_ONCE: usize = 3;
/// Checked segments that wait.
const AHEAD: usize = 1;

/// A segment whose records are those that its link signs.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    /// The index of its partition in the plan.
    pub(super) partition: usize,
    pub(super) link: Arc<Link>,
    /// `None` if it was removed under a retention change.
    pub(super) segment: Option<Arc<Segment>>,
}

/// Starts to read the segments that the marks leave. One of the partitions after the other gives one.
pub(super) fn read(
    archive: &Arc<Archive>,
    plan: &TopicPlan,
    marks: &[Option<Mark>],
) -> mpsc::Receiver<Result<Checked, AppError>> {
    let order = in_turn(plan, marks);
    let archive = Arc::clone(archive);
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut checked = futures::stream::iter(order)
            .map(|(partition, link)| {
                let archive = Arc::clone(&archive);
                // A task of its own, so that checks use all cores.
                tokio::spawn(async move { check(&archive, partition, link).await })
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

async fn check(archive: &Archive, partition: usize, link: Arc<Link>) -> Result<Checked, AppError> {
    let segment = match archive.kept_segment(&link).await? {
        None => None,
        Some(object) => {
            let of = Arc::clone(&link);
            let opened = tokio::task::spawn_blocking(move || signed_segment(&of, object)).await;
            let opened = opened.map_err(|error| AppError::internal(error.to_string()))?;
            Some(Arc::new(opened?))
        }
    };
    Ok(Checked {
        partition,
        link,
        segment,
    })
}

/// Opens a segment, after checking that its records have the root that its link signs.
pub(super) fn signed_segment(link: &Link, object: Bytes) -> Result<Segment, AppError> {
    let segment = Segment::open(object).map_err(|error| unreadable(link, &error))?;
    let mut hasher = LeafHasher::new(&link.topic_partition());
    let mut tree = Tree::default();
    segment
        .for_each_record(|record| tree.push(hasher.leaf(record)))
        .map_err(|error| unreadable(link, &error))?;
    if tree.root() == link.records_root {
        Ok(segment)
    } else {
        Err(unreadable(link, &"its records are not the signed ones"))
    }
}

/// The error for a segment that does not hold what its link signs.
pub(super) fn unreadable(link: &Link, why: &dyn std::fmt::Display) -> AppError {
    let key = link.segment.as_ref().map_or("", |segment| &segment.key);
    AppError::corrupt(format!("a segment cannot be restored: {why} key=`{key}`"))
        .fix("`kivend verify` lists all findings; restore the segment from a backup or an older version of the bucket")
}

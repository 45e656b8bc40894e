//! What a retention change would let go: for each partition the links, from the oldest on without a gap, whose records are all
//! older than a time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use crate::clock::Clock;
use crate::config::TopicSelection;
use crate::log::change::{Below, Change, ChangeType, RetentionChange, RetentionOf};
use crate::log::head::Head;
use crate::log::history::History;
use crate::log::link::Link;
use crate::log::proposal::Proposal;
use crate::log::signer::SignError;
use crate::record::position::Height;
use crate::store::Store;
use crate::store::removal::{Lock, Removal};
use crate::task::error::AppError;
use crate::writing::chain_links;
use crate::writing::init;
use crate::writing::log_start;
use crate::writing::trust::WriterTrust;

/// Requests that run at the same time.
const AT_ONCE: usize = 16;

/// What is asked to go.
#[derive(Debug, Clone)]
pub struct Before {
    /// Only partitions of this topic; all topics if `None`.
    pub topic: Option<String>,
    /// Records older than this go. A link without timestamps counts by the time of its sealing.
    pub cutoff: Cutoff,
}

/// Which records are old enough.
#[derive(Debug, Clone)]
pub enum Cutoff {
    /// Those before this time, in milliseconds since 1970.
    Before(i64),
    /// Those that the settings no longer keep at this time: `keep` of their topic. Topics without it lose nothing.
    NotKept(TopicSelection, i64),
}

impl Cutoff {
    /// The time of the oldest record that stays, in milliseconds since 1970; `None` if all stay.
    fn of(&self, topic: &str) -> Option<i64> {
        match self {
            Cutoff::Before(cutoff_ms) => Some(*cutoff_ms),
            Cutoff::NotKept(archived, now_ms) => {
                let keep = archived.overrides(topic).keep?;
                Some(now_ms.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)))
            }
        }
    }
}

/// What would go from one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionPlan {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Links below this height lose their segments.
    pub below: u64,
    /// The segments that go; those of earlier changes do not count.
    pub segments: u64,
    /// Their records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The range of their offsets, `[first, next)`.
    pub offsets: (i64, i64),
    /// The earliest and latest timestamp of their records, in milliseconds since 1970.
    pub timestamps_ms: Option<(i64, i64)>,
    /// The number of segments that Object Lock or a legal hold protects now.
    pub locked: u64,
    /// The latest end of such a lock; `None` where there is none, or where a legal hold has none.
    pub locked_until: Option<String>,
}

/// What would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The partitions that lose something.
    pub partitions: Vec<PartitionPlan>,
    /// The change, unsigned, if a reason was given.
    #[serde(skip)]
    pub proposal: Option<Vec<u8>>,
}

/// Plans what goes, and with a reason proposes the change.
///
/// # Errors
/// The store's errors; `Input` if there is no archive.
pub async fn plan(
    store: &dyn Store,
    removal: &dyn Removal,
    before: &Before,
    reason: Option<&str>,
) -> Result<Plan, AppError> {
    let (identity, object) = init::read_identity(store).await?;
    let first = WriterTrust::of_identity(&identity, &object).map_err(|error| AppError::corrupt(error.to_string()))?;
    let trust = log_start::read(store, first, None).await?;
    let asked = |head: &&Head| {
        before
            .topic
            .as_deref()
            .is_none_or(|topic| *topic == *head.partition.topic)
    };
    let heads: Vec<&Head> = trust.history.heads().iter().filter(asked).collect();
    let planned = stream::iter(heads).map(|head| plan_partition((store, removal), &trust, head, &before.cutoff));
    let planned: Vec<Option<PartitionPlan>> = planned.buffered(AT_ONCE).try_collect().await?;
    let partitions: Vec<PartitionPlan> = planned.into_iter().flatten().collect();
    let proposal = match reason {
        Some(reason) if !partitions.is_empty() => {
            let change = change(&trust.history, &partitions, reason);
            let proposal = Proposal::new(identity.origin(), &change).map_err(SignError::from)?;
            Some(proposal.to_bytes())
        }
        _ => None,
    };
    Ok(Plan { partitions, proposal })
}

fn change(history: &History, partitions: &[PartitionPlan], reason: &str) -> Change {
    let below = |plan: &PartitionPlan| Below(plan.topic.clone(), plan.partition, Height(plan.below));
    let newest = history.changes();
    Change::Retention(RetentionChange {
        r#type: ChangeType::V1,
        archive_id: history.archive_id().to_owned(),
        sequence: newest.sequence + 1,
        previous: newest.sha256,
        at: Clock::start().utc_seconds(),
        of: RetentionOf::Retention,
        below: partitions.iter().map(below).collect(),
        reason: reason.to_owned(),
    })
}

async fn plan_partition(
    (store, removal): (&dyn Store, &dyn Removal),
    trust: &WriterTrust,
    head: &Head,
    cutoff: &Cutoff,
) -> Result<Option<PartitionPlan>, AppError> {
    let Some(cutoff_ms) = cutoff.of(&head.partition.topic) else {
        return Ok(None);
    };
    let links = links_before(store, trust, head, cutoff_ms).await?;
    let done = trust
        .history
        .removed()
        .get(&head.partition)
        .copied()
        .unwrap_or_default();
    let new: Vec<&Link> = links.values().filter(|link| link.height >= done).collect();
    let (Some(first), Some(last)) = (new.first(), new.last()) else {
        return Ok(None);
    };
    let segments: Vec<_> = new.iter().filter_map(|link| link.segment.as_ref()).collect();
    let locks = stream::iter(segments.iter().map(|segment| removal.lock_of(&segment.key)));
    let locks: Vec<Lock> = locks.buffer_unordered(AT_ONCE).try_collect().await?;
    let timestamps = |of: fn(&Link) -> Option<i64>| new.iter().filter_map(move |link| of(link));
    let until = locks.iter().filter_map(|lock| match lock {
        Lock::Until(until) => Some(*until),
        Lock::None | Lock::Held => None,
    });
    Ok(Some(PartitionPlan {
        topic: head.partition.topic.to_string(),
        partition: head.partition.partition,
        below: last.height.next().0,
        segments: segments.len() as u64,
        records: new.iter().map(|link| link.record_count).sum(),
        bytes: segments.iter().map(|segment| segment.bytes).sum(),
        offsets: (first.first_offset.0, last.next_offset.0),
        timestamps_ms: timestamps(|link| link.min_timestamp_ms)
            .min()
            .zip(timestamps(|link| link.max_timestamp_ms).max()),
        locked: locks.iter().filter(|lock| **lock != Lock::None).count() as u64,
        locked_until: until.max().map(|until| until.to_string()),
    }))
}

/// The links below the head, from height 0 on, up to the first that holds a record that is not older than the cutoff.
async fn links_before(
    store: &dyn Store,
    trust: &WriterTrust,
    head: &Head,
    cutoff_ms: i64,
) -> Result<BTreeMap<Height, Link>, AppError> {
    let mut links = BTreeMap::new();
    chain_links::each(store, trust, (&head.partition, None), |next| {
        let link = next.signed.link;
        let newest_ms = link.max_timestamp_ms.unwrap_or(link.sealed_at.unix() * 1_000);
        if link.height >= head.height || newest_ms >= cutoff_ms {
            return ControlFlow::Break(());
        }
        links.insert(link.height, link);
        ControlFlow::Continue(())
    })
    .await?;
    Ok(links)
}

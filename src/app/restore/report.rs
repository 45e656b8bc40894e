//! What a restore did, or would do.

use serde::Serialize;

use crate::app::restore::mark::Mark;

/// Refused records whose places the report names.
const NAMED_MAX: usize = 1_000;

/// The result of a restore.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RestoreReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Records sent by this run.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Records that earlier runs of the same restore had sent.
    pub earlier: u64,
    /// Records that the targets refused, in this run and in earlier ones. They are still in the archive.
    pub refused: u64,
    /// The first of those that this run found.
    pub refused_records: Vec<Refusal>,
    /// Records without a time, or with time 0: Kafka gave them the time of sending.
    pub restamped: u64,
    /// Offsets that links declare lost.
    pub lost_offsets: u64,
    /// Records whose segments were removed under a retention change.
    pub removed: u64,
    /// The earliest record time, in ms since the Unix epoch.
    pub from_ms: Option<i64>,
    /// The latest one.
    pub until_ms: Option<i64>,
    /// The committed offsets of consumer groups.
    pub groups: Vec<GroupRestored>,
    /// By target topic.
    pub topics: Vec<TopicRestored>,
    /// Whether a stop was requested before the end.
    pub interrupted: bool,
    /// Wall-clock time in seconds.
    pub elapsed_s: f64,
}

/// One target topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TopicRestored {
    /// The archived topic.
    pub from: String,
    /// The target topic.
    pub to: String,
    /// Archived partitions that were restored.
    pub partitions: usize,
    /// Whether the target was created, or would be.
    pub created: bool,
    /// Records sent by this run, or that would be sent.
    pub records: u64,
    /// Records sent by earlier runs.
    pub earlier: u64,
    /// Records that the target refused, or would refuse.
    pub refused: u64,
    /// Records that the target's retention would delete at once.
    pub deleted_by_retention: u64,
    /// The retention that was set to no limit, in ms.
    pub lifted_retention_ms: Option<i64>,
}

/// A record that a target topic refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The archived topic.
    pub topic: String,
    /// The archived partition.
    pub partition: i32,
    /// The archived offset.
    pub offset: i64,
    /// Why.
    pub reason: String,
}

/// A committed offset in a restored topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRestored {
    /// The group.
    pub group: String,
    /// The target topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset in the archive.
    pub archived_offset: i64,
    /// The offset in the target; `None` if it could not be found.
    pub offset: Option<i64>,
    /// Why there is none, or why it is not committed.
    pub problem: Option<String>,
}

/// What one topic adds to the report.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) topic: TopicRestored,
    pub(super) bytes: u64,
    pub(super) restamped: u64,
    pub(super) removed: u64,
    pub(super) lost_offsets: u64,
    pub(super) times: Times,
    pub(super) refusals: Vec<Refusal>,
}

/// The earliest and the latest time of records.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    from_ms: Option<i64>,
    until_ms: Option<i64>,
}

impl Times {
    #[inline]
    pub(super) fn add(&mut self, ms: Option<i64>) {
        let Some(ms) = ms else { return };
        self.from_ms = Some(self.from_ms.map_or(ms, |from| from.min(ms)));
        self.until_ms = self.until_ms.max(Some(ms));
    }

    pub(super) fn join(&mut self, other: Times) {
        self.add(other.from_ms);
        self.add(other.until_ms);
    }
}

impl Share {
    /// What earlier runs did.
    pub(super) fn continue_after(&mut self, mark: &Mark) {
        self.topic.earlier += mark.records;
        self.topic.refused += mark.refused;
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.topic.refused += 1;
        if self.refusals.len() < NAMED_MAX {
            self.refusals.push(refusal);
        }
    }
}

impl RestoreReport {
    pub(super) fn add(&mut self, share: Share) {
        self.records += share.topic.records;
        self.earlier += share.topic.earlier;
        self.refused += share.topic.refused;
        self.bytes += share.bytes;
        self.restamped += share.restamped;
        self.removed += share.removed;
        self.lost_offsets += share.lost_offsets;
        let mut times = Times {
            from_ms: self.from_ms,
            until_ms: self.until_ms,
        };
        times.join(share.times);
        (self.from_ms, self.until_ms) = (times.from_ms, times.until_ms);
        let left = NAMED_MAX.saturating_sub(self.refused_records.len());
        self.refused_records.extend(share.refusals.into_iter().take(left));
        self.topics.push(share.topic);
    }
}

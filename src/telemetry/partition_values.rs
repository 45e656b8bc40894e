//! The values that the metrics of a partition are made from: atomics that are updated without a lock, and times from which
//! durations are computed when they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::record::utc::UtcSeconds;

/// A time that is not set.
pub(super) const NEVER: i64 = i64::MAX;

/// The metrics of one partition. Cheap to clone and to update.
#[derive(Debug, Clone)]
pub struct PartitionMetrics(Arc<Values>);

#[derive(Debug)]
pub(super) struct Values {
    pub(super) records: AtomicU64,
    pub(super) segments: AtomicU64,
    pub(super) links: AtomicU64,
    pub(super) stored_bytes: AtomicU64,
    pub(super) lost_records: AtomicU64,
    pub(super) fenced: AtomicU64,
    pub(super) buffered_bytes: AtomicI64,
    pub(super) lag: AtomicI64,
    pub(super) stable_lag: AtomicI64,
    pub(super) unstable: AtomicI64,
    /// Unix seconds, as the next three.
    pub(super) last_commit: AtomicI64,
    pub(super) deletion: AtomicI64,
    pub(super) open_since: AtomicI64,
    pub(super) seal_due: AtomicI64,
    /// Everything that Kafka had received by then is archived, in Unix seconds.
    pub(super) archived_until: AtomicI64,
    /// The first offset that is not archived.
    pub(super) next_offset: AtomicI64,
}

impl Values {
    fn new() -> Values {
        let [records, segments, links, stored_bytes, lost_records, fenced] = [const { 0 }; 6].map(AtomicU64::new);
        let [buffered_bytes, lag, stable_lag, unstable] = [const { 0 }; 4].map(AtomicI64::new);
        let [last_commit, deletion, open_since, seal_due, archived_until, next_offset] = [NEVER; 6].map(AtomicI64::new);
        Values {
            records,
            segments,
            links,
            stored_bytes,
            lost_records,
            fenced,
            buffered_bytes,
            lag,
            stable_lag,
            unstable,
            last_commit,
            deletion,
            open_since,
            seal_due,
            archived_until,
            next_offset,
        }
    }

    /// Sets the gauges as they are right after an assignment.
    pub(super) fn begin(&self, now: UtcSeconds) {
        for gauge in [&self.buffered_bytes, &self.lag, &self.stable_lag, &self.unstable] {
            gauge.store(0, Ordering::Relaxed);
        }
        self.last_commit.store(now.unix(), Ordering::Relaxed);
        for unknown in [
            &self.deletion,
            &self.open_since,
            &self.seal_due,
            &self.archived_until,
            &self.next_offset,
        ] {
            unknown.store(NEVER, Ordering::Relaxed);
        }
    }
}

impl PartitionMetrics {
    pub(super) fn new() -> PartitionMetrics {
        PartitionMetrics(Arc::new(Values::new()))
    }

    pub(super) fn values(&self) -> &Values {
        &self.0
    }

    /// A link was created with `records` records in a segment of `stored_bytes`; none for a link without a segment.
    pub fn linked(&self, records: u64, stored_bytes: Option<u64>) {
        self.0.links.fetch_add(1, Ordering::Relaxed);
        self.0.records.fetch_add(records, Ordering::Relaxed);
        if let Some(bytes) = stored_bytes {
            self.0.segments.fetch_add(1, Ordering::Relaxed);
            self.0.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Sets the bytes of records in memory.
    pub fn buffered(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.buffered_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Sets the lag: high watermark minus next offset.
    pub fn lagging(&self, records: i64) {
        self.0.lag.store(records, Ordering::Relaxed);
    }

    /// Sets the lag against the last stable offset.
    pub fn stably_lagging(&self, records: i64) {
        self.0.stable_lag.store(records.max(0), Ordering::Relaxed);
    }

    /// An offset was committed to Kafka at `now`.
    pub fn committed(&self, now: UtcSeconds) {
        self.0.last_commit.store(now.unix(), Ordering::Relaxed);
    }

    /// Sets when Kafka deletes the oldest record that is not archived; none if all are archived.
    pub fn deletion_due(&self, at: Option<UtcSeconds>) {
        let at = at.map_or(NEVER, UtcSeconds::unix);
        self.0.deletion.store(at, Ordering::Relaxed);
    }

    /// Sets how many offsets wait for an open transaction, and when it was first seen; none if none is open.
    pub fn open_transaction(&self, waiting: u64, since: Option<UtcSeconds>) {
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.0.unstable.store(waiting, Ordering::Relaxed);
        let since = since.map_or(NEVER, UtcSeconds::unix);
        self.0.open_since.store(since, Ordering::Relaxed);
    }

    /// Sets when the open segment is sealed if no record comes, in Unix seconds; none where no record waits.
    pub fn seal_due(&self, at: Option<i64>) {
        self.0.seal_due.store(at.unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// Sets the first offset that is not archived, and the newest timestamp before it in Unix seconds, if it is known.
    pub fn archived(&self, next_offset: i64, newest: Option<i64>) {
        self.0.next_offset.store(next_offset, Ordering::Relaxed);
        if let Some(newest) = newest {
            self.archived_by(newest);
        }
    }

    /// Everything that Kafka holds is archived at `now`, in Unix seconds.
    pub fn caught_up(&self, now: i64) {
        self.archived_by(now);
    }

    /// Only one thread sets it.
    fn archived_by(&self, time: i64) {
        let before = self.0.archived_until.load(Ordering::Relaxed);
        if before == NEVER || time > before {
            self.0.archived_until.store(time, Ordering::Relaxed);
        }
    }

    /// Counts offsets that Kafka deleted before they were archived.
    pub fn lost(&self, records: u64) {
        self.0.lost_records.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts a fencing: another writer owns the partition.
    pub fn fenced(&self) {
        self.0.fenced.fetch_add(1, Ordering::Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a process's lifetime fit")]
pub(super) fn whole(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

#[expect(clippy::cast_precision_loss, reason = "offsets of a lag fit")]
pub(super) fn signed(gauge: &AtomicI64) -> f64 {
    gauge.load(Ordering::Relaxed) as f64
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a lifetime fit")]
pub(super) fn since(time: &AtomicI64, now: i64) -> f64 {
    match time.load(Ordering::Relaxed) {
        NEVER => 0.0,
        time => now.saturating_sub(time).max(0) as f64,
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a lifetime fit")]
pub(super) fn until(time: &AtomicI64, now: i64) -> f64 {
    match time.load(Ordering::Relaxed) {
        NEVER => f64::INFINITY,
        time => time.saturating_sub(now) as f64,
    }
}

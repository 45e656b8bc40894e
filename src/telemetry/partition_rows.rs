//! The partitions as the status page lists them: what needs attention first, filtered, a page at a time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::Serialize;

use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::telemetry::attention::Level;
use crate::telemetry::partition_values::{NEVER, PartitionMetrics};

/// Rows of one page.
pub(super) const PAGE_ROWS: usize = 50;

/// Which partitions are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// A part of `topic/partition`, in lower case; empty for all.
    pub(super) filter: String,
    /// From 0. After the last page, the last page.
    pub(super) page: usize,
}

impl Listing {
    /// Reads the query of a request. What it does not know is ignored.
    pub(super) fn of_query(query: &str) -> Listing {
        let mut listing = Listing::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "filter" => listing.filter = value.trim().to_lowercase(),
                "page" => listing.page = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        listing
    }
}

/// One page of rows.
#[derive(Debug, Serialize)]
pub(super) struct PartitionPage {
    /// Partitions that this archiver owns, and those of them that the filter names.
    pub(super) total: usize,
    matching: usize,
    /// Of all partitions.
    warning: usize,
    critical: usize,
    page: usize,
    pages: usize,
    page_rows: usize,
    rows: Vec<PartitionRow>,
}

/// One partition. Times are in Unix seconds; what is not known, or not the case, is null.
#[derive(Debug, Serialize)]
pub(super) struct PartitionRow {
    topic: String,
    partition: i32,
    level: Level,
    /// Why it is not archived until somebody acts.
    stopped: Option<&'static str>,
    /// The first offset that is not archived.
    next_offset: Option<i64>,
    lag: Option<i64>,
    /// Records that wait for an open transaction, and since when it was seen.
    unstable: i64,
    open_transaction_s: Option<i64>,
    /// Everything that Kafka had received by then is archived.
    archived_until: Option<i64>,
    seal_in_s: Option<i64>,
    until_deletion_s: Option<i64>,
    since_commit_s: Option<i64>,
    buffered_bytes: i64,
    records: u64,
    lost_records: u64,
    fenced: u64,
}

/// What all partitions together amount to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) records: u64,
    pub(super) stored_bytes: u64,
    pub(super) lost_records: u64,
    pub(super) lag: i64,
    /// Everything that Kafka had received by then is archived; none while that is not known of every partition.
    pub(super) archived_until: Option<i64>,
    pub(super) level: Level,
}

type Stopped = BTreeMap<(String, String), &'static str>;

/// The page of `listing`, and the sums over all partitions.
pub(super) fn page_of(
    all: &[(TopicPartition, PartitionMetrics, bool)],
    stopped: &Stopped,
    listing: &Listing,
    now: UtcSeconds,
) -> (PartitionPage, Sums) {
    let mut sums = Sums::default();
    let mut rows = Vec::new();
    for (place, metrics, is_held) in all {
        let row = PartitionRow::of(place, metrics, stopped, now.unix());
        sums.records += row.records;
        sums.lost_records += row.lost_records;
        sums.stored_bytes += metrics.values().stored_bytes.load(Ordering::Relaxed);
        if *is_held {
            rows.push(row);
        }
    }
    sums.lag = rows.iter().filter_map(|row| row.lag).sum();
    sums.archived_until = least(rows.iter().map(|row| row.archived_until));
    sums.level = rows.iter().map(|row| row.level).max().unwrap_or_default();
    let count = |level| rows.iter().filter(|row| row.level == level).count();
    let (total, warning, critical) = (rows.len(), count(Level::Warning), count(Level::Critical));

    rows.retain(|row| row.is_named(&listing.filter));
    rows.sort_by_cached_key(PartitionRow::urgency);
    let matching = rows.len();
    let pages = matching.div_ceil(PAGE_ROWS).max(1);
    let page = listing.page.min(pages - 1);
    let page = PartitionPage {
        total,
        matching,
        warning,
        critical,
        page,
        pages,
        page_rows: PAGE_ROWS,
        rows: rows.into_iter().skip(page * PAGE_ROWS).take(PAGE_ROWS).collect(),
    };
    (page, sums)
}

/// The least of these times; none if one is not known, or there are none.
fn least(times: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    times.reduce(|one, other| Some(one?.min(other?))).flatten()
}

impl PartitionRow {
    fn of(place: &TopicPartition, metrics: &PartitionMetrics, stopped: &Stopped, now: i64) -> PartitionRow {
        let values = metrics.values();
        let number = place.partition.to_string();
        let next_offset = known(&values.next_offset);
        let lag = next_offset.map(|_| values.lag.load(Ordering::Relaxed));
        // When Kafka deletes is looked up every minute: it may be that of a record that is archived by now.
        let deletion = known(&values.deletion).filter(|_| lag != Some(0));
        let row = PartitionRow {
            topic: place.topic.to_string(),
            partition: place.partition,
            level: Level::Ok,
            stopped: stopped.get(&(place.topic.to_string(), number)).copied(),
            next_offset,
            lag,
            unstable: values.unstable.load(Ordering::Relaxed),
            open_transaction_s: known(&values.open_since).map(|since| now.saturating_sub(since).max(0)),
            archived_until: known(&values.archived_until),
            seal_in_s: known(&values.seal_due).map(|due| due.saturating_sub(now).max(0)),
            until_deletion_s: deletion.map(|due| due.saturating_sub(now)),
            since_commit_s: known(&values.last_commit).map(|last| now.saturating_sub(last).max(0)),
            buffered_bytes: values.buffered_bytes.load(Ordering::Relaxed),
            records: values.records.load(Ordering::Relaxed),
            lost_records: values.lost_records.load(Ordering::Relaxed),
            fenced: values.fenced.load(Ordering::Relaxed),
        };
        PartitionRow {
            level: row.attention(),
            ..row
        }
    }

    fn attention(&self) -> Level {
        if self.stopped.is_some() {
            return Level::Critical;
        }
        let lost = if self.lost_records > 0 {
            Level::Warning
        } else {
            Level::Ok
        };
        lost.max(Level::of_deletion(self.until_deletion_s))
            .max(Level::of_open_transaction(self.open_transaction_s))
    }

    fn is_named(&self, filter: &str) -> bool {
        filter.is_empty() || format!("{}/{}", self.topic.to_lowercase(), self.partition).contains(filter)
    }

    /// The order of the page: what is most urgent first, then what Kafka deletes first, then the greatest lag.
    fn urgency(&self) -> impl Ord + use<> {
        let near = (self.level > Level::Ok).then_some(self.until_deletion_s).flatten();
        (
            Reverse(self.level),
            near.unwrap_or(i64::MAX),
            Reverse(self.lag),
            (self.topic.clone(), self.partition),
        )
    }
}

fn known(value: &AtomicI64) -> Option<i64> {
    Some(value.load(Ordering::Relaxed)).filter(|value| *value != NEVER)
}

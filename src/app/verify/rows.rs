//! Fetches and decodes segments on several threads, within a budget of bytes, and compares each with its link.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};

use crate::app::verify::ids::EventIds;
use crate::app::verify::request::{Depth, Since};
use crate::log::link::Link;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::task::progress::Progress;
use crate::verify::chain::Accepted;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::segments::{self, Checked};
use crate::verify::times::times;

/// The budget for encoded segments in memory, in units of [`UNIT_BYTES`].
const BUDGET_UNITS: u32 = 1024;
const UNIT_BYTES: u64 = 1 << 16;

/// The results for the segments of one partition.
#[derive(Debug, Default)]
pub struct Rows {
    /// What was found.
    pub findings: Findings,
    /// Rows read.
    pub records: u64,
    /// Segments whose rows were read.
    pub segments_read: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
    /// Bytes of the segments, as the links give them.
    pub stored_bytes: u64,
    /// The heights of links whose segments do not have the signed records.
    pub suspects: Vec<Height>,
    projections: Vec<(Height, Hash)>,
}

/// The results by partition.
pub type RowsByPartition = BTreeMap<TopicPartition, Rows>;

/// Reads the segments of links.
#[derive(Debug)]
pub struct Segments {
    /// Where the segments are.
    pub bucket: Arc<Bucket>,
    /// Whether rows are read.
    pub depth: Depth,
    /// Which segments are read; `None` for all.
    pub since: Option<Since>,
    /// The number of segments decoded at the same time.
    pub threads: usize,
    /// Collects the ids of events.
    pub ids: Arc<EventIds>,
}

impl Segments {
    /// Checks the segments of all links from `accepted`, until it ends.
    pub async fn check(self, accepted: mpsc::Receiver<Accepted>, progress: &dyn Progress) -> RowsByPartition {
        let all: Mutex<RowsByPartition> = Mutex::new(BTreeMap::new());
        let budget = Arc::new(Semaphore::new(BUDGET_UNITS as usize));
        let cores = Arc::new(Semaphore::new(self.threads));
        let links = futures::stream::unfold(accepted, |mut receiver| async move {
            let next = receiver.recv().await?;
            Some((next, receiver))
        });
        links
            .for_each_concurrent(self.threads * 4, |accepted| {
                let (budget, cores) = (Arc::clone(&budget), Arc::clone(&cores));
                let (all, segments) = (&all, &self);
                async move {
                    let part = segments.one(&accepted, &budget, &cores).await;
                    progress.advance(part.records);
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    let partition = accepted.signed.link.topic_partition();
                    all.entry(partition).or_default().absorb(part);
                }
            })
            .await;
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (partition, rows) in &mut all {
            rows.compare_projections(partition);
        }
        all
    }

    async fn one(&self, accepted: &Accepted, budget: &Semaphore, cores: &Arc<Semaphore>) -> Rows {
        let link = &accepted.signed.link;
        let mut rows = Rows::default();
        for rejected in &link.rejected {
            let finding = match self.bucket.get(&rejected.key).await {
                Ok(object) => segments::check_rejected(link, rejected, object),
                Err(why) => about(link, Code::SegmentUnreadable, &rejected.key, why),
            };
            rows.findings.push(finding);
        }
        let Some(segment) = &link.segment else { return rows };
        rows.stored_bytes = segment.bytes;
        let is_read = self.depth == Depth::Rows && self.since.is_none_or(|since| since.covers(link));
        if !is_read && accepted.segment_listed {
            return rows;
        }
        let units = u32::try_from(segment.bytes / UNIT_BYTES + 1)
            .unwrap_or(BUDGET_UNITS)
            .min(BUDGET_UNITS);
        let _within = budget.acquire_many(units).await;
        match self.bucket.get(&segment.key).await {
            Err(why) => rows
                .findings
                .push(about(link, Code::SegmentUnreadable, &segment.key, why)),
            Ok(None) => {
                let times = times(link.min_timestamp_ms.zip(link.max_timestamp_ms));
                let detail = format!("{} records are missing; their times are {times}", link.record_count);
                rows.findings
                    .push(about(link, Code::SegmentMissing, &segment.key, detail));
            }
            Ok(Some(bytes)) if is_read => match self.decode(accepted.clone(), bytes, cores).await {
                Ok(checked) => rows.take(link, checked),
                Err(why) => rows
                    .findings
                    .push(about(link, Code::SegmentUnreadable, &segment.key, why)),
            },
            Ok(Some(_)) => {}
        }
        rows
    }

    async fn decode(&self, accepted: Accepted, bytes: Bytes, cores: &Arc<Semaphore>) -> Result<Checked, String> {
        let _core = cores.acquire().await.map_err(|error| error.to_string())?;
        let ids = Arc::clone(&self.ids);
        let checking = tokio::task::spawn_blocking(move || {
            let checked = segments::check(&accepted, bytes);
            ids.add(&accepted.signed.link.topic, &checked.tally.ids);
            checked
        });
        checking.await.map_err(|error| error.to_string())
    }
}

fn about(link: &Link, code: Code, key: &str, detail: impl Into<String>) -> Finding {
    Finding::new(code, detail)
        .of(&link.topic_partition())
        .object(key)
        .offsets(link.first_offset.0, link.next_offset.0)
}

impl Rows {
    fn take(&mut self, link: &Link, checked: Checked) {
        // A segment that cannot be decoded to its end does not count as read in the summary.
        self.segments_read = u64::from(checked.projection.is_some());
        self.value_bytes = checked.value_bytes;
        self.records = checked.tally.records;
        self.findings.append(checked.findings);
        if !checked.records_hold {
            self.suspects.push(link.height);
        }
        self.projections
            .extend(checked.projection.map(|hash| (link.height, hash)));
    }

    fn absorb(&mut self, other: Rows) {
        self.findings.append(other.findings);
        self.records += other.records;
        self.segments_read += other.segments_read;
        self.value_bytes += other.value_bytes;
        self.stored_bytes += other.stored_bytes;
        self.suspects.extend(other.suspects);
        self.projections.extend(other.projections);
    }

    fn compare_projections(&mut self, partition: &TopicPartition) {
        let mut projections = std::mem::take(&mut self.projections);
        projections.sort_unstable();
        for pair in projections.windows(2) {
            if let [(_, before), (height, after)] = pair
                && before != after
            {
                let detail = format!("since the link at height {height}");
                self.findings
                    .push(Finding::new(Code::ProjectionChanged, detail).of(partition));
            }
        }
    }
}

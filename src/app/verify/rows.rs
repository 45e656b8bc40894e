//! Fetches and decodes segments on several threads, within a budget of bytes, and compares each with its link.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};

use crate::app::verify::ids::EventIds;
use crate::app::verify::request::{Depth, Since};
use crate::app::verify::shown::Shown;
use crate::log::limits::SEGMENT_MAX_BYTES;
use crate::log::link::Link;
use crate::log::rejected::Rejected;
use crate::reading::bucket::{Bucket, HeldSegment};
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::verify::candidates::Unread;
use crate::verify::chain::Accepted;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::segments::{self, Checked};
use crate::verify::times::times;
use crate::verify::verdict::Verdict;

/// The budget for decoded pages in units of [`UNIT_BYTES`]: enough for those of any segment.
const PAGE_UNITS: u32 = 8192;
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
    /// Objects that links name and that do not exist. A retention change may explain them.
    pub missing: Vec<Missing>,
    /// The heights of links whose segments do not have the signed records.
    pub suspects: Vec<Height>,
    projections: Vec<(Height, Hash)>,
}

/// An object that a link names and that does not exist.
#[derive(Debug)]
pub struct Missing {
    /// The height of the link.
    pub height: Height,
    /// The records of the segment; `None` for a rejected object.
    pub records: Option<u64>,
    /// What it is unless a retention change lets it be deleted.
    pub finding: Finding,
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
    pub async fn check(self, accepted: mpsc::Receiver<Accepted>, shown: &Shown) -> RowsByPartition {
        let all: Mutex<RowsByPartition> = Mutex::new(BTreeMap::new());
        let budgets = Budgets {
            pages: Semaphore::new(PAGE_UNITS as usize),
            cores: Semaphore::new(self.threads),
        };
        let links = futures::stream::unfold(accepted, |mut receiver| async move {
            let next = receiver.recv().await?;
            Some((next, receiver))
        });
        links
            .for_each_concurrent(self.threads * 4, |accepted| {
                let (all, segments, budgets) = (&all, &self, &budgets);
                async move {
                    let link = &accepted.signed.link;
                    let rows = if segments.is_read(link) { link.record_count } else { 0 };
                    shown.link(link, rows);
                    let part = segments.one(&accepted, budgets).await;
                    shown.checked(rows);
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

    /// Whether the rows of the link's segment are read.
    fn is_read(&self, link: &Link) -> bool {
        link.segment.is_some() && self.depth == Depth::Rows && self.since.is_none_or(|since| since.covers(link))
    }

    async fn one(&self, accepted: &Accepted, budgets: &Budgets) -> Rows {
        let link = &accepted.signed.link;
        let mut rows = Rows::default();
        for rejected in &link.rejected {
            let unreadable = |why| about(link, Code::SegmentUnreadable, &rejected.key, why);
            let finding = self.rejected(link, rejected, budgets).await;
            let finding = finding.unwrap_or_else(unreadable);
            if finding.code == Code::RejectedMissing {
                rows.missing(link, None, finding);
            } else {
                rows.findings.push(finding);
            }
        }
        let Some(segment) = &link.segment else { return rows };
        rows.stored_bytes = segment.bytes;
        let is_read = self.is_read(link);
        if !is_read && accepted.segment_listed {
            return rows;
        }
        match self.bucket.segment(&segment.key, segment.bytes).await {
            Err(Unread::Failed(why)) => rows
                .findings
                .push(about(link, Code::SegmentUnreadable, &segment.key, why)),
            Err(Unread::TooLarge(bytes)) => {
                let detail = format!("its length is {bytes} bytes, signed are {} bytes", segment.bytes);
                rows.findings
                    .push(about(link, Code::SegmentAltered, &segment.key, detail));
            }
            Ok(None) => {
                let times = times(link.min_timestamp_ms.zip(link.max_timestamp_ms));
                let detail = format!("{} records are missing; their times are {times}", link.record_count);
                let finding = about(link, Code::SegmentMissing, &segment.key, detail).records(link.record_count);
                rows.missing(link, Some(link.record_count), finding);
            }
            Ok(Some(held)) if is_read => match self.decode(accepted.clone(), held, budgets).await {
                Ok(mut checked) => {
                    if Verdict::of(&checked.findings) == Verdict::Tampered {
                        checked
                            .findings
                            .set_modified(self.bucket.modified_ms(&segment.key).await);
                    }
                    rows.take(link, checked);
                }
                Err(why) => rows
                    .findings
                    .push(about(link, Code::SegmentUnreadable, &segment.key, why)),
            },
            Ok(Some(_)) => {}
        }
        rows
    }

    async fn rejected(&self, link: &Link, rejected: &Rejected, budgets: &Budgets) -> Result<Finding, String> {
        let expected = rejected.bytes.min(SEGMENT_MAX_BYTES);
        let held = match self.bucket.segment(&rejected.key, expected).await {
            Ok(Some(held)) => held,
            Ok(None) => return Ok(segments::check_rejected(link, rejected, None)),
            Err(Unread::TooLarge(bytes)) => return Ok(segments::check_unread_rejected(link, rejected, bytes)),
            Err(Unread::Failed(why)) => return Err(why),
        };
        let (link, rejected) = (link.clone(), rejected.clone());
        let check = move |bytes| segments::check_rejected(&link, &rejected, Some(bytes));
        budgets.decode(held, check).await
    }

    async fn decode(&self, accepted: Accepted, held: HeldSegment, budgets: &Budgets) -> Result<Checked, String> {
        let ids = Arc::clone(&self.ids);
        let check = move |bytes| {
            let checked = segments::check(&accepted, bytes);
            ids.add(&accepted.signed.link.topic, &checked.tally.ids);
            checked
        };
        budgets.decode(held, check).await
    }
}

/// What the readers of segments share, beside the bucket's budget for the objects themselves.
struct Budgets {
    pages: Semaphore,
    cores: Semaphore,
}

impl Budgets {
    /// Runs `check` on a thread, once the memory for the decoded pages of the segment is available.
    async fn decode<T: Send + 'static>(
        &self,
        held: HeldSegment,
        check: impl FnOnce(Bytes) -> T + Send + 'static,
    ) -> Result<T, String> {
        let _core = self.cores.acquire().await.map_err(|error| error.to_string())?;
        let bytes = held.bytes.clone();
        let needed = on_thread(move || segments::memory_bytes(bytes)).await?;
        let units = u32::try_from(needed / UNIT_BYTES + 1).map_or(PAGE_UNITS, |units| units.min(PAGE_UNITS));
        let pages = self.pages.acquire_many(units).await;
        let _pages = pages.map_err(|error| error.to_string())?;
        on_thread(move || {
            let checked = check(held.bytes.clone());
            drop(held);
            checked
        })
        .await
    }
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| error.to_string())
}

fn about(link: &Link, code: Code, key: &str, detail: impl Into<String>) -> Finding {
    Finding::new(code, detail)
        .of(&link.topic_partition())
        .object(key)
        .offsets(link.first_offset.0, link.next_offset.0)
}

impl Rows {
    fn missing(&mut self, link: &Link, records: Option<u64>, finding: Finding) {
        self.missing.push(Missing {
            height: link.height,
            records,
            finding,
        });
    }

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
        self.missing.extend(other.missing);
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

//! `export`: archived records as lines or rows. Checks each segment against its link first. Goes partition by partition, in the
//! order of offsets.

mod csv;
mod form;
mod parquet;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use futures::StreamExt as _;
use serde::Serialize;

use crate::app::similar::nearest;
use crate::clock::Clock;
use crate::error::{Explain, Kind};
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::reading::signed_segment::signed_segment;
use crate::record::position::TopicPartition;
use crate::record::record::Record;
use crate::segment::decode::Segment;
use crate::segment::error::Unreadable;
use crate::store::Store;
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit, Work};
use crate::verify::given::Given;

pub use form::Form;
pub(in crate::app) use parquet::batch_of;
pub(in crate::app) use rows::Rows;

/// Segments fetched ahead.
const AHEAD: usize = 3;

/// What to export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Only this topic.
    pub topic: Option<String>,
    /// Only records with this time or a later one, in ms since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Only records with an earlier time, in ms since the Unix epoch.
    pub until_ms: Option<i64>,
    /// How they are written.
    pub form: Form,
}

impl Request {
    fn covers(&self, timestamp_ms: Option<i64>) -> bool {
        match timestamp_ms {
            Some(ms) => self.since_ms.is_none_or(|since| ms >= since) && self.until_ms.is_none_or(|until| ms < until),
            None => self.since_ms.is_none() && self.until_ms.is_none(),
        }
    }

    /// Whether a segment may have such records, by the times in its link.
    fn may_cover(&self, link: &Link) -> bool {
        let late_enough = |since| link.max_timestamp_ms.is_some_and(|max| max >= since);
        let early_enough = |until| link.min_timestamp_ms.is_some_and(|min| min < until);
        self.since_ms.is_none_or(late_enough) && self.until_ms.is_none_or(early_enough)
    }
}

/// The counts of an export.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Records exported.
    pub records: u64,
    /// Bytes of their values.
    pub value_bytes: u64,
    /// Records exported, by topic.
    pub topics: BTreeMap<String, u64>,
    /// Records without a value (tombstones): no line of JSONL can represent them, so they are left out there.
    pub tombstones: u64,
    /// Records with an empty value: also left out of JSONL.
    pub empty: u64,
    /// Records whose value has a newline: in JSONL they take more than one line.
    pub with_newline: u64,
    /// Offsets that links declare lost.
    pub lost_offsets: u64,
    /// Records whose segments were removed under a retention change.
    pub removed: u64,
    /// The earliest record time in the archive's partitions that were exported, in ms since the Unix epoch.
    pub archived_from_ms: Option<i64>,
    /// The latest one.
    pub archived_until_ms: Option<i64>,
    /// Wall-clock time in seconds.
    pub elapsed_s: f64,
}

/// Why an export ended early. What was exported until then stays.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The output cannot be written.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// The archive, the store or Kafka failed.
    #[error(transparent)]
    App(#[from] AppError),
}

impl Explain for ExportError {
    fn kind(&self) -> Kind {
        match self {
            ExportError::Output(_) => Kind::Input,
            ExportError::App(error) => error.kind(),
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ExportError::Output(_) => Some("check that the output is open and the disk has free space".to_owned()),
            ExportError::App(error) => error.remedy(),
        }
    }
}

/// Exports the records.
///
/// # Errors
/// `Corrupt` if the archive contradicts itself; errors of the store; `Output`.
pub async fn export(
    store: Arc<dyn Store>,
    given: &Given,
    request: &Request,
    output: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Report, ExportError> {
    let clock = Clock::start();
    let reading = progress.begin("reading the log and the keys of links", Unit::Uncounted);
    let archive = Archive::open(store, given).await?;
    drop(reading);
    let mut partitions = archive.partitions();
    partitions.retain(|partition| request.topic.as_deref().is_none_or(|topic| topic == &*partition.topic));
    if partitions.is_empty() {
        return Err(nothing_of(&archive, request).into());
    }
    let mut run = Run {
        archive: &archive,
        request,
        rows: request.form.rows(output).map_err(ExportError::Output)?,
        report: Report::default(),
        exporting: progress.begin("exporting", Unit::Records),
    };
    let expected = partitions.iter().map(|partition| archive.estimated_records(partition));
    run.exporting.add_total(expected.sum());
    run.all(&partitions).await?;
    run.report.elapsed_s = clock.elapsed_s();
    Ok(run.report)
}

/// The error for a topic of which the archive has nothing.
fn nothing_of(archive: &Archive, request: &Request) -> AppError {
    let partitions = archive.partitions();
    let topics: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let Some(topic) = request.topic.as_deref().filter(|_| !topics.is_empty()) else {
        return AppError::input("the archive has no records yet").fix("run `kivend archive`, and export again");
    };
    let meant =
        nearest(topic, topics.iter().copied()).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    AppError::config(format!(
        "the archive has no records of this topic: `{topic}`, only of {}{meant}",
        topics.join(", ")
    ))
    .fix("name one of the archived topics with --topic, or none for all")
}

struct Run<'a, 'o> {
    archive: &'a Archive,
    request: &'a Request,
    rows: Box<dyn Rows + 'o>,
    report: Report,
    exporting: Arc<dyn Work>,
}

impl Run<'_, '_> {
    async fn all(&mut self, partitions: &[TopicPartition]) -> Result<(), ExportError> {
        for partition in partitions {
            self.partition(partition).await?;
        }
        self.rows.finish().map_err(ExportError::Output)
    }

    async fn partition(&mut self, partition: &TopicPartition) -> Result<(), ExportError> {
        let (archive, request) = (self.archive, self.request);
        let chain = archive.chain(partition).await?;
        let links = chain.iter().map(|accepted| &accepted.signed.link);
        let lost = links.clone().filter(|link| link.lost.is_some());
        self.report.lost_offsets += lost
            .map(|link| link.next_offset.0.abs_diff(link.first_offset.0))
            .sum::<u64>();
        links.clone().for_each(|link| self.report.span(link));
        let wanted = links.filter(|link| link.segment.is_some() && request.may_cover(link));
        let records = wanted.clone().map(|link| link.record_count).sum();
        self.exporting
            .correct_total(archive.estimated_records(partition), records);
        let mut segments = futures::stream::iter(wanted)
            .map(|link| async move { (link, archive.kept_segment(link).await) })
            .buffered(AHEAD);
        while let Some((link, object)) = segments.next().await {
            let Some(object) = object? else {
                self.report.removed += link.record_count;
                self.exporting.advance(link.record_count);
                continue;
            };
            let segment = signed_segment(link, object, "exported")?;
            self.segment(&segment, partition)?;
            self.exporting.advance(link.record_count);
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment, partition: &TopicPartition) -> Result<(), ExportError> {
        let mut outcome = Ok(());
        let read = segment.for_each_record(|record| {
            if outcome.is_ok() && self.request.covers(record.timestamp.ms()) {
                outcome = self.take(partition, record);
            }
        });
        outcome?;
        read.map_err(|error: Unreadable| AppError::corrupt(error.to_string()).into())
    }

    fn take(&mut self, partition: &TopicPartition, record: &Record<'_>) -> Result<(), ExportError> {
        let form = self.request.form;
        match record.value {
            None => self.report.tombstones += 1,
            Some([]) => self.report.empty += 1,
            Some(value) => self.report.with_newline += u64::from(memchr::memchr(b'\n', value).is_some()),
        }
        if !form.takes(record.value) {
            return Ok(());
        }
        self.report.count(partition, record.value.unwrap_or_default());
        self.rows.record(partition, record).map_err(ExportError::Output)
    }
}

impl Report {
    /// Adds the times of the records of one link.
    fn span(&mut self, link: &Link) {
        let (from, until) = (&mut self.archived_from_ms, &mut self.archived_until_ms);
        *from = [*from, link.min_timestamp_ms].into_iter().flatten().min();
        *until = (*until).max(link.max_timestamp_ms);
    }

    fn count(&mut self, partition: &TopicPartition, value: &[u8]) {
        self.records += 1;
        self.value_bytes += value.len() as u64;
        match self.topics.get_mut(&*partition.topic) {
            Some(records) => *records += 1,
            None => {
                self.topics.insert(partition.topic.to_string(), 1);
            }
        }
    }
}

//! Compares the rows of files with the sources, a bounded number of rows at a time: they are sorted by partition and offset,
//! and compared with what the sources have between them. What no row was near to is read at the end.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::app::audit::request::Request;
use crate::app::audit::source::Sources;
use crate::audit::codes::Code;
use crate::audit::offsets::OffsetSet;
use crate::audit::partition_found::PartitionFound;
use crate::audit::report::{Counts, Finding, Report, SinkRead};
use crate::audit::row::{Compared, Row};
use crate::audit::tally::{Lag, Merge, Tally};
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit};

/// Rows that are held at a time.
const ROWS_HELD: usize = 2_000_000;
/// Offsets between two rows that are read for both: more are left for the end.
const NEAR_OFFSETS: i64 = 1 << 16;
/// Ranges of offsets that are held, about 100 bytes each: an audit of records without neighbours needs many.
const RANGES_MAX: usize = 16_000_000;
/// Partitions that do not exist and are named.
const UNKNOWN_NAMED: usize = 20;

/// The state of an audit.
pub(super) struct Auditor<'a> {
    pub(super) sources: Sources,
    pub(super) request: &'a Request,
    pub(super) progress: &'a dyn Progress,
    pub(super) sink: SinkRead,
    pub(super) findings: Vec<Finding>,
    held: Vec<Row>,
    /// By the numbers of files.
    compared: Vec<Compared>,
    names: Vec<String>,
    tallies: BTreeMap<i32, Tally>,
    /// Ranges of the sources that could not be read.
    failed: BTreeMap<i32, OffsetSet>,
    /// Rows by partitions that the sources do not know.
    unknown: BTreeMap<i32, u64>,
    counts_offsets: bool,
    without_values: u64,
}

impl<'a> Auditor<'a> {
    pub(super) fn new(sources: Sources, request: &'a Request, progress: &'a dyn Progress) -> Auditor<'a> {
        let tallies = sources
            .partitions
            .keys()
            .map(|partition| (*partition, Tally::default()));
        Auditor {
            tallies: tallies.collect(),
            sources,
            request,
            progress,
            sink: SinkRead::default(),
            findings: Vec::new(),
            held: Vec::new(),
            compared: Vec::new(),
            names: Vec::new(),
            failed: BTreeMap::new(),
            unknown: BTreeMap::new(),
            counts_offsets: false,
            without_values: 0,
        }
    }

    /// The number of the next file, which has this name.
    pub(super) fn begin_file(&mut self, key: &str) -> u32 {
        self.names.push(key.to_owned());
        self.compared.push(Compared::default());
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes what is known of the file that was begun last, before its rows.
    pub(super) fn file(&mut self, compared: Compared, counts_offsets: bool) {
        if let Some(last) = self.compared.last_mut() {
            *last = compared;
        }
        self.counts_offsets |= counts_offsets;
        self.without_values += u64::from(!compared.value);
    }

    /// Takes rows of that file.
    pub(super) fn rows(&mut self, rows: Vec<Row>) -> Result<(), AppError> {
        self.held.extend(rows);
        if self.held.len() < ROWS_HELD {
            Ok(())
        } else {
            self.settle()
        }
    }

    /// Compares the held rows.
    fn settle(&mut self) -> Result<(), AppError> {
        let mut held = std::mem::take(&mut self.held);
        held.sort_unstable_by_key(|row| (row.partition, row.offset));
        for rows in held.chunk_by(|a, b| a.partition == b.partition) {
            let partition = rows[0].partition;
            let Some(tally) = self.tallies.get_mut(&partition) else {
                *self.unknown.entry(partition).or_default() += rows.len() as u64;
                continue;
            };
            tally.rows(rows);
            for near in rows.chunk_by(|a, b| b.offset - a.offset <= NEAR_OFFSETS) {
                let span = near[0].offset..near[near.len() - 1].offset + 1;
                self.compare(partition, &span, near);
            }
        }
        held.clear();
        self.held = held;
        let ranges: usize = self.tallies.values().map(Tally::range_count).sum();
        if ranges + self.unknown.len() > RANGES_MAX {
            return Err(
                AppError::input(format!("the offsets of the sink are in too many pieces: {ranges}"))
                    .fix("audit a part of the files at a time: narrow --parquet, with --since and --until"),
            );
        }
        Ok(())
    }

    /// Compares rows, which are in `span`, with what the sources have there.
    fn compare(&mut self, partition: i32, span: &Range<i64>, rows: &[Row]) {
        let coverage = self.sources.partitions.get(&partition);
        let Some((coverage, tally)) = coverage.zip(self.tallies.get_mut(&partition)) else {
            return;
        };
        let first = coverage.pieces.partition_point(|piece| piece.range.end <= span.start);
        let pieces = coverage.pieces[first..]
            .iter()
            .take_while(|piece| piece.range.start < span.end);
        for piece in pieces {
            let part = piece.range.start.max(span.start)..piece.range.end.min(span.end);
            let from = rows.partition_point(|row| row.offset < part.start);
            let to = rows.partition_point(|row| row.offset < part.end);
            let mut merge = Merge::new(
                tally,
                &rows[from..to],
                &self.compared,
                self.request.window,
                part.clone(),
            );
            match self
                .sources
                .read(partition, piece, &part, &mut |record| merge.record(record))
            {
                Ok(held_from) => merge.finish(self.sources.completeness, held_from),
                Err(error) => {
                    let failed = self.failed.entry(partition).or_default();
                    if !failed.contains(part.start) {
                        let finding = Finding::new(Code::SourceUnreadable, error.to_string());
                        self.findings.push(finding.at(partition, &part));
                    }
                    failed.insert_range(part);
                }
            }
        }
    }

    /// Compares what is held, reads what no row was near to, and concludes.
    pub(super) fn finish(mut self) -> Result<Report, AppError> {
        self.settle()?;
        let lag = match self.request.window.until_ms {
            Some(_) => Lag::Refused,
            None => Lag::Allowed,
        };
        let numbers: Vec<i32> = self.tallies.keys().copied().collect();
        let rest = self.progress.begin("reading what no file has", Unit::Uncounted);
        for partition in &numbers {
            let unread = self.unread(*partition, lag);
            unread.iter().for_each(|range| self.compare(*partition, &range, &[]));
        }
        drop(rest);
        let mut partitions = BTreeMap::new();
        for partition in numbers {
            let (counts, findings) = self.conclude(partition, lag);
            partitions.insert(partition, counts);
            self.findings.extend(findings);
        }
        self.add_unknown();
        if self.without_values > 0 {
            let detail = format!("{} files", self.without_values);
            self.findings.push(Finding::new(Code::ValuesNotCompared, detail));
        }
        let mut report = Report::of(&self.request.topic, self.sink, partitions, self.findings);
        report.sources = self.sources.told;
        Ok(report)
    }

    /// What the sources have and was not read: after the last row only where records there are expected.
    fn unread(&self, partition: i32, lag: Lag) -> OffsetSet {
        let pieces = self
            .sources
            .partitions
            .get(&partition)
            .map_or(&[][..], |coverage| &coverage.pieces);
        let covered: OffsetSet = pieces.iter().map(|piece| piece.range.clone()).collect();
        let Some(tally) = self.tallies.get(&partition) else {
            return covered;
        };
        let unread = covered.minus(&tally.read);
        let unread = self
            .failed
            .get(&partition)
            .map_or(unread.clone(), |failed| unread.minus(failed));
        match (lag, tally.seen.end()) {
            (Lag::Allowed, Some(end)) => unread.within(&(i64::MIN..end)),
            _ => unread,
        }
    }

    fn conclude(&mut self, partition: i32, lag: Lag) -> (Counts, Vec<Finding>) {
        let (Some(tally), Some(coverage)) = (
            self.tallies.get_mut(&partition),
            self.sources.partitions.get(&partition),
        ) else {
            return (Counts::default(), Vec::new());
        };
        // Nothing can have been written where Kafka's log does not reach.
        let beyond = coverage
            .log_end
            .map(|end| tally.seen.within(&(end..i64::MAX)))
            .unwrap_or_default();
        beyond.iter().for_each(|range| tally.unexpected.insert_range(range));
        let mut covered: OffsetSet = coverage.pieces.iter().map(|piece| piece.range.clone()).collect();
        beyond.iter().for_each(|range| covered.insert_range(range));
        let found = PartitionFound {
            partition,
            tally,
            covered: &covered,
            lag,
            counts_offsets: self.counts_offsets,
            files: &self.names,
        };
        found.conclude()
    }

    /// Rows of partitions that the sources do not know: if Kafka was asked, the topic has no such partition.
    fn add_unknown(&mut self) {
        let code = if self.sources.knows_all {
            Code::Unexpected
        } else {
            Code::NotHeld
        };
        for (partition, rows) in self.unknown.iter().take(UNKNOWN_NAMED) {
            let mut finding = Finding::new(code, format!("{rows} rows; the topic has no such partition"));
            finding.partition = Some(*partition);
            self.findings.push(finding);
        }
        if self.unknown.len() > UNKNOWN_NAMED {
            let detail = format!("rows of {} partitions that the topic does not have", self.unknown.len());
            self.findings.push(Finding::new(code, detail));
        }
    }
}

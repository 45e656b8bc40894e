//! Turns lines into records: validates and routes each, and counts every line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::app::ingest::input::TooLong;
use crate::app::ingest::rejects::{Rejected, Rejects};
use crate::app::ingest::report::{FirstRejected, Problem, Report, Resemblance, Rotated, Unfinished};
use crate::event::event::{Event, Form, LineReader, Rejection};
use crate::event::routing::{Census, Routing};
use crate::kafka::producer::{Failed, Fate, Outgoing, Tally};
use crate::record::event_time::nanoseconds;

/// Rejected lines that the report describes; the others are counted.
const FIRST_REJECTED: usize = 5;

pub(super) struct Intake<'r> {
    lines: LineReader<'r>,
    routing: &'r Routing,
    census: Census<'r>,
    only: Option<usize>,
    rejects: Rejects,
    /// The names of the inputs that have begun, and for each the ordinal of the last line before it.
    names: Vec<String>,
    starts: Vec<u64>,
    read: u64,
    counts: Counts,
}

/// Lines that were taken from a chunk.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) chunk: Arc<Vec<u8>>,
    pub(super) lines: Range<usize>,
    /// The ordinal of the line before.
    pub(super) before: u64,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    skipped: u64,
    filtered: u64,
    keyless: u64,
    timeless: u64,
    by_topic: Vec<u64>,
    rejections: BTreeMap<&'static str, u64>,
    first_rejected: Vec<FirstRejected>,
    unfinished: Vec<Unfinished>,
    rotated: Vec<Rotated>,
}

impl<'r> Intake<'r> {
    pub(super) fn new(form: &'r Form, routing: &'r Routing, only: Option<usize>, rejects: Rejects) -> Intake<'r> {
        Intake {
            lines: LineReader::new(form),
            routing,
            census: Census::new(routing),
            only,
            rejects,
            names: Vec::new(),
            starts: Vec::new(),
            read: 0,
            counts: Counts {
                by_topic: vec![0; routing.topics().len()],
                ..Counts::default()
            },
        }
    }

    /// The lines that follow belong to the next input, which has this name.
    pub(super) fn next_input(&mut self, name: String) {
        self.names.push(name);
        self.starts.push(self.read);
    }

    /// Takes lines from `rest` of `chunk` until it is empty or `records_max` records were made.
    pub(super) fn take<'c>(
        &mut self,
        chunk: &'c [u8],
        rest: &mut Range<usize>,
        records_max: usize,
    ) -> Vec<Outgoing<'c>> {
        let mut records = Vec::with_capacity(records_max.min(rest.len() / 256 + 1));
        while rest.start < rest.end && records.len() < records_max {
            let line = next_line(chunk, rest);
            self.read += 1;
            let event = self.lines.read(&chunk[line.clone()]);
            match event {
                Ok(event) => records.extend(self.route(event, line, self.read)),
                Err(rejection) => self.reject(rejection, &chunk[line], None),
            }
        }
        records
    }

    /// Validates a line and returns its time; `None` if it was rejected.
    pub(super) fn time_of(&mut self, line: &[u8]) -> Option<i64> {
        self.read += 1;
        match self.lines.read(line) {
            Ok(event) => {
                let time = event.time.and_then(|time| nanoseconds(&time));
                self.counts.timeless += u64::from(time.is_none());
                Some(time.unwrap_or(i64::MAX))
            }
            Err(rejection) => {
                self.reject(rejection, line, None);
                None
            }
        }
    }

    /// Makes durable what was rejected so far.
    pub(super) fn keep_rejects(&mut self) {
        self.rejects.make_durable();
    }

    /// Whether lines were rejected that are not in the file of rejected lines: no more should be read.
    pub(super) fn has_lost_rejects(&self) -> bool {
        self.rejects.failure().is_some()
    }

    /// An earlier run may have rejected lines of this input after the first `marked`; they are rejected again now.
    pub(super) fn expect_again(&mut self, input: &str, marked: u64) {
        self.rejects.expect_again(input, marked);
    }

    /// Counts lines that an earlier run has sent.
    pub(super) fn skip(&mut self, lines: u64) {
        self.read += lines;
        self.counts.skipped += lines;
    }

    /// The ordinal of the last line.
    pub(super) fn ordinal(&self) -> u64 {
        self.read
    }

    /// The record of a line that [`Intake::time_of`] found valid; `None` if `--only` filters it out.
    pub(super) fn take_again<'c>(&mut self, chunk: &'c [u8], line: Range<usize>, ordinal: u64) -> Option<Outgoing<'c>> {
        let event = self.lines.read(&chunk[line.clone()]).ok()?;
        self.route(event, line, ordinal)
    }

    /// The records of `part` again, without those whose ordinals are in `left_out`. Counts nothing.
    pub(super) fn repeat<'c>(&mut self, part: &'c Part, left_out: &BTreeSet<u64>) -> Vec<Outgoing<'c>> {
        let (mut rest, mut ordinal, mut records) = (part.lines.clone(), part.before, Vec::new());
        while !rest.is_empty() {
            let value = next_line(&part.chunk, &mut rest);
            ordinal += 1;
            let Ok(event) = self.lines.read(&part.chunk[value.clone()]) else {
                continue;
            };
            let topic = self.routing.topic_of(&event.event_type);
            if left_out.contains(&ordinal) || self.only.is_some_and(|only| only != topic) {
                continue;
            }
            records.push(Outgoing {
                topic,
                key: event.key,
                value,
                ordinal,
            });
        }
        records
    }

    /// Counts events that were read but will not be sent.
    pub(super) fn leave_out(&mut self, events: u64) {
        self.counts.filtered += events;
    }

    fn route<'c>(&mut self, event: Event<'c>, value: Range<usize>, ordinal: u64) -> Option<Outgoing<'c>> {
        let topic = self.census.route(&event.event_type);
        if self.only.is_some_and(|only| only != topic) {
            self.counts.filtered += 1;
            return None;
        }
        self.counts.sent += 1;
        self.counts.by_topic[topic] += 1;
        self.counts.keyless += u64::from(event.key.is_none());
        Some(Outgoing {
            topic,
            key: event.key,
            value,
            ordinal,
        })
    }

    /// Rejects a line of which only the start was kept.
    pub(super) fn reject_too_long(&mut self, line: &TooLong) {
        self.read += 1;
        self.reject(Rejection::TooLong, &line.start, Some(line.length_bytes));
    }

    /// Whether the line is a valid event.
    pub(super) fn is_event(&mut self, line: &[u8]) -> bool {
        self.lines.read(line).is_ok()
    }

    /// Notes that the last line of an input is left for the next run.
    pub(super) fn leave_unfinished(&mut self, file: &str, bytes: u64) {
        self.counts.unfinished.push(Unfinished {
            file: file.to_owned(),
            bytes,
        });
    }

    /// Notes that a new file took the place of one that was sent.
    pub(super) fn rotated(&mut self, rotated: Rotated) {
        self.counts.rotated.push(rotated);
    }

    fn reject(&mut self, rejection: Rejection, line: &[u8], length_bytes: Option<u64>) {
        let (file, number) = place(&self.names, &self.starts, self.read);
        *self.counts.rejections.entry(rejection.code()).or_default() += 1;
        if self.counts.first_rejected.len() < FIRST_REJECTED {
            self.counts.first_rejected.push(FirstRejected {
                file: file.to_owned(),
                line: number,
                reason: rejection.code(),
                detail: rejection.to_string(),
            });
        }
        let rejected = Rejected {
            file,
            line: number,
            reason: rejection.code(),
            detail: rejection.to_string(),
            length_bytes,
        };
        self.rejects.write(&rejected, line);
    }

    /// Writes records that were not acknowledged to the file of rejected lines.
    pub(super) fn failed(&mut self, failed: &[Failed]) {
        for record in failed {
            let (file, line) = place(&self.names, &self.starts, record.ordinal);
            let rejected = Rejected {
                file,
                line,
                reason: match record.fate {
                    Fate::Refused => "refused",
                    Fate::NotDelivered => "not_delivered",
                    Fate::Unknown => "unknown",
                },
                detail: format!("{:?}: {}", record.code, record.code),
                length_bytes: None,
            };
            self.rejects.write(&rejected, &record.value);
        }
    }

    /// The report. `tally` counts the deliveries; it is empty in a dry run.
    pub(super) fn report(
        mut self,
        tally: Option<Tally>,
        broken_inputs: Vec<Problem>,
        interrupted: bool,
        elapsed_s: f64,
    ) -> Report {
        self.rejects.make_durable();
        let counts = self.counts;
        let dry_run = tally.is_none();
        let tally = tally.unwrap_or_default();
        let acked: u64 = tally.acked.iter().sum();
        let by_topic = if dry_run { &counts.by_topic } else { &tally.acked };
        let topics = self.routing.topics().iter().cloned().zip(by_topic.iter().copied());
        let events = if dry_run { counts.sent } else { acked };
        let types = self.census.types().iter();
        let resembling = types.clone().filter_map(|(event_type, count)| {
            Some(Resemblance {
                event_type: event_type.clone(),
                resembles: count.resembles.clone()?,
                topic: self.routing.topics()[count.topic].clone(),
                events: count.events,
            })
        });
        Report {
            read: self.read,
            sent: if dry_run { 0 } else { counts.sent },
            acked,
            rejected: counts.rejections.values().sum(),
            filtered: counts.filtered,
            skipped: counts.skipped,
            failed: tally.failed.values().sum(),
            unknown: tally.unknown.values().sum(),
            would_send: dry_run.then_some(counts.sent),
            topics: topics.collect(),
            elapsed_s,
            events_per_s: per_second(events, elapsed_s),
            without_key: counts.keyless,
            without_time: counts.timeless,
            event_types: types
                .clone()
                .map(|(name, count)| (name.clone(), count.events))
                .collect(),
            other_event_types: self.census.uncounted(),
            resembling: resembling.collect(),
            rejections: counts.rejections,
            first_rejected: counts.first_rejected,
            failures: tally.failed,
            unanswered: tally.unknown,
            unfinished: counts.unfinished,
            rotated: counts.rotated,
            broken_inputs,
            lost_rejects: self.rejects.failure().map(Problem::of),
            interrupted,
            dry_run,
        }
    }
}

fn per_second(events: u64, elapsed_s: f64) -> u64 {
    if elapsed_s > 0.0 {
        (events as f64 / elapsed_s).round() as u64
    } else {
        0
    }
}

/// Removes the next line from `rest` and returns it without its newline.
pub(super) fn next_line(chunk: &[u8], rest: &mut Range<usize>) -> Range<usize> {
    let start = rest.start;
    let newline = memchr::memchr(b'\n', &chunk[rest.clone()]);
    let end = newline.map_or(rest.end, |newline| start + newline);
    rest.start = (end + 1).min(rest.end);
    start..end
}

/// The input, and the number in it, of the line with this ordinal.
fn place<'n>(names: &'n [String], starts: &[u64], ordinal: u64) -> (&'n str, u64) {
    let begun = starts.partition_point(|start| *start < ordinal).max(1);
    let start = starts.get(begun - 1).copied().unwrap_or_default();
    let name = names.get(begun - 1).map(String::as_str).unwrap_or_default();
    (name, ordinal - start)
}

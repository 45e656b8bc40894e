//! Sums of the marks of one kind over partitions, in words.

use std::collections::BTreeSet;

use crate::verify::coverage::{Coverage, Mark, MarkKind};
use crate::verify::html::markup::span;
use crate::verify::report::{counted, grouped};
use crate::verify::times::earliest;

/// The sum of the marks of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// The records, as far as they are known.
    records: u64,
    /// The offsets of marks whose records are not known.
    offsets: u64,
    /// Whether it is not known where one of the marks ends.
    is_open: bool,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    topics: BTreeSet<String>,
    partitions: u64,
    /// The first of the partitions.
    first: i32,
}

impl Sum {
    /// The sum over partitions.
    pub(super) fn of<'c>(kind: MarkKind, coverage: impl Iterator<Item = &'c Coverage>) -> Sum {
        let mut sum = Sum::default();
        for covered in coverage {
            let mut marks = covered.marks.iter().filter(|mark| mark.kind == kind).peekable();
            if marks.peek().is_some() {
                sum.topics.insert(covered.topic.clone());
                if sum.partitions == 0 {
                    sum.first = covered.partition;
                }
                sum.partitions += 1;
            }
            marks.for_each(|mark| sum.add(mark));
        }
        sum
    }

    fn add(&mut self, mark: &Mark) {
        match (mark.records, mark.offsets()) {
            (Some(records), _) => self.records = self.records.saturating_add(records),
            (None, Some(offsets)) => self.offsets = self.offsets.saturating_add(offsets),
            (None, None) => self.is_open = true,
        }
        self.from_ms = earliest(self.from_ms, mark.from_ms);
        self.until_ms = self.until_ms.max(mark.until_ms);
    }

    pub(super) fn partitions(&self) -> u64 {
        self.partitions
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partitions == 0
    }

    /// How many, such as `12 records`.
    pub(super) fn amount(&self) -> String {
        match (self.records, self.offsets, self.is_open) {
            (0, 0, true) => "an unknown number of records".to_owned(),
            (0, offsets, false) => format!("up to {}", counted(offsets, "record")),
            (records, 0, false) => counted(records, "record"),
            (records, offsets, false) => format!(
                "{} to {}",
                grouped(records),
                counted(records.saturating_add(offsets), "record")
            ),
            (records, offsets, true) => format!("at least {}", counted(records.max(u64::from(offsets > 0)), "record")),
        }
    }

    fn is_one(&self) -> bool {
        (self.records, self.offsets, self.is_open) == (1, 0, false)
    }

    /// What they are of, such as `2 files of payments, partition 0`.
    pub(super) fn whose(&self, files: Option<u64>) -> String {
        let place = match (self.topics.first(), self.topics.len(), self.partitions) {
            (Some(topic), 1, 1) => format!("{topic}, partition {}", self.first),
            (Some(topic), 1, partitions) => format!("{} of {topic}", counted(partitions, "partition")),
            (_, topics, partitions) => format!(
                "{} of {}",
                counted(partitions, "partition"),
                counted(topics as u64, "topic")
            ),
        };
        match files {
            None | Some(0) => place,
            Some(1) => format!("one file of {place}"),
            Some(files) => format!("{} of {place}", counted(files, "file")),
        }
    }

    /// The times, such as `between … and …`.
    pub(super) fn times(&self) -> String {
        span(self.from_ms, self.until_ms)
    }

    /// A sentence with one of two ends, for one and for many.
    pub(super) fn sentence(&self, files: Option<u64>, one: &str, many: &str) -> String {
        let verb = if self.is_one() { one } else { many };
        let amount = self.amount();
        let begins = amount.chars().take(1).flat_map(char::to_uppercase);
        let amount: String = begins.chain(amount.chars().skip(1)).collect();
        let times = match (self.from_ms, self.until_ms) {
            (None, None) => String::new(),
            _ => format!(" with times {},", self.times()).replace("with times at", "with the time"),
        };
        format!("{amount} of {},{times} {verb}.", self.whose(files))
    }
}

//! Compares a chain with Kafka: the commit, the watermarks and the records. Their values come in; nothing here talks to a
//! broker.

use crate::record::merkle::Tree;
use crate::record::position::{Height, NextOffset, TopicPartition};
use crate::record::record::{LeafHasher, Record};
use crate::verify::chain::{Chain, Range};
use crate::verify::claims::Claim;
use crate::verify::findings::{Code, Finding, Findings};

/// Where the log of a partition begins and ends in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that Kafka still has.
    pub low: i64,
    /// The offset after the newest one that a reader of committed records may see (the last stable offset).
    pub high: i64,
    /// The offset after the newest one (the high watermark). Above `high` while a transaction is open.
    pub written: i64,
}

/// A committed offset of the consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The committed offset.
    pub next_offset: i64,
    /// The metadata stored with it.
    pub metadata: String,
}

/// The claim that a commit makes about the chain.
///
/// # Errors
/// A finding if there is no commit, or if kivend did not write it.
pub fn claim_of_commit(partition: &TopicPartition, commit: Option<&Commit>) -> Result<Claim, Box<Finding>> {
    let Some(Commit { next_offset, metadata }) = commit else {
        let detail = "the consumer group has no committed offset for this partition";
        return Err(Box::new(Finding::new(Code::CommitMissing, detail).of(partition)));
    };
    match metadata.parse() {
        Ok(metadata) => Ok(Claim::of_commit(NextOffset(*next_offset), &metadata)),
        Err(error) => {
            let detail = format!("{error}; the committed offset is {next_offset}");
            Err(Box::new(Finding::new(Code::CommitForeign, detail).of(partition)))
        }
    }
}

/// Whether records beyond the head are a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LagPolicy {
    /// The archiver may be running, so lag is reported as a note.
    Allowed,
    /// Everything in Kafka must be archived (`--at-rest`).
    Refused,
}

/// Compares the watermarks with the chain. Returns the lag in offsets, with those behind an open transaction.
pub fn check_watermarks(chain: &Chain, marks: Watermarks, policy: LagPolicy, findings: &mut Findings) -> u64 {
    let partition = &chain.partition;
    check_open_transaction(partition, marks, policy, findings);
    let end = marks.high.max(marks.written);
    let Some(head) = &chain.head else {
        if marks.high > 0 {
            let detail = format!("Kafka has offsets {} to {}", marks.low, marks.high.saturating_sub(1));
            let finding = Finding::new(Code::PartitionNotArchived, detail).of(partition);
            findings.push(finding.offsets(marks.low, marks.high));
        }
        return u64::try_from(end - marks.low).unwrap_or(0);
    };
    let next = head.continues_at.1.0;
    for lost in chain.ranges.iter().filter(|range| range.lost) {
        if marks.low < lost.until.0 && marks.high >= lost.until.0 {
            let detail = format!("Kafka's log still begins at offset {}", marks.low);
            let first = lost.first_offset.0.max(marks.low);
            let finding = Finding::new(Code::LossFalse, detail).of(partition);
            findings.push(finding.offsets(first, lost.until.0));
        }
    }
    let lag = u64::try_from(marks.high.saturating_sub(next)).unwrap_or(0);
    if lag > 0 {
        let code = match policy {
            LagPolicy::Allowed => Code::Lag,
            LagPolicy::Refused => Code::NotAtRest,
        };
        let finding = Finding::new(code, format!("{lag} offsets are not archived yet")).of(partition);
        findings.push(finding.offsets(next, marks.high));
    }
    u64::try_from(end.saturating_sub(next)).unwrap_or(0)
}

/// The finding where Kafka's log ends before the archive does.
#[must_use]
pub fn check_end(chain: &Chain, marks: Watermarks) -> Option<Finding> {
    let next = chain.head.as_ref()?.continues_at.1.0;
    (marks.high < next).then(|| {
        let detail = format!(
            "Kafka's log ends before offset {}, the archive before offset {next}",
            marks.high
        );
        let finding = Finding::new(Code::KafkaEndsBeforeHead, detail).of(&chain.partition);
        finding.offsets(marks.high, next)
    })
}

/// Records behind an open transaction are acknowledged, and Kafka's retention deletes them like others, but no reader of
/// committed records gets them.
fn check_open_transaction(partition: &TopicPartition, marks: Watermarks, policy: LagPolicy, findings: &mut Findings) {
    let Ok(behind @ 1..) = u64::try_from(marks.written.saturating_sub(marks.high)) else {
        return;
    };
    let code = match policy {
        LagPolicy::Allowed => Code::OpenTransaction,
        LagPolicy::Refused => Code::OpenTransactionNotAtRest,
    };
    let detail = format!(
        "a transaction is open since offset {}: {behind} offsets from there on cannot be archived before it ends",
        marks.high
    );
    let finding = Finding::new(code, detail).of(partition);
    findings.push(finding.offsets(marks.high, marks.written));
}

/// The result of comparing records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Records that Kafka still holds and that are equal to the archived ones.
    pub records: u64,
    /// The highest link whose records were compared and equal.
    pub highest_equal: Option<Height>,
    /// Ranges whose records differ from Kafka's.
    pub differing: Vec<Range>,
    /// The number of ranges that Kafka no longer holds in full.
    pub not_held: u64,
}

/// Compares Kafka's records, streamed in order, with the roots that links sign. Memory: one Merkle tree.
#[derive(Debug)]
pub struct Comparer<'c> {
    ahead: std::slice::Iter<'c, Range>,
    current: Option<&'c Range>,
    hasher: LeafHasher,
    tree: Tree,
    compared: Compared,
}

impl<'c> Comparer<'c> {
    /// A comparison of these ranges, ascending, of this partition.
    #[must_use]
    pub fn new(partition: &TopicPartition, ranges: &'c [Range]) -> Comparer<'c> {
        let mut ahead = ranges.iter();
        Comparer {
            current: ahead.next(),
            ahead,
            hasher: LeafHasher::new(partition),
            tree: Tree::default(),
            compared: Compared::default(),
        }
    }

    /// Takes Kafka's next record.
    pub fn record(&mut self, record: &Record<'_>) {
        while let Some(range) = self.current {
            if record.offset < range.until.0 {
                break;
            }
            self.end_range(range);
        }
        // A record between ranges is in a hole of the chain, which has a finding of its own.
        if self.current.is_some_and(|range| record.offset >= range.first_offset.0) {
            self.tree.push(self.hasher.leaf(record));
        }
    }

    fn end_range(&mut self, range: &Range) {
        let tree = std::mem::take(&mut self.tree);
        if range.lost || range.is_cut() || !range.is_known_encoding {
            // [`check_watermarks`] checks declared losses; of a range that is cut, the root says nothing of its current part.
        } else if tree.root() == range.records_root {
            self.compared.records += tree.leaf_count();
            self.compared.highest_equal = Some(range.height);
        } else {
            self.compared.differing.push(*range);
        }
        self.current = self.ahead.next();
    }

    /// Ends the comparison. Ranges below `low`, which Kafka deleted meanwhile, are not judged.
    #[must_use]
    pub fn finish(mut self, low: i64) -> Compared {
        while let Some(range) = self.current {
            self.end_range(range);
        }
        let before = self.compared.differing.len();
        self.compared.differing.retain(|range| range.first_offset.0 >= low);
        self.compared.not_held += (before - self.compared.differing.len()) as u64;
        self.compared
    }
}

/// The ranges that Kafka holds in full if its log begins at `low`, and the number of the others.
#[must_use]
pub fn held(ranges: &[Range], low: i64) -> (&[Range], u64) {
    let gone = ranges.partition_point(|range| range.first_offset.0 < low);
    (&ranges[gone..], gone as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_foreign_commit_is_a_finding() {
        let partition = TopicPartition::new("t", 0);
        assert_eq!(claim_of_commit(&partition, None).unwrap_err().code, Code::CommitMissing);
        let foreign = Commit {
            next_offset: 5,
            metadata: String::new(),
        };
        assert_eq!(
            claim_of_commit(&partition, Some(&foreign)).unwrap_err().code,
            Code::CommitForeign
        );
    }
}

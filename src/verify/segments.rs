//! One segment against its link: bytes, footer, records, range, times, typed columns, statistics. And what a link names
//! as rejected. The bytes come in as a value; they may be an enemy's.

use bytes::Bytes;

use crate::log::link::{Link, Rejected};
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};
use crate::segment::check::{Examined, Mismatch, examine};
use crate::segment::decode::Segment;
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::verify::chain::Accepted;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::tally::Tally;

/// What one segment came to.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was found.
    pub findings: Findings,
    /// Its records, counted.
    pub tally: Tally,
    /// The lengths of its values together, in bytes.
    pub value_bytes: u64,
    /// The hash of the rules of its typed columns.
    pub projection: Option<Hash>,
    /// Whether its records are those that the link signed.
    pub records_hold: bool,
}

/// Checks the segment that this link owns.
#[must_use]
pub fn check(accepted: &Accepted, bytes: Bytes) -> Checked {
    let link = &accepted.signed.link;
    let mut check = Check {
        link,
        findings: Findings::default(),
    };
    check.bytes(&bytes);
    let mut tally = Tally::default();
    let mut absent = Absent::new(link);
    let examined = examine(bytes, &link.topic_partition(), &mut |record, parse_error| {
        tally.add(record, parse_error);
        absent.pass(record);
    });
    match examined {
        Err(unreadable) => {
            check.report(Code::SegmentMalformed, unreadable.to_string());
            Checked {
                findings: check.findings,
                ..Checked::default()
            }
        }
        Ok(examined) => {
            check.footer(&examined.footer, accepted);
            check.records(&examined, absent);
            check.mismatches(&examined);
            Checked {
                tally,
                value_bytes: examined.value_bytes,
                projection: examined.projection.to_text().ok().map(|text| Hash::of(text.as_bytes())),
                records_hold: examined.root == link.records_root,
                findings: check.findings,
            }
        }
    }
}

struct Check<'l> {
    link: &'l Link,
    findings: Findings,
}

impl Check<'_> {
    fn report(&mut self, code: Code, detail: impl Into<String>) {
        let Link {
            first_offset,
            next_offset,
            ..
        } = self.link;
        self.report_at(code, detail, first_offset.0, next_offset.0);
    }

    fn report_at(&mut self, code: Code, detail: impl Into<String>, first: i64, next: i64) {
        let finding = Finding::new(code, detail).offsets(first, next);
        let key = self.link.segment.as_ref().map(|segment| &segment.key);
        let finding = match key {
            Some(key) => finding.object(key),
            None => finding,
        };
        self.findings.push(finding.of(&self.link.topic_partition()));
    }

    fn bytes(&mut self, bytes: &Bytes) {
        let Some(segment) = &self.link.segment else { return };
        let hash = Hash::of(bytes);
        if bytes.len() as u64 != segment.bytes {
            let detail = format!("length signed={} stored={}", segment.bytes, bytes.len());
            self.report(Code::SegmentAltered, detail);
        } else if hash != segment.sha256 {
            self.report(
                Code::SegmentAltered,
                format!("sha256 signed={} stored={hash}", segment.sha256),
            );
        }
    }

    fn footer(&mut self, footer: &Footer, accepted: &Accepted) {
        let link = self.link;
        let expected = Footer {
            topic_partition: link.topic_partition(),
            epoch: link.epoch,
            first_offset: link.first_offset,
            next_offset: link.next_offset,
            record_count: link.record_count,
            records_root: link.records_root,
            previous: link.previous,
        };
        if *footer != expected {
            let detail = format!("the footer is not that of {}", accepted.key);
            self.report(Code::FooterDiffers, detail);
        }
    }

    fn records(&mut self, examined: &Examined, absent: Absent<'_>) {
        let link = self.link;
        if let Some(what) = absent.finish() {
            self.report(Code::RangeDiffers, what);
        } else if examined.rows != link.record_count {
            let detail = format!("rows signed={} stored={}", link.record_count, examined.rows);
            self.report(Code::RangeDiffers, detail);
        }
        if examined.root != link.records_root {
            let detail = format!("root signed={} recomputed={}", link.records_root, examined.root);
            self.report(Code::RecordsDiffer, detail);
        }
        let signed = link.min_timestamp_ms.zip(link.max_timestamp_ms);
        if examined.timestamps_ms != signed {
            let detail = format!("timestamps signed={signed:?} recomputed={:?}", examined.timestamps_ms);
            self.report(Code::TimestampsDiffer, detail);
        }
    }

    /// Mismatches of one kind in one column become one finding, which names the rows.
    fn mismatches(&mut self, examined: &Examined) {
        let mut groups: Vec<(Code, &str, Vec<&Mismatch>)> = Vec::new();
        for mismatch in &examined.mismatches {
            let code = code_of(mismatch);
            match groups
                .iter_mut()
                .find(|(c, column, _)| *c == code && *column == mismatch.column)
            {
                Some((_, _, group)) => group.push(mismatch),
                None => groups.push((code, &mismatch.column, vec![mismatch])),
            }
        }
        let more = examined.mismatch_count > examined.mismatches.len() as u64;
        for (code, column, group) in groups {
            let offsets: Vec<i64> = group.iter().map(|mismatch| mismatch.offset).collect();
            let what = group.first().map_or("", |mismatch| mismatch.what);
            let also = if more { ", and more in this segment" } else { "" };
            let detail = format!("column={column}: {what}: offsets {}{also}", name_offsets(&offsets));
            let (first, last) = bounds(&offsets);
            self.report_at(code, detail, first, last.saturating_add(1));
        }
    }
}

fn code_of(mismatch: &Mismatch) -> Code {
    if mismatch.what.contains("statistic") || mismatch.what.contains("null count") {
        Code::StatisticsHideRows
    } else if mismatch.column == "topic" || mismatch.column == "partition" {
        Code::RangeDiffers
    } else {
        Code::TypedColumnDiffers
    }
}

fn bounds(offsets: &[i64]) -> (i64, i64) {
    let first = offsets.iter().min().copied().unwrap_or_default();
    (first, offsets.iter().max().copied().unwrap_or(first))
}

/// The first offsets of a list, for people.
#[must_use]
pub fn name_offsets(offsets: &[i64]) -> String {
    const NAMED: usize = 10;
    let mut names: Vec<String> = offsets.iter().take(NAMED).map(ToString::to_string).collect();
    if offsets.len() > NAMED {
        names.push(format!("and {} more", offsets.len() - NAMED));
    }
    names.join(", ")
}

/// Holds the offsets that come by against the range and its absent offsets, without keeping them.
struct Absent<'l> {
    link: &'l Link,
    next: i64,
    /// The absent ranges that are still ahead.
    ahead: &'l [(i64, i64)],
    wrong: Option<String>,
}

impl<'l> Absent<'l> {
    fn new(link: &'l Link) -> Absent<'l> {
        Absent {
            link,
            next: link.first_offset.0,
            ahead: &link.absent,
            wrong: None,
        }
    }

    fn pass(&mut self, record: &Record<'_>) {
        if record.offset != self.next {
            self.gap(record.offset);
        }
        self.next = record.offset.saturating_add(1);
    }

    fn gap(&mut self, until: i64) {
        match self.ahead.split_first() {
            Some((&(from, to), rest)) if (from, to) == (self.next, until) => self.ahead = rest,
            _ if self.wrong.is_some() => {}
            _ if until > self.next && until <= self.link.next_offset.0 => {
                self.wrong = Some(format!("no rows for offsets {} to {}", self.next, until - 1));
            }
            _ => self.wrong = Some(format!("a row stands outside of its range: offset={until}")),
        }
    }

    fn finish(mut self) -> Option<String> {
        let end = self.link.next_offset.0;
        if self.next != end {
            self.gap(end);
        }
        if self.wrong.is_none() && !self.ahead.is_empty() {
            self.wrong = Some("rows stand where the link says that there are none".to_owned());
        }
        self.wrong
    }
}

/// Checks an object that a link names as rejected; `object` is nothing where it is not there.
#[must_use]
pub fn check_rejected(link: &Link, rejected: &Rejected, object: Option<Bytes>) -> Finding {
    let finding = match object {
        None => Finding::new(Code::RejectedMissing, "the link names it as rejected"),
        Some(bytes) if bytes.len() as u64 != rejected.bytes || Hash::of(&bytes) != rejected.sha256 => {
            Finding::new(Code::RejectedAltered, format!("sha256 signed={}", rejected.sha256))
        }
        Some(bytes) => Finding::new(Code::RejectedPresent, describe_rejected(link, bytes)),
    };
    finding
        .of(&link.topic_partition())
        .object(&rejected.key)
        .offsets(link.first_offset.0, link.next_offset.0)
}

fn describe_rejected(link: &Link, bytes: Bytes) -> String {
    match examine(bytes, &link.topic_partition(), &mut |_, _| {}) {
        Err(unreadable) => unreadable.to_string(),
        Ok(examined) => {
            let footer = &examined.footer;
            let same_range = (footer.first_offset, footer.next_offset) == (link.first_offset, link.next_offset);
            match (same_range, examined.root == link.records_root) {
                (true, false) => "it has the same range and other records".to_owned(),
                (true, true) => "it has the same records in another form".to_owned(),
                (false, _) => format!(
                    "it has another range: {} to {}",
                    footer.first_offset, footer.next_offset
                ),
            }
        }
    }
}

/// The leaf of each record of a segment, for telling exactly which ones differ.
///
/// # Errors
/// [`Unreadable`] where the bytes are no segment.
pub fn leaves(bytes: Bytes, partition: &TopicPartition) -> Result<Vec<(i64, Hash)>, Unreadable> {
    let mut hasher = LeafHasher::new(partition);
    let mut leaves = Vec::new();
    Segment::open(bytes)?.for_each_record(|record| leaves.push((record.offset, hasher.leaf(record))))?;
    Ok(leaves)
}

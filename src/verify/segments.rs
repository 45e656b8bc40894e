//! Compares one segment with its link: bytes, footer, records, range, times, typed columns, statistics. Also checks objects
//! that a link lists as rejected. The bytes are untrusted.

use bytes::Bytes;

use crate::log::link::{Link, RECORD_ENCODING};
use crate::log::rejected::Rejected;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};
use crate::segment::check::{Examined, Mismatch, examine};
use crate::segment::decode::Segment;
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::verify::chain::Accepted;
use crate::verify::findings::{Code, Finding, Findings, Severity};
use crate::verify::tally::Tally;
use crate::verify::times::times;

/// The result of checking one segment.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was found.
    pub findings: Findings,
    /// The count of its records, and the ids of their events.
    pub tally: Tally,
    /// The sum of the lengths of its values.
    pub value_bytes: u64,
    /// The hash of the rules of its typed columns; `None` if the segment is not readable.
    pub projection: Option<Hash>,
    /// Whether its records are the signed ones.
    pub records_hold: bool,
}

/// Checks the segment that this link names.
#[must_use]
pub fn check(accepted: &Accepted, bytes: Bytes) -> Checked {
    let link = &accepted.signed.link;
    let mut check = Check {
        link,
        is_altered: false,
        findings: Findings::default(),
    };
    check.bytes(&bytes);
    if link.encoding != RECORD_ENCODING {
        check.report(Code::EncodingUnknown, format!("encoding {}", link.encoding));
        return Checked {
            findings: check.findings,
            records_hold: true,
            ..Checked::default()
        };
    }
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
    /// Whether the bytes are not the signed ones.
    is_altered: bool,
    findings: Findings,
}

impl Check<'_> {
    fn report(&mut self, code: Code, detail: impl Into<String>) {
        self.add(Finding::new(code, detail));
    }

    /// Adds a finding, about all offsets of the link unless it names some.
    fn add(&mut self, mut finding: Finding) {
        let (first, next) = (self.link.first_offset.0, self.link.next_offset.0);
        finding.offsets.get_or_insert((first, next));
        if finding.severity == Severity::Tampered && finding.code != Code::SegmentAltered {
            finding.detail.push_str(if self.is_altered {
                "; the object is not the one that the link signs, so the object is what changed"
            } else {
                "; the object is the one that the link signs, so it was written like this"
            });
        }
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
        self.is_altered = hash != segment.sha256;
        if bytes.len() as u64 != segment.bytes {
            let detail = format!(
                "its length is {} bytes, signed are {} bytes",
                bytes.len(),
                segment.bytes
            );
            let finding = Finding::new(Code::SegmentAltered, detail);
            self.add(finding.signed_and_found("length in bytes", segment.bytes, bytes.len()));
        } else if hash != segment.sha256 {
            let detail = format!("its sha256 is {hash}, signed is {}", segment.sha256);
            let finding = Finding::new(Code::SegmentAltered, detail);
            self.add(finding.signed_and_found("SHA-256 of the object", segment.sha256, hash));
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
            let detail = format!("the footer contradicts the link {}", accepted.key);
            self.report(Code::FooterDiffers, detail);
        }
    }

    fn records(&mut self, examined: &Examined, absent: Absent<'_>) {
        let link = self.link;
        if let Some(what) = absent.finish() {
            self.report(Code::RangeDiffers, what);
        } else if examined.rows != link.record_count {
            let detail = format!("it has {} rows, signed are {}", examined.rows, link.record_count);
            let finding = Finding::new(Code::RangeDiffers, detail);
            self.add(finding.signed_and_found("number of rows", link.record_count, examined.rows));
        }
        if examined.root != link.records_root {
            let detail = format!(
                "the root of its records is {}, signed is {}",
                examined.root, link.records_root
            );
            let finding = Finding::new(Code::RecordsDiffer, detail);
            self.add(finding.signed_and_found("root of the records", link.records_root, examined.root));
        }
        let signed = link.min_timestamp_ms.zip(link.max_timestamp_ms);
        if examined.timestamps_ms != signed {
            let detail = format!(
                "the times of its records are {}, signed are {}",
                times(examined.timestamps_ms),
                times(signed)
            );
            let finding = Finding::new(Code::TimestampsDiffer, detail);
            self.add(finding.signed_and_found("times of the records", times(signed), times(examined.timestamps_ms)));
        }
    }

    /// Reports mismatches of the same kind in the same column as one finding, which names the rows.
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
            let detail = format!("column {column}: {what}: offsets {}{also}", name_offsets(&offsets));
            let (first, last) = bounds(&offsets);
            let finding = Finding::new(code, detail).offsets(first, last.saturating_add(1));
            self.add(finding.records(offsets.len() as u64));
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

/// The first ten offsets of a list, as text.
#[must_use]
pub fn name_offsets(offsets: &[i64]) -> String {
    const NAMED: usize = 10;
    let mut names: Vec<String> = offsets.iter().take(NAMED).map(ToString::to_string).collect();
    if offsets.len() > NAMED {
        names.push(format!("and {} more", offsets.len() - NAMED));
    }
    names.join(", ")
}

/// Compares the offsets of the rows, one by one, with the range of a link and its absent offsets.
struct Absent<'l> {
    link: &'l Link,
    next: i64,
    /// The absent ranges not reached yet.
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
                self.wrong = Some(format!("it has no rows for offsets {} to {}", self.next, until - 1));
            }
            _ => {
                self.wrong = Some(format!(
                    "it has a row outside its range or out of order, at offset {until}"
                ));
            }
        }
    }

    fn finish(mut self) -> Option<String> {
        let end = self.link.next_offset.0;
        if self.next != end {
            self.gap(end);
        }
        if self.wrong.is_none() && !self.ahead.is_empty() {
            self.wrong = Some("it has rows at offsets that the link lists as absent".to_owned());
        }
        self.wrong
    }
}

/// Checks an object that a link lists as rejected and that is larger than the limit of segments, so that it was not read.
#[must_use]
pub fn check_unread_rejected(link: &Link, rejected: &Rejected, bytes: u64) -> Finding {
    let finding = if rejected.bytes == bytes && rejected.sha256.is_none() {
        Finding::new(
            Code::RejectedPresent,
            format!("it is too large to be a segment: {bytes} bytes"),
        )
    } else {
        let detail = format!("its length is {bytes} bytes, signed are {} bytes", rejected.bytes);
        Finding::new(Code::RejectedAltered, detail)
    };
    about_rejected(finding, link, rejected)
}

fn about_rejected(finding: Finding, link: &Link, rejected: &Rejected) -> Finding {
    finding
        .of(&link.topic_partition())
        .object(&rejected.key)
        .offsets(link.first_offset.0, link.next_offset.0)
}

/// The memory in bytes that decoding a segment needs; 0 if it is not one.
#[must_use]
pub fn memory_bytes(bytes: Bytes) -> u64 {
    Segment::open(bytes).map_or(0, |segment| segment.memory_bytes())
}

/// Checks an object that a link lists as rejected. `object` is `None` if it does not exist.
#[must_use]
pub fn check_rejected(link: &Link, rejected: &Rejected, object: Option<Bytes>) -> Finding {
    let finding = match object {
        None => Finding::new(
            Code::RejectedMissing,
            "the link lists it as rejected, but it does not exist",
        ),
        Some(bytes) if bytes.len() as u64 != rejected.bytes => {
            let detail = format!(
                "its length is {} bytes, signed are {} bytes",
                bytes.len(),
                rejected.bytes
            );
            Finding::new(Code::RejectedAltered, detail)
        }
        Some(bytes) if Some(Hash::of(&bytes)) != rejected.sha256 => {
            let signed = rejected
                .sha256
                .map_or_else(|| "none".to_owned(), |hash| hash.to_string());
            let detail = format!("its sha256 is {}, signed is {signed}", Hash::of(&bytes));
            Finding::new(Code::RejectedAltered, detail)
        }
        Some(bytes) => Finding::new(Code::RejectedPresent, describe_rejected(link, bytes)),
    };
    about_rejected(finding, link, rejected)
}

fn describe_rejected(link: &Link, bytes: Bytes) -> String {
    match examine(bytes, &link.topic_partition(), &mut |_, _| {}) {
        Err(unreadable) => unreadable.to_string(),
        Ok(examined) => {
            let footer = &examined.footer;
            let same_range = (footer.first_offset, footer.next_offset) == (link.first_offset, link.next_offset);
            match (same_range, examined.root == link.records_root) {
                (true, false) => "it has the same range, but other records".to_owned(),
                (true, true) => "it has the same records in other bytes".to_owned(),
                (false, _) => format!(
                    "it has another range: offsets {} to {}",
                    footer.first_offset,
                    footer.next_offset.0.saturating_sub(1)
                ),
            }
        }
    }
}

/// The leaf of each record of a segment within `range`, to find out which records differ.
///
/// # Errors
/// [`Unreadable`] if the bytes are not a segment.
pub fn leaves(
    bytes: Bytes,
    partition: &TopicPartition,
    range: std::ops::Range<i64>,
) -> Result<Vec<(i64, Hash)>, Unreadable> {
    let mut hasher = LeafHasher::new(partition);
    let mut leaves = Vec::new();
    Segment::open(bytes)?.for_each_record(|record| {
        if range.contains(&record.offset) {
            leaves.push((record.offset, hasher.leaf(record)));
        }
    })?;
    Ok(leaves)
}

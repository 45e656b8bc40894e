//! What is known of each file that is altered, missing or unread: several findings may concern one. Why it cannot be said which of
//! its records changed, and where the originals can be had.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::log::object_key::Key;
use crate::verify::coverage::{Coverage, MarkKind};
use crate::verify::findings::{Code, Finding, Severity};
use crate::verify::html::markup::{Escaped, moment};
use crate::verify::report::{Report, counted, grouped};

/// Files that are told of.
const TOLD: usize = 5;

/// The files that findings name, each with its findings.
pub(super) struct Files<'r> {
    by_key: BTreeMap<&'r str, Vec<&'r Finding>>,
    /// Findings about records that name no file, or another object than a file.
    others: Vec<&'r Finding>,
    /// Whether more was found than is kept.
    is_cut: bool,
}

impl<'r> Files<'r> {
    pub(super) fn of(report: &'r Report) -> Files<'r> {
        let mut files = Files {
            by_key: BTreeMap::new(),
            others: Vec::new(),
            is_cut: report.finding_counts.values().sum::<u64>() > report.findings.len() as u64,
        };
        let grave = report
            .findings
            .iter()
            .filter(|finding| finding.severity > Severity::Note);
        for finding in grave.filter(|finding| finding.partition.is_some()) {
            match (finding.object.as_deref().filter(|key| is_file(key)), finding.offsets) {
                (Some(key), Some(_)) if !is_of_rejected(finding) => files.by_key.entry(key).or_default().push(finding),
                // A file that no link names has no part of a chain.
                (Some(_), None) => {}
                _ => files.others.push(finding),
            }
        }
        files
    }

    /// The number of files that the marks of this kind are of; `None` where not all of them are of files.
    pub(super) fn count(&self, kind: MarkKind) -> Option<u64> {
        let is_kind = |finding: &&&Finding| MarkKind::of(finding.code) == Some(kind);
        let of_kind: Vec<&Vec<&Finding>> = self
            .by_key
            .values()
            .filter(|found| found.iter().any(|f| is_kind(&f)))
            .collect();
        let is_covered = |other: &&Finding| {
            of_kind
                .iter()
                .any(|found| found.iter().any(|file| is_within(other, file)))
        };
        let are_all = self.others.iter().filter(is_kind).all(is_covered);
        (are_all && !self.is_cut).then_some(of_kind.len() as u64)
    }

    /// A paragraph on each file.
    pub(super) fn write(&self, page: &mut String, report: &Report) -> fmt::Result {
        if self.by_key.is_empty() {
            return Ok(());
        }
        writeln!(page, "<ul class=\"files\">")?;
        for (key, found) in self.by_key.iter().take(TOLD) {
            let covered = found
                .first()
                .and_then(|finding| report.coverage.iter().find(|covered| covered.is_of(finding)));
            let (codes, count) = self.codes(found);
            let concern = if count == 1 {
                "finding"
            } else {
                "findings about this one file:"
            };
            writeln!(
                page,
                "<li><code>{}</code> ({concern} {codes}). {}</li>",
                Escaped(key),
                Escaped(
                    &[
                        self.change(found),
                        changed_at(found),
                        covered.map_or(String::new(), originals)
                    ]
                    .concat()
                )
            )?;
        }
        writeln!(page, "</ul>")?;
        match self.by_key.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => writeln!(
                page,
                "<p>The findings below name {} more.</p>",
                counted(more as u64, "file")
            ),
        }
    }

    fn codes(&self, found: &[&Finding]) -> (String, usize) {
        let mut codes: Vec<&str> = found.iter().map(|finding| finding.code.id()).collect();
        codes.extend(self.in_kafka(found).map(|finding| finding.code.id()));
        codes.sort_unstable();
        codes.dedup();
        let links: Vec<String> = codes.iter().map(|id| format!("<a href=\"#{id}\">{id}</a>")).collect();
        (links.join(", "), links.len())
    }

    /// What was found about records of the file that names Kafka's side.
    fn in_kafka<'f>(&'f self, found: &'f [&Finding]) -> impl Iterator<Item = &'f &'r Finding> {
        self.others
            .iter()
            .filter(move |other| found.iter().any(|file| is_within(other, file)))
    }

    /// Which of its records changed, or why that cannot be said.
    fn change(&self, found: &[&Finding]) -> String {
        let has = |code| found.iter().any(|finding| finding.code == code);
        let is_unread = found.iter().all(|finding| finding.difference.is_none());
        let names_records = self
            .in_kafka(found)
            .any(|finding| finding.severity == Severity::Tampered);
        if has(Code::SegmentMissing) {
            "The file is not in the store. "
        } else if has(Code::SegmentUnreadable) {
            "The file could not be read, so nothing can be said of its records. "
        } else if has(Code::SegmentMalformed) {
            "The file is not a readable segment, so its rows cannot be compared one by one: it cannot be said which of the records \
             was changed, or whether any was. "
        } else if has(Code::RecordsDiffer) && names_records {
            "Its rows were compared with Kafka one by one: the findings name the records that differ. "
        } else if has(Code::RecordsDiffer) {
            "At least one record was changed, added or removed. The signature covers one hash over all records of the file, so it \
             cannot be said which. "
        } else if has(Code::SegmentAltered) && found.len() == 1 && is_unread {
            "The file is longer than what was signed, and was not read: it cannot be said which of the records was changed. "
        } else if has(Code::SegmentAltered) && found.len() == 1 {
            "Its bytes were changed, but every row was read, and the records are those that were signed. "
        } else {
            ""
        }
        .to_owned()
    }
}

fn is_file(key: &str) -> bool {
    matches!(key.parse(), Ok(Key::Segment(..)))
}

/// Whether it is about an object that was never part of the archive.
fn is_of_rejected(finding: &Finding) -> bool {
    matches!(finding.code, Code::RejectedMissing | Code::RejectedAltered)
}

/// Whether all offsets of a finding are those of another.
fn is_within(finding: &Finding, of: &Finding) -> bool {
    let is_same = (&finding.topic, finding.partition) == (&of.topic, of.partition);
    let pair = finding.offsets.zip(of.offsets);
    is_same && pair.is_some_and(|((first, next), (from, until))| from <= first && next <= until)
}

/// When the store says that the file was written.
fn changed_at(found: &[&Finding]) -> String {
    match found.iter().find_map(|finding| finding.modified_ms) {
        None => String::new(),
        Some(at) => format!("By the store's clock it was last written at {}. ", moment(at)),
    }
}

/// Whether Kafka still holds the originals.
fn originals(of: &Coverage) -> String {
    let all = counted(of.records, "record");
    match of.compared_with_kafka {
        None => "It was not compared with Kafka, which may still hold the originals.".to_owned(),
        Some(0) => "No record of the partition was found in Kafka as it was signed.".to_owned(),
        Some(held) if held >= of.records => format!(
            "Kafka still holds all {all} of the partition, and they are what the signed links say: the originals can be had there, as \
             long as Kafka keeps them."
        ),
        Some(held) => format!(
            "Kafka still holds {} of the {all} of the partition as they were signed: as far as those of this file are among them, the \
             originals can be had there, as long as Kafka keeps them.",
            grouped(held)
        ),
    }
}

//! What is missing or altered, in numbers and times: the verdict in one sentence, and a table.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use crate::verify::coverage::{Coverage, Mark, MarkKind};
use crate::verify::findings::{Code, Severity};
use crate::verify::html::markup::{Escaped, begin_table, counted, end_table, optional, span};
use crate::verify::report::{Report, grouped};
use crate::verify::times::earliest;
use crate::verify::verdict::Verdict;

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
}

impl Sum {
    /// The sum over partitions.
    pub(super) fn of<'c>(kind: MarkKind, coverage: impl Iterator<Item = &'c Coverage>) -> Sum {
        let mut sum = Sum::default();
        for covered in coverage {
            let mut marks = covered.marks.iter().filter(|mark| mark.kind == kind).peekable();
            if marks.peek().is_some() {
                sum.topics.insert(covered.topic.clone());
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

    fn of_topics(&self) -> String {
        match self.topics.first() {
            Some(topic) if self.topics.len() == 1 => format!("of {topic}"),
            _ => format!("of {} topics", self.topics.len()),
        }
    }

    /// The times, such as `between … and …`.
    pub(super) fn times(&self) -> String {
        span(self.from_ms, self.until_ms)
    }

    fn sentence(&self, one: &str, many: &str) -> String {
        let verb = if self.is_one() { one } else { many };
        let amount = self.amount();
        let begins = amount.chars().take(1).flat_map(char::to_uppercase);
        let amount: String = begins.chain(amount.chars().skip(1)).collect();
        let times = match (self.from_ms, self.until_ms) {
            (None, None) => String::new(),
            _ => format!(" with times {}", self.times()).replace("with times at", "with the time"),
        };
        format!("{amount} {}{times} {verb}.", self.of_topics())
    }
}

/// The verdict in words: a sentence on what is missing, one on what is altered, and what stands beside an intact verdict.
pub(super) fn statement(report: &Report) -> String {
    let sum = |kind| Sum::of(kind, report.coverage.iter());
    let mut said = Vec::new();
    for (kind, one, many) in [
        (
            MarkKind::Altered,
            "is altered, added or contradicted by other evidence",
            "are altered, added or contradicted by other evidence",
        ),
        (MarkKind::Missing, "is missing", "are missing"),
        (MarkKind::NotArchived, "is not archived yet", "are not archived yet"),
        (
            MarkKind::Unread,
            "could not be read or understood",
            "could not be read or understood",
        ),
    ] {
        let sum = sum(kind);
        if !sum.is_empty() {
            said.push(sum.sentence(one, many));
        }
    }
    // What decides the verdict comes first, also where it concerns no records.
    let is_said = match report.verdict {
        Verdict::Intact => true,
        Verdict::Tampered => !sum(MarkKind::Altered).is_empty(),
        Verdict::Incomplete => !sum(MarkKind::Missing).is_empty() || !sum(MarkKind::NotArchived).is_empty(),
        Verdict::Unverifiable => !sum(MarkKind::Unread).is_empty(),
    };
    if !is_said && let Some(code) = gravest(report) {
        said.insert(0, code.meaning().to_owned());
    }
    said.push(closing(report, said.is_empty()));
    said.retain(|sentence| !sentence.is_empty());
    said.join(" ")
}

fn closing(report: &Report, is_clean: bool) -> String {
    let what = if report.scope.records_read > 0 {
        "record that was read"
    } else {
        "link"
    };
    match report.verdict {
        Verdict::Intact if report.scope.links == 0 => "There was nothing to verify.".to_owned(),
        Verdict::Intact if is_clean => "Nothing that was checked is missing or altered.".to_owned(),
        Verdict::Incomplete if report.scope.links > 0 => format!("No {what} is altered."),
        Verdict::Unverifiable if report.scope.links > 0 => "In the rest, nothing is missing or altered.".to_owned(),
        _ => String::new(),
    }
}

/// The code of the first of the gravest findings.
fn gravest(report: &Report) -> Option<Code> {
    let grave = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note);
    grave.max_by_key(|finding| finding.severity).map(|finding| finding.code)
}

/// What a mark says, for a reader.
pub(super) fn words(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Altered => "altered, added or contradicted",
        MarkKind::Missing => "missing",
        MarkKind::NotArchived => "not archived yet",
        MarkKind::Unread => "could not be read",
        MarkKind::Diverged => "lost by Kafka in an unclean leader election, kept here",
        MarkKind::Lost => "deleted by Kafka before it was archived",
        MarkKind::Removed => "removed under a signed retention change",
    }
}

/// The class of a mark in the page's style.
pub(super) fn class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Altered => "altered",
        MarkKind::Missing => "missing",
        MarkKind::NotArchived => "pending",
        MarkKind::Unread => "unread",
        MarkKind::Diverged => "diverged",
        MarkKind::Lost => "lost",
        MarkKind::Removed => "removed",
    }
}

/// The section of the judge's page: sums over all partitions, then the number of findings of each code.
pub(super) fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<section>\n<h2>What is missing or altered</h2>")?;
    let sums = MarkKind::ALL.map(|kind| (kind, Sum::of(kind, report.coverage.iter())));
    let mut sums = sums.iter().filter(|(_, sum)| !sum.is_empty()).peekable();
    if sums.peek().is_some() {
        begin_table(page, "sums", ["what", "how much", "record times", "partitions"])?;
        for (kind, sum) in sums {
            writeln!(
                page,
                "<tr><td><i class=\"key {}\"></i>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                class(*kind),
                words(*kind),
                Escaped(&sum.amount()),
                Escaped(&sum.times()),
                grouped(sum.partitions)
            )?;
        }
        end_table(page)?;
    } else if report.scope.links == 0 {
        writeln!(page, "<p>There was no link to verify.</p>")?;
    } else {
        writeln!(
            page,
            "<p>No part of any partition is missing, altered, lost or removed.</p>"
        )?;
    }
    codes(page, report)?;
    writeln!(page, "</section>")
}

fn codes(page: &mut String, report: &Report) -> fmt::Result {
    if report.finding_counts.is_empty() {
        return Ok(());
    }
    begin_table(page, "codes", ["finding", "number", "severity", "what it means"])?;
    let mut known: Vec<Code> = Code::ALL.to_vec();
    known.sort_by_key(|code| std::cmp::Reverse(code.severity()));
    for code in known {
        let Some(count) = report.finding_counts.get(code.id()) else {
            continue;
        };
        writeln!(
            page,
            "<tr><td><a href=\"#{0}\">{0}</a></td><td>{1}</td><td><b class=\"{2}\">{2}</b></td><td>{3}</td></tr>",
            code.id(),
            optional(Some(*count)),
            code.severity(),
            Escaped(code.meaning())
        )?;
    }
    end_table(page)
}

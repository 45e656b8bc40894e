//! The report of an audit: what was found in each partition, as ranges of offsets, and the verdict.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use crate::audit::codes::{Code, Severity};
use crate::error::Exit;
use crate::record::utc::UtcSeconds;

/// What was found at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// Its severity.
    pub severity: Severity,
    /// The partition.
    pub partition: Option<i32>,
    /// The first offset and the one after the last.
    pub offsets: Option<(i64, i64)>,
    /// The time of the earliest of its records, where it is known.
    pub from: Option<UtcSeconds>,
    /// The time of the latest.
    pub to: Option<UtcSeconds>,
    /// An object with a row of it.
    pub object: Option<String>,
    /// The details.
    pub detail: String,
}

impl Finding {
    /// A finding without a place.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: code.severity(),
            partition: None,
            offsets: None,
            from: None,
            to: None,
            object: None,
            detail: detail.into(),
        }
    }

    /// In this partition, in these offsets.
    #[must_use]
    pub fn at(mut self, partition: i32, offsets: &Range<i64>) -> Finding {
        self.partition = Some(partition);
        self.offsets = Some((offsets.start, offsets.end));
        self
    }

    /// In this object.
    #[must_use]
    pub fn in_object(mut self, object: &str) -> Finding {
        self.object = Some(object.to_owned());
        self
    }

    /// Of records between these times in ms, where they are known.
    #[must_use]
    pub fn between(mut self, times: Option<(i64, i64)>) -> Finding {
        let second = |ms: i64| UtcSeconds::from_unix(ms.div_euclid(1000));
        self.from = times.map(|(from, _)| second(from));
        self.to = times.map(|(_, to)| second(to));
        self
    }
}

/// The counts of one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows of the sink.
    pub rows: u64,
    /// Rows that were compared with a record.
    pub compared: u64,
    /// Those of them whose value was compared.
    pub values_compared: u64,
    /// Records of the archive and of Kafka that were read.
    pub source_records: u64,
    /// Records that the sink lacks.
    pub missing: u64,
    /// Those of them without a value.
    pub missing_tombstones: u64,
    /// Records for which the sink has more than one row.
    pub doubled: u64,
    /// Rows beyond the first one of each record.
    pub extra_rows: u64,
    /// Records whose rows differ.
    pub altered: u64,
    /// Offsets of rows for which there is no record.
    pub unexpected: u64,
    /// Offsets after the last row.
    pub lag: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        let pairs = [
            (&mut self.rows, other.rows),
            (&mut self.compared, other.compared),
            (&mut self.values_compared, other.values_compared),
            (&mut self.source_records, other.source_records),
            (&mut self.missing, other.missing),
            (&mut self.missing_tombstones, other.missing_tombstones),
            (&mut self.doubled, other.doubled),
            (&mut self.extra_rows, other.extra_rows),
            (&mut self.altered, other.altered),
            (&mut self.unexpected, other.unexpected),
            (&mut self.lag, other.lag),
        ];
        for (sum, number) in pairs {
            *sum += number;
        }
    }
}

/// The verdict, in ascending order of gravity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The sink has each record once, and none differs.
    Equal,
    /// Something could not be compared.
    Unverifiable,
    /// Records are missing or doubled; none that was compared is altered.
    Incomplete,
    /// Rows differ from their records, or have none.
    Altered,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Equal => "equal",
            Verdict::Unverifiable => Severity::Unverifiable.word(),
            Verdict::Incomplete => Severity::Incomplete.word(),
            Verdict::Altered => Severity::Altered.word(),
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Exit {
        match verdict {
            Verdict::Equal => Exit::Done,
            Verdict::Altered => Exit::Tampered,
            Verdict::Incomplete => Exit::Incomplete,
            Verdict::Unverifiable => Exit::Unverifiable,
        }
    }
}

/// What was read of the sink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SinkRead {
    /// The place of the files.
    pub location: String,
    /// Where columns are, for each form of file that was met, and the number of its files.
    pub columns: BTreeMap<String, u64>,
    /// Files that were read to their end.
    pub files: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// Objects that are no Parquet files of data by their names.
    pub ignored: u64,
    /// The size of the files.
    pub bytes: u64,
    /// Rows of other topics.
    pub other_topics: u64,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in a sentence.
    pub summary: String,
    /// The topic.
    pub topic: String,
    /// What was read of the sink.
    pub sink: SinkRead,
    /// What it was compared with, in words.
    pub sources: Vec<String>,
    /// The sum over all partitions.
    pub total: Counts,
    /// By partition.
    pub partitions: BTreeMap<i32, Counts>,
    /// What was found. Lists at most 1,000 ranges of one kind in one partition; the counts are complete.
    pub findings: Vec<Finding>,
    /// The time that the audit took.
    pub elapsed_s: f64,
}

impl Report {
    /// The report of these findings and counts.
    #[must_use]
    pub fn of(topic: &str, sink: SinkRead, partitions: BTreeMap<i32, Counts>, mut findings: Vec<Finding>) -> Report {
        let mut total = Counts::default();
        partitions.values().for_each(|counts| total.add(counts));
        if total.compared == 0 && total.missing == 0 {
            findings.push(Finding::new(
                Code::NothingCompared,
                format!("{} rows of the topic were read", total.rows),
            ));
        }
        findings.sort_by_key(|finding| {
            (
                std::cmp::Reverse(finding.severity),
                finding.code,
                finding.partition,
                finding.offsets,
            )
        });
        let verdict = match findings.iter().map(|finding| finding.severity).max() {
            None | Some(Severity::Note) => Verdict::Equal,
            Some(Severity::Unverifiable) => Verdict::Unverifiable,
            Some(Severity::Incomplete) => Verdict::Incomplete,
            Some(Severity::Altered) => Verdict::Altered,
        };
        Report {
            verdict,
            summary: summary(verdict, &total),
            topic: topic.to_owned(),
            sink,
            sources: Vec::new(),
            total,
            partitions,
            findings,
            elapsed_s: 0.0,
        }
    }
}

fn summary(verdict: Verdict, total: &Counts) -> String {
    let are = |number: u64, one: &str, more: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{} {more}", crate::verify::report::grouped(number))),
    };
    let values = match (total.compared, total.values_compared) {
        (compared, values) if values == compared => "",
        (_, 0) => "; values were not compared",
        _ => "; some values were not compared",
    };
    let parts: Vec<String> = [
        are(total.missing, "record is missing", "records are missing"),
        are(total.doubled, "is doubled", "are doubled"),
        are(total.altered, "is altered", "are altered"),
        are(total.unexpected, "row is of no record", "rows are of no record"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let compared =
        are(total.compared, "row was compared", "rows were compared").unwrap_or("no row was compared".to_owned());
    let said = match (verdict, parts.is_empty()) {
        (Verdict::Equal, _) => format!("{compared}; no record is missing or doubled, and none differs"),
        (_, true) => format!("{compared}; something could not be compared"),
        (_, false) => parts.join(", "),
    };
    format!("{}: {said}{values}", verdict.word())
}

//! The findings of an audit: for each a stable code, its severity, what it means and what to do. `docs/FINDINGS.md` is the same
//! table.

use serde::{Serialize, Serializer};

/// The gravity of a finding, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not change the verdict.
    Note,
    /// Something could not be compared.
    Unverifiable,
    /// Records are missing or doubled.
    Incomplete,
    /// Rows are altered, or are not of a record.
    Altered,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table below says what each means")]
pub enum Code {
    Altered,
    Unexpected,
    Missing,
    Doubled,
    UnreadableFile,
    WithoutPlace,
    SourceUnreadable,
    NothingCompared,
    CountedOffsets,
    NotHeld,
    ValuesNotCompared,
    Lag,
}

/// All codes, in the order of the table.
pub const CODES: [Code; 12] = [
    Code::Altered,
    Code::Unexpected,
    Code::Missing,
    Code::Doubled,
    Code::UnreadableFile,
    Code::WithoutPlace,
    Code::SourceUnreadable,
    Code::NothingCompared,
    Code::CountedOffsets,
    Code::NotHeld,
    Code::ValuesNotCompared,
    Code::Lag,
];

/// Code, severity, meaning and remedy.
type Definition = (&'static str, Severity, &'static str, &'static str);

impl Code {
    fn definition(self) -> Definition {
        use Severity::{Altered, Incomplete, Note, Unverifiable};
        match self {
            Code::Altered => (
                "KV701",
                Altered,
                "Rows of the sink differ from the records with the same offsets.",
                "If every row differs, name the column with the raw value (--value-column), or leave values out (--no-values). Otherwise replace the rows: `kivend export` has the records.",
            ),
            Code::Unexpected => (
                "KV702",
                Altered,
                "The sink has rows for offsets at which there is no record.",
                "They are of aborted transactions, of another topic or cluster, or were added. Read committed records in the sink (isolation.level=read_committed).",
            ),
            Code::Missing => (
                "KV703",
                Incomplete,
                "The sink lacks records that the archive or Kafka has.",
                "Let the sink read these offsets again, or add the records from `kivend export`. Many sinks leave out records without a value (tombstones); the finding counts them.",
            ),
            Code::Doubled => (
                "KV704",
                Incomplete,
                "The sink has more than one row for the same record.",
                "Remove the further rows by topic, partition and offset. A sink that is not exactly-once writes them after a restart. Of an Iceberg table, audit only files of the current snapshot.",
            ),
            Code::UnreadableFile => (
                "KV705",
                Unverifiable,
                "A file of the sink could not be read. Records that only it has are reported as missing.",
                "The finding says why. Where columns are missing, name others (--offset-column, …) or the form of object names (--name-pattern).",
            ),
            Code::WithoutPlace => (
                "KV706",
                Unverifiable,
                "Rows of the sink have no partition or no offset, so they were not compared.",
                "Rows that were written before the sink stored the offset, or by another program, cannot be audited.",
            ),
            Code::SourceUnreadable => (
                "KV707",
                Unverifiable,
                "The archive or Kafka could not be read in a range, so the sink was not compared with it.",
                "The finding says why. `kivend verify` lists everything that is wrong with the archive.",
            ),
            Code::NothingCompared => (
                "KV708",
                Unverifiable,
                "No row of the sink could be compared with a record.",
                "Check --parquet and --topic, and that the archive or Kafka has the time that the sink covers.",
            ),
            Code::CountedOffsets => (
                "KV709",
                Unverifiable,
                "Offsets were counted from the names of objects, but between the records of this partition are offsets without a record.",
                "Transactions and compaction leave such offsets. Let the sink store the offset in a column; what was found in this partition may be false.",
            ),
            Code::NotHeld => (
                "KV710",
                Note,
                "The sink has rows for offsets that neither the archive nor Kafka holds, so they were not compared.",
                "No action is needed. To audit more than Kafka's retention, keep an archive with `kivend archive`.",
            ),
            Code::ValuesNotCompared => (
                "KV711",
                Note,
                "Files have no column with the raw value, so altered records cannot be found in them.",
                "Let the sink store the value as bytes or text beside its columns, and name it with --value-column.",
            ),
            Code::Lag => (
                "KV712",
                Note,
                "The archive or Kafka has offsets after the last row of the sink.",
                "No action is needed while the sink runs. With --until they count as missing up to that time.",
            ),
        }
    }

    /// The code, such as `KV701`.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.definition().0
    }

    /// The severity.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.definition().1
    }

    /// What it means.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.definition().2
    }

    /// What to do.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        self.definition().3
    }
}

impl Severity {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Unverifiable => "unverifiable",
            Severity::Incomplete => "incomplete",
            Severity::Altered => "altered",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_same_table() {
        let document = include_str!("../../docs/FINDINGS.md");
        for code in CODES {
            let (id, severity, meaning, remedy) = code.definition();
            let row = format!("| {id} | {} | {meaning} | {remedy} |", severity.word());
            assert!(document.contains(&row), "docs/FINDINGS.md lacks:\n{row}");
        }
    }
}

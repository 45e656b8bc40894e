//! What a retrieval of records from an archive searched, what it cost, and what it found: the content of its page and of the
//! command's report. Nothing of it is signed.

use serde::Serialize;

use crate::verify::proof_report::ProvedRecords;

/// The values of the records, one a line.
pub const LINES: &str = "records.jsonl";
/// The whole records.
pub const ROWS: &str = "records.parquet";
/// The proof of the records.
pub const PROOF: &str = "records.proof";
/// The page that explains the folder.
pub const PAGE: &str = "index.html";

/// A retrieval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retrieval {
    /// The archive's name.
    pub archive: String,
    /// The archive's id.
    pub archive_id: String,
    /// Where it was read.
    pub location: String,
    /// The keys that count.
    pub keys: Vec<String>,
    /// Whether keys or witnesses from elsewhere were given, or the archive's own were trusted.
    pub keys_given: bool,
    /// When it was made, by the clock of the machine.
    pub made_at: String,
    /// The program and its version.
    pub made_by: String,
    /// What was asked for.
    pub asked: Asked,
    /// What the search read.
    pub cost: Cost,
    /// What the proof file proves.
    pub proved: ProvedRecords,
    /// Records without a value or with an empty one, which have no line in `records.jsonl`.
    pub without_line: u64,
    /// The first records.
    #[serde(skip)]
    pub shown: Vec<ShownRecord>,
}

/// What was asked for, as the user wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Names and patterns of topics; none for all.
    pub topics: Vec<String>,
    /// The topics of the archive that they match.
    pub matched: Vec<String>,
    /// The partition of each topic.
    pub partition: Option<i32>,
    /// Which times the bounds are about: `record` or `archived`.
    pub time: &'static str,
    /// From this time on, in ms since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
    /// `FIELD=VALUE`, all of which hold.
    pub conditions: Vec<String>,
}

/// What the search read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Partitions that were searched.
    pub partitions: u64,
    /// Their segments under the checkpoint.
    pub segments: u64,
    /// Those of them whose signed times are outside of the bounds; not read.
    pub skipped_by_time: u64,
    /// Those whose statistics say that they have no such value; only their ends were read.
    pub skipped_by_statistics: u64,
    /// Those that were removed under a signed retention change.
    pub removed: u64,
    /// The records of these.
    pub removed_records: u64,
    /// Those that were read.
    pub read: u64,
    /// The records that were read.
    pub records_read: u64,
    /// Segments that no checkpoint covers yet; outside of the search.
    pub above_checkpoint: u64,
    /// Requests to the store, with those for the listing, the log and the links.
    pub requests: u64,
    /// The bytes of all objects that were fetched.
    pub bytes: u64,
    /// The bytes of segments among them.
    pub segment_bytes: u64,
}

/// A record on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownRecord {
    /// Topic, partition and offset.
    pub place: String,
    /// The time in ms since the Unix epoch.
    pub timestamp_ms: Option<i64>,
    /// The record key, shortened.
    pub key: String,
    /// The value, shortened.
    pub value: String,
}

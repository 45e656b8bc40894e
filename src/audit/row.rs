//! A row of a sink and a record of its source, as far as they are compared. Values are compared by hash, so that memory does
//! not depend on their length.

use crate::record::hash::Hash;
use crate::record::record::Record;

/// The first half of the SHA-256 of a byte string, or the mark that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of these bytes; `None` is a null.
    #[must_use]
    pub fn of(bytes: Option<&[u8]>) -> Fingerprint {
        let hash = bytes.map(|bytes| Hash::of(bytes).0);
        Fingerprint(hash.map_or([0; 16], |hash| std::array::from_fn(|index| hash[index])))
    }
}

/// A row of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The partition that it names.
    pub partition: i32,
    /// The number of its file.
    pub file: u32,
    /// The offset that it names.
    pub offset: i64,
    /// Its value, if the file has the raw value.
    pub value: Fingerprint,
    /// Its record key, if the file has the raw key.
    pub key: Fingerprint,
    /// Its time, if the file has one.
    pub timestamp_ms: Option<i64>,
}

/// What a file's columns let be compared, beside partition and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// The raw value.
    pub value: bool,
    /// The raw key.
    pub key: bool,
    /// The record's time.
    pub timestamp: bool,
}

/// A record of Kafka or of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRecord {
    /// Its offset.
    pub offset: i64,
    /// Its value.
    pub value: Fingerprint,
    /// Its key.
    pub key: Fingerprint,
    /// Its time; `None` if it has none or it is not known.
    pub timestamp_ms: Option<i64>,
    /// Whether it has no value.
    pub is_tombstone: bool,
}

impl SourceRecord {
    /// What is compared of a record.
    #[must_use]
    pub fn of(record: &Record<'_>) -> SourceRecord {
        SourceRecord {
            offset: record.offset,
            value: Fingerprint::of(record.value),
            key: Fingerprint::of(record.key),
            timestamp_ms: record.timestamp.ms(),
            is_tombstone: record.value.is_none(),
        }
    }
}

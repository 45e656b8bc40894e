//! The records of an open segment, in columns, with their Merkle tree.
//!
//! The poll thread pushes borrowed records: a push copies bytes, hashes them, and allocates only as buffers grow. Chunk
//! boundaries must be a function of the records alone, because the Parquet bytes depend on them (AD-1).

use std::ops::RangeInclusive;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::record::record::{Header, LeafHasher, Record};
use crate::segment::page_encoding::levels::Levels;
use crate::segment::page_encoding::values::{ByteStrings, LENGTH_BYTES, Numbers};

/// The maximum of [`chunk_bytes`] in a chunk of more than one record.
const CHUNK_MAX_BYTES: usize = 1 << 20;
/// The maximum number of records in a chunk.
const CHUNK_MAX_ROWS: usize = 8192;

/// The records of one open segment, in offset order, with their Merkle tree.
///
/// The caller pushes strictly increasing offsets; [`crate::segment::encode`] refuses anything else.
#[derive(Debug)]
pub struct Rows {
    partition: TopicPartition,
    hasher: LeafHasher,
    tree: Tree,
    full: Vec<Chunk>,
    full_capacity_bytes: usize,
    open: Chunk,
    len: usize,
    value_bytes: u64,
    offsets: Option<(i64, i64)>,
    timestamps_ms: Option<(i64, i64)>,
}

impl Rows {
    /// Rows without records. Allocates almost nothing, so that a thousand open partitions are cheap.
    #[must_use]
    pub fn new(partition: &TopicPartition) -> Rows {
        Rows {
            partition: partition.clone(),
            hasher: LeafHasher::new(partition),
            tree: Tree::default(),
            full: Vec::new(),
            full_capacity_bytes: 0,
            open: Chunk::default(),
            len: 0,
            value_bytes: 0,
            offsets: None,
            timestamps_ms: None,
        }
    }

    /// Appends the next record and its leaf hash.
    #[inline]
    pub fn push(&mut self, record: &Record<'_>) {
        let bytes = chunk_bytes(record);
        if !self.open.has_room(bytes) {
            self.cut();
        }
        self.open.push(record, bytes);
        self.tree.push(self.hasher.leaf(record));
        self.len += 1;
        self.value_bytes += record.value.map_or(0, |value| value.len() as u64);
        self.offsets = Some((self.offsets.map_or(record.offset, |(first, _)| first), record.offset));
        if let Some(ms) = record.timestamp.ms() {
            let (min, max) = self.timestamps_ms.unwrap_or((ms, ms));
            self.timestamps_ms = Some((min.min(ms), max.max(ms)));
        }
    }

    fn cut(&mut self) {
        let next = Chunk::with_capacity_like(&self.open);
        let full = std::mem::replace(&mut self.open, next);
        self.full_capacity_bytes += full.capacity_bytes();
        self.full.push(full);
    }

    /// The partition of the records.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The total length of all values, in bytes.
    #[must_use]
    pub fn value_bytes(&self) -> u64 {
        self.value_bytes
    }

    /// The allocated memory in bytes. Cheap enough to call after every push.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.full_capacity_bytes + self.open.capacity_bytes()
    }

    /// The offset of the first record.
    #[must_use]
    pub fn first_offset(&self) -> Option<i64> {
        self.offsets.map(|(first, _)| first)
    }

    /// The offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Option<i64> {
        self.offsets.map(|(_, last)| last)
    }

    /// The smallest timestamp, in ms; none if no record has one.
    #[must_use]
    pub fn min_timestamp_ms(&self) -> Option<i64> {
        self.timestamps_ms.map(|(min, _)| min)
    }

    /// The largest timestamp, in ms; none if no record has one.
    #[must_use]
    pub fn max_timestamp_ms(&self) -> Option<i64> {
        self.timestamps_ms.map(|(_, max)| max)
    }

    /// The Merkle tree hash over the records so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The chunks in order, so that the caller can free them one by one.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = Chunk> {
        let last = (self.open.len() > 0).then_some(self.open);
        self.full.into_iter().chain(last)
    }
}

/// The bytes of key, value and headers.
#[inline]
pub(super) fn payload_bytes(record: &Record<'_>) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len))
        .sum();
    record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers
}

/// The bytes of key, value and headers, and 8 for each header: what a record adds to a chunk.
#[inline]
fn chunk_bytes(record: &Record<'_>) -> usize {
    payload_bytes(record) + record.headers.len() * 2 * LENGTH_BYTES
}

/// Neighbouring chunks differ a little in size.
fn with_headroom(count: usize) -> usize {
    count + count / 8
}

/// Consecutive records in columns. A chunk of one record may exceed [`CHUNK_MAX_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) offsets: Vec<i64>,
    /// Null for records without a timestamp, and for those outside of [`QUERIED_MS`].
    pub(crate) timestamps_ms: Numbers<i64>,
    /// The timestamps outside of [`QUERIED_MS`].
    pub(crate) timestamps_out_of_range_ms: Numbers<i64>,
    pub(crate) timestamp_types: Vec<i32>,
    pub(crate) keys: ByteStrings,
    pub(crate) values: ByteStrings,
    /// The repetition levels of the header columns. A record without headers has one entry too.
    pub(crate) header_starts: Levels,
    pub(crate) header_names: ByteStrings,
    pub(crate) header_values: ByteStrings,
    bytes: usize,
}

/// The timestamps that the column `timestamp` holds, in ms: 1900-01-01 to 9999-12-31, both included. Query engines fail on
/// others.
pub const QUERIED_MS: RangeInclusive<i64> = -2_208_988_800_000..=253_402_300_799_999;

/// The levels of the header columns.
mod header {
    /// The first entry of a record, and each further one.
    pub(super) const FIRST: u8 = 0;
    pub(super) const FURTHER: u8 = 1;
    /// The record has no header.
    pub(super) const NONE: u8 = 0;
    pub(super) const NAME: u8 = 1;
    pub(super) const NULL_VALUE: u8 = 1;
    pub(super) const VALUE: u8 = 2;
}

impl Chunk {
    /// An empty chunk with the capacity of `full`: the next chunk is likely to be as large, and growing its buffers step by
    /// step would copy them.
    fn with_capacity_like(full: &Chunk) -> Chunk {
        let rows = with_headroom(full.len()).min(CHUNK_MAX_ROWS);
        let mut chunk = Chunk::default();
        chunk.offsets.reserve_exact(rows);
        chunk.timestamps_ms.values.reserve_exact(rows);
        chunk.timestamp_types.reserve_exact(rows);
        for (own, full) in [
            (&mut chunk.keys, &full.keys),
            (&mut chunk.values, &full.values),
            (&mut chunk.header_names, &full.header_names),
            (&mut chunk.header_values, &full.header_values),
        ] {
            // Only a chunk of one large record has more.
            let bytes = with_headroom(full.plain.len()).min(CHUNK_MAX_BYTES + rows * LENGTH_BYTES);
            own.plain.reserve_exact(bytes);
        }
        chunk
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The bytes that its records add.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    fn has_room(&self, bytes: usize) -> bool {
        self.len() == 0 || (self.len() < CHUNK_MAX_ROWS && self.bytes + bytes <= CHUNK_MAX_BYTES)
    }

    #[inline]
    fn push(&mut self, record: &Record<'_>, bytes: usize) {
        self.bytes += bytes;
        self.offsets.push(record.offset);
        let ms = record.timestamp.ms();
        self.timestamps_ms.push(ms.filter(|ms| QUERIED_MS.contains(ms)));
        self.timestamps_out_of_range_ms
            .push(ms.filter(|ms| !QUERIED_MS.contains(ms)));
        self.timestamp_types.push(i32::from(record.timestamp.type_code()));
        self.keys.push(record.key);
        self.values.push(record.value);
        self.push_headers(record.headers);
    }

    #[inline]
    fn push_headers(&mut self, headers: &[Header<'_>]) {
        if headers.is_empty() {
            self.header_starts.push(header::FIRST);
            self.header_names.levels.push(header::NONE);
            self.header_values.levels.push(header::NONE);
        }
        for (index, header) in headers.iter().enumerate() {
            self.header_starts
                .push(if index == 0 { header::FIRST } else { header::FURTHER });
            self.header_names.levels.push(header::NAME);
            self.header_names.push_bytes(header.name);
            match header.value {
                Some(value) => {
                    self.header_values.levels.push(header::VALUE);
                    self.header_values.push_bytes(value);
                }
                None => self.header_values.levels.push(header::NULL_VALUE),
            }
        }
    }

    fn capacity_bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<i64>()
            + self.timestamps_ms.capacity_bytes()
            + self.timestamps_out_of_range_ms.capacity_bytes()
            + self.timestamp_types.capacity() * size_of::<i32>()
            + self.header_starts.capacity_bytes()
            + self.keys.capacity_bytes()
            + self.values.capacity_bytes()
            + self.header_names.capacity_bytes()
            + self.header_values.capacity_bytes()
    }
}

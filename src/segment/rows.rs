//! The records of an open segment, in arrow's column layout, with their Merkle tree.
//!
//! The poll thread pushes borrowed records: a push copies bytes, hashes them, and allocates only as buffers grow. Chunk
//! boundaries must be a function of the records alone, because the Parquet bytes depend on them (AD-1).

use arrow_buffer::NullBufferBuilder;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};

/// The maximum number of bytes of keys, values and headers in a chunk of more than one record.
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
        let bytes = payload_bytes(record);
        if !self.open.has_room(bytes) {
            self.cut();
        }
        self.open.push(record);
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

/// Neighbouring chunks differ a little in size.
fn with_headroom(count: usize) -> usize {
    count + count / 8
}

/// Consecutive records in columns. A chunk of one record may exceed [`CHUNK_MAX_BYTES`].
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) offsets: Vec<i64>,
    /// 0 for records without a timestamp.
    pub(super) timestamps_ms: Vec<i64>,
    pub(super) timestamp_types: Vec<u8>,
    pub(super) keys: ByteColumn,
    pub(super) values: ByteColumn,
    /// The start of each record's headers in the header columns, and the end of the last one's.
    pub(super) header_offsets: Vec<i32>,
    pub(super) header_names: ByteColumn,
    pub(super) header_values: ByteColumn,
}

impl Default for Chunk {
    fn default() -> Chunk {
        Chunk {
            offsets: Vec::new(),
            timestamps_ms: Vec::new(),
            timestamp_types: Vec::new(),
            keys: ByteColumn::default(),
            values: ByteColumn::default(),
            header_offsets: vec![0],
            header_names: ByteColumn::default(),
            header_values: ByteColumn::default(),
        }
    }
}

impl Chunk {
    /// An empty chunk with the capacity of `full`: the next chunk is likely to be as large, and growing its buffers step by
    /// step would copy them.
    fn with_capacity_like(full: &Chunk) -> Chunk {
        let rows = with_headroom(full.len()).min(CHUNK_MAX_ROWS);
        let mut chunk = Chunk::default();
        chunk.offsets.reserve_exact(rows);
        chunk.timestamps_ms.reserve_exact(rows);
        chunk.timestamp_types.reserve_exact(rows);
        chunk.keys.reserve_like(&full.keys);
        chunk.values.reserve_like(&full.values);
        chunk.header_offsets.reserve_exact(rows);
        chunk.header_names.reserve_like(&full.header_names);
        chunk.header_values.reserve_like(&full.header_values);
        chunk
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The bytes of keys, values and headers.
    pub(super) fn payload_bytes(&self) -> usize {
        self.keys.bytes.len() + self.values.bytes.len() + self.header_names.bytes.len() + self.header_values.bytes.len()
    }

    #[inline]
    fn has_room(&self, bytes: usize) -> bool {
        self.len() == 0 || (self.len() < CHUNK_MAX_ROWS && self.payload_bytes() + bytes <= CHUNK_MAX_BYTES)
    }

    #[inline]
    fn push(&mut self, record: &Record<'_>) {
        self.offsets.push(record.offset);
        self.timestamps_ms.push(record.timestamp.ms().unwrap_or(0));
        self.timestamp_types.push(record.timestamp.type_code());
        self.keys.push(record.key);
        self.values.push(record.value);
        for header in record.headers {
            self.header_names.push(Some(header.name));
            self.header_values.push(header.value);
        }
        self.header_offsets.push(self.header_names.len() as i32);
    }

    fn capacity_bytes(&self) -> usize {
        (self.offsets.capacity() + self.timestamps_ms.capacity()) * size_of::<i64>()
            + self.timestamp_types.capacity()
            + self.header_offsets.capacity() * size_of::<i32>()
            + self.keys.capacity_bytes()
            + self.values.capacity_bytes()
            + self.header_names.capacity_bytes()
            + self.header_values.capacity_bytes()
    }
}

/// Byte strings in the layout of arrow's binary arrays, so that they become arrays without copying.
#[derive(Debug)]
pub(super) struct ByteColumn {
    pub(super) bytes: Vec<u8>,
    /// The start of each string in `bytes`, and the end of the last one.
    pub(super) offsets: Vec<i32>,
    pub(super) nulls: NullBufferBuilder,
}

impl Default for ByteColumn {
    fn default() -> ByteColumn {
        ByteColumn {
            bytes: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }
}

impl ByteColumn {
    /// At most [`CHUNK_MAX_BYTES`]: only a chunk of one large record has more.
    fn reserve_like(&mut self, full: &ByteColumn) {
        self.bytes
            .reserve_exact(with_headroom(full.bytes.len()).min(CHUNK_MAX_BYTES));
        self.offsets.reserve_exact(with_headroom(full.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The cast does not truncate: a column has the bytes of one chunk or one record, and lengths in Kafka are i32.
    #[inline]
    pub(super) fn push(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.bytes.extend_from_slice(bytes);
                self.nulls.append_non_null();
            }
            None => self.nulls.append_null(),
        }
        self.offsets.push(self.bytes.len() as i32);
    }

    fn capacity_bytes(&self) -> usize {
        self.bytes.capacity() + self.offsets.capacity() * size_of::<i32>() + self.nulls.allocated_size()
    }
}

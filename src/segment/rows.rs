//! The records of one open segment, in columns as arrow wants them, and their leaves as the tree wants them.
//!
//! Filled on the poll thread from borrowed payloads: a push copies bytes, hashes them, and allocates only as buffers
//! grow. Chunks are cut as a function of the records alone, because the Parquet bytes follow the chunks. Never looks
//! into a value, never writes Parquet.

use arrow_buffer::NullBufferBuilder;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};

/// A chunk takes no further record that would carry its keys, values and headers beyond this.
const CHUNK_MAX_BYTES: usize = 1 << 20;
/// A chunk takes no more records than this.
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
    /// No records yet. Allocates next to nothing: a thousand open partitions are cheap.
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

    /// Appends the next record and its leaf.
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

    /// Whose records these are.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lengths of all values together, in bytes.
    #[must_use]
    pub fn value_bytes(&self) -> u64 {
        self.value_bytes
    }

    /// The memory held, in bytes: what was allocated, not what is used of it. Cheap to ask after every push.
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

    /// The least timestamp, in ms; nothing where no record has one.
    #[must_use]
    pub fn min_timestamp_ms(&self) -> Option<i64> {
        self.timestamps_ms.map(|(min, _)| min)
    }

    /// The greatest timestamp, in ms; nothing where no record has one.
    #[must_use]
    pub fn max_timestamp_ms(&self) -> Option<i64> {
        self.timestamps_ms.map(|(_, max)| max)
    }

    /// The Merkle tree hash over the records so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The chunks in order, to be taken and freed one by one.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = Chunk> {
        let last = (self.open.len() > 0).then_some(self.open);
        self.full.into_iter().chain(last)
    }
}

/// Bytes of key, value and headers.
#[inline]
pub(super) fn payload_bytes(record: &Record<'_>) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len))
        .sum();
    record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers
}

/// Neighbouring chunks are about as large, not quite.
fn with_headroom(count: usize) -> usize {
    count + count / 8
}

/// Some consecutive records in columns. A chunk of one record may be as large as that record.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) offsets: Vec<i64>,
    /// 0 where the type says that there is none.
    pub(super) timestamps_ms: Vec<i64>,
    pub(super) timestamp_types: Vec<u8>,
    pub(super) keys: ByteColumn,
    pub(super) values: ByteColumn,
    /// Where each record's headers begin, from the chunk's start; and where the last one's end.
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
    /// Empty. Where one chunk became full, another is likely to: growing its buffers step by step would copy all of it again.
    fn with_capacity_like(full: &Chunk) -> Chunk {
        let rows = with_headroom(full.len()).min(CHUNK_MAX_ROWS);
        let mut chunk = Chunk::default();
        chunk.offsets.reserve_exact(rows);
        chunk.timestamps_ms.reserve_exact(rows);
        chunk.timestamp_types.reserve_exact(rows);
        chunk.keys.make_room_for_as_much_as(&full.keys);
        chunk.values.make_room_for_as_much_as(&full.values);
        chunk.header_offsets.reserve_exact(rows);
        chunk.header_names.make_room_for_as_much_as(&full.header_names);
        chunk.header_values.make_room_for_as_much_as(&full.header_values);
        chunk
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes of keys, values and headers.
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

/// Byte strings one after the other, as arrow's binary arrays lay them out, so that nothing is copied on the way there.
#[derive(Debug)]
pub(super) struct ByteColumn {
    pub(super) bytes: Vec<u8>,
    /// Where each string begins, from the column's start; and where the last one ends.
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
    /// No column but that of one large record holds more bytes than a chunk may.
    fn make_room_for_as_much_as(&mut self, full: &ByteColumn) {
        self.bytes
            .reserve_exact(with_headroom(full.bytes.len()).min(CHUNK_MAX_BYTES));
        self.offsets.reserve_exact(with_headroom(full.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Offsets fit: a column holds one chunk, or one record, and Kafka's own lengths are i32.
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

//! A Kafka record as archived, and its canonical encoding (FORMAT.md section 7.1), which leaf hashes cover. Parquet bytes
//! are not hashed per record because they change between versions of a library.

use crate::record::hash::Hash;
use crate::record::position::TopicPartition;

/// A record's timestamp in ms since the Unix epoch, UTC; it may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamp {
    /// Set by the producer.
    CreateMs(i64),
    /// Set by the broker.
    LogAppendMs(i64),
    /// The record has none.
    Absent,
}

impl Timestamp {
    /// The producer's time; −1 is [`Timestamp::Absent`].
    #[must_use]
    pub fn create_ms(ms: i64) -> Timestamp {
        if ms == -1 {
            Timestamp::Absent
        } else {
            Timestamp::CreateMs(ms)
        }
    }

    /// The broker's time; −1 is [`Timestamp::Absent`].
    #[must_use]
    pub fn log_append_ms(ms: i64) -> Timestamp {
        if ms == -1 {
            Timestamp::Absent
        } else {
            Timestamp::LogAppendMs(ms)
        }
    }

    /// The encoded type: 0 create time, 1 log append time, 255 none.
    #[must_use]
    pub fn type_code(self) -> u8 {
        match self {
            Timestamp::CreateMs(_) => 0,
            Timestamp::LogAppendMs(_) => 1,
            Timestamp::Absent => 255,
        }
    }

    /// The time in ms; none for [`Timestamp::Absent`].
    #[must_use]
    pub fn ms(self) -> Option<i64> {
        match self {
            Timestamp::CreateMs(ms) | Timestamp::LogAppendMs(ms) => Some(ms),
            Timestamp::Absent => None,
        }
    }

    /// Reads the stored pair; none where the encoder cannot have written it.
    #[must_use]
    pub fn from_stored(type_code: u8, ms: Option<i64>) -> Option<Timestamp> {
        match (type_code, ms) {
            (255, None) => Some(Timestamp::Absent),
            (0, Some(ms)) if ms != -1 => Some(Timestamp::CreateMs(ms)),
            (1, Some(ms)) if ms != -1 => Some(Timestamp::LogAppendMs(ms)),
            _ => None,
        }
    }
}

/// One header. Names may repeat and need not be UTF-8; a null value differs from an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name as delivered.
    pub name: &'a [u8],
    /// The value as delivered.
    pub value: Option<&'a [u8]>,
}

/// One record of a partition, borrowed from the consumer's or the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The offset in the partition.
    pub offset: i64,
    /// The timestamp and who set it.
    pub timestamp: Timestamp,
    /// The record key; null and empty differ.
    pub key: Option<&'a [u8]>,
    /// The value; null (a tombstone) and empty differ.
    pub value: Option<&'a [u8]>,
    /// The headers in the record's order, repeated names included.
    pub headers: &'a [Header<'a>],
}

/// Makes the leaf hashes (RFC 9162: `SHA-256(0x00 || encoding)`) of one partition's records. Reuses its buffer, so that
/// no record allocates.
#[derive(Debug, Clone)]
pub struct LeafHasher {
    buffer: Vec<u8>,
    prefix_len: usize,
}

/// A longer value is hashed where it is.
const COPIED_MAX_BYTES: usize = 1 << 20;

impl LeafHasher {
    /// A hasher for the records of this partition.
    #[must_use]
    pub fn new(partition: &TopicPartition) -> LeafHasher {
        let topic = partition.topic.as_bytes();
        let mut buffer = vec![0x00, 1];
        // Kafka's topic names have at most 249 bytes.
        buffer.extend(u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes());
        buffer.extend(topic);
        buffer.extend(partition.partition.to_be_bytes());
        let prefix_len = buffer.len();
        LeafHasher { buffer, prefix_len }
    }

    /// The leaf hash of `record`. A long value is not copied.
    #[inline]
    pub fn leaf(&mut self, record: &Record<'_>) -> Hash {
        match record.value {
            Some(value) if value.len() > COPIED_MAX_BYTES => {
                self.fill_to_value(record);
                let before = self.buffer.len();
                self.fill_from_headers(record);
                let (before, after) = self.buffer.split_at(before);
                Hash::of_parts(&[before, value, after])
            }
            _ => {
                self.fill(record);
                Hash::of(&self.buffer)
            }
        }
    }

    /// The encoding of FORMAT.md section 7.1, without the leaf's leading 0x00.
    pub fn encoding(&mut self, record: &Record<'_>) -> &[u8] {
        self.fill(record);
        &self.buffer[1..]
    }

    #[inline]
    fn fill(&mut self, record: &Record<'_>) {
        self.fill_to_value(record);
        self.buffer.extend(record.value.unwrap_or_default());
        self.fill_from_headers(record);
    }

    /// Everything before the bytes of the value.
    #[inline]
    fn fill_to_value(&mut self, record: &Record<'_>) {
        let buffer = &mut self.buffer;
        buffer.truncate(self.prefix_len);
        buffer.extend(record.offset.to_be_bytes());
        buffer.push(record.timestamp.type_code());
        buffer.extend(record.timestamp.ms().unwrap_or(-1).to_be_bytes());
        put_nullable(buffer, record.key);
        buffer.extend(length(record.value).to_be_bytes());
    }

    #[inline]
    fn fill_from_headers(&mut self, record: &Record<'_>) {
        let buffer = &mut self.buffer;
        buffer.extend((record.headers.len() as u32).to_be_bytes());
        for header in record.headers {
            buffer.extend((header.name.len() as u32).to_be_bytes());
            buffer.extend(header.name);
            put_nullable(buffer, header.value);
        }
    }
}

/// The casts do not truncate: lengths in Kafka's protocol are i32.
#[inline]
fn length(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| bytes.len() as i32)
}

#[inline]
fn put_nullable(buffer: &mut Vec<u8>, bytes: Option<&[u8]>) {
    buffer.extend(length(bytes).to_be_bytes());
    buffer.extend(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>, headers: &'a [Header<'a>]) -> Record<'a> {
        Record {
            offset: 2500,
            timestamp: Timestamp::create_ms(1_763_559_062_594),
            key,
            value,
            headers,
        }
    }

    #[test]
    fn a_long_value_has_the_hash_of_its_encoding() {
        let value = vec![7; COPIED_MAX_BYTES + 1];
        let headers = [Header {
            name: b"h",
            value: None,
        }];
        let record = record(Some(b"k"), Some(&value), &headers);
        let mut hasher = LeafHasher::new(&TopicPartition::new("payments", 1));
        let encoding = [&[0], hasher.encoding(&record)].concat();
        assert_eq!(hasher.leaf(&record), Hash::of(&encoding));
    }

    #[test]
    fn the_encoding_follows_the_format() {
        let headers = [
            Header {
                name: b"h\xff",
                value: None,
            },
            Header {
                name: b"",
                value: Some(b""),
            },
        ];
        let mut hasher = LeafHasher::new(&TopicPartition::new("payments", 1));
        let encoding = hasher.encoding(&record(Some(b"C1"), None, &headers)).to_vec();
        let expected = [
            &[1u8, 0, 8][..],
            b"payments",
            &[0, 0, 0, 1],
            &2500i64.to_be_bytes(),
            &[0],
            &1_763_559_062_594i64.to_be_bytes(),
            &[0, 0, 0, 2],
            b"C1",
            &[0xff; 4],
            &[0, 0, 0, 2, 0, 0, 0, 2],
            b"h\xff",
            &[0xff; 4],
            &[0; 8],
        ]
        .concat();
        assert_eq!(encoding, expected);
        let leaf = hasher.leaf(&record(Some(b"C1"), None, &headers));
        assert_eq!(leaf, Hash::of_parts(&[&[0], &expected]));
    }

    #[test]
    fn null_and_empty_differ() {
        let mut hasher = LeafHasher::new(&TopicPartition::new("t", 0));
        let variants = [
            record(None, None, &[]),
            record(Some(b""), None, &[]),
            record(None, Some(b""), &[]),
            record(Some(b""), Some(b""), &[]),
        ];
        let leaves: std::collections::HashSet<_> = variants.iter().map(|r| hasher.leaf(r)).collect();
        assert_eq!(leaves.len(), variants.len());
    }

    #[test]
    fn a_timestamp_of_minus_one_is_absent() {
        assert_eq!(Timestamp::create_ms(-1), Timestamp::Absent);
        assert_eq!(Timestamp::log_append_ms(-1), Timestamp::Absent);
        assert_eq!(Timestamp::from_stored(0, Some(-1)), None);
        assert_eq!(Timestamp::from_stored(255, Some(3)), None);
        assert_eq!(Timestamp::from_stored(0, Some(-5)), Some(Timestamp::CreateMs(-5)));
    }

    proptest! {
        #[test]
        fn a_hasher_that_was_used_before_gives_the_same_leaf(
            value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
            other in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let partition = TopicPartition::new("user-events", 3);
            let wanted = record(None, value.as_deref(), &[]);
            let mut used = LeafHasher::new(&partition);
            used.leaf(&record(Some(&other), Some(&other), &[]));
            prop_assert_eq!(used.leaf(&wanted), LeafHasher::new(&partition).leaf(&wanted));
        }
    }
}

//! Reads the canonical encoding of a record (FORMAT.md section 7.1), which proof files carry.

use crate::record::position::{TopicPartition, is_topic_name};
use crate::record::record::{Header, LeafHasher, Record, Timestamp};

/// A record read from its encoding, with the partition that the encoding names. Borrows keys, values and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded<'a> {
    /// The partition that the record is in.
    pub partition: TopicPartition,
    offset: i64,
    timestamp: Timestamp,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<Header<'a>>,
}

/// The bytes are not the encoding of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the encoding of a record")]
pub struct NotARecord;

impl<'a> Encoded<'a> {
    /// Reads `bytes`, which must be exactly one encoding.
    ///
    /// # Errors
    /// [`NotARecord`] where encoding the result again does not give `bytes`.
    pub fn read(bytes: &'a [u8]) -> Result<Encoded<'a>, NotARecord> {
        let encoded = Reader(bytes).record().ok_or(NotARecord)?;
        // The reader is lenient, for instance about lengths below −1; such bytes differ from the new encoding.
        let mut hasher = LeafHasher::new(&encoded.partition);
        if hasher.encoding(&encoded.record()) == bytes {
            Ok(encoded)
        } else {
            Err(NotARecord)
        }
    }

    /// The record as the archiver received it.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key,
            value: self.value,
            headers: &self.headers,
        }
    }
}

/// The bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn record(mut self) -> Option<Encoded<'a>> {
        let [1] = self.array()? else { return None };
        let topic_len = usize::from(u16::from_be_bytes(self.array()?));
        let topic = std::str::from_utf8(self.take(topic_len)?).ok()?;
        let partition = i32::from_be_bytes(self.array()?);
        let offset = i64::from_be_bytes(self.array()?);
        let [type_code] = self.array()?;
        let ms = i64::from_be_bytes(self.array()?);
        let timestamp = Timestamp::from_stored(type_code, (ms != -1).then_some(ms))?;
        let (key, value) = (self.nullable()?, self.nullable()?);
        let header_count = u32::from_be_bytes(self.array()?);
        // Not preallocated: the count comes from an untrusted file.
        let mut headers = Vec::new();
        for _ in 0..header_count {
            let name_len = u32::from_be_bytes(self.array()?);
            let name = self.take(usize::try_from(name_len).ok()?)?;
            let value = self.nullable()?;
            headers.push(Header { name, value });
        }
        let is_whole = self.0.is_empty() && is_topic_name(topic) && partition >= 0 && offset >= 0;
        is_whole.then(|| Encoded {
            partition: TopicPartition::new(topic, partition),
            offset,
            timestamp,
            key,
            value,
            headers,
        })
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn nullable(&mut self) -> Option<Option<&'a [u8]>> {
        match i32::from_be_bytes(self.array()?) {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..20)
    }

    proptest! {
        #[test]
        fn every_record_reads_back_from_its_encoding(
            offset in 0i64..,
            ms in any::<i64>(),
            key in proptest::option::of(bytes()),
            value in proptest::option::of(bytes()),
            headers in proptest::collection::vec((bytes(), proptest::option::of(bytes())), 0..4),
        ) {
            let headers: Vec<Header<'_>> = headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
            let record = Record { offset, timestamp: Timestamp::create_ms(ms), key: key.as_deref(), value: value.as_deref(), headers: &headers };
            let partition = TopicPartition::new("payments", 1);
            let encoding = LeafHasher::new(&partition).encoding(&record).to_vec();
            let read = Encoded::read(&encoding).unwrap();
            prop_assert_eq!(&read.partition, &partition);
            prop_assert_eq!(read.record(), record);
            for end in 0..encoding.len() {
                prop_assert!(Encoded::read(&encoding[..end]).is_err());
            }
            prop_assert!(Encoded::read(&[&encoding[..], &[0]].concat()).is_err());
        }

        #[test]
        fn accepted_bytes_encode_to_themselves(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let [version, high, low, ..] = &mut bytes[..] {
                (*version, *high, *low) = (1, 0, *low % 4);
            }
            if let Ok(read) = Encoded::read(&bytes) {
                let again = LeafHasher::new(&read.partition).encoding(&read.record()).to_vec();
                prop_assert_eq!(again, bytes);
            }
        }
    }
}

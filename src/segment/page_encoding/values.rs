//! The values of a chunk of rows, as Parquet's PLAIN encoding has them: only those that are not null, one after the other,
//! beside the levels that say which are null.

use crate::segment::page_encoding::levels::Levels;

/// The level of a value that is there, in a column without lists.
pub(crate) const PRESENT: u8 = 1;
/// What precedes each byte string.
pub(crate) const LENGTH_BYTES: usize = 4;
/// The level of a null.
pub(crate) const NULL: u8 = 0;

/// Optional byte strings: each its length in four bytes, then its bytes.
#[derive(Debug, Default, Clone)]
pub(crate) struct ByteStrings {
    pub(crate) levels: Levels,
    pub(crate) plain: Vec<u8>,
}

impl ByteStrings {
    /// Adds the next value or a null.
    #[inline]
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => {
                self.levels.push(PRESENT);
                self.push_bytes(value);
            }
            None => self.levels.push(NULL),
        }
    }

    /// Adds the bytes of a value whose level the caller adds. The cast does not truncate: lengths in Kafka are i32.
    #[inline]
    pub(crate) fn push_bytes(&mut self, value: &[u8]) {
        self.plain.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.plain.extend_from_slice(value);
    }

    /// The values that are there, each with its length before it.
    pub(crate) fn values(&self) -> Values<'_> {
        Values(&self.plain)
    }

    /// Every entry of a column without lists.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut values = self.values();
        let levels = self.levels.iter();
        levels.map(move |level| {
            if level == PRESENT {
                values.next()?.get(LENGTH_BYTES..)
            } else {
                None
            }
        })
    }

    /// The allocated memory in bytes.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.plain.capacity() + self.levels.capacity_bytes()
    }
}

/// The byte strings of a buffer in PLAIN encoding, each with its length before it.
pub(crate) struct Values<'v>(&'v [u8]);

impl<'v> Iterator for Values<'v> {
    type Item = &'v [u8];

    #[inline]
    fn next(&mut self) -> Option<&'v [u8]> {
        let length = u32::from_le_bytes(*self.0.first_chunk()?) as usize;
        let (value, rest) = self.0.split_at_checked(LENGTH_BYTES + length)?;
        self.0 = rest;
        Some(value)
    }
}

/// Optional numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers<N> {
    pub(crate) levels: Levels,
    pub(crate) values: Vec<N>,
}

impl<N> Numbers<N> {
    /// Adds the next value or a null.
    #[inline]
    pub(crate) fn push(&mut self, value: Option<N>) {
        match value {
            Some(value) => {
                self.levels.push(PRESENT);
                self.values.push(value);
            }
            None => self.levels.push(NULL),
        }
    }

    /// The allocated memory in bytes.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.values.capacity() * size_of::<N>() + self.levels.capacity_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_strings_are_read_as_they_were_added() {
        let entries: [Option<&[u8]>; 5] = [Some(b"abc"), None, Some(b""), Some(b"\0\0"), None];
        let mut strings = ByteStrings::default();
        entries.iter().for_each(|entry| strings.push(*entry));
        assert!(strings.entries().eq(entries));
        assert_eq!(strings.plain, b"\x03\0\0\0abc\0\0\0\0\x02\0\0\0\0\0");
        assert_eq!(strings.levels.len(), 5);
    }
}

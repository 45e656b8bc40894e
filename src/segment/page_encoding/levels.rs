//! Definition and repetition levels: which values of a page are null, and where lists begin. They are written as runs:
//! Parquet's Encodings.md, "RLE".

use crate::segment::page_encoding::varint::put_varint;

/// Levels in the order of a page's entries, kept as runs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Each level with the number of entries that have it in a row.
    runs: Vec<(u8, u32)>,
    len: usize,
}

impl Levels {
    /// Adds the level of the next entry.
    #[inline]
    pub(crate) fn push(&mut self, level: u8) {
        self.len += 1;
        match self.runs.last_mut() {
            Some((same, length)) if *same == level => *length += 1,
            _ => self.runs.push((level, 1)),
        }
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number of entries that have this level.
    pub(crate) fn count(&self, level: u8) -> usize {
        let runs = self.runs.iter().filter(|(own, _)| *own == level);
        runs.map(|(_, length)| *length as usize).sum()
    }

    /// The level of each entry.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> {
        let runs = self.runs.iter();
        runs.flat_map(|(level, length)| std::iter::repeat_n(*level, *length as usize))
    }

    /// Appends the levels as a page of version 1 has them: their length in bytes, then the runs.
    pub(crate) fn put(&self, page: &mut Vec<u8>) {
        let start = page.len();
        page.extend([0; 4]);
        for (level, length) in &self.runs {
            put_varint(u64::from(*length) << 1, page);
            page.push(*level);
        }
        let length = (page.len() - start - 4) as u32;
        page[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The allocated memory in bytes.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<(u8, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(of: impl IntoIterator<Item = u8>) -> Levels {
        let mut levels = Levels::default();
        of.into_iter().for_each(|level| levels.push(level));
        levels
    }

    #[test]
    fn runs_are_a_doubled_length_and_a_level() {
        let levels = levels([1, 1, 1, 0].into_iter().chain([2; 100]));
        let mut page = vec![9];
        levels.put(&mut page);
        assert_eq!(page, [9, 7, 0, 0, 0, 6, 1, 2, 0, 0xc8, 1, 2]);
        assert_eq!((levels.len(), levels.count(1), levels.count(2)), (104, 3, 100));
        assert!(levels.iter().eq([1, 1, 1, 0].into_iter().chain([2; 100])));
    }

    #[test]
    fn no_entry_has_no_run() {
        let mut page = Vec::new();
        levels([]).put(&mut page);
        assert_eq!(page, [0; 4]);
    }
}

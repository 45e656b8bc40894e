//! Reads the page headers of a column chunk before a page is decoded: decompressed lengths, encodings and statistics. The
//! Parquet library allocates as much as a header says, so the headers are checked here.

use std::io::Read;
use std::ops::Range;

use crate::segment::error::Unreadable;
use crate::segment::guard::statistics::Statistics;
use crate::segment::guard::thrift::{Thrift, varint};
use crate::segment::guard::unpack::Unpacker;

const DATA_PAGE: i64 = 0;
const DICTIONARY_PAGE: i64 = 2;
const DATA_PAGE_V2: i64 = 3;

const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const DELTA_BINARY_PACKED: i64 = 5;
const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
const RLE_DICTIONARY: i64 = 8;
const BYTE_STREAM_SPLIT: i64 = 9;

/// The maximum number of values in a block of a delta encoding; writers use 128 or 256.
const DELTA_BLOCK_MAX: u64 = 1 << 16;

/// A chunk's place in the object, and the levels of its column.
#[derive(Debug, Clone)]
pub(crate) struct ChunkPlace {
    pub(crate) bytes: Range<usize>,
    pub(crate) has_dictionary: bool,
    pub(crate) data_page_offset: usize,
    pub(crate) has_repetition: bool,
    pub(crate) has_definition: bool,
}

/// The page headers of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// Decompressed length of the dictionary in bytes.
    dictionary_bytes: Option<u64>,
    pub(crate) data: Vec<DataPage>,
}

/// The header of a data page.
#[derive(Debug)]
pub(crate) struct DataPage {
    /// The number of entries: one per row, or more in a list column.
    pub(crate) entries: u64,
    /// Decompressed length in bytes.
    bytes: u64,
    pub(crate) statistics: Option<Statistics>,
}

/// The state of the walk through a chunk.
struct Walk<'w> {
    place: &'w ChunkPlace,
    unpacker: &'w Unpacker,
    pages: Pages,
}

impl Walk<'_> {
    fn page(&mut self, header: &Thrift<'_>, body: &[u8], at: usize) -> Result<(), Unreadable> {
        let bytes = size(header, 2)? as u64;
        let place = self.place;
        let is_first = at == place.bytes.start;
        match header.int(1) {
            Some(DICTIONARY_PAGE) if is_first && place.has_dictionary => {
                let entries = header.field(7).and_then(|own| own.size(1));
                // Every value of a dictionary takes at least one byte.
                if entries.is_none_or(|entries| entries > bytes) {
                    return Err(refused("a dictionary has more values than bytes"));
                }
                self.pages.dictionary_bytes = Some(bytes);
                Ok(())
            }
            Some(DATA_PAGE | DATA_PAGE_V2) if !(is_first && place.has_dictionary) => {
                if self.pages.data.is_empty() && at != place.data_page_offset {
                    return Err(refused("a chunk's first page is not at its position"));
                }
                let page = DataPage::read(header, bytes)?;
                self.check_values(header, body, page.entries)?;
                self.pages.data.push(page);
                Ok(())
            }
            _ => Err(refused("a page is of a kind that is not allowed there")),
        }
    }

    /// Checks that the encoding is one that decodes in bounded memory, and that a delta encoding has no more values than
    /// the page.
    fn check_values(&self, header: &Thrift<'_>, body: &[u8], entries: u64) -> Result<(), Unreadable> {
        let (encoding, is_v2) = match header.int(1) {
            Some(DATA_PAGE) => (header.field(5).and_then(|own| own.int(2)), false),
            _ => (header.field(8).and_then(|own| own.int(4)), true),
        };
        match encoding {
            Some(PLAIN | RLE | BYTE_STREAM_SPLIT) => Ok(()),
            Some(PLAIN_DICTIONARY | RLE_DICTIONARY) if self.place.has_dictionary => Ok(()),
            Some(DELTA_BINARY_PACKED | DELTA_LENGTH_BYTE_ARRAY) => {
                let head = if is_v2 {
                    self.head_of_v2(header, body)?
                } else {
                    self.head_of_v1(body)?
                };
                check_delta(&head, entries)
            }
            _ => Err(refused("a page has an encoding that segments do not use")),
        }
    }

    /// The first bytes of the values in a data page of version 1, which follow the levels.
    fn head_of_v1(&self, body: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let levels = usize::from(self.place.has_repetition) + usize::from(self.place.has_definition);
        self.unpacker.stream(body, |unpacked| {
            for _ in 0..levels {
                let mut length = [0; 4];
                unpacked
                    .read_exact(&mut length)
                    .map_err(|_| refused("a page's levels are cut off"))?;
                let length = u64::from(u32::from_le_bytes(length));
                skip(unpacked, length)?;
            }
            head(unpacked)
        })
    }

    /// The first bytes of the values in a data page of version 2, whose levels are not compressed.
    fn head_of_v2(&self, header: &Thrift<'_>, body: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let own = header.field(8).ok_or_else(|| refused("a page header is incomplete"))?;
        let levels = size(own, 5)?.saturating_add(size(own, 6)?);
        let mut values = body
            .get(levels..)
            .ok_or_else(|| refused("a page's levels are cut off"))?;
        match own.bool(7) {
            Some(false) => head(&mut values),
            _ => self.unpacker.stream(values, head),
        }
    }
}

impl Pages {
    /// Reads all page headers of the chunk.
    pub(crate) fn walk(object: &[u8], place: &ChunkPlace, unpacker: &Unpacker) -> Result<Pages, Unreadable> {
        let mut walk = Walk {
            place,
            unpacker,
            pages: Pages::default(),
        };
        let mut at = place.bytes.start;
        while at < place.bytes.end {
            let rest = &object[at..place.bytes.end];
            let (header, length) = Thrift::read(rest).map_err(|_| refused("a page header is malformed"))?;
            let packed = size(&header, 3)?;
            let body = rest
                .get(length..length.saturating_add(packed))
                .ok_or_else(|| refused("a page is cut off"))?;
            walk.page(&header, body, at)?;
            at += length + packed;
        }
        if walk.pages.data.is_empty() {
            return Err(refused("a chunk has no page"));
        }
        Ok(walk.pages)
    }

    /// The decompressed length of each page in bytes, in order.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        let data = self.data.iter().map(|page| page.bytes);
        self.dictionary_bytes
            .into_iter()
            .chain(data)
            .map(|bytes| bytes as usize)
            .collect()
    }

    /// The number of entries in all pages.
    pub(crate) fn entries(&self) -> u64 {
        self.data.iter().fold(0, |sum, page| sum.saturating_add(page.entries))
    }

    /// The maximum number of decompressed bytes in the pages of any `rows` consecutive rows; for a column without lists.
    pub(crate) fn bytes_within(&self, rows: u64) -> u64 {
        let (mut most, mut bytes, mut inner_entries, mut first) = (0u64, 0u64, 0u64, 0);
        for (index, page) in self.data.iter().enumerate() {
            bytes = bytes.saturating_add(page.bytes);
            // `rows` consecutive rows touch pages first..=index only if the inner pages leave a row for each outer one.
            while first < index && inner_entries.saturating_add(2) > rows {
                bytes -= self.data[first].bytes;
                first += 1;
                inner_entries = inner_entries.saturating_sub(self.data[first].entries);
            }
            most = most.max(bytes);
            if first < index {
                inner_entries = inner_entries.saturating_add(page.entries);
            }
        }
        self.dictionary_bytes.unwrap_or(0).saturating_add(most)
    }

    /// The decompressed length of all pages in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.data.iter().fold(self.dictionary_bytes.unwrap_or(0), |sum, page| {
            sum.saturating_add(page.bytes)
        })
    }
}

impl DataPage {
    fn read(header: &Thrift<'_>, bytes: u64) -> Result<DataPage, Unreadable> {
        let (own, statistics) = match header.int(1) {
            Some(DATA_PAGE) => (header.field(5), 5),
            _ => (header.field(8), 8),
        };
        let own = own.ok_or_else(|| refused("a page header is incomplete"))?;
        Ok(DataPage {
            entries: own
                .size(1)
                .ok_or_else(|| refused("the number of values in a page is missing"))?,
            bytes,
            statistics: own.field(statistics).map(Statistics::read).transpose()?,
        })
    }
}

fn skip(unpacked: &mut dyn Read, length: u64) -> Result<(), Unreadable> {
    match std::io::copy(&mut unpacked.take(length), &mut std::io::sink()) {
        Ok(skipped) if skipped == length => Ok(()),
        _ => Err(refused("a page's levels are cut off")),
    }
}

fn head(unpacked: &mut dyn Read) -> Result<Vec<u8>, Unreadable> {
    let mut head = Vec::new();
    unpacked
        .take(40)
        .read_to_end(&mut head)
        .map_err(|_| refused("a page does not decompress"))?;
    Ok(head)
}

/// The decoder allocates as many lengths as this header says. A page in which every row is null may have none.
fn check_delta(head: &[u8], entries: u64) -> Result<(), Unreadable> {
    let mut rest = head;
    let block = varint(&mut rest);
    let mini_blocks = varint(&mut rest);
    let count = varint(&mut rest);
    let sane = block.is_some_and(|block| block <= DELTA_BLOCK_MAX)
        && mini_blocks.is_some_and(|mini_blocks| (1..=DELTA_BLOCK_MAX).contains(&mini_blocks))
        && count.is_some_and(|count| count <= entries);
    if sane || head.is_empty() {
        Ok(())
    } else {
        Err(refused("a page in a delta encoding has more values than rows"))
    }
}

/// The field `id`, which must be a length.
fn size(header: &Thrift<'_>, id: i16) -> Result<usize, Unreadable> {
    let size = header.size(id).and_then(|size| i32::try_from(size).ok());
    size.and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| refused("a length in a page header is missing or invalid"))
}

fn refused(what: &str) -> Unreadable {
    Unreadable::Layout(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pages(of: &[(u64, u64)]) -> Pages {
        let page = |(entries, bytes): &(u64, u64)| DataPage {
            entries: *entries,
            bytes: *bytes,
            statistics: None,
        };
        Pages {
            dictionary_bytes: None,
            data: of.iter().map(page).collect(),
        }
    }

    proptest! {
        #[test]
        fn the_largest_window_is_found(of in prop::collection::vec((1u64..5, 0u64..100), 1..12), rows in 1u64..12) {
            let row_pages: Vec<usize> = of.iter().enumerate().flat_map(|(index, page)| vec![index; page.0 as usize]).collect();
            let windows = row_pages.windows((rows as usize).min(row_pages.len()));
            let touched = |window: &[usize]| of[window[0]..=window[window.len() - 1]].iter().map(|page| page.1).sum::<u64>();
            prop_assert_eq!(pages(&of).bytes_within(rows), windows.map(touched).max().unwrap());
        }
    }
}

//! A column chunk under construction: its pages, and what the footer says of them.

use std::io;

use crate::segment::page_encoding::compressor::PageCompressor;
use crate::segment::page_encoding::description::{Encoding, PageHeader, PageKind, Statistics, put_page_header};
use crate::segment::page_encoding::dictionary::Dictionary;
use crate::segment::page_encoding::differences::put_differences;
use crate::segment::page_encoding::levels::Levels;
use crate::segment::page_encoding::strides::NUMBER_BYTES;
use crate::segment::page_encoding::values::{ByteStrings, NULL, Numbers};
use crate::segment::page_encoding::varint::put_varint;
use crate::segment::schema::Physical;

/// The least and the greatest value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bounds {
    Numbers(i64, i64),
    /// The only value.
    Text(Vec<u8>),
}

/// Buffers that serve one page after the other.
#[derive(Default)]
pub(crate) struct Packer {
    page: Vec<u8>,
    indices: Vec<u8>,
    compressor: PageCompressor,
}

/// The pages of one column in one row group.
#[derive(Debug, Default)]
pub(crate) struct ColumnChunk {
    /// The data pages with their headers.
    pub(crate) pages: Vec<u8>,
    /// The size of the pages as if they were not compressed, headers included.
    pub(crate) unpacked_bytes: usize,
    /// Values and nulls.
    pub(crate) entries: usize,
    pub(crate) nulls: usize,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) dictionary: Dictionary,
    /// The encoding of the values where there is no dictionary.
    pub(crate) encoding: Option<Encoding>,
}

impl ColumnChunk {
    /// A page of one text, as often as there are rows.
    pub(crate) fn repeat_text(&mut self, text: &str, rows: usize, packer: &mut Packer) -> io::Result<()> {
        let mut texts = ByteStrings::default();
        texts.push_bytes(text.as_bytes());
        self.bounds = Some(Bounds::Text(text.as_bytes().to_vec()));
        self.indexed(std::iter::repeat_n(&texts.plain[..], rows), packer)
    }

    /// A page of small numbers of which few differ.
    pub(crate) fn few_int32(&mut self, values: &[i32], packer: &mut Packer) -> io::Result<()> {
        values.iter().for_each(|value| self.include(i64::from(*value)));
        let plain: Vec<[u8; 4]> = values.iter().map(|value| value.to_le_bytes()).collect();
        self.indexed(plain.iter().map(<[u8; 4]>::as_slice), packer)
    }

    /// A page of increasing numbers.
    pub(crate) fn increasing(&mut self, values: &[i64], packer: &mut Packer) -> io::Result<()> {
        values.iter().for_each(|value| self.include(*value));
        packer.page.clear();
        put_differences(values, &mut packer.page);
        let packed = packer.compressor.pack_any(&packer.page)?;
        self.data_page(Encoding::DeltaBinaryPacked, values.len(), packer.page.len(), &packed);
        Ok(())
    }

    /// A page of integers.
    pub(crate) fn int64(&mut self, numbers: &Numbers<i64>, packer: &mut Packer) -> io::Result<()> {
        numbers.values.iter().for_each(|value| self.include(*value));
        self.eight_bytes(
            &numbers.levels,
            numbers.values.iter().map(|value| value.to_le_bytes()),
            packer,
        )
    }

    /// A page of doubles.
    pub(crate) fn double(&mut self, numbers: &Numbers<f64>, packer: &mut Packer) -> io::Result<()> {
        self.eight_bytes(
            &numbers.levels,
            numbers.values.iter().map(|value| value.to_le_bytes()),
            packer,
        )
    }

    fn eight_bytes(
        &mut self,
        levels: &Levels,
        values: impl Iterator<Item = [u8; 8]>,
        packer: &mut Packer,
    ) -> io::Result<()> {
        self.begin(&[levels], packer);
        values.for_each(|value| packer.page.extend_from_slice(&value));
        let packed = packer.compressor.pack_strided(&packer.page, NUMBER_BYTES)?;
        self.plain_page(levels, packer.page.len(), &packed);
        Ok(())
    }

    /// A page of truth values, eight a byte.
    pub(crate) fn boolean(&mut self, numbers: &Numbers<bool>, packer: &mut Packer) -> io::Result<()> {
        self.begin(&[&numbers.levels], packer);
        let byte = |bits: &[bool]| (0..8).fold(0, |byte, at| byte | u8::from(bits.get(at) == Some(&true)) << at);
        packer.page.extend(numbers.values.chunks(8).map(byte));
        let packed = packer.compressor.pack_any(&packer.page)?;
        self.plain_page(&numbers.levels, packer.page.len(), &packed);
        Ok(())
    }

    /// A page of byte strings. `levels` are those of the page, the last of them the definition levels.
    pub(crate) fn bytes(&mut self, levels: &[&Levels], strings: &ByteStrings, packer: &mut Packer) -> io::Result<()> {
        self.begin(levels, packer);
        packer.page.extend_from_slice(&strings.plain);
        let packed = match stride(strings) {
            Some(stride) => packer.compressor.pack_strided(&packer.page, stride)?,
            None => packer.compressor.pack_any(&packer.page)?,
        };
        self.plain_page(&strings.levels, packer.page.len(), &packed);
        Ok(())
    }

    /// A page of record values, which are mostly JSON.
    pub(crate) fn values(&mut self, values: &ByteStrings, packer: &mut Packer) -> io::Result<()> {
        self.begin(&[&values.levels], packer);
        packer.page.extend_from_slice(&values.plain);
        let packed = packer.compressor.pack_text(&packer.page)?;
        self.plain_page(&values.levels, packer.page.len(), &packed);
        Ok(())
    }

    fn begin(&self, levels: &[&Levels], packer: &mut Packer) {
        packer.page.clear();
        levels.iter().for_each(|levels| levels.put(&mut packer.page));
    }

    fn include(&mut self, value: i64) {
        self.bounds = Some(match self.bounds {
            Some(Bounds::Numbers(least, greatest)) => Bounds::Numbers(least.min(value), greatest.max(value)),
            _ => Bounds::Numbers(value, value),
        });
    }

    /// A page of indices into the dictionary: their width in bits, then all of them as one run, filled up to a multiple of eight.
    fn indexed<'v>(&mut self, values: impl Iterator<Item = &'v [u8]>, packer: &mut Packer) -> io::Result<()> {
        packer.page.clear();
        packer.page.push(8);
        packer.indices.clear();
        self.dictionary.code(values, &mut packer.indices)?;
        let entries = packer.indices.len();
        put_varint((entries.div_ceil(8) as u64) << 1 | 1, &mut packer.page);
        packer.indices.resize(entries.next_multiple_of(8), 0);
        packer.page.extend_from_slice(&packer.indices);
        let packed = packer.compressor.pack_any(&packer.page)?;
        self.data_page(Encoding::RleDictionary, entries, packer.page.len(), &packed);
        Ok(())
    }

    fn plain_page(&mut self, definition: &Levels, unpacked: usize, packed: &[u8]) {
        self.nulls += definition.count(NULL);
        self.data_page(Encoding::Plain, definition.len(), unpacked, packed);
    }

    fn data_page(&mut self, encoding: Encoding, entries: usize, unpacked: usize, packed: &[u8]) {
        let start = self.pages.len();
        let header = PageHeader {
            kind: PageKind::Data,
            encoding,
            entries: entries as u32,
            unpacked_bytes: unpacked as u32,
            packed_bytes: packed.len() as u32,
        };
        put_page_header(&mut self.pages, &header);
        self.unpacked_bytes += self.pages.len() - start + unpacked;
        self.pages.extend_from_slice(packed);
        self.entries += entries;
        self.encoding = Some(encoding);
    }

    /// The dictionary page with its header, and its size if it were not compressed; none in a column without one.
    pub(crate) fn dictionary_page(&self, packer: &mut Packer) -> io::Result<Option<(Vec<u8>, usize)>> {
        let plain = self.dictionary.plain();
        if plain.is_empty() {
            return Ok(None);
        }
        let packed = packer.compressor.pack_any(&plain)?;
        let mut page = Vec::new();
        let header = PageHeader {
            kind: PageKind::Dictionary,
            encoding: Encoding::Plain,
            entries: self.dictionary.len() as u32,
            unpacked_bytes: plain.len() as u32,
            packed_bytes: packed.len() as u32,
        };
        put_page_header(&mut page, &header);
        let unpacked = page.len() + plain.len();
        page.extend_from_slice(&packed);
        Ok(Some((page, unpacked)))
    }

    /// The statistics of the chunk.
    pub(crate) fn statistics(&self, physical: Physical) -> Statistics {
        let bounds = match &self.bounds {
            Some(Bounds::Text(text)) => return Statistics::of_text(text),
            Some(Bounds::Numbers(least, greatest)) => Some((*least, *greatest)),
            None => None,
        };
        Statistics::of_numbers(physical, self.nulls as i64, bounds)
    }
}

/// The bytes of each value and its length, if all are equally long and few are equal to the one before.
fn stride(strings: &ByteStrings) -> Option<usize> {
    let mut values = strings.values();
    let mut before = values.next()?;
    let stride = before.len();
    let (mut count, mut repeated) = (1, 0);
    for value in values {
        if value.len() != stride {
            return None;
        }
        count += 1;
        repeated += usize::from(value == before);
        before = value;
    }
    (repeated * 8 < count).then_some(stride)
}

//! Reads the page headers of a column chunk before a page is decompressed.

use std::ops::Range;

use crate::segment::error::Unreadable;
use crate::segment::guard::footer::refused;
use crate::segment::guard::thrift::Struct;
use crate::segment::guard::unpack::is_one_frame;
use crate::segment::page_encoding::description::{Encoding, PageHeader, PageKind, put_page_header};

/// The maximum size of a page header.
const HEADER_MAX_BYTES: usize = 8 << 10;
/// The maximum size of a dictionary, decompressed.
const DICTIONARY_MAX_BYTES: u32 = 64 << 10;
/// The maximum number of values in a dictionary.
const DICTIONARY_MAX_VALUES: u32 = 256;
/// The maximum number of data pages in a chunk.
const PAGES_MAX: usize = 4096;

/// A page: its header, and where its compressed bytes are in the object.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) header: PageHeader,
    pub(crate) body: Range<usize>,
}

/// The pages of a chunk, which are back to back.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) dictionary: Option<Page>,
    pub(crate) data: Vec<Page>,
    /// The length of all pages with their headers, decompressed.
    pub(crate) unpacked_bytes: usize,
}

impl Pages {
    /// Reads the page headers in `place`.
    pub(crate) fn walk(object: &[u8], place: Range<usize>) -> Result<Pages, Unreadable> {
        let (mut pages, mut at, mut again) = (Pages::default(), place.start, Vec::new());
        while at < place.end {
            let rest = &object[at..place.end];
            let rest = &rest[..rest.len().min(HEADER_MAX_BYTES)];
            let read = Struct::read(rest).ok();
            let read = read.and_then(|(fields, length)| Some((header(fields)?, length)));
            let (header, length) = read.ok_or_else(|| refused("a page header is malformed or too long"))?;
            again.clear();
            put_page_header(&mut again, &header);
            if again != rest[..length] {
                return Err(refused("a page header says what a segment's does not say"));
            }
            let start = at + length;
            at = start + header.packed_bytes as usize;
            let frame = object[..place.end].get(start..at);
            if !frame.is_some_and(|frame| is_one_frame(frame, header.unpacked_bytes)) {
                return Err(refused("a page is cut off, or not one zstd frame of its length"));
            }
            pages.unpacked_bytes += length + header.unpacked_bytes as usize;
            pages.add(Page {
                header,
                body: start..at,
            })?;
        }
        Ok(pages)
    }

    fn add(&mut self, page: Page) -> Result<(), Unreadable> {
        let header = page.header;
        let is_first = self.dictionary.is_none() && self.data.is_empty();
        match header.kind {
            PageKind::Data if self.data.len() < PAGES_MAX => self.data.push(page),
            PageKind::Dictionary
                if is_first
                    && header.encoding == Encoding::Plain
                    && (1..=DICTIONARY_MAX_VALUES).contains(&header.entries)
                    && header.unpacked_bytes <= DICTIONARY_MAX_BYTES =>
            {
                self.dictionary = Some(page);
            }
            _ => return Err(refused("a dictionary is empty or too large, or a page is one too many")),
        }
        Ok(())
    }
}

/// What a page header says; none if it is not of a segment.
fn header(fields: Struct<'_>) -> Option<PageHeader> {
    let length = |fields: Struct<'_>, id| i32::try_from(fields.size(id)?).ok().map(i32::cast_unsigned);
    let kinds = [(PageKind::Data, 5), (PageKind::Dictionary, 7)];
    let (kind, field) = kinds
        .into_iter()
        .find(|(kind, _)| fields.int(1) == Some(*kind as i64))?;
    let own = fields.structure(field);
    let encodings = [Encoding::Plain, Encoding::DeltaBinaryPacked, Encoding::RleDictionary];
    Some(PageHeader {
        kind,
        encoding: encodings
            .into_iter()
            .find(|encoding| own.int(2) == Some(*encoding as i64))?,
        entries: length(own, 1)?,
        unpacked_bytes: length(fields, 2)?,
        packed_bytes: length(fields, 3)?,
    })
}

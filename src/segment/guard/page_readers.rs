//! Page readers for the Parquet library's decoder: the library reads the page headers, and [`crate::segment::guard::unpack`]
//! decompresses the pages, to the lengths that [`crate::segment::guard::layout`] has checked. No page may be skipped.

use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::segment::guard::layout::Layout;
use crate::segment::guard::unpack::Unpacker;

/// All row groups of a segment.
pub(crate) struct SegmentPages<'s> {
    pub(crate) bytes: &'s Bytes,
    pub(crate) metadata: &'s Arc<ParquetMetaData>,
    pub(crate) layout: &'s Layout,
}

impl RowGroups for SegmentPages<'_> {
    fn num_rows(&self) -> usize {
        self.row_groups().map(|group| group.num_rows() as usize).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let lengths = self.layout.page_lengths.iter();
        let lengths: Vec<Vec<usize>> = lengths
            .map(|group| group.get(column).cloned().unwrap_or_default())
            .collect();
        Ok(Box::new(Chunks {
            bytes: Arc::new(self.bytes.clone()),
            metadata: Arc::clone(self.metadata),
            column,
            lengths: lengths.into_iter().enumerate(),
            unpacker: self.layout.unpacker.clone(),
        }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The chunks of one column, one a row group.
struct Chunks {
    bytes: Arc<Bytes>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    lengths: std::iter::Enumerate<std::vec::IntoIter<Vec<usize>>>,
    unpacker: Unpacker,
}

impl Chunks {
    fn chunk(&self, group: usize, lengths: Vec<usize>) -> Result<Box<dyn PageReader>, ParquetError> {
        let group = self.metadata.row_group(group);
        // Declared as uncompressed, so that the library returns the compressed pages.
        let chunk = group.column(self.column).clone().into_builder();
        let chunk = chunk.set_compression(Compression::UNCOMPRESSED).build()?;
        let rows = group.num_rows() as usize;
        Ok(Box::new(UnpackedPages {
            packed: SerializedPageReader::new(Arc::clone(&self.bytes), &chunk, rows, None)?,
            lengths: lengths.into_iter(),
            unpacker: self.unpacker.clone(),
        }))
    }
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (group, lengths) = self.lengths.next()?;
        Some(self.chunk(group, lengths))
    }
}

impl PageIterator for Chunks {}

/// The pages of one chunk.
struct UnpackedPages {
    packed: SerializedPageReader<Bytes>,
    /// The decompressed lengths of the remaining pages.
    lengths: std::vec::IntoIter<usize>,
    unpacker: Unpacker,
}

impl UnpackedPages {
    fn unpack(&self, page: Page, length: usize) -> Result<Page, ParquetError> {
        let plain = match &page {
            Page::DataPageV2 {
                is_compressed: false, ..
            } => return Ok(page),
            Page::DataPageV2 {
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => (*def_levels_byte_len as usize).saturating_add(*rep_levels_byte_len as usize),
            _ => 0,
        };
        let unpacked = self.unpacker.page(page.buffer(), plain, length)?;
        let mut page = page;
        match &mut page {
            Page::DataPage { buf, .. } | Page::DataPageV2 { buf, .. } | Page::DictionaryPage { buf, .. } => {
                *buf = Bytes::from(unpacked);
            }
        }
        Ok(page)
    }
}

impl PageReader for UnpackedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let Some(page) = self.packed.get_next_page()? else {
            return Ok(None);
        };
        let length = self.lengths.next();
        let length = length.ok_or_else(|| ParquetError::General("more pages than were counted".to_owned()))?;
        self.unpack(page, length).map(Some)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        Err(ParquetError::NYI("every page of a segment is read".to_owned()))
    }
}

impl Iterator for UnpackedPages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

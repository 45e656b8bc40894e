//! The pages of the same rows for the Parquet library's decoder, which reads neither footer nor page headers itself. It holds
//! the pages of at most 8,192 rows at a time.

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use crate::segment::guard::body::{is_dictionary, is_exact};
use crate::segment::guard::layout::Group;
use crate::segment::guard::pages;
use crate::segment::guard::unpack::Unpacker;
use crate::segment::page_encoding::description::{Encoding, PageHeader};
use crate::segment::schema::Leaf;

/// The data pages with one index in each column of a row group, with their dictionaries.
pub(crate) struct PagesOfRows<'s> {
    pub(crate) object: &'s Bytes,
    /// The schema, without row groups.
    pub(crate) metadata: &'s ParquetMetaData,
    pub(crate) leaves: &'s [Leaf],
    pub(crate) group: &'s Group,
    pub(crate) index: usize,
    pub(crate) unpacker: &'s Unpacker,
}

impl PagesOfRows<'_> {
    fn packed(&self, page: &pages::Page) -> (PageHeader, Bytes) {
        (page.header, self.object.slice(page.body.clone()))
    }
}

impl RowGroups for PagesOfRows<'_> {
    fn num_rows(&self) -> usize {
        self.group.page_rows.get(self.index).map_or(0, |rows| *rows as usize)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>, ParquetError> {
        let chunk = self.group.chunks.get(column).zip(self.leaves.get(column));
        let page = chunk.and_then(|(chunk, leaf)| Some((chunk, leaf, chunk.pages.data.get(self.index)?)));
        let (chunk, leaf, page) = page.ok_or_else(|| general("a page is missing"))?;
        let dictionary = chunk.pages.dictionary.as_ref();
        let dictionary = dictionary.filter(|_| page.header.encoding == Encoding::RleDictionary);
        Ok(Box::new(OneColumn(Some(Column {
            dictionary: dictionary.map(|page| self.packed(page)),
            data: Some(self.packed(page)),
            leaf: leaf.clone(),
            unpacker: self.unpacker.clone(),
        }))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

struct OneColumn(Option<Column>);

impl Iterator for OneColumn {
    type Item = Result<Box<dyn PageReader>, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let column = self.0.take()?;
        Some(Ok(Box::new(column)))
    }
}

impl PageIterator for OneColumn {}

/// The pages of one column that are not read yet, compressed.
struct Column {
    dictionary: Option<(PageHeader, Bytes)>,
    data: Option<(PageHeader, Bytes)>,
    leaf: Leaf,
    unpacker: Unpacker,
}

impl PageReader for Column {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let is_dictionary_next = self.dictionary.is_some();
        let Some((header, packed)) = self.dictionary.take().or_else(|| self.data.take()) else {
            return Ok(None);
        };
        let unpacked = self.unpacker.page(&packed, header.unpacked_bytes)?;
        let check = if is_dictionary_next { is_dictionary } else { is_exact };
        if !check(&unpacked, &header, &self.leaf) {
            return Err(general("a page holds something else than its values"));
        }
        if is_dictionary_next {
            return Ok(Some(Page::DictionaryPage {
                buf: unpacked.into(),
                num_values: header.entries,
                encoding: basic::Encoding::PLAIN,
                is_sorted: false,
            }));
        }
        Ok(Some(Page::DataPage {
            buf: unpacked.into(),
            num_values: header.entries,
            encoding: match header.encoding {
                Encoding::DeltaBinaryPacked => basic::Encoding::DELTA_BINARY_PACKED,
                Encoding::RleDictionary => basic::Encoding::RLE_DICTIONARY,
                Encoding::Plain | Encoding::Rle => basic::Encoding::PLAIN,
            },
            def_level_encoding: basic::Encoding::RLE,
            rep_level_encoding: basic::Encoding::RLE,
            statistics: None,
        }))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        let next = self.dictionary.as_ref().or(self.data.as_ref());
        Ok(next.map(|(header, _)| PageMetadata {
            num_rows: None,
            num_levels: Some(header.entries as usize),
            is_dict: self.dictionary.is_some(),
        }))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        Err(ParquetError::NYI("every page of a segment is read".to_owned()))
    }
}

impl Iterator for Column {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

fn general(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

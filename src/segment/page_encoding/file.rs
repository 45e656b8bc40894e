//! A segment's file under construction: row groups, then the footer that describes them.

use std::io;

use crate::segment::page_encoding::column::{ColumnChunk, Packer};
use crate::segment::page_encoding::description::{
    ChunkFacts, Encoding, FileFacts, put_chunk, put_footer, put_row_group,
};
use crate::segment::page_encoding::row_group::RowGroup;
use crate::segment::schema::{Element, Leaf, leaves};

const MAGIC: &[u8; 4] = b"PAR1";

/// The file so far.
pub(crate) struct SegmentFile {
    bytes: Vec<u8>,
    elements: Vec<Element>,
    leaves: Vec<Leaf>,
    /// Each row group's structure in the footer.
    row_groups: Vec<Vec<u8>>,
    rows: usize,
}

impl SegmentFile {
    /// A file with these columns.
    pub(crate) fn new(elements: Vec<Element>) -> SegmentFile {
        SegmentFile {
            bytes: MAGIC.to_vec(),
            leaves: leaves(&elements),
            elements,
            row_groups: Vec::new(),
            rows: 0,
        }
    }

    /// Appends a row group.
    pub(crate) fn append(&mut self, row_group: RowGroup, packer: &mut Packer) -> io::Result<()> {
        let rows = row_group.rows;
        let mut unpacked_bytes = 0;
        let mut chunks = Vec::with_capacity(self.leaves.len());
        for (column, leaf) in row_group.into_columns().zip(&self.leaves) {
            let facts = put_pages(&mut self.bytes, &column, leaf, packer)?;
            unpacked_bytes += facts.unpacked_bytes;
            let mut chunk = Vec::new();
            put_chunk(&mut chunk, &facts, leaf);
            chunks.push(chunk);
        }
        let mut structure = Vec::new();
        put_row_group(&mut structure, &chunks, unpacked_bytes, rows);
        self.row_groups.push(structure);
        self.rows += rows;
        Ok(())
    }

    /// The file with its footer.
    pub(crate) fn finish(mut self, pairs: &[(&str, String)], created_by: &str) -> Vec<u8> {
        let start = self.bytes.len();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let facts = FileFacts {
            elements: &self.elements,
            rows: self.rows,
            row_groups: &self.row_groups,
            pairs: &pairs,
            created_by,
        };
        put_footer(&mut self.bytes, &facts);
        let length = (self.bytes.len() - start) as u32;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(MAGIC);
        self.bytes
    }
}

/// Appends the pages of a chunk.
fn put_pages(bytes: &mut Vec<u8>, column: &ColumnChunk, leaf: &Leaf, packer: &mut Packer) -> io::Result<ChunkFacts> {
    let dictionary = column.dictionary_page(packer)?;
    let (page, page_bytes) = dictionary.as_ref().map_or((&[][..], 0), |(page, bytes)| (page, *bytes));
    let start = bytes.len();
    bytes.extend_from_slice(page);
    bytes.extend_from_slice(&column.pages);
    Ok(ChunkFacts {
        dictionary: dictionary.is_some().then_some(start),
        data: start + page.len(),
        packed_bytes: page.len() + column.pages.len(),
        unpacked_bytes: page_bytes + column.unpacked_bytes,
        entries: column.entries,
        encoding: column.encoding.unwrap_or(Encoding::Plain),
        statistics: leaf.has_statistics().then(|| column.statistics(leaf.physical)),
    })
}

//! Checks the structure of a segment's file before a page is decoded: the columns of the format, chunks compressed with
//! zstd, and nothing by which another reader could see other rows. Also collects the statistics of the file and computes
//! how many rows may be decoded at a time.

use std::ops::Range;

use parquet::basic::ConvertedType;
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::segment::error::Unreadable;
use crate::segment::guard::pages::{ChunkPlace, Pages};
use crate::segment::guard::statistics::{Claim, Statistics};
use crate::segment::guard::thrift::Thrift;
use crate::segment::guard::unpack::Unpacker;

/// The maximum size of the Parquet footer.
const FOOTER_MAX_BYTES: usize = 8 << 20;
/// The maximum size of decompressed pages in memory at once.
const MEMORY_MAX_BYTES: u64 = 512 << 20;
/// Rows decoded at a time: the first of these that keeps within [`MEMORY_MAX_BYTES`].
const BATCH_ROWS: [usize; 3] = [1024, 64, 1];
const MAGIC: &[u8; 4] = b"PAR1";
const ZSTD: i64 = 6;

/// The checked structure of a segment's file.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Rows in all row groups.
    pub(crate) rows: u64,
    /// Rows to decode at a time.
    pub(crate) batch_rows: usize,
    /// The statistics of each leaf column.
    pub(crate) claims: Vec<Vec<Claim>>,
    /// Entries of each leaf column in all row groups.
    pub(crate) entries: Vec<u64>,
    /// Decompressed length of each page in bytes: by row group, leaf column, and page.
    pub(crate) page_lengths: Vec<Vec<Vec<usize>>>,
    /// The decompressor of all pages.
    pub(crate) unpacker: Unpacker,
    /// Bytes of the object that do not belong to a chunk yet.
    bytes_left: usize,
}

/// The footer of a Parquet file, and the end of the pages before it.
pub(crate) fn footer(object: &[u8]) -> Result<(Thrift<'_>, usize), Unreadable> {
    let (body, tail) = object
        .split_last_chunk::<8>()
        .ok_or_else(|| refused("it is too short"))?;
    let [l0, l1, l2, l3, magic @ ..] = *tail;
    if magic != *MAGIC || !body.starts_with(MAGIC) {
        return Err(refused("it does not begin and end with PAR1, or is encrypted"));
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > FOOTER_MAX_BYTES {
        return Err(Unreadable::TooLarge(format!("its footer has {length} bytes")));
    }
    let start = body.len().checked_sub(length).filter(|start| *start >= MAGIC.len());
    let start = start.ok_or_else(|| refused("its footer is cut off"))?;
    let (footer, read) = Thrift::read(&body[start..]).map_err(|_| refused("its footer is malformed"))?;
    if read != length {
        return Err(refused("its footer is shorter than it says"));
    }
    if footer.field(8).is_some() || footer.field(9).is_some() {
        return Err(refused("it is encrypted"));
    }
    Ok((footer, start))
}

impl Layout {
    /// Checks the row groups of a footer whose schema is `schema`.
    pub(crate) fn check(
        object: &[u8],
        footer: &Thrift<'_>,
        pages_end: usize,
        schema: &SchemaDescriptor,
    ) -> Result<Layout, Unreadable> {
        let rows = footer.size(3).ok_or_else(|| refused("its number of rows is missing"))?;
        let mut layout = Layout {
            rows: 0,
            batch_rows: BATCH_ROWS[0],
            claims: vec![Vec::new(); schema.num_columns()],
            page_lengths: Vec::new(),
            unpacker: Unpacker::new()?,
            bytes_left: pages_end,
            entries: vec![0; schema.num_columns()],
        };
        for group in footer.list(4) {
            layout.row_group(&object[..pages_end], group, schema)?;
        }
        if layout.rows != rows {
            return Err(refused("its row groups have another number of rows"));
        }
        Ok(layout)
    }

    fn row_group(&mut self, object: &[u8], group: &Thrift<'_>, schema: &SchemaDescriptor) -> Result<(), Unreadable> {
        let rows = group
            .size(3)
            .filter(|rows| *rows > 0)
            .ok_or_else(|| refused("a row group has no rows"))?;
        let columns = group.list(1);
        if group.field(4).is_some() {
            return Err(refused("it has sorting columns"));
        }
        if columns.len() != schema.num_columns() {
            return Err(refused("a row group has other columns than the file"));
        }
        let mut pages_of = Vec::with_capacity(columns.len());
        for (column, chunk) in columns.iter().enumerate() {
            let named = |error| match error {
                Unreadable::Layout(what) => {
                    Unreadable::Layout(format!("{what}, column={}", schema.column(column).path()))
                }
                other => other,
            };
            pages_of.push(self.chunk(object, chunk, schema, column, rows).map_err(named)?);
        }
        self.rows = self.rows.saturating_add(rows);
        self.page_lengths.push(pages_of.iter().map(Pages::lengths).collect());
        self.fit_memory(&pages_of, schema)
    }

    fn chunk(
        &mut self,
        object: &[u8],
        chunk: &Thrift<'_>,
        schema: &SchemaDescriptor,
        column: usize,
        rows: u64,
    ) -> Result<Pages, Unreadable> {
        let leaf = schema.column(column);
        let metadata = chunk.field(3).ok_or_else(|| refused("a chunk has no metadata"))?;
        refuse_extras(chunk, metadata)?;
        let path: Vec<&[u8]> = metadata.list(3).iter().filter_map(as_binary).collect();
        let expected: Vec<&[u8]> = leaf.path().parts().iter().map(String::as_bytes).collect();
        if path != expected || metadata.int(1) != Some(leaf.physical_type() as i64) {
            return Err(refused("a chunk is of another column"));
        }
        let place = place(
            metadata,
            object.len(),
            leaf.max_rep_level() > 0,
            leaf.max_def_level() > 0,
        )?;
        // With overlapping chunks, a small file could cost as much as a large one.
        let bytes_left = self.bytes_left.checked_sub(place.bytes.len());
        self.bytes_left = bytes_left.ok_or_else(|| refused("chunks overlap"))?;
        let pages = Pages::walk(object, &place, &self.unpacker)?;
        let entries = pages.entries();
        if metadata.size(5) != Some(entries) || (!place.has_repetition && entries != rows) || entries < rows {
            return Err(refused(
                "the number of values in a chunk is not that of its pages or rows",
            ));
        }
        self.claim(column, entries, metadata, &pages)?;
        Ok(pages)
    }

    /// Collects the statistics of the chunk and its pages.
    fn claim(&mut self, column: usize, entries: u64, metadata: &Thrift<'_>, pages: &Pages) -> Result<(), Unreadable> {
        let start = self.entries[column];
        let mut add = |entries: Range<u64>, statistics: &Statistics| {
            self.claims[column].push(Claim {
                entries,
                statistics: statistics.clone(),
            });
        };
        if let Some(statistics) = metadata.field(12) {
            add(start..start + entries, &Statistics::read(statistics)?);
        }
        let mut at = start;
        for page in &pages.data {
            if let Some(statistics) = &page.statistics {
                add(at..at + page.entries, statistics);
            }
            at += page.entries;
        }
        self.entries[column] = at;
        Ok(())
    }

    fn fit_memory(&mut self, pages_of: &[Pages], schema: &SchemaDescriptor) -> Result<(), Unreadable> {
        let needed = |rows: usize| {
            pages_of.iter().enumerate().fold(0u64, |sum, (column, pages)| {
                let is_list = schema.column(column).max_rep_level() > 0;
                sum.saturating_add(if is_list {
                    pages.bytes()
                } else {
                    pages.bytes_within(rows as u64)
                })
            })
        };
        let fitting = BATCH_ROWS.into_iter().filter(|rows| *rows <= self.batch_rows);
        match fitting.into_iter().find(|rows| needed(*rows) <= MEMORY_MAX_BYTES) {
            Some(rows) => self.batch_rows = rows,
            None => {
                return Err(Unreadable::TooLarge(format!(
                    "a single row needs {} bytes of pages",
                    needed(1)
                )));
            }
        }
        Ok(())
    }
}

fn as_binary<'b>(thrift: &Thrift<'b>) -> Option<&'b [u8]> {
    match thrift {
        Thrift::Binary(bytes) => Some(bytes),
        _ => None,
    }
}

/// Refuses everything by which another reader could see other rows than this one.
fn refuse_extras(chunk: &Thrift<'_>, metadata: &Thrift<'_>) -> Result<(), Unreadable> {
    let what = if chunk.field(1).is_some() {
        "a chunk points to another file"
    } else if (4..=7).any(|id| chunk.field(id).is_some()) {
        "a chunk has a page index"
    } else if chunk.field(8).is_some() || chunk.field(9).is_some() {
        "a chunk is encrypted"
    } else if metadata.field(10).is_some() {
        "a chunk has an index page"
    } else if metadata.field(14).is_some() || metadata.field(15).is_some() {
        "a chunk has a bloom filter"
    } else if metadata.int(4) != Some(ZSTD) {
        "a chunk is not compressed with zstd"
    } else {
        return Ok(());
    };
    Err(refused(what))
}

/// The chunk's place: from its dictionary or first page, with the length in its metadata.
fn place(
    metadata: &Thrift<'_>,
    pages_end: usize,
    has_repetition: bool,
    has_definition: bool,
) -> Result<ChunkPlace, Unreadable> {
    let position = |id| metadata.size(id).and_then(|position| usize::try_from(position).ok());
    let data_page_offset = position(9).ok_or_else(|| refused("the position of a chunk is missing"))?;
    let has_dictionary = metadata.field(11).is_some();
    let start = if has_dictionary {
        position(11)
    } else {
        Some(data_page_offset)
    };
    let end = start
        .zip(position(7))
        .and_then(|(start, length)| start.checked_add(length));
    match (start, end) {
        (Some(start), Some(end)) if start >= MAGIC.len() && end <= pages_end => Ok(ChunkPlace {
            bytes: start..end,
            has_dictionary,
            data_page_offset,
            has_repetition,
            has_definition,
        }),
        _ => Err(refused("a chunk is outside of the file")),
    }
}

/// Checks that the fields are equal and in the same order: names, repetition, physical and logical types. The root's name
/// may differ.
pub(crate) fn same_fields(found: &Type, expected: &Type) -> Result<(), Unreadable> {
    if !found.is_group() || found.get_fields().len() != expected.get_fields().len() {
        return Err(Unreadable::Schema(format!(
            "the number of fields is not as expected, in={}",
            expected.name()
        )));
    }
    for (found, expected) in found.get_fields().iter().zip(expected.get_fields()) {
        if !same_type(found, expected) {
            return Err(Unreadable::Schema(format!(
                "a field is not as expected, field={}",
                expected.name()
            )));
        }
        if expected.is_group() {
            same_fields(found, expected)?;
        }
    }
    Ok(())
}

fn same_type(found: &Type, expected: &Type) -> bool {
    let (left, right) = (found.get_basic_info(), expected.get_basic_info());
    let converted = left.converted_type();
    let physical = match (found, expected) {
        (
            Type::PrimitiveType {
                physical_type: left, ..
            },
            Type::PrimitiveType {
                physical_type: right, ..
            },
        ) => left == right,
        (Type::GroupType { .. }, Type::GroupType { .. }) => true,
        _ => false,
    };
    physical
        && left.name() == right.name()
        && left.has_repetition()
        && left.repetition() == right.repetition()
        && left.logical_type_ref() == right.logical_type_ref()
        && (converted == right.converted_type() || converted == ConvertedType::NONE)
}

fn refused(what: &str) -> Unreadable {
    Unreadable::Layout(what.to_owned())
}

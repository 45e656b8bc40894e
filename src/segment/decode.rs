//! Decodes segments. The bytes are untrusted: anything but a segment of the format must give [`Unreadable`], not a panic,
//! an endless loop or unbounded memory. Whether the records are authentic is for the verifier to decide, by the root.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::{FileMetaData, ParquetMetaData};

use crate::record::record::Record;
use crate::segment::columns::Columns;
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::guard::footer;
use crate::segment::guard::layout::{Group, for_each_group};
use crate::segment::guard::page_readers::PagesOfRows;
use crate::segment::guard::unpack::Unpacker;
use crate::segment::page_encoding::description::{FileFacts, put_footer};
use crate::segment::projection::rules::Projection;
use crate::segment::rows::payload_bytes;
use crate::segment::schema::{AUTHORITATIVE, Leaf, arrow_schema, elements, leaves, parquet_schema};

/// The maximum number of bytes of records per byte of the object: about the maximum of zstd.
const EXPANSION_MAX: u64 = 1 << 15;
/// The number of bytes of records that an object of any size may decompress to.
const EXPANSION_FREE_BYTES: u64 = 64 << 20;
/// The bytes that a record counts in addition to its key, value and headers.
const RECORD_BYTES: u64 = 40;

/// A segment whose structure, columns and footer follow the format; its rows are not read yet.
#[derive(Debug)]
pub struct Segment {
    bytes: Bytes,
    leaves: Vec<Leaf>,
    footer: Footer,
    projection: Projection,
    memory_bytes: u64,
}

impl Segment {
    /// Checks everything outside the pages.
    ///
    /// # Errors
    /// [`Unreadable`] if it is not a segment of the format.
    pub fn open(bytes: Bytes) -> Result<Segment, Unreadable> {
        without_panic(|| {
            let (found, fields) = footer::read(&bytes)?;
            let pairs = footer::pairs(fields)?;
            let (footer, projection) = Footer::from_pairs(&pairs)?;
            let columns = elements(&projection);
            let mut segment = Segment {
                leaves: leaves(&columns),
                bytes: bytes.clone(),
                footer,
                projection,
                memory_bytes: 0,
            };
            let (mut rows, mut row_groups, mut memory_bytes) = (0, Vec::new(), 0);
            segment.for_each_group(|group| {
                rows += group.rows();
                memory_bytes = group.memory_bytes().max(memory_bytes);
                row_groups.push(group.again);
                Ok(())
            })?;
            segment.memory_bytes = memory_bytes;
            let facts = FileFacts {
                elements: &columns,
                rows,
                row_groups: &row_groups,
                pairs: &pairs,
                created_by: footer::created_by(fields)?,
            };
            let mut again = Vec::new();
            put_footer(&mut again, &facts);
            if again != found {
                return Err(footer::refused(
                    "its footer says something else than its pages and keys",
                ));
            }
            if rows as u64 == segment.footer.record_count {
                Ok(segment)
            } else {
                Err(Unreadable::Footer(format!(
                    "its record count is not the number of rows, {rows}"
                )))
            }
        })
    }

    /// The footer, not compared with rows or link.
    #[must_use]
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The rules of the typed columns.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The memory in bytes that reading the rows needs, beside the object itself.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Calls `sink` with every record in order. Reads only the authoritative columns.
    ///
    /// # Errors
    /// [`Unreadable`] if pages do not decode, a row is not a record, or offsets do not increase; `sink` may have been
    /// called before.
    pub fn for_each_record(&self, mut sink: impl FnMut(&Record<'_>)) -> Result<(), Unreadable> {
        let mut order = self.order();
        let reader = self.reader(Wanted::Records)?;
        self.for_each_group(|group| {
            reader.for_each_batch(&group, |batch| {
                let columns = Columns::of(batch)?;
                let mut headers = Vec::new();
                for row in 0..batch.num_rows() {
                    let record = columns
                        .record(row, &mut headers)
                        .map_err(|what| order.no_record(what))?;
                    order.follow(&record)?;
                    sink(&record);
                }
                Ok(())
            })
        })
    }

    /// The check of the order and the total size of the rows.
    pub(super) fn order(&self) -> Order {
        Order {
            rows: 0,
            last_offset: None,
            bytes_left: EXPANSION_MAX
                .saturating_mul(self.bytes.len() as u64)
                .saturating_add(EXPANSION_FREE_BYTES),
        }
    }

    /// The leaf columns.
    pub(super) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Calls `sink` with every row group in order.
    pub(super) fn for_each_group(&self, sink: impl FnMut(Group) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
        without_panic(|| {
            let end = self.bytes.len().saturating_sub(footer::length(&self.bytes)?);
            for_each_group(&self.bytes[..end], footer::read(&self.bytes)?.1, &self.leaves, sink)
        })
    }

    /// A decoder of pages.
    pub(super) fn reader(&self, wanted: Wanted) -> Result<Reader<'_>, Unreadable> {
        let schema = Arc::new(parquet_schema(&self.projection)?);
        let mask = match wanted {
            Wanted::Everything => ProjectionMask::all(),
            Wanted::Records => ProjectionMask::roots(&schema, 0..AUTHORITATIVE),
        };
        let arrow = arrow_schema(&self.projection);
        let fields = parquet_to_arrow_field_levels(&schema, mask, Some(arrow.fields()))?;
        let file = FileMetaData::new(1, 0, None, None, schema, None);
        Ok(Reader {
            bytes: &self.bytes,
            leaves: &self.leaves,
            fields,
            metadata: ParquetMetaData::new(file, Vec::new()),
            unpacker: Unpacker::new()?,
        })
    }
}

/// Decodes the pages of row groups.
pub(super) struct Reader<'s> {
    bytes: &'s Bytes,
    leaves: &'s [Leaf],
    fields: FieldLevels,
    metadata: ParquetMetaData,
    unpacker: Unpacker,
}

impl Reader<'_> {
    /// Calls `sink` with the rows of a row group in order, those of a page at a time.
    pub(super) fn for_each_batch(
        &self,
        group: &Group,
        mut sink: impl FnMut(&RecordBatch) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        for (index, rows) in group.page_rows.iter().enumerate() {
            let rows = *rows as usize;
            let pages = PagesOfRows {
                object: self.bytes,
                metadata: &self.metadata,
                leaves: self.leaves,
                group,
                index,
                unpacker: &self.unpacker,
            };
            let mut batches = ParquetRecordBatchReader::try_new_with_row_groups(&self.fields, &pages, rows, None)?;
            let batch = batches.next().transpose()?.filter(|batch| batch.num_rows() == rows);
            let batch = batch.ok_or_else(|| Unreadable::Parquet("a page ends after too few rows".into()))?;
            sink(&batch)?;
            if batches.next().transpose()?.is_some_and(|more| more.num_rows() > 0) {
                return Err(Unreadable::Parquet("a page has too many rows".into()));
            }
        }
        Ok(())
    }
}

/// Which columns to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The authoritative columns.
    Records,
    /// The typed columns too.
    Everything,
}

/// The number of bytes at the end of a segment that [`read_footer`] needs, by its last eight bytes or more.
///
/// # Errors
/// [`Unreadable`] if it does not end as a segment.
pub fn footer_length(end: &[u8]) -> Result<usize, Unreadable> {
    footer::length(end)
}

/// Reads the footer of a segment that has no link, for the end of its range. Needs the end of the object alone. It is
/// untrusted.
///
/// # Errors
/// [`Unreadable`] if it is not the end of a segment.
pub fn read_footer(end: &[u8]) -> Result<Footer, Unreadable> {
    let (_, fields) = footer::read(end)?;
    Footer::from_pairs(&footer::pairs(fields)?).map(|(footer, _)| footer)
}

/// Checks that offsets increase and that the records are not too large for the object, and counts rows.
#[derive(Debug)]
pub(super) struct Order {
    rows: u64,
    last_offset: Option<i64>,
    bytes_left: u64,
}

impl Order {
    pub(super) fn follow(&mut self, record: &Record<'_>) -> Result<(), Unreadable> {
        if self.last_offset.is_some_and(|last| last >= record.offset) {
            return Err(self.no_record("its offset is not above the previous one"));
        }
        let bytes = RECORD_BYTES + payload_bytes(record) as u64;
        let bytes_left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = bytes_left.ok_or_else(|| Unreadable::TooLarge(format!("after {} rows", self.rows)))?;
        self.last_offset = Some(record.offset);
        self.rows += 1;
        Ok(())
    }

    pub(super) fn no_record(&self, what: &'static str) -> Unreadable {
        Unreadable::Row { row: self.rows, what }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}

/// Turns a panic into an error: the Parquet library has panicked on hostile files before. Unwind safe because nothing
/// that the closure modifies is used afterwards.
fn without_panic<T>(read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Unreadable::Parquet("the parquet reader panicked".into())))
}

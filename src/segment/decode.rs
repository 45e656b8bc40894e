//! Decodes segments. The bytes are untrusted: anything but a segment of the format must give [`Unreadable`], not a panic,
//! an endless loop or unbounded memory. Whether the records are authentic is for the verifier to decide, by the root.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use crate::record::record::Record;
use crate::segment::columns::Columns;
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::guard::layout::{self, Layout};
use crate::segment::guard::page_readers::SegmentPages;
use crate::segment::projection::rules::Projection;
use crate::segment::rows::payload_bytes;
use crate::segment::schema::{AUTHORITATIVE, Side, arrow_schema, parquet_schema};

/// The maximum number of bytes of records per byte of the object: about the maximum of zstd.
const EXPANSION_MAX: u64 = 1 << 15;
/// The number of bytes of records that an object of any size may decompress to.
const EXPANSION_FREE_BYTES: u64 = 64 << 20;
/// The bytes that a record counts in addition to its key, value and headers.
const RECORD_BYTES: u64 = 40;

/// A segment whose layout, columns and footer follow the format; its rows are not read yet.
#[derive(Debug)]
pub struct Segment {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    layout: Layout,
    footer: Footer,
    projection: Projection,
}

impl Segment {
    /// Checks everything outside the pages.
    ///
    /// # Errors
    /// [`Unreadable`] if it is not a segment of the format.
    pub fn open(bytes: Bytes) -> Result<Segment, Unreadable> {
        without_panic(|| {
            let (raw_footer, pages_end) = layout::footer(&bytes)?;
            let options = ArrowReaderOptions::new()
                .with_skip_arrow_metadata(true)
                .with_page_index_policy(PageIndexPolicy::Skip);
            let found = ArrowReaderMetadata::load(&bytes, options.clone())?;
            let (footer, projection) = footer_of(found.metadata())?;
            let written = parquet_schema(&projection, Side::Writer)?;
            layout::same_fields(found.metadata().file_metadata().schema(), written.root_schema())?;
            let layout = Layout::check(&bytes, &raw_footer, pages_end, &written)?;
            if layout.rows != footer.record_count {
                return Err(Unreadable::Footer(format!(
                    "its record count is not the number of rows, rows={}",
                    layout.rows
                )));
            }
            let options = options
                .with_parquet_schema(Arc::new(parquet_schema(&projection, Side::Reader)?))
                .with_schema(arrow_schema(&projection, Side::Reader));
            let metadata = ArrowReaderMetadata::load(&bytes, options)?;
            drop(raw_footer);
            Ok(Segment {
                bytes,
                metadata,
                layout,
                footer,
                projection,
            })
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

    /// Calls `sink` with every record in order. Reads only the authoritative columns.
    ///
    /// # Errors
    /// [`Unreadable`] if pages do not decode, a row is not a record, or offsets do not increase; `sink` may have been
    /// called before.
    pub fn for_each_record(&self, mut sink: impl FnMut(&Record<'_>)) -> Result<(), Unreadable> {
        let mut order = self.order();
        self.for_each_batch(Wanted::Records, |batch| {
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

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Calls `sink` with all rows in order, a batch at a time.
    pub(super) fn for_each_batch(
        &self,
        wanted: Wanted,
        mut sink: impl FnMut(&RecordBatch) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        without_panic(|| {
            let mut rows = 0;
            for batch in self.reader(wanted)? {
                let batch = batch?;
                rows += batch.num_rows() as u64;
                sink(&batch)?;
            }
            if rows == self.layout.rows {
                Ok(())
            } else {
                Err(Unreadable::Parquet(format!("it ends after too few rows, rows={rows}")))
            }
        })
    }

    fn reader(&self, wanted: Wanted) -> Result<ParquetRecordBatchReader, Unreadable> {
        let metadata = self.metadata.metadata();
        let columns = metadata.file_metadata().schema_descr();
        let mask = match wanted {
            Wanted::Everything => ProjectionMask::all(),
            Wanted::Records => ProjectionMask::roots(columns, 0..AUTHORITATIVE),
        };
        let fields = parquet_to_arrow_field_levels(columns, mask, Some(self.metadata.schema().fields()))?;
        let pages = SegmentPages {
            bytes: &self.bytes,
            metadata,
            layout: &self.layout,
        };
        let batch_rows = self.layout.batch_rows.min(self.layout.rows as usize);
        Ok(ParquetRecordBatchReader::try_new_with_row_groups(
            &fields, &pages, batch_rows, None,
        )?)
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

/// Reads the footer of a segment that has no link, for the end of its range. It is untrusted.
///
/// # Errors
/// As [`Segment::open`].
pub fn read_footer(bytes: &Bytes) -> Result<Footer, Unreadable> {
    Segment::open(bytes.clone()).map(|segment| segment.footer)
}

fn footer_of(metadata: &ParquetMetaData) -> Result<(Footer, Projection), Unreadable> {
    let pairs = metadata.file_metadata().key_value_metadata();
    Footer::from_key_values(pairs.map_or(&[], Vec::as_slice))
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

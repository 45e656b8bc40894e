//! From stored bytes back to records. The bytes may come from an enemy: what is not exactly a segment of the format is
//! [`Unreadable`], never a panic, a loop or memory without bound. Never judges whether the records are the right ones: that is
//! the root's and the verifier's part.

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

/// Bytes of records that one byte of the object may unpack to: as far as zstd itself goes.
const EXPANSION_MAX: u64 = 1 << 15;
/// Bytes of records that any object may unpack to, however small it is.
const EXPANSION_FREE_BYTES: u64 = 64 << 20;
/// What a record counts beside its key, value and headers.
const RECORD_BYTES: u64 = 40;

/// A segment whose layout, columns and footer are those of the format; its rows are not read yet.
#[derive(Debug)]
pub struct Segment {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    layout: Layout,
    footer: Footer,
    projection: Projection,
}

impl Segment {
    /// Checks everything that stands outside the pages.
    ///
    /// # Errors
    /// [`Unreadable`] for whatever is not a segment of the format.
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
                    "it counts other records than there are rows, rows={}",
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

    /// What the footer says; a claim until the rows and the link agree.
    #[must_use]
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The rules of the typed columns.
    #[must_use]
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Gives `sink` every record in order. Reads the authoritative columns alone.
    ///
    /// # Errors
    /// [`Unreadable`] where pages do not decode, a row is no record, or offsets do not rise; what `sink` got before stands.
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

    /// What holds the rows to their order and their number.
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

    /// Decoded rows in order, a batch at a time.
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
                Err(Unreadable::Parquet(format!("it ends early, rows={rows}")))
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
    /// Authoritative columns.
    Records,
    /// Typed columns as well.
    Everything,
}

/// Reads no more than the footer: where a segment found without a link claims to end. A hint from a stranger.
///
/// # Errors
/// [`Unreadable`] where the bytes are no Parquet file or the footer is not a segment's.
pub fn read_footer(bytes: &Bytes) -> Result<Footer, Unreadable> {
    Segment::open(bytes.clone()).map(|segment| segment.footer)
}

fn footer_of(metadata: &ParquetMetaData) -> Result<(Footer, Projection), Unreadable> {
    let pairs = metadata.file_metadata().key_value_metadata();
    Footer::from_key_values(pairs.map_or(&[], Vec::as_slice))
}

/// Holds offsets to their order and the whole to what its size allows, and counts rows.
#[derive(Debug)]
pub(super) struct Order {
    rows: u64,
    last_offset: Option<i64>,
    bytes_left: u64,
}

impl Order {
    pub(super) fn follow(&mut self, record: &Record<'_>) -> Result<(), Unreadable> {
        if self.last_offset.is_some_and(|last| last >= record.offset) {
            return Err(self.no_record("its offset is not above the one before"));
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

/// The Parquet library has panicked on hostile files before, and may again; here, and only here, that becomes an error.
/// Nothing that the closure touches is used afterwards.
fn without_panic<T>(read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Unreadable::Parquet("the parquet reader panicked".into())))
}

//! The column chunk of `value`, which is nearly all of a segment: one page for each batch of records, made from their buffers
//! and compressed by [`crate::segment::page_encoding::compressor`]. The Parquet library writes the other columns.

use arrow_array::{Array as _, BinaryArray};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::segment::page_encoding::compressor::{LEVEL, PageCompressor};
use crate::segment::page_encoding::levels::{put_bit_runs, put_differences};

/// The pages written so far.
pub(crate) struct ValueColumn {
    written: TrackedWrite<Vec<u8>>,
    rows: u64,
    unpacked_bytes: usize,
    page: Vec<u8>,
}

impl ValueColumn {
    pub(crate) fn new() -> ValueColumn {
        ValueColumn {
            written: TrackedWrite::new(Vec::new()),
            rows: 0,
            unpacked_bytes: 0,
            page: Vec::new(),
        }
    }

    /// Writes these values as one page: levels, lengths, bytes (Parquet's first page version, DELTA_LENGTH_BYTE_ARRAY).
    pub(crate) fn write(&mut self, values: &BinaryArray, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        self.page.clear();
        self.page.extend([0; 4]);
        put_bit_runs((0..values.len()).map(|row| values.is_valid(row)), &mut self.page);
        let levels_bytes = self.page.len() as u32 - 4;
        self.page[..4].copy_from_slice(&levels_bytes.to_le_bytes());
        // A null has no length.
        let lengths: Vec<i32> = values.iter().flatten().map(|value| value.len() as i32).collect();
        put_differences(&lengths, &mut self.page);
        self.page.extend_from_slice(values.value_data());

        let page = Page::DataPage {
            buf: Bytes::from(compressor.pack(&self.page)?),
            num_values: values.len() as u32,
            encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written =
            SerializedPageWriter::new(&mut self.written).write_page(CompressedPage::new(page, self.page.len()))?;
        self.rows += values.len() as u64;
        self.unpacked_bytes += written.uncompressed_size;
        Ok(())
    }

    /// Appends the column chunk to the row group, which must expect this column next.
    pub(crate) fn close(
        self,
        column: ColumnDescPtr,
        group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    ) -> Result<(), ParquetError> {
        let pages = Bytes::from(self.written.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(column)
            .set_encodings(vec![Encoding::RLE, Encoding::DELTA_LENGTH_BYTE_ARRAY])
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(pages.len() as i64)
            .set_total_uncompressed_size(self.unpacked_bytes as i64)
            .set_data_page_offset(0)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: pages.len() as u64,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        group.append_column(&pages, close)
    }
}

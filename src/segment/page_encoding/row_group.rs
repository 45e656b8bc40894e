//! The columns of one row group under construction.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use crate::segment::page_encoding::compressor::PageCompressor;
use crate::segment::page_encoding::value_column::ValueColumn;

/// `value` among the leaf columns, and among the top-level ones.
const VALUE: usize = 6;

/// A row group under construction.
pub(crate) struct RowGroup {
    /// One for each leaf; the one of `value` is not used.
    columns: Vec<ArrowColumnWriter>,
    values: ValueColumn,
}

impl RowGroup {
    /// The file's next row group, still empty.
    pub(crate) fn begin(
        columns: &ArrowRowGroupWriterFactory,
        file: &SerializedFileWriter<Vec<u8>>,
    ) -> Result<RowGroup, ParquetError> {
        Ok(RowGroup {
            columns: columns.create_column_writers(file.flushed_row_groups().len())?,
            values: ValueColumn::new(),
        })
    }

    /// Encodes a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch, compressor: &mut PageCompressor) -> Result<(), ParquetError> {
        let mut writers = self.columns.iter_mut();
        for (index, (field, array)) in batch.schema_ref().fields().iter().zip(batch.columns()).enumerate() {
            if index == VALUE {
                writers.next();
                self.values.write(array.as_binary(), compressor)?;
                continue;
            }
            for (leaf, writer) in compute_leaves(field, array)?.iter().zip(&mut writers) {
                writer.write(leaf)?;
            }
        }
        Ok(())
    }

    /// Appends the row group to the file.
    pub(crate) fn close(self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<(), ParquetError> {
        let value = file.schema_descr().column(VALUE);
        let mut group = file.next_row_group()?;
        let mut values = Some(self.values);
        for (leaf, column) in self.columns.into_iter().enumerate() {
            match values.take_if(|_| leaf == VALUE) {
                Some(values) => values.close(value.clone(), &mut group)?,
                None => column.close()?.append_to_row_group(&mut group)?,
            }
        }
        group.close()?;
        Ok(())
    }
}

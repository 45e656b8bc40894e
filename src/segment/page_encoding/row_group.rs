//! The columns of one row group under construction.

use std::io;

use crate::segment::page_encoding::column::{ColumnChunk, Packer};
use crate::segment::projection::typed::TypedColumn;
use crate::segment::rows::Chunk;
use crate::segment::schema::AUTHORITATIVE_LEAVES;

/// What all rows of a segment have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constants<'c> {
    pub(crate) topic: &'c str,
    pub(crate) partition: i32,
    pub(crate) epoch: i32,
}

/// A row group under construction.
pub(crate) struct RowGroup {
    pub(crate) rows: usize,
    authoritative: [ColumnChunk; AUTHORITATIVE_LEAVES],
    /// The columns of the rules, and `parse_error`.
    typed: Vec<ColumnChunk>,
}

impl RowGroup {
    /// A row group with `typed` columns besides the authoritative ones.
    pub(crate) fn new(typed: usize) -> RowGroup {
        RowGroup {
            rows: 0,
            authoritative: std::array::from_fn(|_| ColumnChunk::default()),
            typed: std::iter::repeat_with(ColumnChunk::default).take(typed).collect(),
        }
    }

    /// Adds a page of these rows to every column.
    pub(crate) fn write(
        &mut self,
        constants: Constants<'_>,
        chunk: &Chunk,
        typed: &[TypedColumn],
        packer: &mut Packer,
    ) -> io::Result<()> {
        let rows = chunk.len();
        let [
            topic,
            partition,
            epoch,
            offset,
            timestamp,
            timestamp_type,
            key,
            value,
            header_name,
            header_value,
            out_of_range,
        ] = &mut self.authoritative;
        topic.repeat_text(constants.topic, rows, packer)?;
        partition.few_int32(&vec![constants.partition; rows], packer)?;
        epoch.few_int32(&vec![constants.epoch; rows], packer)?;
        offset.increasing(&chunk.offsets, packer)?;
        timestamp.int64(&chunk.timestamps_ms, packer)?;
        timestamp_type.few_int32(&chunk.timestamp_types, packer)?;
        key.bytes(&[&chunk.keys.levels], &chunk.keys, packer)?;
        value.values(&chunk.values, packer)?;
        let starts = &chunk.header_starts;
        header_name.bytes(&[starts, &chunk.header_names.levels], &chunk.header_names, packer)?;
        header_value.bytes(&[starts, &chunk.header_values.levels], &chunk.header_values, packer)?;
        out_of_range.int64(&chunk.timestamps_out_of_range_ms, packer)?;
        for (column, cells) in self.typed.iter_mut().zip(typed) {
            match cells {
                TypedColumn::Text(texts) => column.bytes(&[&texts.levels], texts, packer)?,
                TypedColumn::Int64(numbers) => column.int64(numbers, packer)?,
                TypedColumn::Float64(numbers) => column.double(numbers, packer)?,
                TypedColumn::Bool(numbers) => column.boolean(numbers, packer)?,
            }
        }
        self.rows += rows;
        Ok(())
    }

    /// The columns in order.
    pub(crate) fn into_columns(self) -> impl Iterator<Item = ColumnChunk> {
        self.authoritative.into_iter().chain(self.typed)
    }
}

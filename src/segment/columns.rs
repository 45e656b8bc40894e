//! A decoded batch as records and typed cells, borrowed from it. The types of the columns are checked: the file is
//! untrusted.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType};
use arrow_array::{
    Array, BinaryViewArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};

use crate::record::position::{Epoch, TopicPartition};
use crate::record::record::{Header, Record, Timestamp};
use crate::segment::error::Unreadable;
use crate::segment::projection::cell::Cell;
use crate::segment::projection::rules::{ColumnType, Projection};
use crate::segment::rows::QUERIED_MS;
use crate::segment::schema::AUTHORITATIVE;

/// The authoritative columns of a batch.
pub(super) struct Columns<'b> {
    topics: &'b StringViewArray,
    partitions: &'b Int32Array,
    epochs: &'b Int32Array,
    offsets: &'b Int64Array,
    timestamps: &'b TimestampMillisecondArray,
    timestamp_types: &'b Int32Array,
    keys: &'b BinaryViewArray,
    values: &'b BinaryViewArray,
    headers: &'b ListArray,
    header_names: &'b BinaryViewArray,
    header_values: &'b BinaryViewArray,
    timestamps_out_of_range: &'b Int64Array,
}

impl<'b> Columns<'b> {
    pub(super) fn of(batch: &'b RecordBatch) -> Result<Columns<'b>, Unreadable> {
        Columns::find(batch).ok_or_else(|| Unreadable::Schema("a column was decoded to another type".into()))
    }

    fn find(batch: &'b RecordBatch) -> Option<Columns<'b>> {
        let column = |index: usize| batch.columns().get(index);
        let headers = column(8)?.as_list_opt()?;
        let header = headers.values().as_struct_opt()?;
        Some(Columns {
            topics: column(0)?.as_string_view_opt()?,
            partitions: column(1)?.as_primitive_opt::<Int32Type>()?,
            epochs: column(2)?.as_primitive_opt::<Int32Type>()?,
            offsets: column(3)?.as_primitive_opt::<Int64Type>()?,
            timestamps: column(4)?.as_primitive_opt::<TimestampMillisecondType>()?,
            timestamp_types: column(5)?.as_primitive_opt::<Int32Type>()?,
            keys: column(6)?.as_binary_view_opt()?,
            values: column(7)?.as_binary_view_opt()?,
            headers,
            header_names: header.columns().first()?.as_binary_view_opt()?,
            header_values: header.columns().get(1)?.as_binary_view_opt()?,
            timestamps_out_of_range: column(9)?.as_primitive_opt::<Int64Type>()?,
        })
    }

    /// The record of a row; `headers` is a buffer for its headers.
    #[inline]
    pub(super) fn record<'r>(&self, row: usize, headers: &'r mut Vec<Header<'b>>) -> Result<Record<'r>, &'static str>
    where
        'b: 'r,
    {
        headers.clear();
        let range = self.headers.value_offsets();
        for index in range[row] as usize..range[row + 1] as usize {
            headers.push(Header {
                name: self.header_names.value(index),
                value: nullable(self.header_values, index),
            });
        }
        let timestamp = self.timestamp(row)?;
        Ok(Record {
            offset: self.offsets.value(row),
            timestamp,
            key: nullable(self.keys, row),
            value: nullable(self.values, row),
            headers,
        })
    }

    #[inline]
    fn timestamp(&self, row: usize) -> Result<Timestamp, &'static str> {
        let queried = self.timestamps.is_valid(row).then(|| self.timestamps.value(row));
        let other = (self.timestamps_out_of_range.is_valid(row)).then(|| self.timestamps_out_of_range.value(row));
        if queried.is_some_and(|ms| !QUERIED_MS.contains(&ms)) || other.is_some_and(|ms| QUERIED_MS.contains(&ms)) {
            return Err("its timestamp is not in the column of its range");
        }
        // One of them is null, since no number is in both ranges; a second one would be a second time.
        let ms = match (queried, other) {
            (Some(_), Some(_)) => return Err("it has two timestamps"),
            (queried, other) => queried.or(other),
        };
        u8::try_from(self.timestamp_types.value(row))
            .ok()
            .and_then(|code| Timestamp::from_stored(code, ms))
            .ok_or("its timestamp and timestamp_type contradict each other")
    }

    /// The offset of a row.
    pub(super) fn offset(&self, row: usize) -> i64 {
        self.offsets.value(row)
    }

    /// Whether the row names this partition and epoch.
    #[inline]
    pub(super) fn belongs_to(&self, row: usize, partition: &TopicPartition, epoch: Epoch) -> bool {
        self.partitions.value(row) == partition.partition
            && i64::from(self.epochs.value(row)) == i64::from(epoch.0)
            && self.topics.value(row) == &*partition.topic
    }
}

#[inline]
fn nullable(array: &BinaryViewArray, index: usize) -> Option<&[u8]> {
    array.is_valid(index).then(|| array.value(index))
}

/// The typed columns of a batch, in the order of the rules, and `parse_error`.
pub(super) struct TypedColumns<'b> {
    columns: Vec<TypedColumn<'b>>,
    parse_errors: &'b StringViewArray,
}

enum TypedColumn<'b> {
    Text(&'b StringViewArray),
    /// Integers and decimals.
    Int64(&'b Int64Array),
    Float64(&'b Float64Array),
    Bool(&'b BooleanArray),
    TimestampUs(&'b TimestampMicrosecondArray),
}

impl<'b> TypedColumns<'b> {
    pub(super) fn of(batch: &'b RecordBatch, projection: &Projection) -> Result<TypedColumns<'b>, Unreadable> {
        TypedColumns::find(batch, projection)
            .ok_or_else(|| Unreadable::Schema("a typed column was decoded to another type".into()))
    }

    fn find(batch: &'b RecordBatch, projection: &Projection) -> Option<TypedColumns<'b>> {
        let mut arrays = batch.columns().iter().skip(AUTHORITATIVE);
        let mut columns = Vec::with_capacity(projection.rules().len());
        for rule in projection.rules() {
            let array = arrays.next()?;
            columns.push(match rule.column_type {
                ColumnType::String | ColumnType::Json => TypedColumn::Text(array.as_string_view_opt()?),
                ColumnType::Int64 | ColumnType::Decimal { .. } => {
                    TypedColumn::Int64(array.as_primitive_opt::<Int64Type>()?)
                }
                ColumnType::Float64 => TypedColumn::Float64(array.as_primitive_opt::<Float64Type>()?),
                ColumnType::Bool => TypedColumn::Bool(array.as_boolean_opt()?),
                ColumnType::TimestampUs => {
                    TypedColumn::TimestampUs(array.as_primitive_opt::<TimestampMicrosecondType>()?)
                }
            });
        }
        let parse_errors = arrays.next()?.as_string_view_opt()?;
        Some(TypedColumns { columns, parse_errors })
    }

    /// Whether typed column `index` has exactly this cell. Doubles are compared bit by bit.
    #[inline]
    pub(super) fn holds(&self, index: usize, row: usize, cell: Cell<'_>) -> bool {
        match (&self.columns[index], cell) {
            (TypedColumn::Text(array), cell) if array.is_valid(row) => cell == Cell::Text(array.value(row)),
            (TypedColumn::Int64(array), cell) if array.is_valid(row) => {
                matches!(cell, Cell::Int64(number) | Cell::Decimal(number) if number == array.value(row))
            }
            (TypedColumn::Bool(array), cell) if array.is_valid(row) => cell == Cell::Bool(array.value(row)),
            (TypedColumn::TimestampUs(array), cell) if array.is_valid(row) => {
                cell == Cell::TimestampUs(array.value(row))
            }
            (TypedColumn::Float64(array), cell) if array.is_valid(row) => {
                matches!(cell, Cell::Float64(float) if float.to_bits() == array.value(row).to_bits())
            }
            (_, cell) => cell == Cell::Null,
        }
    }

    /// The value of `parse_error`.
    #[inline]
    pub(super) fn parse_error(&self, row: usize) -> Option<&'b str> {
        self.parse_errors.is_valid(row).then(|| self.parse_errors.value(row))
    }
}

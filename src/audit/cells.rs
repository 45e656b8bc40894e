//! The values of one column, a few rows at a time: of a dictionary no value is copied, so that memory does not depend on how
//! often one is repeated.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{AsBytes, DataType, Int96};
use parquet::errors::ParquetError;

use crate::audit::columns::{CellKind, Unit};

/// Rows of byte strings that are held at a time, with their pages.
const BYTES_AT_ONCE: usize = 64;

/// A column of a row group.
pub(super) struct Cells {
    pub(super) reader: ColumnReader,
    pub(super) max_level: i16,
    pub(super) kind: CellKind,
    /// Whether each value can be as large as a page, or larger than its bytes.
    pub(super) has_large_values: bool,
}

impl Cells {
    /// The next `rows` numbers; of times, their milliseconds.
    pub(super) fn numbers(&mut self, rows: usize) -> Result<Vec<Option<i64>>, ParquetError> {
        let (level, unit) = (
            self.max_level,
            match self.kind {
                CellKind::Time(unit) => unit,
                CellKind::Integer | CellKind::Bytes | CellKind::Other => Unit::Millis,
            },
        );
        let mut numbers = Vec::with_capacity(rows);
        let scaled = |number: i64| match unit {
            Unit::Millis => number,
            Unit::Micros => number.div_euclid(1000),
            Unit::Nanos => number.div_euclid(1_000_000),
        };
        match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => {
                each(reader, rows, level, &mut |value| {
                    numbers.push(value.map(|value| i64::from(*value)));
                })?;
            }
            ColumnReader::Int64ColumnReader(reader) => {
                each(reader, rows, level, &mut |value| {
                    numbers.push(value.map(|value| scaled(*value)));
                })?;
            }
            ColumnReader::Int96ColumnReader(reader) => {
                each(reader, rows, level, &mut |value| {
                    numbers.push(value.map(Int96::to_millis));
                })?;
            }
            _ => return Err(general("a column has another type than its schema")),
        }
        Ok(numbers)
    }

    /// Calls `sink` with the next `rows` byte strings.
    pub(super) fn bytes(&mut self, rows: usize, sink: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), ParquetError> {
        let at_once = if self.has_large_values { 1 } else { BYTES_AT_ONCE };
        let mut left = rows;
        while left > 0 {
            let step = left.min(at_once);
            match &mut self.reader {
                ColumnReader::ByteArrayColumnReader(reader) => {
                    each(reader, step, self.max_level, &mut |value| {
                        sink(value.map(AsBytes::as_bytes));
                    })?;
                }
                ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                    each(reader, step, self.max_level, &mut |value| {
                        sink(value.map(AsBytes::as_bytes));
                    })?;
                }
                _ => return Err(general("a column has another type than its schema")),
            }
            left -= step;
        }
        Ok(())
    }
}

/// Calls `sink` with the next values, of which there must be as many as rows.
fn each<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    max_level: i16,
    sink: &mut dyn FnMut(Option<&T::T>),
) -> Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (read, ..) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    if read != rows || max_level > 0 && levels.len() != rows || max_level == 0 && values.len() != rows {
        return Err(general("a column has fewer rows than its row group"));
    }
    let mut values = values.iter();
    // Without levels nothing is null.
    levels.resize(rows, max_level);
    for level in levels {
        let is_null = level < max_level;
        let value = if is_null { None } else { values.next() };
        if !is_null && value.is_none() {
            return Err(general("a column has fewer values than its levels say"));
        }
        sink(value);
    }
    Ok(())
}

fn general(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

//! Builds the typed columns of a chunk as arrow arrays.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{Array, ArrayRef, BinaryArray};

use crate::segment::projection::cell::{Cell, Projector};
use crate::segment::projection::rules::{ColumnType, Rule};

/// The typed columns for `values` in the order of the rules, then `parse_error`.
pub(crate) fn typed_columns(projector: &mut Projector<'_>, rules: &[Rule], values: &BinaryArray) -> Vec<ArrayRef> {
    let mut columns: Vec<Column> = rules
        .iter()
        .map(|rule| Column::new(rule.column_type, values.len()))
        .collect();
    let mut errors = StringBuilder::new();
    for value in values {
        let error = projector.project(value, |index, cell| columns[index].push(cell));
        errors.append_option(error.map(super::cell::ParseError::name));
    }
    let errors: ArrayRef = Arc::new(errors.finish());
    columns.into_iter().map(Column::finish).chain([errors]).collect()
}

enum Column {
    Text(StringBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Bool(BooleanBuilder),
    TimestampUs(TimestampMicrosecondBuilder),
}

impl Column {
    fn new(column_type: ColumnType, rows: usize) -> Column {
        match column_type {
            ColumnType::String | ColumnType::Json => Column::Text(StringBuilder::with_capacity(rows, 0)),
            ColumnType::Int64 => Column::Int64(Int64Builder::with_capacity(rows)),
            ColumnType::Float64 => Column::Float64(Float64Builder::with_capacity(rows)),
            ColumnType::Bool => Column::Bool(BooleanBuilder::with_capacity(rows)),
            ColumnType::TimestampUs => Column::TimestampUs(TimestampMicrosecondBuilder::with_capacity(rows)),
        }
    }

    /// Appends a cell, which is of the column's type or null.
    #[inline]
    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Column::Text(column), Cell::Text(text)) => column.append_value(text),
            (Column::Int64(column), Cell::Int64(number)) => column.append_value(number),
            (Column::Float64(column), Cell::Float64(number)) => column.append_value(number),
            (Column::Bool(column), Cell::Bool(bool)) => column.append_value(bool),
            (Column::TimestampUs(column), Cell::TimestampUs(micros)) => column.append_value(micros),
            (Column::Text(column), _) => column.append_null(),
            (Column::Int64(column), _) => column.append_null(),
            (Column::Float64(column), _) => column.append_null(),
            (Column::Bool(column), _) => column.append_null(),
            (Column::TimestampUs(column), _) => column.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Column::Text(mut column) => Arc::new(column.finish()),
            Column::Int64(mut column) => Arc::new(column.finish()),
            Column::Float64(mut column) => Arc::new(column.finish()),
            Column::Bool(mut column) => Arc::new(column.finish()),
            Column::TimestampUs(mut column) => Arc::new(column.finish().with_timezone("UTC")),
        }
    }
}

//! Builds the typed columns of a chunk of rows.

use crate::segment::page_encoding::values::{ByteStrings, Numbers};
use crate::segment::projection::cell::{Cell, ParseError, Projector};
use crate::segment::projection::rules::{ColumnType, Rule};

/// The values of a typed column.
pub(crate) enum TypedColumn {
    Text(ByteStrings),
    /// Integers, decimals and times.
    Int64(Numbers<i64>),
    Float64(Numbers<f64>),
    Bool(Numbers<bool>),
}

/// The typed columns for `values` in the order of the rules, then `parse_error`.
pub(crate) fn typed_columns(projector: &mut Projector<'_>, rules: &[Rule], values: &ByteStrings) -> Vec<TypedColumn> {
    let mut columns: Vec<TypedColumn> = rules.iter().map(|rule| TypedColumn::new(rule.column_type)).collect();
    let mut errors = ByteStrings::default();
    for value in values.entries() {
        let error = projector.project(value, |index, cell| columns[index].push(cell));
        errors.push(error.map(ParseError::name).map(str::as_bytes));
    }
    columns.push(TypedColumn::Text(errors));
    columns
}

impl TypedColumn {
    fn new(column_type: ColumnType) -> TypedColumn {
        match column_type {
            ColumnType::String | ColumnType::Json => TypedColumn::Text(ByteStrings::default()),
            ColumnType::Int64 | ColumnType::Decimal { .. } | ColumnType::TimestampUs => {
                TypedColumn::Int64(Numbers::default())
            }
            ColumnType::Float64 => TypedColumn::Float64(Numbers::default()),
            ColumnType::Bool => TypedColumn::Bool(Numbers::default()),
        }
    }

    /// Appends a cell, which is of the column's type or null.
    #[inline]
    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (TypedColumn::Text(column), Cell::Text(text)) => column.push(Some(text.as_bytes())),
            (TypedColumn::Int64(column), Cell::Int64(number) | Cell::Decimal(number) | Cell::TimestampUs(number)) => {
                column.push(Some(number));
            }
            (TypedColumn::Float64(column), Cell::Float64(number)) => column.push(Some(number)),
            (TypedColumn::Bool(column), Cell::Bool(bool)) => column.push(Some(bool)),
            (TypedColumn::Text(column), _) => column.push(None),
            (TypedColumn::Int64(column), _) => column.push(None),
            (TypedColumn::Float64(column), _) => column.push(None),
            (TypedColumn::Bool(column), _) => column.push(None),
        }
    }
}

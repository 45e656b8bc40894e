//! The columns of a segment (FORMAT.md section 5): the authoritative ones, then the typed ones of the rules, then
//! `parse_error`. Writer and reader share this definition.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescriptor;

use crate::segment::projection::rules::{ColumnType, Projection};

/// The number of authoritative columns, which come before the typed ones.
pub(super) const AUTHORITATIVE: usize = 8;

/// The side that has the columns in memory. The Parquet schema is the same for both, except that the reader reads the
/// timestamp type with all its bits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// Byte strings are contiguous, as rows push them.
    Writer,
    /// Byte strings are views into decoded pages, so that reading copies nothing and a dictionary is not expanded. The
    /// timestamp type has 32 bits, so that 256 is not read as 0.
    Reader,
}

impl Side {
    fn utf8(self) -> DataType {
        match self {
            Side::Writer => DataType::Utf8,
            Side::Reader => DataType::Utf8View,
        }
    }

    fn binary(self) -> DataType {
        match self {
            Side::Writer => DataType::Binary,
            Side::Reader => DataType::BinaryView,
        }
    }

    fn timestamp_type(self) -> DataType {
        match self {
            Side::Writer => DataType::UInt8,
            Side::Reader => DataType::Int32,
        }
    }
}

/// The fields of one header.
pub(super) fn header_fields(side: Side) -> Fields {
    Fields::from(vec![
        Field::new("name", side.binary(), false),
        Field::new("value", side.binary(), true),
    ])
}

/// The element of the list `headers`.
pub(super) fn header_element(side: Side) -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(header_fields(side)), false))
}

/// The segment's columns in order.
pub(super) fn arrow_schema(projection: &Projection, side: Side) -> SchemaRef {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let mut fields = vec![
        Field::new("topic", side.utf8(), false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("timestamp", utc(TimeUnit::Millisecond), true),
        Field::new("timestamp_type", side.timestamp_type(), false),
        Field::new("key", side.binary(), true),
        Field::new("value", side.binary(), true),
        Field::new("headers", DataType::List(header_element(side)), false),
    ];
    for rule in projection.rules() {
        let data_type = match rule.column_type {
            ColumnType::String | ColumnType::Json => side.utf8(),
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Float64 => DataType::Float64,
            ColumnType::Bool => DataType::Boolean,
            ColumnType::TimestampUs => utc(TimeUnit::Microsecond),
        };
        fields.push(Field::new(&rule.column, data_type, true));
    }
    fields.push(Field::new("parse_error", side.utf8(), true));
    Arc::new(Schema::new(fields))
}

/// The Parquet schema of the columns.
pub(super) fn parquet_schema(projection: &Projection, side: Side) -> Result<SchemaDescriptor, ParquetError> {
    ArrowSchemaConverter::new().convert(&arrow_schema(projection, side))
}

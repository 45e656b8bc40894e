//! The columns of a segment: the authoritative ones, then the typed ones of the rules, then `parse_error`. The one
//! definition that writer and reader share; order, names and types are the format's. Never a value.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescriptor;

use crate::segment::projection::{ColumnType, Projection};

/// How many top-level columns stand before the typed ones.
pub(super) const AUTHORITATIVE: usize = 8;

/// How byte strings are held in memory; Parquet knows no difference.
#[derive(Debug, Clone, Copy)]
pub(super) enum Strings {
    /// One after the other: what the writer has.
    Joined,
    /// As views into decoded pages, so that reading copies nothing and a dictionary does not multiply.
    Views,
}

impl Strings {
    fn utf8(self) -> DataType {
        match self {
            Strings::Joined => DataType::Utf8,
            Strings::Views => DataType::Utf8View,
        }
    }

    fn binary(self) -> DataType {
        match self {
            Strings::Joined => DataType::Binary,
            Strings::Views => DataType::BinaryView,
        }
    }
}

/// The fields of one header.
pub(super) fn header_fields(strings: Strings) -> Fields {
    Fields::from(vec![
        Field::new("name", strings.binary(), false),
        Field::new("value", strings.binary(), true),
    ])
}

/// The element of the list `headers`.
pub(super) fn header_element(strings: Strings) -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(header_fields(strings)), false))
}

/// The segment's columns in order.
pub(super) fn arrow_schema(projection: &Projection, strings: Strings) -> SchemaRef {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let mut fields = vec![
        Field::new("topic", strings.utf8(), false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("timestamp", utc(TimeUnit::Millisecond), true),
        Field::new("timestamp_type", DataType::UInt8, false),
        Field::new("key", strings.binary(), true),
        Field::new("value", strings.binary(), true),
        Field::new("headers", DataType::List(header_element(strings)), false),
    ];
    for rule in projection.rules() {
        let data_type = match rule.column_type {
            ColumnType::String | ColumnType::Json => strings.utf8(),
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Float64 => DataType::Float64,
            ColumnType::Bool => DataType::Boolean,
            ColumnType::TimestampUs => utc(TimeUnit::Microsecond),
        };
        fields.push(Field::new(&rule.column, data_type, true));
    }
    fields.push(Field::new("parse_error", strings.utf8(), true));
    Arc::new(Schema::new(fields))
}

/// The same as Parquet has it.
pub(super) fn parquet_schema(projection: &Projection) -> Result<SchemaDescriptor, ParquetError> {
    ArrowSchemaConverter::new().convert(&arrow_schema(projection, Strings::Joined))
}

//! The columns of a segment (FORMAT.md section 7.3): the authoritative ones, then the typed ones of the rules, then
//! `parse_error`. Writer and reader share this definition.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::basic::{LogicalType, Repetition as ParquetRepetition, TimeUnit as ParquetUnit, Type as ParquetPhysical};
use parquet::errors::ParquetError;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use crate::segment::projection::rules::{ColumnType, Projection};

/// The number of authoritative columns, which come before the typed ones.
pub(super) const AUTHORITATIVE: usize = 10;
/// The number of leaf columns below them: `headers` has two.
pub(super) const AUTHORITATIVE_LEAVES: usize = 11;
/// The root of the schema.
pub(crate) const ROOT: &str = "schema";

/// How the bytes of a value stand in the file; the number is Parquet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Physical {
    Boolean = 0,
    Int32 = 1,
    Int64 = 2,
    Double = 5,
    ByteArray = 6,
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Annotation {
    None,
    Text,
    List,
    TimestampMs,
    TimestampUs,
    Decimal { precision: u8, scale: u8 },
}

/// How often an element stands in the one above it; the number is Parquet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repetition {
    Required = 0,
    Optional = 1,
    Repeated = 2,
}

/// An element of the schema below its root: a column, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) repetition: Repetition,
    /// None for a group.
    pub(crate) physical: Option<Physical>,
    pub(crate) annotation: Annotation,
    pub(crate) children: Vec<Element>,
}

/// A column that has values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The index of the column, or of the one that it is below.
    pub(crate) column: usize,
    pub(crate) path: Vec<String>,
    pub(crate) physical: Physical,
    pub(crate) repetition: Repetition,
    pub(crate) annotation: Annotation,
}

impl Leaf {
    /// Whether its chunks have statistics. Only of numbers with a sign, whose order every reader knows, and of `topic`, which
    /// is ASCII and has one value.
    pub(crate) fn has_statistics(&self) -> bool {
        matches!(self.physical, Physical::Int32 | Physical::Int64) || self.path == ["topic"]
    }
}

fn column(name: &str, repetition: Repetition, physical: Physical, annotation: Annotation) -> Element {
    Element {
        name: name.to_owned(),
        repetition,
        physical: Some(physical),
        annotation,
        children: Vec::new(),
    }
}

fn group(name: &str, repetition: Repetition, annotation: Annotation, children: Vec<Element>) -> Element {
    Element {
        name: name.to_owned(),
        repetition,
        physical: None,
        annotation,
        children,
    }
}

/// The columns in order.
pub(crate) fn elements(projection: &Projection) -> Vec<Element> {
    use Annotation::{Decimal, List, None, Text, TimestampMs, TimestampUs};
    use Physical::{Boolean, ByteArray, Double, Int32, Int64};
    use Repetition::{Optional, Repeated, Required};
    let header = vec![
        column("name", Required, ByteArray, None),
        column("value", Optional, ByteArray, None),
    ];
    let header = group("element", Required, None, header);
    let headers = group("list", Repeated, None, vec![header]);
    let mut elements = vec![
        column("topic", Required, ByteArray, Text),
        column("partition", Required, Int32, None),
        column("epoch", Required, Int32, None),
        column("offset", Required, Int64, None),
        column("timestamp", Optional, Int64, TimestampMs),
        column("timestamp_type", Required, Int32, None),
        column("key", Optional, ByteArray, None),
        column("value", Optional, ByteArray, None),
        group("headers", Required, List, vec![headers]),
        column("timestamp_out_of_range_ms", Optional, Int64, None),
    ];
    for rule in projection.rules() {
        let (physical, annotation) = match rule.column_type {
            ColumnType::String | ColumnType::Json => (ByteArray, Text),
            ColumnType::Int64 => (Int64, None),
            ColumnType::Decimal { precision, scale } => (Int64, Decimal { precision, scale }),
            ColumnType::Float64 => (Double, None),
            ColumnType::Bool => (Boolean, None),
            ColumnType::TimestampUs => (Int64, TimestampUs),
        };
        elements.push(column(&rule.column, Optional, physical, annotation));
    }
    elements.push(column("parse_error", Optional, ByteArray, Text));
    elements
}

/// The columns that have values, in order.
pub(crate) fn leaves(elements: &[Element]) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (column, element) in elements.iter().enumerate() {
        match element.physical {
            Some(physical) => leaves.push(Leaf {
                column,
                path: vec![element.name.clone()],
                physical,
                repetition: element.repetition,
                annotation: element.annotation,
            }),
            None => leaves.extend(self::leaves(&element.children).into_iter().map(|mut leaf| {
                leaf.column = column;
                leaf.path.insert(0, element.name.clone());
                leaf
            })),
        }
    }
    leaves
}

/// The Parquet schema that the Parquet library decodes by: a decimal is the integer that is stored.
pub(super) fn parquet_schema(projection: &Projection) -> Result<SchemaDescriptor, ParquetError> {
    let fields = parquet_types(&elements(projection))?;
    let root = Type::group_type_builder(ROOT).with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

fn parquet_types(elements: &[Element]) -> Result<Vec<TypePtr>, ParquetError> {
    elements
        .iter()
        .map(|element| parquet_type(element).map(Arc::new))
        .collect()
}

fn parquet_type(element: &Element) -> Result<Type, ParquetError> {
    let repetition = match element.repetition {
        Repetition::Required => ParquetRepetition::REQUIRED,
        Repetition::Optional => ParquetRepetition::OPTIONAL,
        Repetition::Repeated => ParquetRepetition::REPEATED,
    };
    let logical = match element.annotation {
        Annotation::Text => Some(LogicalType::String),
        Annotation::List => Some(LogicalType::List),
        Annotation::TimestampMs => Some(LogicalType::timestamp(true, ParquetUnit::MILLIS)),
        Annotation::TimestampUs => Some(LogicalType::timestamp(true, ParquetUnit::MICROS)),
        Annotation::Decimal { .. } | Annotation::None => None,
    };
    let physical = match element.physical {
        None => {
            return Type::group_type_builder(&element.name)
                .with_repetition(repetition)
                .with_logical_type(logical)
                .with_fields(parquet_types(&element.children)?)
                .build();
        }
        Some(Physical::Boolean) => ParquetPhysical::BOOLEAN,
        Some(Physical::Int32) => ParquetPhysical::INT32,
        Some(Physical::Int64) => ParquetPhysical::INT64,
        Some(Physical::Double) => ParquetPhysical::DOUBLE,
        Some(Physical::ByteArray) => ParquetPhysical::BYTE_ARRAY,
    };
    Type::primitive_type_builder(&element.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}

/// The columns as the reader has them in memory. Byte strings are views into decoded pages, so that reading copies nothing and
/// a dictionary is not expanded.
pub(super) fn arrow_schema(projection: &Projection) -> SchemaRef {
    Arc::new(Schema::new(
        elements(projection).iter().map(arrow_field).collect::<Fields>(),
    ))
}

fn arrow_field(element: &Element) -> Field {
    let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let data_type = match (element.physical, element.annotation) {
        (None, Annotation::List) => {
            let inner = element.children.iter().flat_map(|list| &list.children);
            inner
                .map(arrow_field)
                .next()
                .map_or(DataType::Null, |field| DataType::List(Arc::new(field)))
        }
        (None, _) => DataType::Struct(element.children.iter().map(arrow_field).collect()),
        (Some(_), Annotation::TimestampMs) => utc(TimeUnit::Millisecond),
        (Some(_), Annotation::TimestampUs) => utc(TimeUnit::Microsecond),
        (Some(Physical::ByteArray), Annotation::Text) => DataType::Utf8View,
        (Some(Physical::ByteArray), _) => DataType::BinaryView,
        (Some(Physical::Boolean), _) => DataType::Boolean,
        (Some(Physical::Int32), _) => DataType::Int32,
        (Some(Physical::Int64), _) => DataType::Int64,
        (Some(Physical::Double), _) => DataType::Float64,
    };
    Field::new(&element.name, data_type, element.repetition == Repetition::Optional)
}

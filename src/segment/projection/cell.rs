//! From a record's value to the cells of its typed columns. The archiver writes them, the verifier makes them again and
//! compares: one definition for both. Never decides whether a record is archived: every value is.

use std::borrow::Cow;

use crate::json::Value;
use crate::record::timestamp;
use crate::segment::projection::members::Members;
use crate::segment::projection::rules::{ColumnType, Projection};

/// Why a record's typed columns are null, or some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParseError {
    /// The value is not UTF-8.
    NotUtf8,
    /// The value is not JSON: RFC 8259, no name repeated, no lone surrogate, at most 127 levels.
    NotJson,
    /// The value is JSON, but no object.
    NotObject,
    /// A member is of another type than its rule says; the other columns stand.
    FieldType,
}

impl ParseError {
    /// As the column `parse_error` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ParseError::NotUtf8 => "not_utf8",
            ParseError::NotJson => "not_json",
            ParseError::NotObject => "not_object",
            ParseError::FieldType => "field_type",
        }
    }
}

/// What a typed column has for one record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Missing, null, or not of the column's type.
    Null,
    /// Of a `string` or `json` column.
    Text(&'a str),
    /// Of an `int64` column.
    Int64(i64),
    /// Of a `float64` column; never NaN or infinite.
    Float64(f64),
    /// Of a `bool` column.
    Bool(bool),
    /// Of a `timestamp_us` column: microseconds since the epoch.
    TimestampUs(i64),
}

/// Makes cells. Keeps what it learnt of the events' shape from value to value.
#[derive(Debug)]
pub struct Projector<'p> {
    projection: &'p Projection,
    members: Members<'p>,
}

impl<'p> Projector<'p> {
    /// A projector by these rules.
    #[must_use]
    pub fn new(projection: &'p Projection) -> Projector<'p> {
        Projector {
            projection,
            members: Members::new(projection),
        }
    }

    /// Gives `sink` the cell of each rule, in the rules' order, with the rule's index; then returns the record's
    /// `parse_error`.
    pub fn project(&mut self, value: Option<&[u8]>, mut sink: impl FnMut(usize, Cell<'_>)) -> Option<ParseError> {
        let found = match value {
            None => Err(None),
            Some(value) => find(&mut self.members, value).map_err(Some),
        };
        let rules = self.projection.rules();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                (0..rules.len()).for_each(|index| sink(index, Cell::Null));
                return error;
            }
        };
        let mut error = None;
        for (index, (rule, value)) in rules.iter().zip(found).enumerate() {
            let decoded = match value {
                Value::String(text) => text.decoded(),
                _ => Cow::Borrowed(""),
            };
            let cell = cell(rule.column_type, value, &decoded).unwrap_or_else(|| {
                error = Some(ParseError::FieldType);
                Cell::Null
            });
            sink(index, cell);
        }
        error
    }
}

fn find<'t>(members: &mut Members<'_>, value: &'t [u8]) -> Result<Vec<Value<'t>>, ParseError> {
    let text = std::str::from_utf8(value).map_err(|_| ParseError::NotUtf8)?;
    match members.find(text) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(ParseError::NotObject),
        Err(_) => Err(ParseError::NotJson),
    }
}

/// The cell of a member; `decoded` is what a string says. Nothing where it is not of the column's type.
#[inline]
fn cell<'a>(column_type: ColumnType, value: Value<'a>, decoded: &'a str) -> Option<Cell<'a>> {
    match (column_type, value) {
        (_, Value::Null) => Some(Cell::Null),
        (ColumnType::Json, value) => Some(Cell::Text(value.raw())),
        (ColumnType::String, Value::String(_)) => Some(Cell::Text(decoded)),
        (ColumnType::TimestampUs, Value::String(_)) => timestamp::parse(decoded.as_bytes()).map(Cell::TimestampUs),
        // A fraction or an exponent, even if nothing comes of it, is no integer's: Rust does not read it as one either.
        (ColumnType::Int64, Value::Number(number)) => number.parse().ok().map(Cell::Int64),
        // `-0` is the integer 0, and its double is 0, not -0.
        (ColumnType::Float64, Value::Number("-0")) => Some(Cell::Float64(0.0)),
        (ColumnType::Float64, Value::Number(number)) => {
            let float = number.parse().ok().filter(|float: &f64| float.is_finite());
            float.map(Cell::Float64)
        }
        (ColumnType::Bool, Value::Bool(bool)) => Some(Cell::Bool(bool)),
        _ => None,
    }
}

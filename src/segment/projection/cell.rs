//! Projects a record's value to the cells of its typed columns (FORMAT.md section 7.4). The archiver writes the cells, and the
//! verifier computes them again and compares.

use std::borrow::Cow;

use crate::json::Value;
use crate::record::timestamp;
use crate::segment::projection::members::Members;
use crate::segment::projection::rules::{ColumnType, Projection};

/// Why all or some typed columns of a record are null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParseError {
    /// The value is not UTF-8.
    NotUtf8,
    /// The value is not JSON: RFC 8259, no name repeated, no lone surrogate, at most 127 levels.
    NotJson,
    /// The value is JSON, but not an object.
    NotObject,
    /// A member has another type than its rule; other columns are not affected.
    FieldType,
}

impl ParseError {
    /// The value in the column `parse_error`.
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

/// A cell of a typed column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// The member is missing, null, or not of the column's type.
    Null,
    /// A cell of a `string` or `json` column.
    Text(&'a str),
    /// A cell of an `int64` column.
    Int64(i64),
    /// A cell of a `decimal(p,s)` column: the number times 10 to the power of s.
    Decimal(i64),
    /// A cell of a `float64` column; not NaN and not infinite.
    Float64(f64),
    /// A cell of a `bool` column.
    Bool(bool),
    /// A cell of a `timestamp_us` column: microseconds since the Unix epoch.
    TimestampUs(i64),
}

/// Projects values one after the other and keeps the shape of events between them, which changes no result.
#[derive(Debug)]
pub struct Projector<'p> {
    projection: &'p Projection,
    members: Members<'p>,
    misfits: Vec<u64>,
}

impl<'p> Projector<'p> {
    /// A projector for the rules of `projection`.
    #[must_use]
    pub fn new(projection: &'p Projection) -> Projector<'p> {
        Projector {
            projection,
            members: Members::new(projection),
            misfits: vec![0; projection.rules().len()],
        }
    }

    /// For each rule, how many members were not of its type, and are null for that.
    #[must_use]
    pub fn misfits(&self) -> &[u64] {
        &self.misfits
    }

    /// Calls `sink` with the index and the cell of each rule, in order; returns the record's `parse_error`.
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
                self.misfits[index] += 1;
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

/// The cell of a member; `decoded` is the content of a string. None if the member is not of the column's type.
#[inline]
fn cell<'a>(column_type: ColumnType, value: Value<'a>, decoded: &'a str) -> Option<Cell<'a>> {
    match (column_type, value) {
        (_, Value::Null) => Some(Cell::Null),
        (ColumnType::Json, value) => Some(Cell::Text(value.raw())),
        (ColumnType::String, Value::String(_)) => Some(Cell::Text(decoded)),
        (ColumnType::TimestampUs, Value::String(_)) => timestamp::parse(decoded.as_bytes()).map(Cell::TimestampUs),
        // A literal with a fraction or an exponent is not an integer, even if its value is; `parse` refuses it.
        (ColumnType::Int64, Value::Number(number)) => number.parse().ok().map(Cell::Int64),
        (ColumnType::Decimal { precision, scale }, Value::Number(number)) => {
            decimal(number, precision.into(), scale.into()).map(Cell::Decimal)
        }
        // `-0` is the integer 0, so its double is 0 and not -0.
        (ColumnType::Float64, Value::Number("-0")) => Some(Cell::Float64(0.0)),
        (ColumnType::Float64, Value::Number(number)) => {
            let float = number.parse().ok().filter(|float: &f64| float.is_finite());
            float.map(Cell::Float64)
        }
        (ColumnType::Bool, Value::Bool(bool)) => Some(Cell::Bool(bool)),
        _ => None,
    }
}

/// A JSON number as a whole number of its last decimal place. None with an exponent, more digits after the point than `scale`
/// (zeros too), or more before it than the rest of `precision`; a 0 before the point counts as none.
#[inline]
fn decimal(number: &str, precision: usize, scale: usize) -> Option<i64> {
    let (is_negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = if whole == "0" { "" } else { whole };
    if whole.len() > precision - scale || fraction.len() > scale {
        return None;
    }
    let mut value = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    value *= 10i64.pow((scale - fraction.len()) as u32);
    Some(if is_negative { -value } else { value })
}

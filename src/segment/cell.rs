//! From a record's value to the cells of its typed columns. The archiver writes them, the verifier makes them again and
//! compares: one definition for both. Never decides whether a record is archived: every value is.

use crate::segment::json::{Found, Scanner, Token};
use crate::segment::json_string::unescape_into;
use crate::segment::micros;
use crate::segment::projection::{ColumnType, Projection};

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

/// Makes cells. Keeps its buffers, and what it learnt of the events' shape, from value to value.
#[derive(Debug)]
pub struct Projector<'p> {
    projection: &'p Projection,
    scanner: Scanner<'p>,
    unescaped: String,
}

impl<'p> Projector<'p> {
    /// A projector by these rules.
    #[must_use]
    pub fn new(projection: &'p Projection) -> Projector<'p> {
        Projector {
            projection,
            scanner: Scanner::new(projection),
            unescaped: String::new(),
        }
    }

    /// Gives `sink` the cell of each rule, in the rules' order, with the rule's index; then returns the record's
    /// `parse_error`.
    pub fn project(&mut self, value: Option<&[u8]>, mut sink: impl FnMut(usize, Cell<'_>)) -> Option<ParseError> {
        let scanned = match value {
            None => Err(None),
            Some(value) => scan(&mut self.scanner, value).map_err(Some),
        };
        let rules = self.projection.rules();
        let (text, found) = match scanned {
            Ok(scanned) => scanned,
            Err(error) => {
                (0..rules.len()).for_each(|index| sink(index, Cell::Null));
                return error;
            }
        };
        let mut error = None;
        for (index, (rule, found)) in rules.iter().zip(found).enumerate() {
            let cell = if found.token == Token::Null {
                Cell::Null
            } else {
                cell(rule.column_type, text, *found, &mut self.unescaped).unwrap_or_else(|| {
                    error = Some(ParseError::FieldType);
                    Cell::Null
                })
            };
            sink(index, cell);
        }
        error
    }
}

fn scan<'s, 'v>(scanner: &'s mut Scanner<'_>, value: &'v [u8]) -> Result<(&'v str, &'s [Found]), ParseError> {
    let text = std::str::from_utf8(value).map_err(|_| ParseError::NotUtf8)?;
    match scanner.scan(text) {
        Ok((Token::Object, found)) => Ok((text, found)),
        Ok(_) => Err(ParseError::NotObject),
        Err(_) => Err(ParseError::NotJson),
    }
}

/// The cell of a member that is not null; nothing where it is not of the column's type.
#[inline]
fn cell<'a>(column_type: ColumnType, text: &'a str, found: Found, buffer: &'a mut String) -> Option<Cell<'a>> {
    let raw = text.get(found.start..found.end)?;
    match column_type {
        ColumnType::Json => Some(Cell::Text(raw)),
        ColumnType::String => string(raw, found.token, buffer).map(Cell::Text),
        ColumnType::TimestampUs => {
            let string = string(raw, found.token, buffer)?;
            micros::parse(string.as_bytes()).map(Cell::TimestampUs)
        }
        ColumnType::Int64 => match found.token {
            Token::Integer => raw.parse().ok().map(Cell::Int64),
            _ => None,
        },
        ColumnType::Float64 => float(raw, found.token).map(Cell::Float64),
        ColumnType::Bool => match found.token {
            Token::Bool(bool) => Some(Cell::Bool(bool)),
            _ => None,
        },
    }
}

#[inline]
fn string<'a>(raw: &'a str, token: Token, buffer: &'a mut String) -> Option<&'a str> {
    let inside = raw.get(1..raw.len().checked_sub(1)?);
    match token {
        Token::Plain => inside,
        Token::Escaped => {
            buffer.clear();
            unescape_into(inside?.as_bytes(), buffer);
            Some(buffer)
        }
        _ => None,
    }
}

fn float(raw: &str, token: Token) -> Option<f64> {
    match token {
        // `-0` is the integer 0, and its double is 0, not -0.
        Token::Integer if raw == "-0" => Some(0.0),
        Token::Integer | Token::Number => raw.parse().ok().filter(|float: &f64| float.is_finite()),
        _ => None,
    }
}

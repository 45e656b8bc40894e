//! A slow and simple projection, written from FORMAT.md alone. The tests compare the fast one with it.

use crate::record::timestamp;
use crate::segment::projection::cell::{Cell, ParseError};
use crate::segment::projection::rules::{ColumnType, Projection};

/// A JSON value as a tree, with the source text of each value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<(Json, String)>),
    Object(Vec<(String, Json, String)>),
}

/// A cell that owns its text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OwnedCell {
    Null,
    Text(String),
    Int64(i64),
    Decimal(i64),
    Float64(u64),
    Bool(bool),
    TimestampUs(i64),
}

impl From<Cell<'_>> for OwnedCell {
    fn from(cell: Cell<'_>) -> OwnedCell {
        match cell {
            Cell::Null => OwnedCell::Null,
            Cell::Text(text) => OwnedCell::Text(text.to_owned()),
            Cell::Int64(number) => OwnedCell::Int64(number),
            Cell::Decimal(number) => OwnedCell::Decimal(number),
            Cell::Float64(number) => OwnedCell::Float64(number.to_bits()),
            Cell::Bool(bool) => OwnedCell::Bool(bool),
            Cell::TimestampUs(micros) => OwnedCell::TimestampUs(micros),
        }
    }
}

pub(crate) fn project(projection: &Projection, value: Option<&[u8]>) -> (Vec<OwnedCell>, Option<ParseError>) {
    let nothing = vec![OwnedCell::Null; projection.rules().len()];
    let Some(value) = value else { return (nothing, None) };
    let Ok(text) = std::str::from_utf8(value) else {
        return (nothing, Some(ParseError::NotUtf8));
    };
    let Some(json) = parse(text) else {
        return (nothing, Some(ParseError::NotJson));
    };
    if !matches!(json, Json::Object(_)) {
        return (nothing, Some(ParseError::NotObject));
    }
    let mut error = None;
    let cells = projection.rules().iter().map(|rule| {
        let steps = rule.path[1..]
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"));
        let mut at = (json.clone(), text.to_owned());
        for step in steps {
            let Json::Object(members) = at.0 else {
                return OwnedCell::Null;
            };
            match members.into_iter().find(|(name, _, _)| *name == step) {
                Some((_, member, raw)) => at = (member, raw),
                None => return OwnedCell::Null,
            }
        }
        if at.0 == Json::Null {
            return OwnedCell::Null;
        }
        cell(rule.column_type, &at.0, &at.1).unwrap_or_else(|| {
            error = Some(ParseError::FieldType);
            OwnedCell::Null
        })
    });
    let cells = cells.collect();
    (cells, error)
}

fn cell(column_type: ColumnType, json: &Json, raw: &str) -> Option<OwnedCell> {
    match (column_type, json) {
        (ColumnType::Json, _) => Some(OwnedCell::Text(raw.to_owned())),
        (ColumnType::String, Json::String(string)) => Some(OwnedCell::Text(string.clone())),
        (ColumnType::Bool, Json::Bool(bool)) => Some(OwnedCell::Bool(*bool)),
        (ColumnType::TimestampUs, Json::String(string)) => {
            timestamp::parse(string.as_bytes()).map(OwnedCell::TimestampUs)
        }
        (ColumnType::Int64, Json::Number(number)) if !number.contains(['.', 'e', 'E']) => {
            number.parse().ok().map(OwnedCell::Int64)
        }
        (ColumnType::Decimal { precision, scale }, Json::Number(number)) if !number.contains(['e', 'E']) => {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let digits = whole.trim_start_matches(['-', '0']).len();
            let padded = format!("{whole}{fraction:0<width$}", width = scale as usize);
            let fits = fraction.len() <= scale as usize && digits + scale as usize <= precision as usize;
            fits.then(|| OwnedCell::Decimal(padded.parse().unwrap()))
        }
        (ColumnType::Float64, Json::Number(number)) => {
            let float: f64 = if number == "-0" { 0.0 } else { number.parse().unwrap() };
            float.is_finite().then(|| OwnedCell::Float64(float.to_bits()))
        }
        _ => None,
    }
}

/// Parses the whole text as one JSON value.
pub(crate) fn parse(text: &str) -> Option<Json> {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let json = value(&chars, &mut at, 0)?;
    (at == chars.len()).then_some(json.0)
}

fn space(chars: &[char], at: &mut usize) {
    while *at < chars.len() && [' ', '\t', '\n', '\r'].contains(&chars[*at]) {
        *at += 1;
    }
}

/// Parses a value with the white space around it; also returns the value's text without white space.
fn value(chars: &[char], at: &mut usize, open: usize) -> Option<(Json, String)> {
    space(chars, at);
    let start = *at;
    let json = match chars.get(*at)? {
        '{' | '[' if open == 127 => return None,
        '{' => object(chars, at, open + 1)?,
        '[' => array(chars, at, open + 1)?,
        '"' => Json::String(string(chars, at)?),
        _ => word(chars, at)?,
    };
    let raw = chars[start..*at].iter().collect();
    space(chars, at);
    Some((json, raw))
}

fn object(chars: &[char], at: &mut usize, open: usize) -> Option<Json> {
    let mut members: Vec<(String, Json, String)> = Vec::new();
    *at += 1;
    space(chars, at);
    if chars.get(*at)? == &'}' {
        *at += 1;
        return Some(Json::Object(members));
    }
    loop {
        space(chars, at);
        let name = string(chars, at)?;
        space(chars, at);
        if chars.get(*at)? != &':' || members.iter().any(|(known, _, _)| *known == name) {
            return None;
        }
        *at += 1;
        let (member, raw) = value(chars, at, open)?;
        members.push((name, member, raw));
        *at += 1;
        match chars.get(*at - 1)? {
            ',' => {}
            '}' => return Some(Json::Object(members)),
            _ => return None,
        }
    }
}

fn array(chars: &[char], at: &mut usize, open: usize) -> Option<Json> {
    let mut elements = Vec::new();
    *at += 1;
    space(chars, at);
    if chars.get(*at)? == &']' {
        *at += 1;
        return Some(Json::Array(elements));
    }
    loop {
        elements.push(value(chars, at, open)?);
        *at += 1;
        match chars.get(*at - 1)? {
            ',' => {}
            ']' => return Some(Json::Array(elements)),
            _ => return None,
        }
    }
}

fn string(chars: &[char], at: &mut usize) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    if chars.get(*at)? != &'"' {
        return None;
    }
    loop {
        *at += 1;
        let char = *chars.get(*at)?;
        match char {
            '"' => break,
            '\0'..='\u{1f}' => return None,
            '\\' => {
                *at += 1;
                let unit = match chars.get(*at)? {
                    'b' => 8,
                    'f' => 12,
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'u' => {
                        let digits: String = chars.get(*at + 1..*at + 5)?.iter().collect();
                        *at += 4;
                        if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
                            return None;
                        }
                        u16::from_str_radix(&digits, 16).ok()?
                    }
                    '"' => 34,
                    '\\' => 92,
                    '/' => 47,
                    _ => return None,
                };
                units.push(unit);
            }
            other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    *at += 1;
    String::from_utf16(&units).ok()
}

fn word(chars: &[char], at: &mut usize) -> Option<Json> {
    let start = *at;
    while *at < chars.len() && !" \t\n\r,:]}[{\"".contains(chars[*at]) {
        *at += 1;
    }
    let word: String = chars[start..*at].iter().collect();
    match word.as_str() {
        "null" => Some(Json::Null),
        "true" => Some(Json::Bool(true)),
        "false" => Some(Json::Bool(false)),
        _ => is_number(&word).then_some(Json::Number(word)),
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|char| char.is_ascii_digit());
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

//! The types of typed columns (FORMAT.md section 7.4), and their spelling in settings and footers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The type of a typed column. A member of another JSON type gives null and `field_type`; there is no coercion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ColumnType {
    /// A JSON string.
    String,
    /// An integer literal within i64.
    Int64,
    /// A number without an exponent, exact: at most `precision` digits, `scale` of them after the point.
    Decimal {
        /// From 1 to [`PRECISION_MAX`].
        precision: u8,
        /// At most `precision`.
        scale: u8,
    },
    /// A number; its nearest double.
    Float64,
    /// `true` or `false`.
    Bool,
    /// A string `YYYY-MM-DD[T ]hh:mm:ss[.digits][Z|±hh:mm]`, as microseconds since the epoch.
    TimestampUs,
    /// Any member, as its text in the value.
    Json,
}

/// The maximum number of digits of a decimal: any such number fits into 64 bits.
pub const PRECISION_MAX: u8 = 18;

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::String => f.write_str("string"),
            ColumnType::Int64 => f.write_str("int64"),
            ColumnType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            ColumnType::Float64 => f.write_str("float64"),
            ColumnType::Bool => f.write_str("bool"),
            ColumnType::TimestampUs => f.write_str("timestamp_us"),
            ColumnType::Json => f.write_str("json"),
        }
    }
}

impl From<ColumnType> for String {
    fn from(column_type: ColumnType) -> String {
        column_type.to_string()
    }
}

/// The text names no type of a typed column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a typed column's type is string, int64, decimal(p,s), float64, bool, timestamp_us or json, where p is 1 to \
     {PRECISION_MAX} and s at most p, not {0:?}"
)]
pub struct NotAType(String);

impl FromStr for ColumnType {
    type Err = NotAType;

    /// Reads exactly what [`ColumnType`] prints.
    fn from_str(text: &str) -> Result<ColumnType, NotAType> {
        let named = match text {
            "string" => Some(ColumnType::String),
            "int64" => Some(ColumnType::Int64),
            "float64" => Some(ColumnType::Float64),
            "bool" => Some(ColumnType::Bool),
            "timestamp_us" => Some(ColumnType::TimestampUs),
            "json" => Some(ColumnType::Json),
            other => decimal(other),
        };
        named
            .filter(|column_type| column_type.to_string() == text)
            .ok_or_else(|| NotAType(text.to_owned()))
    }
}

impl TryFrom<String> for ColumnType {
    type Error = NotAType;

    fn try_from(text: String) -> Result<ColumnType, NotAType> {
        text.parse()
    }
}

fn decimal(text: &str) -> Option<ColumnType> {
    let digits = text.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',')?;
    let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
    let possible = (1..=PRECISION_MAX).contains(&precision) && scale <= precision;
    possible.then_some(ColumnType::Decimal { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_text() {
        for text in [
            "string",
            "int64",
            "float64",
            "bool",
            "timestamp_us",
            "json",
            "decimal(1,0)",
            "decimal(1,1)",
            "decimal(18,2)",
            "decimal(18,18)",
        ] {
            assert_eq!(text.parse::<ColumnType>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "String",
            "int32",
            "decimal",
            "decimal()",
            "decimal(18)",
            "decimal(0,0)",
            "decimal(19,2)",
            "decimal(2,3)",
            "decimal(18,-1)",
            "decimal(18, 2)",
            "decimal(+18,2)",
            "decimal(018,2)",
            "decimal(18,02)",
            "decimal(18,2) ",
            "decimal(18,2,1)",
            "Decimal(18,2)",
            "decimal(256,2)",
        ] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }
}

//! What several tables of the settings hold, as written.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::json::column_type::ColumnType;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProjectionRule {
    /// The column's name.
    pub column: String,
    /// A JSON pointer (RFC 6901) into the value.
    pub path: String,
    /// `string`, `int64`, `decimal(p,s)`, `float64`, `bool`, `timestamp_us` or `json`.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// Properties whose values may be written as text, number or boolean; Kafka takes text.
pub(super) type RawProperties = BTreeMap<String, Scalar>;

#[derive(Debug)]
pub(super) struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a text, a whole number, true or false")]
        enum Written {
            Text(String),
            Whole(i64),
            Truth(bool),
        }
        Ok(Scalar(match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Whole(number) => number.to_string(),
            Written::Truth(truth) => truth.to_string(),
        }))
    }
}

//! Canonical JSON whatever its members, for notes of a type that this version does not know.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::json::canonical;

/// The most lists and objects that may be open at once (FORMAT.md section 0).
const DEPTH_MAX: usize = 32;

/// A JSON value that keeps the order of its members and has no number but integers within i64.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Document>),
    /// An object: its members in order, no name twice.
    Object(Vec<(String, Document)>),
}

impl Document {
    /// Reads a text that must be canonical JSON of one object, with the final newline.
    #[must_use]
    pub fn canonical_object(text: &str) -> Option<Document> {
        let value: Document = canonical::from_text(text).ok()?;
        let is_object = matches!(value, Document::Object(_));
        (is_object && value.depth() <= DEPTH_MAX).then_some(value)
    }

    /// The most lists and objects that are open at once.
    fn depth(&self) -> usize {
        match self {
            Document::List(values) => 1 + values.iter().map(Document::depth).max().unwrap_or(0),
            Document::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The member with this name; `None` if it is missing or this is no object.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Document> {
        let Document::Object(members) = self else { return None };
        members
            .iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The first member, if it is the string `type`.
    #[must_use]
    pub fn leading_type(&self) -> Option<&str> {
        match self {
            Document::Object(members) => match members.first() {
                Some((name, Document::Text(kind))) if name == "type" => Some(kind),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Document::Null => serializer.serialize_unit(),
            Document::Bool(value) => serializer.serialize_bool(*value),
            Document::Integer(value) => serializer.serialize_i64(*value),
            Document::Text(value) => serializer.serialize_str(value),
            Document::List(values) => serializer.collect_seq(values),
            Document::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canonical JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Document, E> {
        Ok(Document::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Document, E> {
        Ok(Document::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Document, E> {
        Ok(Document::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Document, E> {
        i64::try_from(value)
            .map(Document::Integer)
            .map_err(|_| E::custom("an integer is beyond i64"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Document, E> {
        Ok(Document::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Document, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Document::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        while let Some((name, value)) = map.next_entry::<String, Document>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom("a name occurs twice"));
            }
            members.push((name, value));
        }
        Ok(Document::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_objects_are_read() {
        let text = "{\"type\":\"x/v2\",\"a\":[1,-2,null,{\"b\":true}],\"c\":\"\\u0001ä\"}\n";
        let value = Document::canonical_object(text).unwrap();
        assert_eq!(value.leading_type(), Some("x/v2"));
        assert!(matches!(value.member("a"), Some(Document::List(values)) if values.len() == 4));
        for wrong in [
            "[]\n",
            "{}",
            "{ }\n",
            "{\"a\":1.0}\n",
            "{\"a\":1e3}\n",
            "{\"a\":-0}\n",
            "{\"a\":01}\n",
            "{\"a\":9223372036854775808}\n",
            "{\"a\":1,\"a\":2}\n",
            "{\"a\":\"\\u00e4\"}\n",
            "{\"a\":\"\\/\"}\n",
            "{\"a\":1}\n\n",
        ] {
            assert_eq!(Document::canonical_object(wrong), None, "{wrong}");
        }
    }
}

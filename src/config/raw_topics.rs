//! `topics` as written: a list of names, patterns and tables, or one text with commas, which is the only form in an environment
//! variable or a flag.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::raw_values::{RawProjectionRule, RawProperties};
use crate::config::units::{Size, Span};

#[derive(Debug)]
pub(super) struct RawTopics(pub Vec<RawTopic>);

/// A name or a pattern, with what is set for it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTopic {
    pub name: String,
    pub partitions: Option<i32>,
    pub replication_factor: Option<i32>,
    #[serde(default)]
    pub properties: RawProperties,
    #[serde(default)]
    pub exclude: Vec<String>,
    pub projection: Option<Vec<RawProjectionRule>>,
    pub seal_max_bytes: Option<Size>,
    pub seal_max_records: Option<u64>,
    pub seal_max_age: Option<Span>,
    pub seal_max_idle: Option<Span>,
    pub keep: Option<Span>,
    pub tolerate_loss: Option<bool>,
}

impl RawTopic {
    fn named(name: &str) -> RawTopic {
        RawTopic {
            name: name.trim().to_owned(),
            ..RawTopic::default()
        }
    }
}

impl<'de> Deserialize<'de> for RawTopics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawTopics, D::Error> {
        deserializer.deserialize_any(Topics)
    }
}

struct Topics;

impl<'de> Visitor<'de> for Topics {
    type Value = RawTopics;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, patterns and tables, or one text with commas between names")
    }

    fn visit_str<E>(self, text: &str) -> Result<RawTopics, E> {
        Ok(RawTopics(text.split(',').map(RawTopic::named).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawTopics, A::Error> {
        let mut topics = Vec::new();
        while let Some(Item(topic)) = items.next_element()? {
            topics.push(topic);
        }
        Ok(RawTopics(topics))
    }
}

/// One entry of the list.
struct Item(RawTopic);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        deserializer.deserialize_any(OneTopic).map(Item)
    }
}

/// By hand, because an untagged enum would not say which key of a table is unknown.
struct OneTopic;

impl<'de> Visitor<'de> for OneTopic {
    type Value = RawTopic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, a pattern or a table")
    }

    fn visit_str<E>(self, text: &str) -> Result<RawTopic, E> {
        Ok(RawTopic::named(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<RawTopic, A::Error> {
        RawTopic::deserialize(MapAccessDeserializer::new(table))
    }
}

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
    /// A name, or a pattern: `*` is any number of characters, `?` is one. Without the prefix.
    pub name: String,
    /// How many partitions `kivend topics create` gives the topic. Without it the topic is not created.
    pub partitions: Option<i32>,
    /// Its replicas, instead of `topic_defaults.replication_factor`.
    pub replication_factor: Option<i32>,
    /// Kafka's configuration of the topic, which overrides `topic_defaults.properties`.
    #[serde(default)]
    pub properties: RawProperties,
    /// Names and patterns that this pattern does not take.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Typed columns of these topics, instead of `archive.projection`. `[]` for none.
    pub projection: Option<Vec<RawProjectionRule>>,
    /// Instead of `archive.seal_max_bytes`.
    pub seal_max_bytes: Option<Size>,
    /// Instead of `archive.seal_max_records`.
    pub seal_max_records: Option<u64>,
    /// Instead of `archive.seal_max_age`.
    pub seal_max_age: Option<Span>,
    /// Instead of `archive.seal_max_idle`.
    pub seal_max_idle: Option<Span>,
    /// How long archived records are kept, for `kivend retention --kept`.
    pub keep: Option<Span>,
    /// Whether `kivend verify` accepts records that Kafka deleted before they were archived.
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

//! Validates `topics`: which topics are archived, which of them `kivend topics create` creates, and where events may go.

use std::collections::HashSet;
use std::time::Duration;

use crate::config::invalid::{Invalid, require};
use crate::config::projection_rule::ProjectionRule;
use crate::config::properties::Properties;
use crate::config::raw::{RawRouting, RawTopicDefaults};
use crate::config::raw_topics::RawTopic;
use crate::config::raw_values::{RawProjectionRule, RawProperties};
use crate::config::selection::{TopicOverrides, TopicRule};
use crate::config::settings::{RoutingRule, RoutingSettings, SEAL_MAX_BYTES_LIMIT, TopicSettings};
use crate::record::position::is_topic_name;
use crate::record::topic_pattern::TopicPattern;

const KEY: &str = "topics";

/// What `topics` says.
pub(super) struct Topics {
    /// Those with a number of partitions, in the order of the file: `kivend topics create` creates them.
    pub created: Vec<TopicSettings>,
    /// All entries.
    pub archived: Vec<TopicRule>,
}

impl Topics {
    /// Adds one entry; `name` is its name or pattern with the prefix.
    fn add(&mut self, name: String, prefix: &str, topic: RawTopic, defaults: &RawTopicDefaults) -> Result<(), Invalid> {
        let pattern = pattern(&name)?;
        self.created.extend(created(&name, &pattern, &topic, defaults)?);
        let exclude = topic
            .exclude
            .iter()
            .map(|excluded| self::pattern(&format!("{prefix}{excluded}")));
        self.archived.push(TopicRule {
            exclude: exclude.collect::<Result<_, _>>()?,
            overrides: overrides(&name, topic)?,
            pattern,
        });
        Ok(())
    }
}

pub(super) fn topics(written: Vec<RawTopic>, defaults: &RawTopicDefaults, prefix: &str) -> Result<Topics, Invalid> {
    require(!written.is_empty(), KEY, "at least one topic is needed")?;
    let mut names = HashSet::new();
    let mut topics = Topics {
        created: Vec::new(),
        archived: Vec::with_capacity(written.len()),
    };
    for (number, topic) in written.into_iter().enumerate() {
        let name = format!("{prefix}{}", topic.name);
        let is_first = names.insert(name.clone());
        let added = require(is_first, KEY, format!("the topic `{name}` is listed twice"))
            .and_then(|()| topics.add(name, prefix, topic, defaults));
        added.map_err(|invalid| invalid.at(number))?;
    }
    Ok(topics)
}

fn pattern(written: &str) -> Result<TopicPattern, Invalid> {
    TopicPattern::parse(written).ok_or_else(|| {
        Invalid::new(
            KEY,
            format!("`{written}` is neither a name that Kafka accepts nor a pattern with * and ?"),
        )
    })
}

/// What is needed to create the topic, if a number of partitions is given.
fn created(
    name: &str,
    pattern: &TopicPattern,
    topic: &RawTopic,
    defaults: &RawTopicDefaults,
) -> Result<Option<TopicSettings>, Invalid> {
    let Some(partitions) = topic.partitions else {
        let is_bare = topic.replication_factor.is_none() && topic.properties.is_empty();
        require(
            is_bare,
            KEY,
            format!(
                "topic `{name}`: replication_factor and properties are of topics that are created, which need partitions too"
            ),
        )?;
        return Ok(None);
    };
    require(
        pattern.name().is_some(),
        KEY,
        format!(
            "the pattern `{name}` creates no topic, so it has no partitions: name the topics to create in entries of their own"
        ),
    )?;
    require(
        partitions >= 1,
        KEY,
        format!("topic `{name}`: partitions must be at least 1"),
    )?;
    let replication_factor = topic.replication_factor.unwrap_or(defaults.replication_factor);
    require(
        (1..=i32::from(i16::MAX)).contains(&replication_factor),
        KEY,
        format!("topic `{name}`: replication_factor must be 1 to 32767"),
    )?;
    Ok(Some(TopicSettings {
        name: name.to_owned(),
        partitions,
        replication_factor,
        properties: properties(&defaults.properties).overridden_by(&properties(&topic.properties)),
    }))
}

fn overrides(name: &str, topic: RawTopic) -> Result<TopicOverrides, Invalid> {
    let seal_max_bytes = topic
        .seal_max_bytes
        .map(|size| usize::try_from(size.0).unwrap_or(usize::MAX));
    let of_size = seal_max_bytes.is_none_or(|bytes| (1..=SEAL_MAX_BYTES_LIMIT).contains(&bytes));
    require(
        of_size,
        KEY,
        format!("topic `{name}`: seal_max_bytes must be 1B to 128MiB"),
    )?;
    require(
        topic.seal_max_records != Some(0),
        KEY,
        format!("topic `{name}`: seal_max_records must be at least 1"),
    )?;
    let spans = [&topic.seal_max_age, &topic.seal_max_idle, &topic.keep];
    require(
        spans.into_iter().flatten().all(|span| span.0 > Duration::ZERO),
        KEY,
        format!("topic `{name}`: seal_max_age, seal_max_idle and keep must be longer than 0s"),
    )?;
    Ok(TopicOverrides {
        projection: topic.projection.map(projection),
        seal_max_bytes,
        seal_max_records: topic
            .seal_max_records
            .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        seal_max_age: topic.seal_max_age.map(|span| span.0),
        seal_max_idle: topic.seal_max_idle.map(|span| span.0),
        keep: topic.keep.map(|span| span.0),
        tolerate_loss: topic.tolerate_loss,
    })
}

/// Where events go. Only where each topic is created is it known which names are mistyped.
pub(super) fn routing(written: RawRouting, prefix: &str, topics: &Topics) -> Result<RoutingSettings, Invalid> {
    let full = |key: &'static str, name: &str| {
        let name = format!("{prefix}{name}");
        let known = topics.archived.iter().any(|rule| rule.pattern.matches(&name));
        require(
            is_topic_name(&name) && (known || topics.created.len() < topics.archived.len()),
            key,
            format!("events can only go to a topic in `topics`, not to `{name}`"),
        )?;
        Ok(name)
    };
    let mut seen = HashSet::new();
    let mut rules = Vec::with_capacity(written.rules.len());
    for (number, rule) in written.rules.into_iter().enumerate() {
        if let Some(event_type) = rule.event_types.iter().find(|known| !seen.insert((*known).clone())) {
            let reason = format!("the event type `{event_type}` can go to one topic only");
            return Err(Invalid::new("routing.rules", reason).at(number));
        }
        rules.push(RoutingRule {
            topic: full("routing.rules", &rule.topic).map_err(|invalid: Invalid| invalid.at(number))?,
            event_types: rule.event_types,
        });
    }
    Ok(RoutingSettings {
        default: full("routing.default", &written.default)?,
        rules,
    })
}

pub(super) fn projection(written: Vec<RawProjectionRule>) -> Vec<ProjectionRule> {
    let rule = |rule: RawProjectionRule| ProjectionRule {
        column: rule.column,
        path: rule.path,
        column_type: rule.column_type,
    };
    written.into_iter().map(rule).collect()
}

pub(super) fn properties(written: &RawProperties) -> Properties {
    written
        .iter()
        .map(|(name, value)| (name.clone(), value.0.clone()))
        .collect()
}

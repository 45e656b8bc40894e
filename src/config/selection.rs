//! Which topics are archived: names, and patterns with exceptions. The settings of one topic come from the entry with its
//! name, else from the first entry whose pattern matches it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::projection_rule::ProjectionRule;
use crate::record::topic_pattern::TopicPattern;

/// The beginning of the names of Kafka's internal topics, and of topics that kivend creates for a moment.
const INTERNAL: &str = "__";

/// The topics that are archived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSelection {
    rules: Vec<TopicRule>,
    /// Topics of kivend itself, which no pattern takes: to archive a copy of the checkpoints would change them.
    own: Vec<String>,
}

/// One entry of `topics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRule {
    /// The name or the pattern, with the prefix.
    pub pattern: TopicPattern,
    /// What the pattern does not take, with the prefix.
    pub exclude: Vec<TopicPattern>,
    /// Settings of these topics that differ from those of all.
    pub overrides: TopicOverrides,
}

/// Settings of some topics; what is `None` is as for all topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicOverrides {
    /// `archive.projection`
    pub projection: Option<Vec<ProjectionRule>>,
    /// `archive.seal_max_bytes`
    pub seal_max_bytes: Option<usize>,
    /// `archive.seal_max_records`
    pub seal_max_records: Option<usize>,
    /// `archive.seal_max_age`
    pub seal_max_age: Option<Duration>,
    /// `archive.seal_max_idle`
    pub seal_max_idle: Option<Duration>,
    /// How long archived records are kept: see `kivend retention --kept`.
    pub keep: Option<Duration>,
    /// Whether verification accepts records that Kafka deleted before they were archived.
    pub tolerate_loss: Option<bool>,
}

impl TopicSelection {
    pub(super) fn new(rules: Vec<TopicRule>, own: Vec<String>) -> TopicSelection {
        TopicSelection { rules, own }
    }

    /// These topics and no others.
    #[must_use]
    pub fn of_names(names: &[&str]) -> TopicSelection {
        let rule = |pattern| TopicRule {
            pattern,
            exclude: Vec::new(),
            overrides: TopicOverrides::default(),
        };
        let patterns = names.iter().filter_map(|name| TopicPattern::parse(name));
        TopicSelection::new(patterns.map(rule).collect(), Vec::new())
    }

    /// The entries, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[TopicRule] {
        &self.rules
    }

    /// The topics that are named, in the order of the file. They are archived whether they exist or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| rule.pattern.name())
    }

    /// Whether a topic is named.
    #[must_use]
    pub fn is_named(&self, topic: &str) -> bool {
        self.names().any(|name| name == topic)
    }

    /// Whether there are patterns, so that only the cluster knows all topics.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        self.rules.iter().any(|rule| rule.pattern.name().is_none())
    }

    /// The number of the entry that decides about the topic; `None` if the topic is not archived.
    #[must_use]
    pub fn rule_of(&self, topic: &str) -> Option<usize> {
        let is_name = |rule: &TopicRule| rule.pattern.name() == Some(topic);
        if let Some(named) = self.rules.iter().position(is_name) {
            return Some(named);
        }
        if topic.starts_with(INTERNAL) || self.own.iter().any(|own| own == topic) {
            return None;
        }
        let takes = |rule: &TopicRule| {
            let is_excluded = rule.exclude.iter().any(|excluded| excluded.matches(topic));
            rule.pattern.matches(topic) && !is_excluded
        };
        self.rules.iter().position(takes)
    }

    /// Whether the topic is archived.
    #[must_use]
    pub fn takes(&self, topic: &str) -> bool {
        self.rule_of(topic).is_some()
    }

    /// The settings of this topic that differ from those of all.
    #[must_use]
    pub fn overrides(&self, topic: &str) -> TopicOverrides {
        let rule = self.rule_of(topic).and_then(|number| self.rules.get(number));
        rule.map_or_else(TopicOverrides::default, |rule| rule.overrides.clone())
    }

    /// The topics to archive where these exist: the named ones, and those that a pattern takes.
    #[must_use]
    pub fn among<'t>(&self, existing: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
        let taken = existing.filter(|topic| self.takes(topic)).map(str::to_owned);
        taken.chain(self.names().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, exclude: &[&str], keep_s: u64) -> TopicRule {
        let parse = |written: &&str| TopicPattern::parse(written).unwrap();
        TopicRule {
            pattern: parse(&pattern),
            exclude: exclude.iter().map(parse).collect(),
            overrides: TopicOverrides {
                keep: Some(Duration::from_secs(keep_s)),
                ..TopicOverrides::default()
            },
        }
    }

    fn keep_s(selection: &TopicSelection, topic: &str) -> Option<u64> {
        selection.overrides(topic).keep.map(|keep| keep.as_secs())
    }

    #[test]
    fn a_name_decides_before_any_pattern_and_of_patterns_the_first() {
        let rules = vec![
            rule("orders.*", &["*.tmp"], 1),
            rule("*", &["audit"], 2),
            rule("orders.eu", &[], 3),
        ];
        let selection = TopicSelection::new(rules, vec!["kivend-checkpoints".to_owned()]);
        assert_eq!(keep_s(&selection, "orders.us"), Some(1));
        assert_eq!(keep_s(&selection, "orders.eu"), Some(3));
        // What one pattern excludes, a later one may take.
        assert_eq!(keep_s(&selection, "orders.tmp"), Some(2));
        assert!(!selection.takes("audit"));
    }

    #[test]
    fn internal_topics_and_those_of_kivend_are_archived_only_if_they_are_named() {
        let selection = TopicSelection::new(vec![rule("*", &[], 1)], vec!["kivend-checkpoints".to_owned()]);
        assert!(selection.takes("payments"));
        assert!(!selection.takes("__consumer_offsets") && !selection.takes("kivend-checkpoints"));
        let named = TopicSelection::new(vec![rule("*", &[], 1), rule("__consumer_offsets", &[], 2)], Vec::new());
        assert!(named.takes("__consumer_offsets"));
    }

    #[test]
    fn a_named_topic_is_awaited_and_a_matching_one_is_found() {
        let selection = TopicSelection::new(vec![rule("orders.*", &[], 1), rule("payments", &[], 2)], Vec::new());
        let found = selection.among(["orders.eu", "users", "__orders.x"].into_iter());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["orders.eu", "payments"]);
    }
}

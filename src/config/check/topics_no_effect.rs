//! Entries of `topics` that take no topic, exceptions that except none, and rules of routing that no event follows.

use crate::config::check::problem::NoEffect;
use crate::config::selection::TopicRule;
use crate::config::settings::Settings;

pub(super) fn topics_no_effect(settings: &Settings) -> Vec<NoEffect> {
    let rules = settings.archived.rules();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        match untaken(rule, &rules[..number]) {
            Some(why) => found.push(of_entry(number, None, why)),
            None => found.extend(exceptions(number, rule, rules)),
        }
        found.extend(idle_after_age(number, rule, settings));
    }
    found.extend(routing(settings));
    found
}

fn of_entry(number: usize, member: Option<&str>, message: String) -> NoEffect {
    let parts = ["topics".to_owned(), number.to_string()];
    NoEffect {
        path: parts.into_iter().chain(member.map(str::to_owned)).collect(),
        message,
    }
}

/// Why the entry takes no topic, if that is so. What is named is always taken.
fn untaken(rule: &TopicRule, before: &[TopicRule]) -> Option<String> {
    let pattern = &rule.pattern;
    if pattern.name().is_some() {
        return None;
    }
    if pattern.as_str().starts_with("__") {
        return Some(format!(
            "internal topics are archived only if they are named, not by the pattern `{pattern}`"
        ));
    }
    if let Some(excluded) = rule.exclude.iter().find(|excluded| excluded.covers(pattern)) {
        return Some(format!("it excludes everything that it takes, by `{excluded}`"));
    }
    let takes_all = |earlier: &&TopicRule| {
        let excepts = earlier.exclude.iter().any(|excluded| excluded.overlaps(pattern));
        earlier.pattern.covers(pattern) && !excepts
    };
    let earlier = before
        .iter()
        .filter(|earlier| earlier.pattern.name().is_none())
        .find(takes_all)?;
    Some(format!(
        "an earlier entry takes all its topics: put this one, `{pattern}`, before `{}`",
        earlier.pattern
    ))
}

/// Exceptions that except no topic.
fn exceptions(number: usize, rule: &TopicRule, rules: &[TopicRule]) -> Vec<NoEffect> {
    let mut found = Vec::new();
    for excluded in &rule.exclude {
        let is_named = excluded
            .name()
            .is_some_and(|name| rules.iter().any(|other| other.pattern.name() == Some(name)));
        let why = if rule.pattern.name().is_some() {
            "an entry with a name takes that topic alone"
        } else if !excluded.overlaps(&rule.pattern) {
            "the entry's pattern takes no such topic"
        } else if is_named {
            "another entry names this topic, so it is archived"
        } else {
            continue;
        };
        let message = format!("{why}: `{}` without `{excluded}`", rule.pattern);
        found.push(of_entry(number, Some("exclude"), message));
    }
    found
}

/// A time of idleness that the greatest age always precedes.
fn idle_after_age(number: usize, rule: &TopicRule, settings: &Settings) -> Option<NoEffect> {
    let idle = rule.overrides.seal_max_idle?;
    let age = rule.overrides.seal_max_age.unwrap_or(settings.archive.seal_max_age);
    let why = "seal_max_age of these topics is not longer, so a segment is always sealed by its age first";
    (idle >= age).then(|| of_entry(number, Some("seal_max_idle"), why.to_owned()))
}

fn routing(settings: &Settings) -> Vec<NoEffect> {
    let of_rule = |number: usize, message: String| NoEffect {
        path: ["routing", "rules"]
            .map(str::to_owned)
            .into_iter()
            .chain([number.to_string()])
            .collect(),
        message,
    };
    let mut found = Vec::new();
    for (number, rule) in settings.routing.rules.iter().enumerate() {
        if rule.event_types.is_empty() {
            found.push(of_rule(number, "the rule names no event types".to_owned()));
        }
        let wild = rule
            .event_types
            .iter()
            .find(|event_type| event_type.contains(['*', '?']));
        if let Some(event_type) = wild {
            let why = "an event type is compared as it is, and * and ? have no meaning in it";
            found.push(of_rule(number, format!("{why}: `{event_type}`")));
        }
        if rule.topic == settings.routing.default {
            let why = "event types without a rule go to this topic anyway, by routing.default";
            found.push(of_rule(number, format!("{why}: `{}`", rule.topic)));
        }
    }
    found
}

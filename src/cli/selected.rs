//! The arguments that select archived records: topics, a partition, times.

use clap::ValueEnum;

use crate::app::restore::{Axis, Span};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::time_range::require_range;
use crate::cli::when::When;
use crate::config::Settings;
use crate::record::topic_pattern::TopicPattern;

/// Topics, a partition, times.
#[derive(Debug, clap::Args)]
pub struct SelectedArgs {
    /// Only these topics: names, or patterns with * and ?; may be repeated
    #[arg(long = "topic", value_name = "TOPIC", value_parser = pattern)]
    topics: Vec<TopicPattern>,
    /// Only this partition of each
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// Only records with this time or a later one
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Only records with an earlier time
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
    /// The times that --since and --until are about
    #[arg(long, value_name = "KIND", default_value = "record")]
    time: Times,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Times {
    /// Those of the records
    Record,
    /// Those at which they were archived
    Archived,
}

fn pattern(text: &str) -> Result<TopicPattern, String> {
    TopicPattern::parse(text).ok_or_else(|| "expected a topic, or a pattern with * and ?".to_owned())
}

impl SelectedArgs {
    /// Whether nothing is selected: everything is meant.
    pub fn is_everything(&self) -> bool {
        self.topics.is_empty() && self.partition.is_none() && self.since.is_none() && self.until.is_none()
    }

    /// The topics by their full names. A pattern may be written without the configured prefix, as a name may.
    pub fn topics(&self, settings: &Settings) -> Vec<TopicPattern> {
        let in_full = |topic: &TopicPattern| {
            let written = match topic.name() {
                Some(name) => settings.topic_name(name),
                None if topic.as_str().starts_with(&settings.topic_prefix) => topic.to_string(),
                None => format!("{}{topic}", settings.topic_prefix),
            };
            TopicPattern::parse(&written).unwrap_or_else(|| topic.clone())
        };
        self.topics.iter().map(in_full).collect()
    }

    /// The partition of each.
    pub fn partition(&self) -> Option<i32> {
        self.partition
    }

    /// The times.
    pub fn span(&self, context: &Context) -> Result<Span, Failure> {
        let ms = |when: When| when.resolve(context.clock().wall()).as_millisecond();
        let span = Span {
            axis: match self.time {
                Times::Record => Axis::Record,
                Times::Archived => Axis::Archived,
            },
            since_ms: self.since.map(ms),
            until_ms: self.until.map(ms),
        };
        require_range(span.since_ms, span.until_ms)?;
        Ok(span)
    }
}

//! What a restore is asked to do.

use std::path::PathBuf;

use crate::app::restore::naming::Naming;
use crate::app::restore::pace::Rate;
use crate::config::{LEDGERS, Properties, Settings, TopicSelection, TopicSettings};
use crate::log::link::Link;
use crate::record::topic_pattern::TopicPattern;

/// Which time bounds are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The time of the record.
    Record,
    /// The time at which the record's segment was sealed.
    Archived,
}

/// The records between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which times.
    pub axis: Axis,
    /// From this time on, in ms since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Before this time.
    pub until_ms: Option<i64>,
}

impl Span {
    /// Whether a segment may have such records, by its link.
    #[must_use]
    pub fn may_cover(&self, link: &Link) -> bool {
        match self.axis {
            Axis::Archived => self.holds(Some(link.sealed_at.unix().saturating_mul(1_000))),
            Axis::Record => {
                let late_enough = |since| link.max_timestamp_ms.is_some_and(|max| max >= since);
                let early_enough = |until| link.min_timestamp_ms.is_some_and(|min| min < until);
                self.since_ms.is_none_or(late_enough) && self.until_ms.is_none_or(early_enough)
            }
        }
    }

    /// Whether a record of a segment that may have such records is one.
    #[inline]
    #[must_use]
    pub fn covers(&self, timestamp_ms: Option<i64>) -> bool {
        self.axis == Axis::Archived || self.holds(timestamp_ms)
    }

    fn holds(&self, ms: Option<i64>) -> bool {
        match ms {
            Some(ms) => self.since_ms.is_none_or(|since| ms >= since) && self.until_ms.is_none_or(|until| ms < until),
            None => self.since_ms.is_none() && self.until_ms.is_none(),
        }
    }

    /// As the ledger names it: a run continues an earlier one only with the same bounds.
    #[must_use]
    pub fn name(&self) -> String {
        let shown = |ms: Option<i64>| ms.map_or(String::new(), |ms| format!("{ms} ms"));
        let axis = match self.axis {
            _ if self.since_ms.is_none() && self.until_ms.is_none() => return "all".to_owned(),
            Axis::Record => "record",
            Axis::Archived => "archived",
        };
        format!("{axis} time {}..{}", shown(self.since_ms), shown(self.until_ms))
    }
}

/// What the user allows although it may double or lose records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Targets that have records of others.
    pub nonempty: bool,
    /// Targets that this archive archives.
    pub archived: bool,
    /// To set the retention of a target that would delete restored records to no limit.
    pub lifting: bool,
}

/// How missing targets are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// The number of replicas.
    pub replication_factor: i32,
    /// Topic configurations that the user gave.
    pub properties: Properties,
    /// Topics whose configurations the settings know.
    pub configured: Vec<TopicSettings>,
}

/// What is done where a segment does not hold what its link signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The restore fails.
    Refused,
    /// Its records are left out.
    Skipped,
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Records are sent.
    Restore,
    /// What would happen is found out.
    DryRun,
}

/// The compacted topic with the progress of restores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPlace {
    /// The topic's name.
    pub topic: String,
    /// The replication factor with which the topic is created.
    pub replication_factor: i32,
}

impl LedgerPlace {
    /// The ledger for these settings.
    #[must_use]
    pub fn of(settings: &Settings) -> LedgerPlace {
        let factors = settings.topics.iter().map(|topic| topic.replication_factor);
        LedgerPlace {
            topic: format!("{}{}", settings.topic_prefix, LEDGERS[1]),
            replication_factor: factors.max().unwrap_or(settings.default_replication_factor),
        }
    }
}

/// A restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The archived topics; all if empty.
    pub topics: Vec<TopicPattern>,
    /// Only this partition of each.
    pub partition: Option<i32>,
    /// Which records.
    pub span: Span,
    /// The target topics.
    pub naming: Naming,
    /// What the settings archive.
    pub archived: TopicSelection,
    /// What is allowed.
    pub allowed: Allowed,
    /// What is done with damaged segments.
    pub damage: Damage,
    /// How missing targets are created.
    pub creation: Creation,
    /// Where progress is kept.
    pub ledger: LedgerPlace,
    /// The consumer groups, by pattern, whose offsets are translated and committed.
    pub groups: Vec<String>,
    /// The limit of speed.
    pub rate: Option<Rate>,
    /// Where refused records are named.
    pub rejects: Option<PathBuf>,
    /// Whether anything is changed.
    pub mode: Mode,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(axis: Axis, until_ms: i64) -> Span {
        Span {
            axis,
            since_ms: None,
            until_ms: Some(until_ms),
        }
    }

    #[test]
    fn a_record_at_the_end_of_the_range_is_not_in_it_and_one_without_a_time_is_in_no_range() {
        let span = until(Axis::Record, 1_000);
        assert!(span.covers(Some(999)) && !span.covers(Some(1_000)) && !span.covers(None));
        assert!(until(Axis::Archived, 1_000).covers(Some(5_000)));
    }

    #[test]
    fn a_range_has_one_name() {
        assert_eq!(until(Axis::Record, 60_000).name(), "record time ..60000 ms");
        let all = Span {
            axis: Axis::Record,
            since_ms: None,
            until_ms: None,
        };
        assert_eq!(all.name(), "all");
    }
}

//! The topics that records are restored to, and what is refused before one is sent: each run sends all records, so that a
//! target that is not empty would have them twice, and a target with a retention may delete them at once.

use serde::Serialize;

use crate::config::{KafkaSettings, TopicSelection};
use crate::error::Kind;
use crate::kafka::cluster::Cluster;
use crate::kafka::error::KafkaError;
use crate::kafka::topic_limits::TopicLimits;
use crate::kafka::topics::Topics;
use crate::log::link::Link;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;

/// The topics to which records are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// All records to this topic.
    Topic(String),
    /// The records of each topic to the topic with another prefix.
    Prefix {
        /// The prefix of archived topics, which is taken away where a name has it.
        own: String,
        /// The prefix of the target topics.
        new: String,
    },
}

impl Naming {
    /// The target of a topic.
    #[must_use]
    pub fn target(&self, topic: &str) -> String {
        match self {
            Naming::Topic(name) => name.clone(),
            Naming::Prefix { own, new } => format!("{new}{}", topic.strip_prefix(own.as_str()).unwrap_or(topic)),
        }
    }
}

/// What the user allows although it may double or lose records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Targets that have records.
    pub nonempty: bool,
    /// Targets that this archive archives.
    pub archived: bool,
    /// To set the retention of a target that would delete restored records to no limit.
    pub lifting: bool,
}

/// A restore that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// The targets.
    pub naming: Naming,
    /// The topics that the settings archive.
    pub archived: TopicSelection,
    /// What is allowed.
    pub allowed: Allowed,
}

/// A topic whose retention was set to no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifted {
    /// The target topic.
    pub topic: String,
    /// Its retention before, in ms.
    pub retention_ms: i64,
}

/// An archived partition that is to be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The partition.
    pub partition: TopicPartition,
    /// Its segments with records to restore.
    pub segments: Vec<Span>,
}

/// What a link says of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The number of its records.
    pub records: u64,
    /// The lowest time of a record; none if no record has one.
    pub min_timestamp_ms: Option<i64>,
}

impl Span {
    /// Of this link.
    #[must_use]
    pub fn of(link: &Link) -> Span {
        Span {
            records: link.record_count,
            min_timestamp_ms: link.min_timestamp_ms,
        }
    }
}

/// A target topic that records may be sent to.
pub(super) struct Target {
    pub name: String,
    /// `None` if Kafka does not tell.
    pub limits: Option<TopicLimits>,
}

/// Checks the targets of a restore.
pub(super) struct Targets<'a> {
    pub restore: &'a Restore,
    pub topics: Topics,
    /// Sees records of open transactions too.
    pub uncommitted: Cluster,
}

impl<'a> Targets<'a> {
    pub fn connect(settings: &KafkaSettings, restore: &'a Restore) -> Result<Targets<'a>, KafkaError> {
        Ok(Targets {
            restore,
            topics: Topics::connect(settings)?,
            uncommitted: Cluster::connect_uncommitted(settings)?,
        })
    }

    /// The target of these partitions of one topic, which have records. Changes nothing.
    ///
    /// # Errors
    /// `Config` if the target is missing, too narrow, archived or not empty.
    pub fn require(&self, topic: &str, wanted: &[&Wanted]) -> Result<Target, AppError> {
        let name = self.restore.naming.target(topic);
        let allowed = self.restore.allowed;
        if !allowed.archived && (self.restore.archived.takes(&name) || name == topic) {
            return Err(AppError::config(format!(
                "the target topic is archived by this archive, which would archive its records a second time topic=`{name}`"
            ))
            .fix("restore to another topic with --to-topic or --to-prefix, or allow it with --into-archived"));
        }
        let layout = self.topics.cluster().topic(&name)?;
        let found = layout.partitions.len();
        let is_missing = |number: i32| usize::try_from(number).map_or(true, |number| number >= found);
        if let Some(missing) = wanted.iter().find(|wanted| is_missing(wanted.partition.partition)) {
            let archived = &missing.partition;
            return Err(AppError::config(format!(
                "the target topic has too few partitions topic=`{name}` partitions=`{found}` archived=`{archived}`"
            ))
            .fix("create the target topic with at least as many partitions as the archived topic"));
        }
        if !allowed.nonempty {
            let marks = self.uncommitted.watermarks_of(&layout.positions())?;
            let offsets: u64 = marks.into_iter().map(crate::kafka::cluster::Watermarks::offsets).sum();
            if offsets > 0 {
                return Err(AppError::config(format!(
                    "the target topic is not empty topic=`{name}` offsets=`{offsets}`"
                ))
                .fix("each run sends all records: after an interrupted one, delete and create the topic again, or restore to another topic; --into-nonempty appends the records to those that are there"));
            }
        }
        let limits = match self.topics.limits(&name) {
            Ok(limits) => Some(limits),
            Err(error) if error.is_topic_gone() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(topic = name, %error, "cannot read the settings of the target topic: whether it refuses or deletes restored records is not checked");
                None
            }
        };
        Ok(Target { name, limits })
    }

    /// Lifts the target's retention if it would delete restored records.
    ///
    /// # Errors
    /// `Config` if it would, and lifting is not allowed.
    pub fn keep(&self, target: &mut Target, wanted: &[&Wanted], now_ms: i64) -> Result<Option<Lifted>, AppError> {
        let Some(limits) = &mut target.limits else {
            return Ok(None);
        };
        let (Some(below_ms), Some(retention_ms)) = (limits.deletes_below_ms(now_ms), limits.retention_ms) else {
            return Ok(None);
        };
        let Some(doomed) = Doomed::among(wanted, below_ms) else {
            return Ok(None);
        };
        let name = &target.name;
        if !self.restore.allowed.lifting {
            let Doomed { records, of, oldest_ms } = doomed;
            let oldest = UtcSeconds::from_unix(oldest_ms.div_euclid(1000));
            return Err(AppError::config(format!(
                "the target topic deletes records by their times, and would delete restored ones within minutes topic=`{name}` retention.ms=`{retention_ms}` too_old=`{records} of {of} records` oldest=`{oldest}`"
            ))
            .fix("give the topic a longer retention.ms, or let --lift-retention set it to -1"));
        }
        self.topics.lift_retention(name)?;
        tracing::warn!(
            topic = name,
            was = retention_ms,
            "retention.ms of the target topic is -1 now"
        );
        limits.retention_ms = None;
        Ok(Some(Lifted {
            topic: name.clone(),
            retention_ms,
        }))
    }
}

/// Records in segments with at least one that the target would delete.
#[derive(Debug, PartialEq, Eq)]
struct Doomed {
    records: u64,
    of: u64,
    oldest_ms: i64,
}

impl Doomed {
    fn among(wanted: &[&Wanted], below_ms: i64) -> Option<Doomed> {
        let segments = || wanted.iter().flat_map(|wanted| &wanted.segments);
        // Kafka gives a record without a time, or with time 0, the time of sending.
        let is_old = |span: &&Span| span.min_timestamp_ms.is_some_and(|ms| ms != 0 && ms < below_ms);
        let oldest_ms = segments()
            .filter(is_old)
            .filter_map(|span| span.min_timestamp_ms)
            .min()?;
        Some(Doomed {
            records: segments().filter(is_old).map(|span| span.records).sum(),
            of: segments().map(|span| span.records).sum(),
            oldest_ms,
        })
    }
}

/// The remedy of an error after records were sent; `None` if the error's own one holds.
#[must_use]
pub fn after_sending(kind: Kind, sent: u64) -> Option<String> {
    let cause = match kind {
        Kind::Transient => "check that the brokers and the store are reachable; ",
        Kind::Permission => "check the credentials and the policies; ",
        _ => "",
    };
    (sent > 0).then(|| {
        format!(
            "{cause}{sent} records were handed to Kafka already, and each run sends all of them: delete and create the target topics \
             again, or restore to others"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_retention_would_delete_is_counted_by_segment() {
        let span = |records, min_timestamp_ms| Span {
            records,
            min_timestamp_ms,
        };
        let wanted = Wanted {
            partition: TopicPartition::new("odd", 0),
            segments: vec![span(100, Some(5)), span(50, Some(900)), span(7, Some(0)), span(3, None)],
        };
        let doomed = Doomed::among(&[&wanted], 800).unwrap();
        assert_eq!((doomed.records, doomed.of, doomed.oldest_ms), (100, 160, 5));
        assert_eq!(Doomed::among(&[&wanted], 5), None);
    }

    #[test]
    fn a_remedy_after_sending_does_not_promise_that_another_run_continues() {
        assert_eq!(after_sending(Kind::Transient, 0), None);
        let remedy = after_sending(Kind::Transient, 5_000).unwrap();
        assert!(remedy.contains("5000 records were handed to Kafka already"), "{remedy}");
    }

    #[test]
    fn a_prefix_takes_the_place_of_the_configured_one() {
        let restored = |own: &str| Naming::Prefix {
            own: own.to_owned(),
            new: "restored-".to_owned(),
        };
        assert_eq!(restored("").target("payments"), "restored-payments");
        assert_eq!(restored("ux1.").target("ux1.payments"), "restored-payments");
        assert_eq!(restored("ux1.").target("elsewhere"), "restored-elsewhere");
        assert_eq!(Naming::Topic("orders".to_owned()).target("ux1.payments"), "orders");
    }
}

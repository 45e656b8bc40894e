//! The topics that records are restored to, and what is refused before one is sent: a target that has records of others, one that
//! this archive archives, and one whose retention would delete what is restored.

use std::collections::BTreeSet;

use crate::app::restore::mark::Marks;
use crate::app::restore::plan::TopicPlan;
use crate::app::restore::request::{Mode, Request};
use crate::config::{KafkaSettings, Properties, TopicSettings};
use crate::kafka::cluster::{Cluster, TopicLayout, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::topic_limits::TopicLimits;
use crate::kafka::topics::{Alteration, Topics};
use crate::log::link::Link;
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;

/// What a topic that is created gets unless the user or the settings say otherwise: records of any time, for as long as it exists.
const KEEPING: [(&str, &str); 2] = [
    ("retention.ms", "-1"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
];

/// What it gets unless the user says otherwise: a broker that compresses by itself changes names of headers that are no text.
const UNCHANGED: (&str, &str) = ("compression.type", "producer");

/// A target topic that records may be sent to.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    /// Kafka's topic id; `None` if it does not exist yet, or if Kafka has no ids.
    pub(super) id: Option<String>,
    /// `None` if Kafka does not tell.
    pub(super) limits: Option<TopicLimits>,
    pub(super) is_created: bool,
    pub(super) lifted_retention_ms: Option<i64>,
    /// Records in segments with at least one that the retention would delete.
    pub(super) deleted_by_retention: u64,
}

/// Checks and prepares the targets of a restore.
pub(super) struct Targets<'a> {
    request: &'a Request,
    topics: Topics,
    /// Sees records of open transactions too.
    uncommitted: Cluster,
    cluster_id: String,
    now_ms: i64,
}

impl<'a> Targets<'a> {
    pub(super) fn connect(
        settings: &KafkaSettings,
        request: &'a Request,
        now_ms: i64,
    ) -> Result<Targets<'a>, KafkaError> {
        let topics = Topics::connect(settings)?;
        Ok(Targets {
            request,
            cluster_id: topics.cluster().cluster_id()?,
            topics,
            uncommitted: Cluster::connect_uncommitted(settings)?,
            now_ms,
        })
    }

    /// Whether a topic exists.
    pub(super) fn exists(&self, topic: &str) -> Result<bool, KafkaError> {
        Ok(self.topics.cluster().find_topic(topic)?.is_some())
    }

    /// Checks a target. Changes nothing.
    ///
    /// # Errors
    /// `Config` if it is archived, too narrow or not empty, or would delete what is restored.
    pub(super) fn require(&self, plan: &TopicPlan, marks: &Marks) -> Result<Target, AppError> {
        self.require_not_archived(plan)?;
        let mut target = Target::default();
        match self.topics.cluster().find_topic(&plan.to)? {
            None => {
                target.is_created = true;
                target.limits = Some(TopicLimits::of_settings(&self.settings_of(plan).properties));
            }
            Some(layout) => {
                require_wide(plan, &layout)?;
                target.id = self.topics.cluster().topic_id(&plan.to)?;
                self.require_empty(plan, &layout, target.id.as_deref(), marks)?;
                target.limits = self.limits(&plan.to)?;
            }
        }
        self.require_kept(plan, &mut target)?;
        Ok(target)
    }

    /// Creates the target if it is missing, and lifts its retention if that was found to be needed.
    pub(super) fn prepare(&self, plan: &TopicPlan, target: &mut Target) -> Result<(), AppError> {
        if target.is_created {
            self.topics.ensure(&self.settings_of(plan), Alteration::Refused)?;
            target.id = self.topics.id_of_created(&plan.to)?;
        }
        if let Some(was) = target.lifted_retention_ms {
            self.topics.lift_retention(&plan.to)?;
            tracing::warn!(topic = plan.to, was, "retention.ms of the target topic is -1 now");
        }
        Ok(())
    }

    fn require_not_archived(&self, plan: &TopicPlan) -> Result<(), AppError> {
        let links = || plan.partitions.iter().flat_map(|partition| &partition.links);
        let is_here = links().any(|link| link.cluster_id == self.cluster_id);
        let is_archived = self.request.archived.takes(&plan.to) || plan.to == plan.from;
        if self.request.allowed.archived || !is_archived || !is_here {
            return Ok(());
        }
        Err(AppError::config(format!(
            "the target topic is archived by this archive, which would archive its records a second time: `{}`",
            plan.to
        ))
        .fix("restore to other topics with --prefix or --rename, or allow it with --into-archived"))
    }

    /// A restore that was interrupted continues, in the same topic and with the same range.
    fn require_empty(
        &self,
        plan: &TopicPlan,
        layout: &TopicLayout,
        id: Option<&str>,
        marks: &Marks,
    ) -> Result<(), AppError> {
        let is_begun = plan
            .partitions
            .iter()
            .any(|partition| marks.of(&partition.subject.in_topic(id)).is_some());
        if self.request.allowed.nonempty || is_begun {
            return Ok(());
        }
        let marked = self.uncommitted.watermarks_of(&layout.positions())?;
        let offsets: u64 = marked.into_iter().map(Watermarks::offsets).sum();
        if offsets == 0 {
            return Ok(());
        }
        let others = marks.to(&plan.to).filter(|subject| subject.to_id.as_deref() == id);
        let ranges: BTreeSet<String> = others
            .map(|subject| format!("{} of {}", subject.range, subject.from))
            .collect();
        let begun = if ranges.is_empty() {
            String::new()
        } else {
            let ranges: Vec<String> = ranges.into_iter().collect();
            format!("; earlier runs restored {}", ranges.join(", "))
        };
        Err(AppError::config(format!(
            "the target topic is not empty, and its records are not of an earlier run of this restore: the number of offsets in `{}` is {offsets}{begun}",
            plan.to
        ))
        .fix("restore to other topics with --prefix or --rename, or append with --into-nonempty; an interrupted run continues with the same topics and the same times, which must be absolute"))
    }

    fn limits(&self, topic: &str) -> Result<Option<TopicLimits>, AppError> {
        match self.topics.limits(topic) {
            Ok(limits) => Ok(Some(limits)),
            Err(error) if error.is_topic_gone() => Err(error.into()),
            Err(error) => {
                tracing::warn!(topic, %error, "cannot read the settings of the target topic: whether it refuses or deletes restored records is not checked");
                Ok(None)
            }
        }
    }

    /// Whether the retention would delete restored records. With `--lift-retention` it will be lifted.
    fn require_kept(&self, plan: &TopicPlan, target: &mut Target) -> Result<(), AppError> {
        let Some(limits) = &mut target.limits else {
            return Ok(());
        };
        let (Some(below_ms), Some(retention_ms)) = (limits.deletes_below_ms(self.now_ms), limits.retention_ms) else {
            return Ok(());
        };
        let links = plan.partitions.iter().flat_map(|partition| &partition.links);
        let Some(doomed) = Doomed::among(links, below_ms) else {
            return Ok(());
        };
        if self.request.mode == Mode::DryRun {
            target.deleted_by_retention = doomed.records;
            return Ok(());
        }
        if self.request.allowed.lifting {
            target.lifted_retention_ms = Some(retention_ms);
            limits.retention_ms = None;
            return Ok(());
        }
        let Doomed { records, of, oldest_ms } = doomed;
        let oldest = UtcSeconds::from_unix(oldest_ms.div_euclid(1000));
        Err(AppError::config(format!(
            "the target topic deletes records by their times, and would delete restored ones within minutes: the retention.ms of `{}` is {retention_ms}, and {records} of {of} records are older, the oldest of {oldest}",
            plan.to
        ))
        .fix("give the topic a longer retention.ms, or let --lift-retention set it to -1"))
    }

    /// How the target is created: as the archive and the settings know it, and as the user says.
    fn settings_of(&self, plan: &TopicPlan) -> TopicSettings {
        let creation = &self.request.creation;
        let named = |name: &str| creation.configured.iter().find(|topic| topic.name == name);
        let configured = named(&plan.to).or_else(|| named(&plan.from));
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let keeping: Properties = KEEPING.into_iter().map(own).collect();
        let known = configured.map(|topic| topic.properties.clone()).unwrap_or_default();
        TopicSettings {
            name: plan.to.clone(),
            partitions: plan.partition_count,
            replication_factor: creation.replication_factor,
            properties: [
                known,
                [own(UNCHANGED)].into_iter().collect(),
                creation.properties.clone(),
            ]
            .iter()
            .fold(keeping, |before, after| before.overridden_by(after)),
        }
    }
}

fn require_wide(plan: &TopicPlan, layout: &TopicLayout) -> Result<(), AppError> {
    let found = i32::try_from(layout.partitions.len()).unwrap_or(i32::MAX);
    let last = plan
        .partitions
        .iter()
        .map(|partition| partition.subject.partition)
        .max();
    match last.filter(|last| *last >= found) {
        None => Ok(()),
        Some(last) => Err(AppError::config(format!(
            "the target topic has too few partitions: `{}` has {found}, and {}/{last} is archived",
            plan.to, plan.from
        ))
        .fix("create the target topic with at least as many partitions as the archived topic, or let the restore create it")),
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
    fn among<'l>(links: impl Iterator<Item = &'l Link>, below_ms: i64) -> Option<Doomed> {
        Doomed::of(links.map(|link| (link.record_count, link.min_timestamp_ms)), below_ms)
    }

    /// Of segments, each with its records and the lowest time of them.
    fn of(segments: impl Iterator<Item = (u64, Option<i64>)>, below_ms: i64) -> Option<Doomed> {
        let mut doomed = Doomed {
            records: 0,
            of: 0,
            oldest_ms: i64::MAX,
        };
        for (records, min_timestamp_ms) in segments {
            doomed.of += records;
            // Kafka gives a record without a time, or with time 0, the time of sending.
            if let Some(ms) = min_timestamp_ms.filter(|ms| *ms != 0 && *ms < below_ms) {
                doomed.records += records;
                doomed.oldest_ms = doomed.oldest_ms.min(ms);
            }
        }
        (doomed.records > 0).then_some(doomed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_retention_would_delete_is_counted_by_segment() {
        let segments = [(100, Some(5)), (50, Some(900)), (7, Some(0)), (3, None)];
        let doomed = Doomed::of(segments.into_iter(), 800).unwrap();
        assert_eq!((doomed.records, doomed.of, doomed.oldest_ms), (100, 160, 5));
        assert_eq!(Doomed::of(segments.into_iter(), 5), None);
    }
}

//! Makes the report from the results of the parts of a verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::verify::compare::{Archiver, Comparison};
use crate::app::verify::request::{Depth, Losses, Request};
use crate::app::verify::rows::{Missing, Rows};
use crate::clock::Clock;
use crate::log::history::Removal;
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::record::utc::UtcSeconds;
use crate::verify::chain::Chain;
use crate::verify::coverage::{Coverage, MarkKind};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::kafka::LagPolicy;
use crate::verify::log_walk::LogWalk;
use crate::verify::report::{
    Anchored, ArchiveNamed, CheckpointsReport, RemovalReport, Report, RunReport, Scope, SinceCheckpoint, TopicReport,
    TrustReport,
};
use crate::verify::tally::Counted;
use crate::verify::timeline::Timeline;
use crate::verify::times::earliest;
use crate::verify::trust::{ArchiveIdentity, Trust};
use crate::verify::verdict::Verdict;

/// Checkpoints that a report names. Enough for `--merge` to compare reports of shards that ran some hours apart.
const RECENT_CHECKPOINTS: usize = 256;

/// The result for one partition.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) chain: Arc<Chain>,
    pub(super) rows: Rows,
    pub(super) comparison: Option<Comparison>,
}

/// The results of all parts.
#[derive(Debug)]
pub(super) struct Parts {
    request: Request,
    archive: ArchiveNamed,
    trust: TrustReport,
    pub(super) checkpoints: CheckpointsReport,
    /// The retention changes that are in effect, by partition.
    removals: BTreeMap<TopicPartition, Vec<Removal>>,
    removed: Vec<RemovalReport>,
    pub(super) since_checkpoint: Option<SinceCheckpoint>,
    pub(super) against_kafka: bool,
    /// Whether an archiver runs.
    pub(super) archiver: Archiver,
    pub(super) by_partition: BTreeMap<TopicPartition, Part>,
    /// Partitions that Kafka says never had a record.
    never_used: u64,
    coverage: Vec<(Coverage, Timeline)>,
    pub(super) findings: Findings,
    /// The count of events, by topic; `None` if the topic's events could not be counted.
    pub(super) events: BTreeMap<String, Option<Counted>>,
}

fn run_report(clock: &Clock) -> RunReport {
    let ended_at = clock.utc_seconds();
    #[expect(clippy::cast_possible_truncation, reason = "seconds of one run")]
    let began_at = UtcSeconds::from_unix(ended_at.unix() - clock.elapsed_s().round() as i64);
    RunReport {
        software: format!("kivend {}", env!("CARGO_PKG_VERSION")),
        began_at: Some(began_at),
        ended_at: Some(ended_at),
        ..RunReport::default()
    }
}

impl Parts {
    /// The results for an archive without a readable identity.
    pub(super) fn unknown(request: &Request, location: String) -> Parts {
        Parts {
            request: request.clone(),
            archive: ArchiveNamed {
                location,
                ..ArchiveNamed::default()
            },
            trust: TrustReport::default(),
            checkpoints: CheckpointsReport::default(),
            removals: BTreeMap::new(),
            removed: Vec::new(),
            since_checkpoint: None,
            against_kafka: false,
            archiver: Archiver::Unknown,
            by_partition: BTreeMap::new(),
            never_used: 0,
            coverage: Vec::new(),
            findings: Findings::default(),
            events: BTreeMap::new(),
        }
    }

    /// The results for an archive whose identity was read, before its parts are added.
    pub(super) fn new(request: &Request, location: String, of: &ArchiveIdentity) -> Parts {
        let mut parts = Parts::unknown(request, location);
        parts.archive.archive = Some(of.identity.archive().to_owned());
        parts.archive.id = Some(of.identity.id().to_owned());
        parts.archive.origin = Some(of.identity.origin().to_owned());
        parts.archive.sha256 = Some(of.hash.to_string());
        parts
    }

    /// Takes the results for the log. `named` are the checkpoints that links name.
    pub(super) fn take_log(&mut self, walk: &mut LogWalk, named: &BTreeMap<(u64, Hash), String>, trust: &Trust) {
        self.trust = TrustReport {
            basis: Some(trust.basis()),
            keys: trust.keys().map(ToString::to_string).collect(),
        };
        let log = &mut self.checkpoints;
        log.entries = walk.history().next_number() - walk.first();
        log.newest_entry = walk.newest_entry();
        log.count = walk.checkpoint_count();
        log.newest = walk.newest_checkpoint();
        let newest = log.newest.and_then(|number| walk.root(number));
        log.newest_root = newest.map(|root| root.to_string());
        let recent = walk.newest_roots(RECENT_CHECKPOINTS).into_iter();
        log.recent = recent.map(|named| (named.number, named.root.to_string())).collect();
        self.removals = walk.removals();
        self.findings.append(walk.finish(named));
    }

    pub(super) fn into_report(mut self, clock: &Clock) -> Report {
        let elapsed_s = clock.elapsed_s();
        let mut topics: BTreeMap<String, TopicReport> = BTreeMap::new();
        for topic in self.request.topics.names() {
            if self.request.topic.as_ref().is_none_or(|asked| asked == topic) {
                topic.clone_into(&mut topics.entry(topic.to_owned()).or_default().topic);
            }
        }
        let mut scope = self.empty_scope();
        let mut anchored = Vec::new();
        for (partition, part) in std::mem::take(&mut self.by_partition) {
            let topic = topics.entry(partition.topic.to_string()).or_default();
            topic.topic = partition.topic.to_string();
            anchored.extend(self.take_part(&partition, part, topic));
        }
        let topics: Vec<TopicReport> = topics.into_values().map(|topic| self.counted(topic)).collect();
        for topic in &topics {
            scope.add(topic);
        }
        self.check_scope(&mut scope);
        self.refuse_losses();
        let coverage = self.covered();
        let verdict = Verdict::of(&self.findings);
        #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
        let records_per_s = scope.records_read as f64 / elapsed_s.max(1e-9);
        let finding_counts = self
            .findings
            .counts()
            .iter()
            .map(|(code, count)| (code.id().to_owned(), *count))
            .collect();
        let mut report = Report {
            summary: String::new(),
            verdict,
            archive: self.archive,
            scope,
            topics,
            anchored,
            trust: self.trust,
            checkpoints: self.checkpoints,
            removals: self.removed,
            findings: self.findings.into_sorted(),
            finding_counts,
            elapsed_s,
            records_per_s,
            run: run_report(clock),
            coverage,
        };
        report.summary = report.summarise();
        report
    }

    fn take_part(&mut self, partition: &TopicPartition, part: Part, topic: &mut TopicReport) -> Option<Anchored> {
        let Part {
            chain,
            rows,
            comparison,
        } = part;
        topic.partitions += 1;
        let says_nothing = |comparison: &Comparison| comparison.lag == 0 && comparison.findings.counts().is_empty();
        self.never_used += u64::from(chain.head.is_none() && comparison.as_ref().is_some_and(says_nothing));
        topic.records += chain.records;
        topic.links += chain.links;
        topic.segments += chain.segments;
        topic.lost += chain.lost;
        topic.records_read += rows.records;
        topic.segments_read += rows.segments_read;
        topic.value_bytes += rows.value_bytes;
        topic.stored_bytes += rows.stored_bytes;
        let mut covered = Coverage::new(partition, &chain.times, chain.records);
        let of_kafka = comparison.iter().flat_map(|comparison| comparison.findings.kept());
        let found = chain.findings.kept().iter().chain(rows.findings.kept()).chain(of_kafka);
        found.for_each(|finding| covered.mark(finding, &chain.times));
        topic.min_timestamp_ms = earliest(topic.min_timestamp_ms, covered.min_timestamp_ms);
        topic.max_timestamp_ms = topic.max_timestamp_ms.max(covered.max_timestamp_ms);
        self.findings.append(chain.findings.clone());
        self.findings.append(rows.findings);
        self.take_missing(partition, rows.missing, (&mut covered, &chain.times));
        let mut anchors = chain.anchors;
        if let Some(comparison) = comparison {
            topic.compared_with_kafka = Some(topic.compared_with_kafka.unwrap_or(0) + comparison.compared.records);
            topic.lag = Some(topic.lag.unwrap_or(0) + comparison.lag);
            covered.compared_with_kafka = Some(comparison.compared.records);
            anchors.records = comparison.compared.highest_equal;
            self.findings.append(comparison.findings);
        }
        self.coverage.push((covered, chain.times.clone()));
        let anchored = Anchored::new(partition, chain.head?.height, anchors);
        if let Some(finding) = anchored.finding() {
            self.findings.push(finding);
        }
        Some(anchored)
    }

    /// Sorts what is missing into what retention changes explain, and findings.
    fn take_missing(
        &mut self,
        partition: &TopicPartition,
        missing: Vec<Missing>,
        (covered, times): (&mut Coverage, &Timeline),
    ) {
        let mut from = Height(0);
        let mut reports = Vec::new();
        for removal in self.removals.get(partition).into_iter().flatten() {
            reports.push(RemovalReport {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                from: from.0,
                below: removal.below.0,
                segments: 0,
                records: 0,
                sequence: removal.sequence,
                at: removal.at.to_string(),
                reason: removal.reason.clone(),
            });
            from = removal.below;
        }
        for Missing {
            height,
            records,
            finding,
        } in missing
        {
            match reports.iter_mut().find(|report| height.0 < report.below) {
                Some(report) => {
                    if records.is_some() {
                        covered.mark_as(MarkKind::Removed, &finding, times);
                    }
                    report.segments += u64::from(records.is_some());
                    report.records += records.unwrap_or(0);
                }
                None => {
                    covered.mark(&finding, times);
                    self.findings.push(finding);
                }
            }
        }
        for report in &reports {
            report
                .finding()
                .into_iter()
                .for_each(|finding| self.findings.push(finding));
        }
        self.removed.extend(reports);
    }

    /// The coverage of all partitions, with what was found after their chains were walked.
    fn covered(&mut self) -> Vec<Coverage> {
        let mut all = std::mem::take(&mut self.coverage);
        for finding in self.findings.kept() {
            if let Some((covered, times)) = all.iter_mut().find(|(covered, _)| covered.is_of(finding)) {
                covered.mark(finding, times);
            }
        }
        let settled = |(mut covered, _): (Coverage, Timeline)| {
            covered.settle();
            covered
        };
        all.into_iter().map(settled).collect()
    }

    fn counted(&self, mut topic: TopicReport) -> TopicReport {
        if self.request.depth == Depth::Rows {
            let counted = self
                .events
                .get(&topic.topic)
                .copied()
                .unwrap_or(Some(Counted::default()));
            topic.distinct_events = counted.map(|counted| counted.distinct_events);
            topic.repeated_events = counted.map(|counted| counted.repeated_events);
            topic.without_event_id =
                counted.map(|counted| topic.records_read - counted.distinct_events - counted.repeated_events);
        }
        topic
    }

    fn empty_scope(&self) -> Scope {
        let mut against = vec!["links".to_owned()];
        if self.request.depth == Depth::Rows {
            against.push("rows".to_owned());
        }
        if self.against_kafka {
            against.push("kafka".to_owned());
        }
        Scope {
            topic: self.request.topic.clone(),
            partition: self.request.partition,
            since: self.request.since.map(|since| since.0.to_string()),
            since_checkpoint: self.since_checkpoint.clone(),
            shard: self.request.shard,
            at_rest: self.request.lag == LagPolicy::Refused,
            fail_on_loss: self.request.losses == Losses::Refused,
            against,
            ..Scope::default()
        }
    }

    fn check_scope(&mut self, scope: &mut Scope) {
        let narrowed = scope.topic.is_some()
            || scope.partition.is_some()
            || scope.shard.is_some()
            || scope.since_checkpoint.is_some();
        // Nothing new since a checkpoint is no finding: the chains below were judged when it was saved.
        if scope.links == 0 && scope.since_checkpoint.is_none() && self.archive.id.is_some() && !self.is_begun() {
            let code = if scope.partitions > 0 && self.never_used == scope.partitions {
                Code::NothingProduced
            } else if narrowed {
                Code::NothingInScope
            } else {
                Code::NothingArchived
            };
            self.findings.push(Finding::new(code, "there is no valid link"));
        }
        let removed: u64 = self.removed.iter().map(|removal| removal.segments).sum();
        // What is newer than a time is a part, also as long as that happens to be everything.
        let is_part = narrowed || scope.since.is_some();
        scope.whole = !is_part && scope.segments_read + removed == scope.segments && self.against_kafka;
    }

    /// Whether an archiver runs that may not have sealed anything yet.
    fn is_begun(&self) -> bool {
        self.archiver == Archiver::Running && self.request.lag == LagPolicy::Allowed
    }

    /// Counts declared losses as missing records where `--fail-on-loss` or the topic's settings say so.
    fn refuse_losses(&mut self) {
        let refuses = |topic: &str| match self.request.topics.overrides(topic).tolerate_loss {
            Some(tolerates) => !tolerates,
            None => self.request.losses == Losses::Refused,
        };
        let is_refused = |finding: &&Finding| {
            finding.code == Code::LossDeclared && refuses(finding.topic.as_deref().unwrap_or_default())
        };
        let declared = self.findings.kept().iter().filter(is_refused);
        let refused: Vec<Finding> = declared
            .map(|finding| Finding {
                code: Code::LossNotAccepted,
                severity: Code::LossNotAccepted.severity(),
                ..finding.clone()
            })
            .collect();
        for finding in refused {
            self.findings.push(finding);
        }
    }
}

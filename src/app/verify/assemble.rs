//! Makes the report from the results of the parts of a verification.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::verify::compare::Comparison;
use crate::app::verify::request::{Depth, Losses, Request};
use crate::app::verify::rows::Rows;
use crate::record::position::TopicPartition;
use crate::verify::chain::Chain;
use crate::verify::checkpoints::Sequence;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::kafka::LagPolicy;
use crate::verify::keys::Trust;
use crate::verify::report::{
    Anchored, ArchiveNamed, CheckpointsReport, Report, Scope, SinceCheckpoint, TopicReport, TrustReport,
};
use crate::verify::tally::Counted;
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
    pub(super) since_checkpoint: Option<SinceCheckpoint>,
    pub(super) against_kafka: bool,
    pub(super) by_partition: BTreeMap<TopicPartition, Part>,
    pub(super) findings: Findings,
    /// The count of events, by topic; `None` if the topic's events could not be counted.
    pub(super) events: BTreeMap<String, Option<Counted>>,
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
            since_checkpoint: None,
            against_kafka: false,
            by_partition: BTreeMap::new(),
            findings: Findings::default(),
            events: BTreeMap::new(),
        }
    }

    /// The results for an archive whose identity was read, before its parts are added.
    pub(super) fn new(request: &Request, location: String, trust: &Trust) -> Parts {
        let identity = trust.identity();
        let mut parts = Parts::unknown(request, location);
        parts.archive.archive = Some(identity.archive().to_owned());
        parts.archive.id = Some(identity.id().to_owned());
        parts.archive.sha256 = Some(trust.identity_hash().to_string());
        parts.trust = TrustReport {
            basis: Some(trust.basis()),
            keys: trust.keys().map(ToString::to_string).collect(),
        };
        parts
    }

    pub(super) fn take_checkpoints(&mut self, sequence: Sequence) {
        self.checkpoints.count = sequence.hashes.len() as u64;
        if let Some((number, hash)) = sequence.hashes.last_key_value() {
            self.checkpoints.newest = Some(*number);
            self.checkpoints.newest_sha256 = Some(hash.to_string());
        }
        let recent = sequence.hashes.iter().rev().take(RECENT_CHECKPOINTS);
        self.checkpoints.recent = recent.map(|(number, hash)| (*number, hash.to_string())).collect();
        self.findings.append(sequence.findings);
    }

    pub(super) fn into_report(mut self, elapsed_s: f64) -> Report {
        let mut topics: BTreeMap<String, TopicReport> = BTreeMap::new();
        for topic in &self.request.topics {
            if self.request.topic.as_ref().is_none_or(|asked| asked == topic) {
                topics.entry(topic.clone()).or_default().topic.clone_from(topic);
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
            findings: self.findings.into_sorted(),
            finding_counts,
            elapsed_s,
            records_per_s,
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
        topic.records += chain.records;
        topic.links += chain.links;
        topic.segments += chain.segments;
        topic.lost += chain.lost;
        topic.records_read += rows.records;
        topic.segments_read += rows.segments_read;
        topic.value_bytes += rows.value_bytes;
        topic.stored_bytes += rows.stored_bytes;
        self.findings.append(chain.findings.clone());
        self.findings.append(rows.findings);
        let mut anchors = chain.anchors;
        if let Some(comparison) = comparison {
            topic.compared_with_kafka = Some(topic.compared_with_kafka.unwrap_or(0) + comparison.compared.records);
            topic.lag = Some(topic.lag.unwrap_or(0) + comparison.lag);
            anchors.records = comparison.compared.highest_equal;
            self.findings.append(comparison.findings);
        }
        let anchored = Anchored::new(partition, chain.head?.height, anchors);
        if let Some(finding) = anchored.finding() {
            self.findings.push(finding);
        }
        Some(anchored)
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
        if scope.links == 0 && self.archive.id.is_some() {
            let code = if narrowed {
                Code::NothingInScope
            } else {
                Code::NothingArchived
            };
            self.findings.push(Finding::new(code, "there is no valid link"));
        } else if scope.since.is_some()
            && scope.segments > 0
            && scope.segments_read == 0
            && self.request.depth == Depth::Rows
        {
            self.findings.push(Finding::new(
                Code::NothingInScope,
                "no segment is as new as --since asks for",
            ));
        }
        scope.whole = !narrowed && scope.segments_read == scope.segments && self.against_kafka;
    }

    fn refuse_losses(&mut self) {
        if self.request.losses == Losses::Stated {
            return;
        }
        let declared = self
            .findings
            .kept()
            .iter()
            .filter(|finding| finding.code == Code::LossDeclared);
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

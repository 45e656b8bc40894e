//! Joins the reports of all shards into one. Anything that makes it doubtful whether the reports together cover one whole
//! archive (a shard missing or given twice, another archive, other options, another sequence of checkpoints) is a finding.

use std::collections::{BTreeMap, BTreeSet};

use crate::verify::findings::{Code, Finding, KEPT_PER_CODE};
use crate::verify::report::{Report, RunReport, Scope, TopicReport};
use crate::verify::times::earliest;
use crate::verify::verdict::Verdict;

/// Why reports cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmergeable {
    /// No report was given.
    #[error("no report was given")]
    Nothing,
    /// The verdict of a report is not that of its findings.
    #[error("the report `{0}` contradicts itself: its verdict is not the verdict of its findings")]
    Altered(String),
    /// A report has a finding that this version does not know.
    #[error("this version of kivend does not know the finding {code} of the report `{file}`")]
    Unknown {
        /// The file's name.
        file: String,
        /// The code of the finding.
        code: String,
    },
}

/// Joins the reports. Each comes with the name of its file.
///
/// # Errors
/// [`Unmergeable`] if a report cannot have been written by a verification.
pub fn merge(reports: Vec<(String, Report)>) -> Result<Report, Unmergeable> {
    for (file, report) in &reports {
        check(file, report)?;
    }
    let found = contradictions(&reports);
    let mut reports = reports.into_iter().map(|(_, report)| report);
    let mut merged = reports.next().ok_or(Unmergeable::Nothing)?;
    for report in reports {
        absorb(&mut merged, report);
    }
    conclude(&mut merged, found);
    Ok(merged)
}

fn code_of(id: &str) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| code.id() == id)
}

fn check(file: &str, report: &Report) -> Result<(), Unmergeable> {
    let unknown = |code: &String| Unmergeable::Unknown {
        file: file.to_owned(),
        code: code.clone(),
    };
    let codes: Result<Vec<Code>, Unmergeable> = report
        .finding_counts
        .keys()
        .map(|code| code_of(code).ok_or_else(|| unknown(code)))
        .collect();
    let codes = codes?;
    let is_listed = |finding: &Finding| codes.contains(&finding.code) && finding.severity == finding.code.severity();
    let listed = report.findings.iter().all(is_listed);
    if listed && Verdict::of_codes(codes) == report.verdict {
        Ok(())
    } else {
        Err(Unmergeable::Altered(file.to_owned()))
    }
}

/// Findings about what must be the same in all reports and is not.
fn contradictions(reports: &[(String, Report)]) -> Vec<Finding> {
    let Some((_, first)) = reports.first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (file, report) in reports {
        if let Some(detail) = differs(first, report) {
            found.push(Finding::new(Code::ShardsDiffer, detail).object(file));
        }
    }
    found.extend(missing_or_doubled(reports));
    found.extend(checkpoints_disagree(reports));
    found
}

fn differs(first: &Report, other: &Report) -> Option<&'static str> {
    let asked = |scope: &Scope| {
        let Scope {
            topic,
            partition,
            since,
            since_checkpoint,
            against,
            at_rest,
            fail_on_loss,
            ..
        } = scope.clone();
        (
            topic,
            partition,
            since,
            since_checkpoint,
            against,
            (at_rest, fail_on_loss),
        )
    };
    if (&first.archive.id, &first.archive.sha256) != (&other.archive.id, &other.archive.sha256) {
        Some("it is the report of another archive than the first report")
    } else if first.archive.id.is_none() {
        Some("the identity of the archive could not be read")
    } else if asked(&first.scope) != asked(&other.scope) {
        Some("its options are not those of the first report")
    } else if first.trust != other.trust {
        Some("its keys are not those of the first report")
    } else {
        None
    }
}

fn missing_or_doubled(reports: &[(String, Report)]) -> Vec<Finding> {
    let count = reports
        .iter()
        .filter_map(|(_, report)| report.scope.shard)
        .map(|shard| shard.count)
        .max();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, report) in reports {
        match report.scope.shard {
            Some(shard) if Some(shard.count) != count => {
                let detail = format!(
                    "it is the report of shard {shard}, others are of {} shards",
                    count.unwrap_or(0)
                );
                found.push(Finding::new(Code::ShardsDiffer, detail).object(file));
            }
            Some(shard) if !seen.insert(shard.index) => {
                let detail = format!("the report of shard {shard} is given twice");
                found.push(Finding::new(Code::ShardsDiffer, detail).object(file));
            }
            Some(_) => {}
            None => found.push(Finding::new(Code::ShardsDiffer, "it is not the report of a shard").object(file)),
        }
    }
    for index in 1..=count.unwrap_or(0) {
        if !seen.contains(&index) {
            let detail = format!("the report of shard {index}/{} is missing", count.unwrap_or(0));
            found.push(Finding::new(Code::ShardMissing, detail));
            if found.len() > KEPT_PER_CODE {
                break;
            }
        }
    }
    found
}

/// All shards must have seen the same log: the newest checkpoint of each must be among the last ones of the shard that saw most.
fn checkpoints_disagree(reports: &[(String, Report)]) -> Vec<Finding> {
    let furthest = reports.iter().max_by_key(|(_, report)| report.checkpoints.newest);
    let Some((_, furthest)) = furthest else {
        return Vec::new();
    };
    let recent: BTreeMap<u64, &str> = furthest
        .checkpoints
        .recent
        .iter()
        .map(|(number, root)| (*number, root.as_str()))
        .collect();
    let mut found = Vec::new();
    for (file, report) in reports {
        let finding = match (report.checkpoints.newest, &report.checkpoints.newest_root) {
            (Some(number), Some(root)) => match recent.get(&number) {
                Some(seen) if seen == root => continue,
                Some(_) => {
                    let detail = format!(
                        "its log of {} entries is not the one that another shard saw",
                        number + 1
                    );
                    Finding::new(Code::ShardsDisagree, detail)
                }
                None => Finding::new(
                    Code::ShardsDiffer,
                    format!("its newest checkpoint, {number}, is too old to compare it with the other reports"),
                ),
            },
            _ if furthest.checkpoints.newest.is_none() => continue,
            _ => Finding::new(
                Code::ShardsDiffer,
                "it has no checkpoint, but the report of another shard has one",
            ),
        };
        found.push(finding.object(file));
    }
    found
}

fn absorb(merged: &mut Report, other: Report) {
    for topic in other.topics {
        match merged.topics.iter_mut().find(|known| known.topic == topic.topic) {
            Some(known) => add_topic(known, topic),
            None => merged.topics.push(topic),
        }
    }
    merged.anchored.extend(other.anchored);
    merged.removals.extend(other.removals);
    if other.checkpoints.newest > merged.checkpoints.newest {
        merged.checkpoints = other.checkpoints;
    }
    for (code, count) in other.finding_counts {
        *merged.finding_counts.entry(code).or_default() += count;
    }
    for finding in other.findings {
        // A finding about the archive as a whole is in every report and counts once.
        if merged.findings.contains(&finding) {
            if let Some(count) = merged.finding_counts.get_mut(finding.code.id()) {
                *count -= 1;
            }
        } else {
            merged.findings.push(finding);
        }
    }
    merged.elapsed_s = merged.elapsed_s.max(other.elapsed_s);
    merged.coverage.extend(other.coverage);
    absorb_run(&mut merged.run, &other.run);
}

/// The merged verification began with the first shard and ended with the last.
fn absorb_run(merged: &mut RunReport, other: &RunReport) {
    merged.began_at = earliest(merged.began_at, other.began_at);
    merged.ended_at = merged.ended_at.max(other.ended_at);
    (merged.command, merged.repeat, merged.note) = (None, None, None);
    for broker in &other.brokers {
        if !merged.brokers.contains(broker) {
            merged.brokers.push(broker.clone());
        }
    }
    if !merged.software.split(", ").any(|known| known == other.software) {
        merged.software = format!("{}, {}", merged.software, other.software);
    }
}

fn add_topic(known: &mut TopicReport, other: TopicReport) {
    let both = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    // Two shards may both have counted the same event, so the sum is not known.
    if known.records_read > 0 && other.records_read > 0 {
        (known.distinct_events, known.repeated_events, known.without_event_id) = (None, None, None);
    } else if other.records_read > 0 {
        (known.distinct_events, known.repeated_events, known.without_event_id) =
            (other.distinct_events, other.repeated_events, other.without_event_id);
    }
    known.partitions += other.partitions;
    known.records += other.records;
    known.records_read += other.records_read;
    known.links += other.links;
    known.segments += other.segments;
    known.segments_read += other.segments_read;
    known.lost += other.lost;
    known.compared_with_kafka = both(known.compared_with_kafka, other.compared_with_kafka);
    known.lag = both(known.lag, other.lag);
    known.value_bytes += other.value_bytes;
    known.stored_bytes += other.stored_bytes;
    known.min_timestamp_ms = earliest(known.min_timestamp_ms, other.min_timestamp_ms);
    known.max_timestamp_ms = known.max_timestamp_ms.max(other.max_timestamp_ms);
}

/// Removes notes about ignored objects of the log where another shard, whose links name the checkpoint, reports the same object
/// as altered.
fn settle_junk(merged: &mut Report) {
    for (altered, passed_over) in [
        (Code::CheckpointAltered, Code::CheckpointPassedOver),
        (Code::EntryAltered, Code::EntryPassedOver),
    ] {
        let of_altered = merged.findings.iter().filter(|finding| finding.code == altered);
        let objects: BTreeSet<Option<String>> = of_altered.map(|finding| finding.object.clone()).collect();
        let is_settled = |finding: &Finding| finding.code == passed_over && objects.contains(&finding.object);
        let settled = merged.findings.iter().filter(|finding| is_settled(finding)).count() as u64;
        merged.findings.retain(|finding| !is_settled(finding));
        let id = passed_over.id();
        if let Some(count) = merged.finding_counts.remove(id).filter(|count| *count > settled) {
            merged.finding_counts.insert(id.to_owned(), count - settled);
        }
    }
}

/// Adds what only the whole can tell: the findings about the merge, the sums and the verdict.
fn conclude(merged: &mut Report, found: Vec<Finding>) {
    let whole = found.is_empty();
    for finding in found {
        *merged.finding_counts.entry(finding.code.id().to_owned()).or_default() += 1;
        merged.findings.push(finding);
    }
    merged.topics.sort_by(|a, b| a.topic.cmp(&b.topic));
    merged
        .anchored
        .sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    merged
        .coverage
        .sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    let mut scope = Scope {
        partitions: 0,
        links: 0,
        segments: 0,
        segments_read: 0,
        records: 0,
        records_read: 0,
        records_compared: 0,
        min_timestamp_ms: None,
        max_timestamp_ms: None,
        shard: None,
        ..merged.scope.clone()
    };
    for topic in &merged.topics {
        scope.add(topic);
    }
    let is_newer_only = scope.since.is_some() || scope.since_checkpoint.is_some();
    let is_narrowed = scope.topic.is_some() || scope.partition.is_some() || is_newer_only;
    let removed: u64 = merged.removals.iter().map(|removal| removal.segments).sum();
    let all_read = scope.segments_read + removed == scope.segments;
    scope.whole = whole && !is_narrowed && all_read && scope.against.iter().any(|a| a == "kafka");
    settle_junk(merged);
    // One shard may have no partitions; all of them together may not.
    if scope.links > 0 {
        for code in [Code::NothingInScope, Code::NothingProduced] {
            merged.findings.retain(|finding| finding.code != code);
            merged.finding_counts.remove(code.id());
        }
    }
    merged
        .findings
        .sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.code.cmp(&b.code)));
    merged.verdict = Verdict::of_codes(merged.finding_counts.keys().filter_map(|code| code_of(code)));
    #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
    let records_per_s = scope.records_read as f64 / merged.elapsed_s.max(1e-9);
    merged.records_per_s = records_per_s;
    merged.scope = scope;
    merged.summary = merged.summarise();
}

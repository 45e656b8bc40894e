//! The reports of all shards, joined into one verdict. Whatever is not certain to be one whole (a shard missing, doubled, of
//! another archive, with another scope, or with another sight of the checkpoints) makes it worse, never better. Never reads
//! anything but the reports.

use std::collections::{BTreeMap, BTreeSet};

use crate::verify::findings::{Code, Finding, KEPT_PER_CODE};
use crate::verify::report::{Report, Scope, TopicReport};
use crate::verify::verdict::Verdict;

/// Why reports cannot be joined at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmergeable {
    /// There is none.
    #[error("no report was given")]
    Nothing,
    /// Its verdict is not what its own findings come to.
    #[error("the report contradicts itself: its verdict is not that of its findings file=`{0}`")]
    Altered(String),
    /// It is of a newer version, which finds what this one does not know.
    #[error("the report names a finding that this version does not know file=`{file}` code=`{code}`")]
    Unknown {
        /// The report.
        file: String,
        /// The finding.
        code: String,
    },
}

/// Joins the reports, each with the name of its file.
///
/// # Errors
/// [`Unmergeable`] where a report cannot be what a verification wrote.
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

/// What must be the same in all of them, and is not.
fn contradictions(reports: &[(String, Report)]) -> Vec<Finding> {
    let Some((_, first)) = reports.first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (file, report) in reports {
        if let Some(what) = differs(first, report) {
            let detail = format!("{what} differs from that of the first report");
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
        Some("the archive")
    } else if first.archive.id.is_none() {
        Some("an archive that could not be read")
    } else if asked(&first.scope) != asked(&other.scope) {
        Some("the scope")
    } else if first.trust != other.trust {
        Some("the trust in keys")
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
                let detail = format!("it is shard {shard}, and others are of {} shards", count.unwrap_or(0));
                found.push(Finding::new(Code::ShardsDiffer, detail).object(file));
            }
            Some(shard) if !seen.insert(shard.index) => {
                let detail = format!("shard {shard} is there twice");
                found.push(Finding::new(Code::ShardsDiffer, detail).object(file));
            }
            Some(_) => {}
            None => found.push(Finding::new(Code::ShardsDiffer, "it is no shard's report").object(file)),
        }
    }
    for index in 1..=count.unwrap_or(0) {
        if !seen.contains(&index) {
            let detail = format!("no report of shard {index}/{}", count.unwrap_or(0));
            found.push(Finding::new(Code::ShardMissing, detail));
            if found.len() > KEPT_PER_CODE {
                break;
            }
        }
    }
    found
}

/// All must have seen the same sequence: the newest checkpoint of each is looked up among those that the furthest saw last.
fn checkpoints_disagree(reports: &[(String, Report)]) -> Vec<Finding> {
    let furthest = reports.iter().max_by_key(|(_, report)| report.checkpoints.newest);
    let Some((_, furthest)) = furthest else {
        return Vec::new();
    };
    let recent: BTreeMap<u64, &str> = furthest
        .checkpoints
        .recent
        .iter()
        .map(|(number, hash)| (*number, hash.as_str()))
        .collect();
    let mut found = Vec::new();
    for (file, report) in reports {
        let finding = match (report.checkpoints.newest, &report.checkpoints.newest_sha256) {
            (Some(number), Some(hash)) => match recent.get(&number) {
                Some(seen) if seen == hash => continue,
                Some(_) => {
                    let detail = format!("it saw another checkpoint {number} than another shard");
                    Finding::new(Code::ShardsDisagree, detail)
                }
                None => Finding::new(
                    Code::ShardsDiffer,
                    format!("its newest checkpoint, {number}, is too old"),
                ),
            },
            _ if furthest.checkpoints.newest.is_none() => continue,
            _ => Finding::new(Code::ShardsDiffer, "it saw no checkpoint, and another shard did"),
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
    if other.checkpoints.newest > merged.checkpoints.newest {
        merged.checkpoints = other.checkpoints;
    }
    for (code, count) in other.finding_counts {
        *merged.finding_counts.entry(code).or_default() += count;
    }
    for finding in other.findings {
        // What every shard found of the archive as a whole counts once.
        if merged.findings.contains(&finding) {
            if let Some(count) = merged.finding_counts.get_mut(finding.code.id()) {
                *count -= 1;
            }
        } else {
            merged.findings.push(finding);
        }
    }
    merged.elapsed_s = merged.elapsed_s.max(other.elapsed_s);
}

fn add_topic(known: &mut TopicReport, other: TopicReport) {
    let both = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    // An event that stands in two shards' partitions was counted by each: together they know no number.
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
}

/// Only the shard whose links name a checkpoint knows that junk in its place is tampering; the others passed it over.
fn settle_junk(merged: &mut Report) {
    let altered: BTreeSet<Option<String>> = merged
        .findings
        .iter()
        .filter(|finding| finding.code == Code::CheckpointAltered)
        .map(|finding| finding.object.clone())
        .collect();
    let is_settled =
        |finding: &Finding| finding.code == Code::CheckpointPassedOver && altered.contains(&finding.object);
    let settled = merged.findings.iter().filter(|finding| is_settled(finding)).count() as u64;
    merged.findings.retain(|finding| !is_settled(finding));
    let id = Code::CheckpointPassedOver.id();
    if let Some(count) = merged.finding_counts.remove(id).filter(|count| *count > settled) {
        merged.finding_counts.insert(id.to_owned(), count - settled);
    }
}

/// What only the whole can say: whether there is anything at all, the sums, the verdict.
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
    let mut scope = Scope {
        partitions: 0,
        links: 0,
        segments: 0,
        segments_read: 0,
        records: 0,
        records_read: 0,
        records_compared: 0,
        shard: None,
        ..merged.scope.clone()
    };
    for topic in &merged.topics {
        scope.add(topic);
    }
    let is_narrowed = scope.topic.is_some() || scope.partition.is_some() || scope.since_checkpoint.is_some();
    scope.whole =
        whole && !is_narrowed && scope.segments_read == scope.segments && scope.against.iter().any(|a| a == "kafka");
    settle_junk(merged);
    // A shard may own nothing; all together may not.
    if scope.links > 0 {
        merged.findings.retain(|finding| finding.code != Code::NothingInScope);
        merged.finding_counts.remove(Code::NothingInScope.id());
    }
    merged
        .findings
        .sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.code.cmp(&b.code)));
    merged.verdict = Verdict::of_codes(merged.finding_counts.keys().filter_map(|code| code_of(code)));
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let records_per_s = scope.records_read as f64 / merged.elapsed_s.max(1e-9);
    merged.records_per_s = records_per_s;
    merged.summary = Report::summarise(merged.verdict, &scope, &merged.trust, &merged.anchored);
    merged.scope = scope;
}

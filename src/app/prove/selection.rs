//! Proves all records of a selection in one file: the search under the newest checkpoint, and what leads from the records to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::app::prove::condition::Condition;
use crate::app::prove::search::{FoundLink, Search, Wanted};
use crate::app::restore::{Axis, Span};
use crate::app::similar::nearest;
use crate::clock::Clock;
use crate::log::entry::Entry;
use crate::log::head::Head;
use crate::log::proof::{LinkRecords, PartitionRecords, Proof, RecordsProof};
use crate::reading::archive::{Archive, text};
use crate::reading::archive_checkpoints::CheckpointNote;
use crate::record::hash::Hash;
use crate::record::merkle::path::inclusion_path;
use crate::record::merkle::several::several_path;
use crate::record::topic_pattern::TopicPattern;
use crate::store::Store;
use crate::store::counting::CountingStore;
use crate::task::error::AppError;
use crate::task::progress::{Progress, Unit};
use crate::verify::chain::Accepted;
use crate::verify::given::Given;
use crate::verify::proof::check;
use crate::verify::proof_report::Proved;
use crate::verify::retrieval::{Asked, Cost, Retrieval};

/// Which records to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Only topics that match one of these; none for all.
    pub topics: Vec<TopicPattern>,
    /// Only this partition of each.
    pub partition: Option<i32>,
    /// Only records of these times.
    pub span: Span,
    /// Only records for which all of these hold.
    pub conditions: Vec<Condition>,
}

/// A proof of records.
#[derive(Debug)]
pub struct Selected {
    /// The text of the proof file.
    pub text: String,
    /// What was searched and found, without the lines and records of the files beside the proof.
    pub retrieval: Retrieval,
    /// The encodings of the records, by topic, partition and offset.
    pub records: Vec<Vec<u8>>,
}

/// Searches the archive, proves what it finds, and checks the proof.
///
/// # Errors
/// `Input` if nothing is found, or too much; `Config` if no archived topic is selected; `Corrupt` if the archive contradicts
/// itself; errors of the store.
pub async fn prove_selection(
    store: Arc<dyn Store>,
    given: &Given,
    selection: &Selection,
    progress: &dyn Progress,
) -> Result<Selected, AppError> {
    let counting = Arc::new(CountingStore::new(store));
    let archive = Archive::open(Arc::clone(&counting) as Arc<dyn Store>, given).await?;
    let checkpoint = archive.newest_proved_checkpoint().await?.ok_or_else(uncovered)?;
    let entry = archive.entry(checkpoint.named.number).await?;
    let heads = selected(&entry, selection)?;
    let wanted = Wanted {
        span: selection.span,
        conditions: selection.conditions.clone(),
    };
    let searching = progress.begin("searching", Unit::Records);
    let mut search = Search::new(&archive, wanted, &*searching);
    let (mut partitions, mut records) = (Vec::new(), Vec::new());
    for (index, head) in &heads {
        let chain = archive.chain(&head.partition).await?;
        let found = search.chain(&chain, head).await?;
        if !found.is_empty() {
            partitions.push(partition(&archive, (*index, head), &chain, &found).await?);
            records.extend(found.into_iter().flat_map(|link| link.records));
        }
    }
    let mut cost = search.cost;
    (cost.requests, cost.bytes) = (counting.requests(), counting.bytes());
    if records.is_empty() {
        return Err(nothing_found(selection, &cost));
    }
    let proof = records_proof(&archive, &entry, checkpoint, partitions).await?;
    (cost.requests, cost.bytes) = (counting.requests(), counting.bytes());
    let text = proof.to_text().map_err(|error| AppError::internal(error.to_string()))?;
    drop(proof);
    let report = check(text.as_bytes(), given);
    let Some(Proved::Records(proved)) = report.proved else {
        let finding = report.findings.first();
        let why = finding.map_or(String::new(), |finding| {
            format!(": {} {}", finding.code.id(), finding.detail)
        });
        return Err(AppError::corrupt(format!(
            "the proof does not hold, because the archive contradicts itself{why}"
        ))
        .fix("`kivend verify` lists all findings"));
    };
    let retrieval = Retrieval {
        archive: report.archive.unwrap_or_default(),
        archive_id: report.archive_id.unwrap_or_default(),
        location: counting.location(),
        keys: report.keys,
        keys_given: !given.keys.is_empty() || given.policy.is_some(),
        made_at: Clock::start().utc_seconds().to_string(),
        made_by: format!("kivend {}", env!("CARGO_PKG_VERSION")),
        asked: asked(selection, &heads),
        cost,
        proved: *proved,
        without_line: 0,
        shown: Vec::new(),
    };
    Ok(Selected {
        text,
        retrieval,
        records,
    })
}

/// The heads of the selected partitions, with their indices.
fn selected<'e>(entry: &'e Entry, selection: &Selection) -> Result<Vec<(usize, &'e Head)>, AppError> {
    let is_selected = |(_, head): &(usize, &Head)| {
        let topic = &head.partition.topic;
        (selection.topics.is_empty() || selection.topics.iter().any(|pattern| pattern.matches(topic)))
            && selection
                .partition
                .is_none_or(|number| number == head.partition.partition)
    };
    let heads: Vec<(usize, &Head)> = entry.heads.iter().enumerate().filter(is_selected).collect();
    if !heads.is_empty() {
        return Ok(heads);
    }
    let archived: BTreeSet<&str> = entry.heads.iter().map(|head| &*head.partition.topic).collect();
    if archived.is_empty() {
        return Err(uncovered());
    }
    let named: Vec<&str> = selection.topics.iter().map(TopicPattern::as_str).collect();
    let near = named.iter().find_map(|topic| nearest(topic, archived.iter().copied()));
    let meant = near.map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    let partition = selection.partition.map_or(String::new(), |number| format!(" {number}"));
    let topics = match named.is_empty() {
        true => "any topic".to_owned(),
        false => format!("`{}`", named.join("` or `")),
    };
    let archived: Vec<&str> = archived.into_iter().collect();
    Err(AppError::config(format!(
        "the newest checkpoint covers no partition{partition} of {topics}, only those of {}{meant}",
        archived.join(", ")
    ))
    .fix("name archived topics and partitions, or none for all"))
}

fn uncovered() -> AppError {
    AppError::input("no checkpoint covers records yet")
        .fix("run `kivend checkpoint`, or wait for the archiver to sign the next one")
}

fn nothing_found(selection: &Selection, cost: &Cost) -> AppError {
    let conditions: Vec<String> = selection.conditions.iter().map(condition_text).collect();
    let conditions = match conditions.is_empty() {
        true => String::new(),
        false => format!(" where `{}`", conditions.join(" and ")),
    };
    AppError::input(format!(
        "no record was found{conditions}: {} segments under the checkpoint, {} skipped by time, {} skipped by statistics, {} removed, \
         {} read with {} records, {} not yet under a checkpoint, {} requests, {} bytes",
        cost.segments,
        cost.skipped_by_time,
        cost.skipped_by_statistics,
        cost.removed,
        cost.read,
        cost.records_read,
        cost.above_checkpoint,
        cost.requests,
        cost.bytes
    ))
    .fix(match cost.skipped_by_statistics {
        0 => "check the names and values of --where, the topics and the times; nothing was written",
        _ => {
            "check the names and values of --where, the topics and the times; nothing was written. Statistics were not checked: \
             `kivend verify` checks that no statistic hides a record"
        }
    })
}

fn condition_text(condition: &Condition) -> String {
    format!("{}={}", condition.field, condition.value)
}

fn asked(selection: &Selection, heads: &[(usize, &Head)]) -> Asked {
    let matched: BTreeSet<&str> = heads.iter().map(|(_, head)| &*head.partition.topic).collect();
    Asked {
        topics: selection.topics.iter().map(ToString::to_string).collect(),
        matched: matched.into_iter().map(str::to_owned).collect(),
        partition: selection.partition,
        time: match selection.span.axis {
            Axis::Record => "record",
            Axis::Archived => "archived",
        },
        since_ms: selection.span.since_ms,
        until_ms: selection.span.until_ms,
        conditions: selection.conditions.iter().map(condition_text).collect(),
    }
}

/// What leads from the records of a partition to its head.
async fn partition(
    archive: &Archive,
    (index, head): (usize, &Head),
    chain: &[Accepted],
    found: &[FoundLink],
) -> Result<PartitionRecords, AppError> {
    let end = usize::try_from(head.height.0.saturating_add(1)).unwrap_or(usize::MAX);
    let log: Vec<Hash> = chain.iter().take(end).map(|link| link.leaf).collect();
    let heights: Vec<usize> = found.iter().map(|link| link.height).collect();
    let mut links = Vec::new();
    for FoundLink { height, records, path } in found {
        let missing = || {
            AppError::corrupt(format!(
                "a link is missing: the one at height {height} of {}",
                head.partition
            ))
        };
        let key = &chain.get(*height).ok_or_else(missing)?.key;
        links.push(LinkRecords {
            link: text(&archive.get(key).await?.ok_or_else(missing)?)?,
            records: records.iter().map(|record| BASE64.encode(record)).collect(),
            records_path: path.clone(),
        });
    }
    Ok(PartitionRecords {
        head: head.clone(),
        head_index: index as u64,
        links,
        links_path: several_path(&log, &heights),
    })
}

async fn records_proof(
    archive: &Archive,
    entry: &Entry,
    checkpoint: CheckpointNote,
    partitions: Vec<PartitionRecords>,
) -> Result<Proof, AppError> {
    let internal = |error: serde_json::Error| AppError::internal(error.to_string());
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let indices: Vec<usize> = partitions.iter().map(|partition| index(partition.head_index)).collect();
    let number = checkpoint.named.number;
    Ok(Proof::Records(Box::new(RecordsProof {
        partitions,
        heads_path: several_path(&entry.head_leaves().map_err(internal)?, &indices),
        leaf: entry.leaf().and_then(|leaf| leaf.to_text()).map_err(internal)?,
        leaf_path: inclusion_path(archive.leaves(number.saturating_add(1)), index(number)),
        changes: archive.changes(number),
        checkpoint: checkpoint.note,
        archive: archive.identity()?,
        first: archive.first().await?,
    })))
}

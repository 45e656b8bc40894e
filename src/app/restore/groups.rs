//! Consumer groups: the offsets that they had committed, as entries of the log record them, translated to the restored topics.
//! Offsets differ there, because of transaction markers, of records that retention or compaction had removed, and of those that
//! the target refused. So the record that a group would read next is looked for by what it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::app::restore::plan::{PartitionPlan, TopicPlan};
use crate::app::restore::report::GroupRestored;
use crate::app::restore::segments::{signed_segment, unreadable};
use crate::app::restore::shared::Shared;
use crate::kafka::error::KafkaError;
use crate::kafka::group_commit::commit_for;
use crate::kafka::reader::Reader;
use crate::log::entry::GroupOffset;
use crate::log::link::Link;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::record::record::{LeafHasher, Record};
use crate::record::topic_pattern::glob_matches;
use crate::segment::decode::Segment;
use crate::task::error::AppError;

/// Entries that are read, from the newest back, to find one with groups.
const ENTRIES_MAX: u64 = 1_000;
/// Offsets that a window of the target has in addition to the records that are looked for.
const SLACK: i64 = 4_096;

/// Translates the offsets of the groups that match, and commits them. Blocks; the topics must be restored.
pub(super) fn restore_groups(
    shared: &Shared,
    plans: &[TopicPlan],
    patterns: &[String],
) -> Result<Vec<GroupRestored>, AppError> {
    let runtime = Handle::current();
    let offsets = runtime.block_on(archived_offsets(shared))?;
    let reader = Reader::connect(&shared.kafka)?;
    let mut restored = Vec::new();
    for GroupOffset(group, topic, partition, offset) in offsets {
        let is_asked = patterns.iter().any(|pattern| glob_matches(pattern, &group));
        let plan = plans.iter().find(|plan| plan.from == topic).filter(|_| is_asked);
        let of = plan.and_then(|plan| plan.partitions.iter().find(|of| of.subject.partition == partition));
        let Some(of) = of else { continue };
        let found = translate(shared, &reader, of, offset);
        let (offset_there, problem) = match found {
            Ok(found) => (Some(found), None),
            Err(error) => (None, Some(error.to_string())),
        };
        restored.push(GroupRestored {
            group,
            topic: of.subject.to.clone(),
            partition,
            archived_offset: offset,
            offset: offset_there,
            problem,
        });
    }
    commit(shared, &mut restored);
    Ok(restored)
}

fn commit(shared: &Shared, restored: &mut [GroupRestored]) {
    let mut by_group: BTreeMap<String, Vec<(TopicPartition, i64)>> = BTreeMap::new();
    for one in restored.iter() {
        if let Some(offset) = one.offset {
            let place = TopicPartition::new(&one.topic, one.partition);
            by_group.entry(one.group.clone()).or_default().push((place, offset));
        }
    }
    for (group, offsets) in by_group {
        if let Err(error) = commit_for(&shared.kafka, &group, &offsets) {
            let of_group = restored
                .iter_mut()
                .filter(|one| one.group == group && one.offset.is_some());
            of_group.for_each(|one| one.problem = Some(error.to_string()));
        }
    }
}

/// The offsets in the newest entry that has any and is not later than the range of the restore.
async fn archived_offsets(shared: &Shared) -> Result<Vec<GroupOffset>, AppError> {
    let archive = &shared.archive;
    let newest = archive.newest_entry().unwrap_or_default();
    for number in (newest.saturating_sub(ENTRIES_MAX)..=newest).rev() {
        let entry = archive.entry(number).await?;
        let at_ms = entry.at.unix().saturating_mul(1_000);
        if shared.request.span.until_ms.is_some_and(|until| at_ms > until) {
            continue;
        }
        if let Some(groups) = entry.groups.filter(|groups| !groups.is_empty()) {
            return Ok(groups);
        }
    }
    Err(AppError::config("no entry of the archive's log has offsets of consumer groups")
        .fix("name the groups in archive.consumer_groups while they are archived; restored consumers start where auto.offset.reset says"))
}

/// The first restored record that the group had not committed.
struct Next {
    /// Its hash, without its offset.
    hash: Hash,
    /// The records that were restored from it on, if the target refused none.
    left: u64,
}

fn translate(shared: &Shared, reader: &Reader, of: &PartitionPlan, offset: i64) -> Result<i64, AppError> {
    let target = TopicPartition::new(&of.subject.to, of.subject.partition);
    let marks = reader.cluster().watermarks(&target)?;
    let Some(next) = next_record(shared, of, offset)? else {
        return Ok(marks.high);
    };
    let left = i64::try_from(next.left).unwrap_or(i64::MAX);
    let mut window = left.saturating_add(left / 8).saturating_add(SLACK);
    loop {
        let start = marks.high.saturating_sub(window).max(marks.low);
        let seen = read_window(reader, &target, (start, marks.high))?;
        let expected = seen.len().checked_sub(usize::try_from(next.left).unwrap_or(usize::MAX));
        if let Some((found, _)) = expected
            .and_then(|at| seen.get(at))
            .filter(|(_, hash)| *hash == next.hash)
        {
            return Ok(*found);
        }
        let alike: Vec<i64> = seen
            .iter()
            .filter(|(_, hash)| *hash == next.hash)
            .map(|(at, _)| *at)
            .collect();
        match alike[..] {
            [found] if expected.is_some() => return Ok(found),
            _ if start > marks.low => window = window.saturating_mul(2),
            [found] => return Ok(found),
            _ => {
                return Err(AppError::input(format!(
                    "the record at which the group would continue is {} in the target: other records were sent to it",
                    if alike.is_empty() { "not" } else { "more than once" }
                )));
            }
        }
    }
}

/// The records of a part of the target, each with its offset and its hash without it.
fn read_window(
    reader: &Reader,
    target: &TopicPartition,
    (start, end): (i64, i64),
) -> Result<Vec<(i64, Hash)>, KafkaError> {
    let mut hasher = hasher(target.partition);
    let mut seen = Vec::new();
    reader.read_range(target, start, end, |record| {
        seen.push((record.offset, content(&mut hasher, record)));
        Ok::<(), KafkaError>(())
    })?;
    Ok(seen)
}

fn hasher(partition: i32) -> LeafHasher {
    LeafHasher::new(&TopicPartition::new("restored", partition))
}

fn content(hasher: &mut LeafHasher, record: &Record<'_>) -> Hash {
    hasher.leaf(&Record { offset: 0, ..*record })
}

fn next_record(shared: &Shared, of: &PartitionPlan, offset: i64) -> Result<Option<Next>, AppError> {
    let Some(begin) = first_link(&of.links, offset) else {
        return Ok(None);
    };
    let epoch = of.links[begin].epoch;
    let mut hasher = hasher(of.subject.partition);
    let mut next: Option<Next> = None;
    for link in &of.links[begin..] {
        let bounds = shared.request.span;
        let is_whole = bounds.since_ms.is_none() && bounds.until_ms.is_none();
        if let Some(next) = next.as_mut().filter(|_| is_whole) {
            next.left += link.record_count;
            continue;
        }
        let Some(segment) = fetch(shared, link)? else { continue };
        let read = segment.for_each_record(|record| {
            let is_after = link.epoch != epoch || record.offset >= offset;
            if !is_after || !bounds.covers(record.timestamp.ms()) {
                return;
            }
            match &mut next {
                Some(next) => next.left += 1,
                None => {
                    next = Some(Next {
                        hash: content(&mut hasher, record),
                        left: 1,
                    });
                }
            }
        });
        read.map_err(|error| unreadable(link, &error))?;
    }
    Ok(next)
}

/// The index of the link that has the offset, or of the next one: in the newest epoch that reaches back to it.
fn first_link(links: &[Link], offset: i64) -> Option<usize> {
    let reaches = |link: &&Link| link.first_offset.0 <= offset;
    let epoch = links.iter().rev().find(reaches).or(links.first())?.epoch;
    links
        .iter()
        .position(|link| link.epoch > epoch || link.epoch == epoch && link.next_offset.0 > offset)
}

fn fetch(shared: &Shared, link: &Link) -> Result<Option<Segment>, AppError> {
    let archive = Arc::clone(&shared.archive);
    let object = Handle::current().block_on(archive.kept_segment(link))?;
    object.map(|object| signed_segment(link, object)).transpose()
}

//! Kafka's retention is the archiver's deadline: how far it is behind, and how much of the time has passed. Knows the
//! progress from Kafka's commits, a cache: where they have expired, everything counts as waiting.

use std::thread;
use std::time::Duration;

use crate::app::doctor::check::{Check, listed};
use crate::config::{KafkaSettings, TopicSettings};
use crate::kafka::cluster::{Cluster, Committed, TopicLayout, Watermarks};
use crate::kafka::error::KafkaError;
use crate::record::position::TopicPartition;

/// How far one partition's archiving is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub partition: TopicPartition,
    pub watermarks: Watermarks,
    /// What the archivers' group committed.
    pub next_offset: Option<i64>,
    pub oldest: Age,
}

/// How old the oldest record is that is not archived, against the topic's retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Young,
    /// More than half of the time has passed.
    Half,
    /// More than nine tenths have.
    NearlyDeleted,
}

/// A group's coordinator may still be loading what was committed, as after every start of Kafka.
const TRIES: u32 = 10;
const TRY_INTERVAL: Duration = Duration::from_millis(500);

/// What the group committed; patient while Kafka is busy with itself.
fn committed(cluster: &Cluster, positions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, KafkaError> {
    for _ in 1..TRIES {
        match cluster.committed(positions) {
            Err(KafkaError::Busy { .. }) => thread::sleep(TRY_INTERVAL),
            answered => return answered,
        }
    }
    cluster.committed(positions)
}

/// Asks Kafka; blocks.
pub fn ask<'a>(
    settings: &KafkaSettings,
    topics: impl Iterator<Item = (&'a TopicSettings, &'a TopicLayout)>,
    now_ms: i64,
) -> Result<Vec<Progress>, KafkaError> {
    let cluster = Cluster::connect_to_group(settings)?;
    let mut all = Vec::new();
    for (topic, layout) in topics {
        let positions = layout.positions();
        let committed = committed(&cluster, &positions)?;
        let watermarks = cluster.watermarks_of(&positions)?;
        for ((partition, committed), watermarks) in positions.into_iter().zip(committed).zip(watermarks) {
            let next_offset = committed.map(|committed| committed.next_offset.0);
            let waiting = next_offset.unwrap_or(watermarks.low).max(watermarks.low);
            let oldest = if waiting < watermarks.high {
                age(&cluster, &partition, waiting, topic, now_ms)?
            } else {
                Age::Young
            };
            all.push(Progress {
                partition,
                watermarks,
                next_offset,
                oldest,
            });
        }
    }
    Ok(all)
}

/// The record at `offset` is older than a time if the first record that is not older stands behind it.
fn age(
    cluster: &Cluster,
    partition: &TopicPartition,
    offset: i64,
    topic: &TopicSettings,
    now_ms: i64,
) -> Result<Age, KafkaError> {
    let retention_ms = topic
        .properties
        .get("retention.ms")
        .and_then(|text| text.parse::<i64>().ok());
    let Some(retention_ms) = retention_ms.filter(|retention| *retention > 0) else {
        return Ok(Age::Young);
    };
    let is_older_than = |span_ms: i64| Ok(cluster.offset_at(partition, now_ms.saturating_sub(span_ms))? > offset);
    if is_older_than(retention_ms / 10 * 9)? {
        Ok(Age::NearlyDeleted)
    } else if is_older_than(retention_ms / 2)? {
        Ok(Age::Half)
    } else {
        Ok(Age::Young)
    }
}

/// What that means.
pub fn check(name: &'static str, partitions: &[Progress]) -> Check {
    if partitions.is_empty() {
        return Check::skipped(name, "there are no topics yet");
    }
    let lost = |p: &&Progress| p.next_offset.is_some_and(|next| next < p.watermarks.low);
    let told = |p: &Progress| {
        let from = p.next_offset.unwrap_or(p.watermarks.low);
        format!(
            "{} waits at {from}, Kafka has {} to {}",
            p.partition, p.watermarks.low, p.watermarks.high
        )
    };
    let of = |wanted: &dyn Fn(&&Progress) -> bool| listed(partitions.iter().filter(wanted).map(told));
    if partitions.iter().any(|p| lost(&p)) {
        let remedy = "run `kivend archive`: it puts the loss on record; then raise retention.ms or archive more often";
        return Check::failed(name, format!("deleted before it was archived: {}", of(&lost)), remedy);
    }
    if partitions.iter().any(|p| p.oldest == Age::NearlyDeleted) {
        let told = of(&|p| p.oldest == Age::NearlyDeleted);
        return Check::failed(name, format!("about to be deleted: {told}"), "run `kivend archive` now");
    }
    if partitions.iter().any(|p| p.oldest == Age::Half) {
        let told = of(&|p| p.oldest == Age::Half);
        return Check::warning(
            name,
            format!("half of the retention has passed: {told}"),
            "see that kivend-archiver runs",
        );
    }
    let lag: u64 = partitions.iter().map(lag).sum();
    Check::ok(
        name,
        format!(
            "{} partitions, {lag} records not archived yet, all young",
            partitions.len()
        ),
    )
}

fn lag(progress: &Progress) -> u64 {
    let from = progress.next_offset.unwrap_or(progress.watermarks.low);
    u64::try_from(progress.watermarks.high - from).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn progress(next_offset: Option<i64>, oldest: Age) -> Progress {
        let watermarks = Watermarks { low: 100, high: 200 };
        Progress {
            partition: TopicPartition::new("payments", 0),
            watermarks,
            next_offset,
            oldest,
        }
    }

    fn status(progress: Progress) -> Status {
        check("retention", &[progress]).status
    }

    #[test]
    fn what_retention_deleted_before_it_was_archived_fails() {
        let check = check("retention", &[progress(Some(99), Age::Young)]);
        assert_eq!(check.status, Status::Failed);
        assert_eq!(
            check.detail,
            "deleted before it was archived: payments/0 waits at 99, Kafka has 100 to 200"
        );
    }

    #[test]
    fn the_nearer_the_deadline_the_graver() {
        assert_eq!(status(progress(Some(100), Age::Young)), Status::Ok);
        assert_eq!(status(progress(Some(100), Age::Half)), Status::Warning);
        assert_eq!(status(progress(Some(100), Age::NearlyDeleted)), Status::Failed);
    }

    #[test]
    fn a_group_that_never_committed_counts_all_that_is_there_as_waiting() {
        let check = check("retention", &[progress(None, Age::Young)]);
        assert_eq!(check.detail, "1 partitions, 100 records not archived yet, all young");
    }
}

//! Compares the archiver's progress with Kafka's retention, which deletes records whether or not they are archived. Progress
//! comes from the group's commits; if they have expired, all records in Kafka count as not archived. Records behind an open
//! transaction count too: retention deletes them like others.

use std::thread;
use std::time::Duration;

use crate::app::doctor::check::{Check, listed};
use crate::config::KafkaSettings;
use crate::kafka::cluster::{Cluster, Committed, TopicLayout, Watermarks};
use crate::kafka::error::KafkaError;
use crate::record::position::TopicPartition;

/// The progress of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub partition: TopicPartition,
    pub watermarks: Watermarks,
    /// The committed offset of the archivers' group.
    pub next_offset: Option<i64>,
    pub oldest: Age,
}

/// The age of the oldest record that is not archived, relative to the topic's retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Young,
    /// More than half of the retention.
    Half,
    /// More than nine tenths of the retention.
    NearlyDeleted,
}

// After a start of Kafka, the group's coordinator may still be loading the commits.
const TRIES: u32 = 10;
const TRY_INTERVAL: Duration = Duration::from_millis(500);

/// The group's commits; retries while the coordinator is loading.
fn committed(cluster: &Cluster, positions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, KafkaError> {
    for _ in 1..TRIES {
        match cluster.committed(positions) {
            Err(KafkaError::Busy { .. }) => thread::sleep(TRY_INTERVAL),
            answered => return answered,
        }
    }
    cluster.committed(positions)
}

/// Asks Kafka for the progress of all partitions of these topics, each with its `retention.ms`. Blocks.
pub fn ask<'a>(
    settings: &KafkaSettings,
    topics: impl Iterator<Item = (Option<i64>, &'a TopicLayout)>,
    now_ms: i64,
) -> Result<Vec<Progress>, KafkaError> {
    let group = Cluster::connect_to_group(settings)?;
    let cluster = Cluster::connect_uncommitted(settings)?;
    let mut all = Vec::new();
    for (retention_ms, layout) in topics {
        let positions = layout.positions();
        let committed = committed(&group, &positions)?;
        let watermarks = cluster.watermarks_of(&positions)?;
        for ((partition, committed), watermarks) in positions.into_iter().zip(committed).zip(watermarks) {
            let next_offset = committed.map(|committed| committed.next_offset.0);
            let waiting = next_offset.unwrap_or(watermarks.low).max(watermarks.low);
            let oldest = if waiting < watermarks.high {
                age(&cluster, &partition, waiting, retention_ms, now_ms)?
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

/// Compares ages by Kafka's index of times: the record at `offset` is older than a time if the first record that is not older
/// comes after it.
fn age(
    cluster: &Cluster,
    partition: &TopicPartition,
    offset: i64,
    retention_ms: Option<i64>,
    now_ms: i64,
) -> Result<Age, KafkaError> {
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

/// Judges the progress.
pub fn check(name: &'static str, partitions: &[Progress]) -> Check {
    if partitions.is_empty() {
        return Check::skipped(name, "there are no topics yet");
    }
    let lost = |p: &&Progress| p.next_offset.is_some_and(|next| next < p.watermarks.low);
    let describe = |p: &Progress| {
        let from = p.next_offset.unwrap_or(p.watermarks.low);
        format!(
            "{} is archived up to {from}, Kafka has {} to {}",
            p.partition, p.watermarks.low, p.watermarks.high
        )
    };
    let of = |wanted: &dyn Fn(&&Progress) -> bool| listed(partitions.iter().filter(wanted).map(describe));
    if partitions.iter().any(|p| lost(&p)) {
        let remedy = "run `kivend archive`, which records the loss in the archive; then increase retention.ms or archive more often";
        return Check::failed(
            name,
            format!("deleted before they were archived: {}", of(&lost)),
            remedy,
        );
    }
    if partitions.iter().any(|p| p.oldest == Age::NearlyDeleted) {
        let named = of(&|p| p.oldest == Age::NearlyDeleted);
        return Check::failed(
            name,
            format!("records will soon be deleted: {named}"),
            "run `kivend archive` now",
        );
    }
    if partitions.iter().any(|p| p.oldest == Age::Half) {
        let named = of(&|p| p.oldest == Age::Half);
        return Check::warning(
            name,
            format!("records have reached half of the retention: {named}"),
            "make sure that kivend-archiver is running",
        );
    }
    let lag: u64 = partitions.iter().map(lag).sum();
    Check::ok(
        name,
        format!(
            "{} partitions, {lag} records not archived yet, none older than half of the retention",
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
            "deleted before they were archived: payments/0 is archived up to 99, Kafka has 100 to 200"
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
        assert_eq!(
            check.detail,
            "1 partitions, 100 records not archived yet, none older than half of the retention"
        );
    }
}

//! The retention monitor: for each partition of this archiver, the time at which Kafka may delete the oldest record
//! that is not archived yet. It runs on a thread and connections of its own, so that neither polling nor sealing waits
//! for it, and reports to the metrics and the log.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::error::KafkaError;
use crate::kafka::reader::{Range, Read, Reader};
use crate::kafka::topics::Topics;
use crate::record::position::TopicPartition;
use crate::record::record::Timestamp;
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;
use crate::telemetry::PartitionMetrics;

/// The wait between two checks while partitions are new, as after the start or a rebalance.
const FIRST_INTERVAL: Duration = Duration::from_secs(5);
/// The wait between two checks otherwise.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long before the deletion the log warns, in seconds.
const WARNING_S: i64 = 24 * 60 * 60;
const POLL: Duration = Duration::from_millis(500);

/// The partitions of this archiver, and the first offset of each that is not archived yet. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct ArchivedPositions(Arc<Mutex<BTreeMap<TopicPartition, Archived>>>);

#[derive(Debug, Clone)]
struct Archived {
    next_offset: i64,
    metrics: PartitionMetrics,
}

impl ArchivedPositions {
    /// The partition is archived up to this offset, exclusive.
    pub fn archived(&self, partition: &TopicPartition, next_offset: i64, metrics: &PartitionMetrics) {
        let metrics = metrics.clone();
        self.change(|archived| archived.insert(partition.clone(), Archived { next_offset, metrics }));
    }

    /// The partition was released or lost.
    pub fn released(&self, partition: &TopicPartition) {
        self.change(|archived| archived.remove(partition));
    }

    fn partitions(&self) -> Vec<(TopicPartition, Archived)> {
        self.change(|archived| {
            archived
                .iter()
                .map(|(name, archived)| (name.clone(), archived.clone()))
                .collect()
        })
    }

    /// A poisoned lock is ignored: each change is a single call, so a panic leaves the map consistent.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<TopicPartition, Archived>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The monitor's thread, which ends when this is dropped.
pub struct RetentionThread {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RetentionThread {
    /// Starts the monitor.
    ///
    /// # Errors
    /// librdkafka refuses a setting, or the operating system refuses to start a thread.
    pub fn start(
        settings: &KafkaSettings,
        archived: ArchivedPositions,
        clock: Clock,
    ) -> Result<RetentionThread, AppError> {
        let mut monitor = RetentionMonitor {
            reader: Reader::connect(&with_small_queues(settings))?,
            topics: Topics::connect(settings)?,
            archived,
            clock,
            known: BTreeMap::new(),
        };
        let (stop, stopped) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("retention".into())
            .spawn(move || {
                let mut interval = FIRST_INTERVAL;
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    interval = monitor.check();
                }
            })
            .map_err(|error| {
                AppError::internal(format!("the retention monitor's thread cannot be started: {error}"))
                    .fix("raise the limits on processes and memory of this user or container")
            })?;
        Ok(RetentionThread {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for RetentionThread {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged when it happened; archiving does not depend on the monitor.
            drop(thread.join());
        }
    }
}

/// Settings that fetch little ahead, because only one record of a partition is read.
fn with_small_queues(settings: &KafkaSettings) -> KafkaSettings {
    let own = [
        ("queued.max.messages.kbytes", "1024"),
        ("fetch.message.max.bytes", "65536"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let theirs = settings
        .properties
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    KafkaSettings {
        properties: theirs.chain(own).collect(),
        ..settings.clone()
    }
}

struct RetentionMonitor {
    reader: Reader,
    topics: Topics,
    archived: ArchivedPositions,
    clock: Clock,
    known: BTreeMap<TopicPartition, Known>,
}

/// What is kept of a partition from one check to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The offset of the oldest record that was not archived, and its timestamp in ms.
    oldest: Option<(i64, i64)>,
    has_warned: bool,
}

impl RetentionMonitor {
    /// Checks every partition. Returns the wait until the next check.
    fn check(&mut self) -> Duration {
        let partitions = self.archived.partitions();
        let is_new = |(name, _): &(TopicPartition, Archived)| !self.known.contains_key(name);
        let interval = if partitions.is_empty() || partitions.iter().any(is_new) {
            FIRST_INTERVAL
        } else {
            INTERVAL
        };
        self.known
            .retain(|name, _| partitions.iter().any(|(own, _)| own == name));
        let mut retentions_ms = BTreeMap::new();
        for (name, archived) in partitions {
            match self.deletion_ms(&name, archived.next_offset, &mut retentions_ms) {
                Ok(due_ms) => self.report(
                    &name,
                    &archived,
                    due_ms.map(|ms| UtcSeconds::from_unix(ms.div_euclid(1000))),
                ),
                // The next check retries. The liveness probe reports that Kafka does not answer.
                Err(error) => tracing::debug!(partition = %name, %error, "cannot check the topic's retention"),
            }
        }
        interval
    }

    /// The earliest time at which Kafka may delete the oldest record that is not archived; Kafka deletes whole log
    /// segments, so it may keep it longer. `None` if every record is archived, if the topic has no time limit, or if
    /// the record has no timestamp.
    fn deletion_ms(
        &mut self,
        partition: &TopicPartition,
        next_offset: i64,
        retentions_ms: &mut BTreeMap<String, Option<i64>>,
    ) -> Result<Option<i64>, KafkaError> {
        let marks = self.reader.cluster().watermarks(partition)?;
        let oldest = next_offset.max(marks.low);
        if oldest >= marks.high {
            return Ok(None);
        }
        let topic = partition.topic.to_string();
        let retention_ms = match retentions_ms.get(&topic) {
            Some(known) => *known,
            None => {
                let configured = self.topics.retention_ms(&topic)?;
                *retentions_ms.entry(topic).or_insert(configured)
            }
        };
        let Some(retention_ms) = retention_ms else {
            return Ok(None);
        };
        Ok(self
            .time_ms(partition, oldest, marks.high)?
            .map(|time_ms| time_ms.saturating_add(retention_ms)))
    }

    fn time_ms(&mut self, partition: &TopicPartition, oldest: i64, end: i64) -> Result<Option<i64>, KafkaError> {
        let known = self.known.entry(partition.clone()).or_default();
        if let Some((offset, time_ms)) = known.oldest
            && offset == oldest
        {
            return Ok(Some(time_ms));
        }
        let found = first_time_ms(&self.reader, partition, oldest, end)?;
        known.oldest = found.map(|time_ms| (oldest, time_ms));
        Ok(found)
    }

    fn report(&mut self, partition: &TopicPartition, archived: &Archived, due: Option<UtcSeconds>) {
        archived.metrics.deletion_due(due);
        let left_s = due.map(|due| due.unix().saturating_sub(self.clock.utc_seconds().unix()));
        let known = self.known.entry(partition.clone()).or_default();
        let is_near = left_s.is_some_and(|left_s| left_s < WARNING_S);
        if is_near && !known.has_warned {
            tracing::warn!(%partition, left_s, next_offset = archived.next_offset, "Kafka may soon delete records that are not archived: find out why this archiver lags, or increase the topic's retention.ms");
        } else if known.has_warned && !is_near {
            tracing::info!(%partition, "Kafka keeps the records that are not archived for at least another day");
        }
        known.has_warned = is_near;
    }
}

/// The timestamp of the first record of a range, in ms; `None` if it has none or the range has no record.
fn first_time_ms(
    reader: &Reader,
    partition: &TopicPartition,
    from: i64,
    until: i64,
) -> Result<Option<i64>, KafkaError> {
    let range = Range {
        partition: partition.clone(),
        from,
        until: Some(until),
    };
    let mut stream = reader.open(vec![range])?;
    loop {
        match stream.next(POLL)? {
            Read::Record { record, .. } => {
                return Ok(match record.timestamp {
                    Timestamp::CreateMs(ms) | Timestamp::LogAppendMs(ms) => Some(ms),
                    Timestamp::Absent => None,
                });
            }
            Read::Ended { .. } | Read::Done => return Ok(None),
            Read::Nothing => {}
        }
    }
}

//! The retention monitor: for each partition of this archiver, the time at which Kafka may delete the oldest record
//! that is not archived yet. It runs on a thread and connections of its own, so that neither polling nor sealing waits
//! for it, and reports to the metrics and the log.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::error::KafkaError;
use crate::kafka::open_transactions::{OpenTransaction, OpenTransactions};
use crate::kafka::reader::{Reader, first_time_ms};
use crate::kafka::topics::Topics;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;
use crate::telemetry::PartitionMetrics;

/// The wait between two checks while partitions are new, as after the start or a rebalance.
const FIRST_INTERVAL: Duration = Duration::from_secs(5);
/// The wait between two checks otherwise.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long before the deletion the log warns, in seconds.
const WARNING_S: i64 = 24 * 60 * 60;
/// How long the end of a run waits for a check that is underway.
const LAST_CHECK: Duration = Duration::from_secs(1);
/// The age at which an open transaction is logged, in seconds. Kafka ends one by itself after the producer's
/// `transaction.timeout.ms`, which is a minute by default; a hanging one stays until somebody aborts it.
const OLD_TRANSACTION_S: i64 = 60;

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
    /// Closed when the thread ends.
    ended: Receiver<()>,
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
            transactions: OpenTransactions::connect(settings)?,
            archived,
            clock,
            known: BTreeMap::new(),
        };
        let (stop, stopped) = sync_channel(0);
        let (ending, ended) = sync_channel(0);
        std::thread::Builder::new()
            .name("retention".into())
            .spawn(move || {
                let _ending: SyncSender<()> = ending;
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
            ended,
        })
    }
}

impl Drop for RetentionThread {
    fn drop(&mut self) {
        self.stop = None;
        // It may wait for brokers that are down. Then it ends with the process.
        let _ended = self.ended.recv_timeout(LAST_CHECK);
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
    transactions: OpenTransactions,
    archived: ArchivedPositions,
    clock: Clock,
    known: BTreeMap<TopicPartition, Known>,
}

/// What is kept of a partition from one check to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The oldest record that was not archived, and its timestamp in ms.
    oldest: Option<(Oldest, i64)>,
    has_warned: bool,
    open: Option<SeenOpen>,
}

/// The first offset that is not archived, and the last stable offset if a transaction is open. Where the latter moves, the
/// oldest record may be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Oldest {
    offset: i64,
    open_from: Option<i64>,
}

/// A transaction that was open in the latest check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SeenOpen {
    first_offset: i64,
    since: UtcSeconds,
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
            // The next check retries. The liveness probe reports that Kafka does not answer.
            if let Err(error) = self.check_partition(&name, &archived, &mut retentions_ms) {
                tracing::debug!(event = "retention_unknown", topic = &*name.topic, partition = name.partition, %error, "cannot check the topic's retention");
            }
        }
        interval
    }

    fn check_partition(
        &mut self,
        partition: &TopicPartition,
        archived: &Archived,
        retentions_ms: &mut BTreeMap<String, Option<i64>>,
    ) -> Result<(), KafkaError> {
        let stable = self.reader.cluster();
        let open = self.transactions.among(std::slice::from_ref(partition), stable)?;
        let open = open.into_iter().next();
        let due_ms = self.deletion_ms(partition, archived, open.as_ref(), retentions_ms)?;
        let due = due_ms.map(|ms| UtcSeconds::from_unix(ms.div_euclid(1000)));
        self.report(partition, archived, due);
        self.report_open(partition, archived, open.as_ref());
        Ok(())
    }

    /// The earliest time at which Kafka may delete the oldest record that is not archived, committed or in an open
    /// transaction; Kafka deletes whole log segments, so it may keep it longer. `None` if every record is archived, if the
    /// topic has no time limit, or if the record has no timestamp.
    fn deletion_ms(
        &mut self,
        partition: &TopicPartition,
        archived: &Archived,
        open: Option<&OpenTransaction>,
        retentions_ms: &mut BTreeMap<String, Option<i64>>,
    ) -> Result<Option<i64>, KafkaError> {
        let marks = self.reader.cluster().watermarks(partition)?;
        archived.metrics.stably_lagging(marks.high - archived.next_offset);
        let oldest = Oldest {
            offset: archived.next_offset.max(marks.low),
            open_from: open.map(|open| open.first_offset),
        };
        if oldest.offset >= open.map_or(marks.high, |open| open.high_watermark) {
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
            .time_ms(partition, oldest, marks.high, open)?
            .map(|time_ms| time_ms.saturating_add(retention_ms)))
    }

    /// The time of the oldest record: a committed one before `stable_end` or, if none is left, one of an open transaction.
    fn time_ms(
        &mut self,
        partition: &TopicPartition,
        oldest: Oldest,
        stable_end: i64,
        open: Option<&OpenTransaction>,
    ) -> Result<Option<i64>, KafkaError> {
        let known = self.known.entry(partition.clone()).or_default();
        if let Some((of, time_ms)) = known.oldest
            && of == oldest
        {
            return Ok(Some(time_ms));
        }
        let mut found = None;
        if oldest.offset < stable_end {
            found = first_time_ms(&self.reader, partition, oldest.offset, stable_end)?;
        }
        if let (None, Some(open)) = (found, open) {
            found = self.transactions.time_ms(open, oldest.offset.max(open.first_offset))?;
        }
        known.oldest = found.map(|time_ms| (oldest, time_ms));
        Ok(found)
    }

    /// Logs a transaction once when it is old, and once when it has ended.
    fn report_open(&mut self, partition: &TopicPartition, archived: &Archived, open: Option<&OpenTransaction>) {
        let now = self.clock.utc_seconds();
        let (topic, number) = (&*partition.topic, partition.partition);
        let known = self.known.entry(partition.clone()).or_default();
        let before = known.open.take();
        if let Some(ended) = before.filter(|seen| Some(seen.first_offset) != open.map(|open| open.first_offset))
            && ended.has_warned
        {
            tracing::info!(
                event = "transaction_ended",
                topic,
                partition = number,
                first_offset = ended.first_offset,
                "the open transaction has ended: what waited for it is archived now"
            );
        }
        let Some(open) = open else {
            archived.metrics.open_transaction(0, None);
            return;
        };
        let mut seen = before
            .filter(|seen| seen.first_offset == open.first_offset)
            .unwrap_or(SeenOpen {
                first_offset: open.first_offset,
                since: now,
                has_warned: false,
            });
        archived.metrics.open_transaction(open.offsets(), Some(seen.since));
        let age_s = now.unix() - seen.since.unix();
        if age_s >= OLD_TRANSACTION_S && !seen.has_warned {
            seen.has_warned = true;
            tracing::warn!(
                event = "transaction_open",
                topic,
                partition = number,
                first_offset = open.first_offset,
                waiting = open.offsets(),
                seen_for_s = age_s,
                "a transaction is open: the records behind its first one cannot be archived before it ends, and Kafka's retention deletes them all the same; `kivend doctor` says how old it is and how to end it"
            );
        }
        known.open = Some(seen);
    }

    fn report(&mut self, partition: &TopicPartition, archived: &Archived, due: Option<UtcSeconds>) {
        archived.metrics.deletion_due(due);
        let (topic, number) = (&*partition.topic, partition.partition);
        let left_s = due.map(|due| due.unix().saturating_sub(self.clock.utc_seconds().unix()));
        let known = self.known.entry(partition.clone()).or_default();
        let is_near = left_s.is_some_and(|left_s| left_s < WARNING_S);
        if is_near && !known.has_warned {
            tracing::warn!(
                event = "deletion_near",
                topic,
                partition = number,
                left_s,
                next_offset = archived.next_offset,
                "Kafka may soon delete records that are not archived: find out why this archiver lags, or increase the topic's retention.ms"
            );
        } else if known.has_warned && !is_near {
            tracing::info!(
                event = "deletion_far",
                topic,
                partition = number,
                "Kafka keeps the records that are not archived for at least another day"
            );
        }
        known.has_warned = is_near;
    }
}

//! The race against Kafka's retention: for each partition of ours, when Kafka may delete the oldest record that is not
//! archived. Looked up every so often on a thread of its own, over connections of its own, so that neither polling nor
//! sealing waits for it. Tells metrics and the log; never hurries anybody.

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

/// Looks come soon after the start, and as long as partitions are being handed over.
const FIRST_INTERVAL: Duration = Duration::from_secs(5);
/// Then one a minute is enough for hours.
const INTERVAL: Duration = Duration::from_secs(60);
/// So long before the deletion people are warned.
const WARNING_S: i64 = 24 * 60 * 60;
const POLL: Duration = Duration::from_millis(500);

/// Which partitions are ours, and from where on each is not archived yet. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct ArchivedPositions(Arc<Mutex<BTreeMap<TopicPartition, Waiting>>>);

#[derive(Debug, Clone)]
struct Waiting {
    next_offset: i64,
    metrics: PartitionMetrics,
}

impl ArchivedPositions {
    /// Everything before this offset is archived.
    pub fn archived(&self, partition: &TopicPartition, next_offset: i64, metrics: &PartitionMetrics) {
        let metrics = metrics.clone();
        self.change(|archived| archived.insert(partition.clone(), Waiting { next_offset, metrics }));
    }

    /// The partition is not ours any more.
    pub fn released(&self, partition: &TopicPartition) {
        self.change(|archived| archived.remove(partition));
    }

    fn partitions(&self) -> Vec<(TopicPartition, Waiting)> {
        self.change(|archived| {
            archived
                .iter()
                .map(|(name, waiting)| (name.clone(), waiting.clone()))
                .collect()
        })
    }

    /// A panic elsewhere leaves the map whole: every change is one call.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<TopicPartition, Waiting>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The thread. Dropping it ends the looks.
pub struct RetentionWatch {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RetentionWatch {
    /// Begins to look.
    ///
    /// # Errors
    /// Settings that librdkafka refuses, or no thread.
    pub fn watch(
        settings: &KafkaSettings,
        archived: ArchivedPositions,
        clock: Clock,
    ) -> Result<RetentionWatch, AppError> {
        let mut look = RetentionMonitor {
            reader: Reader::connect(&frugal(settings))?,
            topics: Topics::connect(settings)?,
            archived,
            clock,
            known: BTreeMap::new(),
        };
        let (stop, stopped) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("deadlines".into())
            .spawn(move || {
                let mut interval = FIRST_INTERVAL;
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    interval = look.around();
                }
            })
            .map_err(|error| AppError::internal(format!("no thread for the deadlines: {error}")))?;
        Ok(RetentionWatch {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for RetentionWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened, and costs nothing but numbers.
            drop(thread.join());
        }
    }
}

/// One record is wanted at a time: little is fetched ahead.
fn frugal(settings: &KafkaSettings) -> KafkaSettings {
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

/// What is remembered of a partition from look to look.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The oldest record that waited, and its time in ms.
    oldest: Option<(i64, i64)>,
    warned: bool,
}

impl RetentionMonitor {
    /// Looks at every partition, and says when to look again.
    fn around(&mut self) -> Duration {
        let partitions = self.archived.partitions();
        let is_new = |(name, _): &(TopicPartition, Waiting)| !self.known.contains_key(name);
        let interval = if partitions.is_empty() || partitions.iter().any(is_new) {
            FIRST_INTERVAL
        } else {
            INTERVAL
        };
        self.known
            .retain(|name, _| partitions.iter().any(|(ours, _)| ours == name));
        let mut retentions_ms = BTreeMap::new();
        for (name, waiting) in partitions {
            match self.deletion_ms(&name, waiting.next_offset, &mut retentions_ms) {
                Ok(due_ms) => self.tell(
                    &name,
                    &waiting,
                    due_ms.map(|ms| UtcSeconds::from_unix(ms.div_euclid(1000))),
                ),
                // The next look may find out; what Kafka's trouble means for archiving others tell.
                Err(error) => tracing::debug!(partition = %name, %error, "cannot tell how long Kafka keeps what waits"),
            }
        }
        interval
    }

    /// When Kafka may delete the oldest record that waits: it keeps whole files of its log, so not before. Nothing where
    /// none waits, where the topic is kept for ever, or where the record has no time.
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
                let told = self.topics.retention_ms(&topic)?;
                *retentions_ms.entry(topic).or_insert(told)
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
        let found = first_time_ms(&self.reader, partition, (oldest, end))?;
        known.oldest = found.map(|time_ms| (oldest, time_ms));
        Ok(found)
    }

    fn tell(&mut self, partition: &TopicPartition, waiting: &Waiting, due: Option<UtcSeconds>) {
        waiting.metrics.deletion_due(due);
        let left_s = due.map(|due| due.unix().saturating_sub(self.clock.utc_seconds().unix()));
        let known = self.known.entry(partition.clone()).or_default();
        let is_near = left_s.is_some_and(|left_s| left_s < WARNING_S);
        if is_near && !known.warned {
            tracing::warn!(%partition, left_s, next_offset = waiting.next_offset, "Kafka may soon delete records that are not archived: see why this archiver is behind, or lengthen retention.ms");
        } else if known.warned && !is_near {
            tracing::info!(%partition, "what waits to be archived is kept for another day at least");
        }
        known.warned = is_near;
    }
}

/// The time of the first record of a range, in ms; nothing where it has none, or there is no record.
fn first_time_ms(
    reader: &Reader,
    partition: &TopicPartition,
    (from, until): (i64, i64),
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

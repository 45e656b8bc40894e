//! Reads ranges of partitions without a group, to print them or to compare an archive with Kafka. It commits nothing, and
//! its memory does not depend on the length of the ranges.
//!
//! Usually it reads committed records only, and some offsets have none: those of transaction markers, of aborted transactions and of
//! records that compaction removed. So a range ends with its last offset, with a record beyond it, or at the end of the partition.

use std::time::Duration;

use rdkafka::client::NativeClient;
use rdkafka::consumer::Consumer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::kafka::cluster::Cluster;
use crate::kafka::codes::is_quiet;
use crate::kafka::error::KafkaError;
use crate::kafka::native::fetching::Fetching;
use crate::kafka::native::inbox::{Failure, Inbox};
use crate::kafka::native::message::HeaderList;
use crate::kafka::native::queue::Queue;
use crate::record::position::{NextOffset, TopicPartition};
use crate::record::record::Record;

/// How long no record may come before a bounded range fails.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const POLL_TIMEOUT: Duration = Duration::from_millis(500);

/// A range of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset of the range, at least 0.
    pub from: i64,
    /// The first offset after the range; `None` for a range that does not end.
    pub until: Option<i64>,
}

/// What one poll returns.
#[derive(Debug)]
pub enum Read<'a> {
    /// A record. The offsets of a range rise.
    Record {
        /// The index of its range.
        range: usize,
        /// Lent until the next poll.
        record: Record<'a>,
    },
    /// The range was read. `position` is below its `until` only if the partition ends before.
    Ended {
        /// The index of the range.
        range: usize,
        /// Every committed record below it was delivered.
        position: NextOffset,
    },
    /// Nothing within the time given.
    Nothing,
    /// Every range has ended.
    Done,
}

/// A client that reads without a group.
pub struct Reader {
    cluster: Cluster,
}

impl Reader {
    /// Connects with the first request.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Reader, KafkaError> {
        Ok(Reader {
            cluster: Cluster::connect(settings)?,
        })
    }

    /// The same for ranges that do not end: brokers keep a fetch for some time until a record comes.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect_following(settings: &KafkaSettings) -> Result<Reader, KafkaError> {
        Ok(Reader {
            cluster: Cluster::connect_following(settings)?,
        })
    }

    /// The same, but reads open and aborted transactions too, up to the high watermark.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect_uncommitted(settings: &KafkaSettings) -> Result<Reader, KafkaError> {
        Ok(Reader {
            cluster: Cluster::connect_uncommitted(settings)?,
        })
    }

    /// Requests over the same connection.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Begins to read these ranges in parallel; each must be of another partition.
    ///
    /// # Errors
    /// librdkafka's refusal, such as for a name that no topic can have.
    pub fn open(&self, ranges: Vec<Range>) -> Result<Stream<'_>, KafkaError> {
        Stream::open(&self.cluster, ranges)
    }

    /// Reads the committed records of `[from, until)` in order, and returns the position after them: `until`, or less if
    /// the partition ends before. An error of `sink` ends the reading.
    ///
    /// # Errors
    /// The error of `sink`, [`KafkaError::OutOfRange`] if retention deleted the first records, or another failure of Kafka.
    pub fn read_range<E: From<KafkaError>>(
        &self,
        partition: &TopicPartition,
        from: i64,
        until: i64,
        mut sink: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<NextOffset, E> {
        let range = Range {
            partition: partition.clone(),
            from,
            until: Some(until),
        };
        let mut stream = self.open(vec![range])?;
        loop {
            match stream.next(POLL_TIMEOUT)? {
                Read::Record { record, .. } => sink(&record)?,
                Read::Ended { position, .. } => return Ok(position),
                Read::Nothing => {}
                Read::Done => return Ok(NextOffset(until)),
            }
        }
    }
}

/// The time of the first record of a range, in ms; `None` if it has none or the range has no record.
///
/// # Errors
/// As [`Stream::next`].
pub fn first_time_ms(
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
        match stream.next(POLL_TIMEOUT)? {
            Read::Record { record, .. } => return Ok(record.timestamp.ms()),
            Read::Ended { .. } | Read::Done => return Ok(None),
            Read::Nothing => {}
        }
    }
}

struct Reading<'r> {
    range: Range,
    /// `None` when the range has ended.
    fetching: Option<Fetching<'r>>,
}

/// Ranges being read. Dropping it ends the reading.
pub struct Stream<'r> {
    readings: Vec<Reading<'r>>,
    inbox: Inbox<&'r NativeClient>,
    headers: HeaderList,
    cluster: &'r Cluster,
    /// Ranges without an offset, which end before anything is fetched.
    empty: Vec<usize>,
    /// The number of ranges being fetched.
    open: usize,
    /// The range of the last record: records come in runs of one partition.
    latest: usize,
    /// The last record that was lent had the last offset of its range. To wait for what comes after would take
    /// `fetch.wait.max.ms` at the end of a partition.
    is_latest_read: bool,
    silence: Duration,
}

impl<'r> Stream<'r> {
    fn open(cluster: &'r Cluster, ranges: Vec<Range>) -> Result<Stream<'r>, KafkaError> {
        let doing = "begin to read a partition";
        let client = cluster.client.client().native_client();
        let no_queue = || KafkaError::Other {
            doing,
            reason: "librdkafka returned no queue".to_owned(),
        };
        let queue = Queue::new(client).ok_or_else(no_queue)?;
        let mut readings = Vec::with_capacity(ranges.len());
        let mut empty = Vec::new();
        for range in ranges {
            let fetching = if range.until.is_some_and(|until| until <= range.from) {
                empty.push(readings.len());
                None
            } else {
                let started = Fetching::start(&queue, &range.partition, range.from.max(0));
                Some(started.map_err(|code| KafkaError::from_code(code, doing, code.to_string()))?)
            };
            readings.push(Reading { range, fetching });
        }
        Ok(Stream {
            open: readings.len() - empty.len(),
            readings,
            inbox: Inbox::of(queue),
            headers: HeaderList::default(),
            cluster,
            empty,
            latest: 0,
            is_latest_read: false,
            silence: Duration::ZERO,
        })
    }

    /// The next record or end, waiting at most `timeout`.
    ///
    /// # Errors
    /// Kafka refused, has no record at a range's beginning, or sent nothing for a minute before a bounded range ended.
    #[inline]
    pub fn next(&mut self, timeout: Duration) -> Result<Read<'_>, KafkaError> {
        if self.is_latest_read {
            return Ok(self.end_latest());
        }
        if self.open == 0 || !self.empty.is_empty() {
            return Ok(self.end_empty());
        }
        if !self.inbox.advance(timeout) {
            return self.idle(timeout);
        }
        match self.inbox.failure() {
            None => self.lend(),
            Some(failure) => self.failed(failure),
        }
    }

    fn end_empty(&mut self) -> Read<'static> {
        match self.empty.pop() {
            Some(range) => Read::Ended {
                range,
                position: NextOffset(self.readings[range].range.from),
            },
            None => Read::Done,
        }
    }

    #[cold]
    fn end_latest(&mut self) -> Read<'static> {
        self.is_latest_read = false;
        let until = self.readings[self.latest].range.until;
        finish(
            &mut self.readings,
            &mut self.open,
            self.latest,
            until.unwrap_or(i64::MAX),
        )
    }

    #[inline]
    fn lend(&mut self) -> Result<Read<'_>, KafkaError> {
        let Some(message) = self.inbox.message() else {
            return Ok(Read::Nothing);
        };
        self.silence = Duration::ZERO;
        let is_this = |reading: &Reading<'_>| {
            let partition = &reading.range.partition;
            partition.partition == message.partition() && partition.topic.as_bytes() == message.topic()
        };
        if !self.readings.get(self.latest).is_some_and(is_this) {
            self.latest = self.readings.iter().position(is_this).unwrap_or(usize::MAX);
        }
        let range = self.latest;
        // Records that were prefetched beyond the end of a range are dropped.
        let Some(reading) = self.readings.get(range).filter(|reading| reading.fetching.is_some()) else {
            return Ok(Read::Nothing);
        };
        match reading.range.until {
            Some(until) if message.offset() >= until => Ok(finish(&mut self.readings, &mut self.open, range, until)),
            until => {
                self.is_latest_read = until.is_some_and(|until| message.offset() >= until - 1);
                Ok(Read::Record {
                    range,
                    record: message.record(&mut self.headers),
                })
            }
        }
    }

    #[cold]
    fn failed(&mut self, failure: Failure) -> Result<Read<'static>, KafkaError> {
        let Failure { code, position, reason } = failure;
        match (code, position) {
            (Code::PartitionEOF, Some((partition, offset))) => Ok(self.end_of(&partition, offset)),
            (Code::AutoOffsetReset, Some((partition, _))) => {
                let offset = self
                    .reading_of(&partition)
                    .map_or(0, |range| self.readings[range].range.from);
                Err(KafkaError::OutOfRange { partition, offset })
            }
            (Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition, Some((partition, _))) => {
                Err(KafkaError::UnknownPartition { partition })
            }
            (code, _) if is_quiet(code) => {
                tracing::debug!(target: "librdkafka", event = "client_error", ?code, error = reason, "an error of the Kafka client that passes");
                Ok(Read::Nothing)
            }
            (code, _) => Err(KafkaError::from_code(code, "read a partition", reason)),
        }
    }

    /// The partition has no more records for now, which ends a bounded range, even before `until`.
    fn end_of(&mut self, partition: &TopicPartition, offset: i64) -> Read<'static> {
        self.silence = Duration::ZERO;
        let Some(range) = self.reading_of(partition) else {
            return Read::Nothing;
        };
        match self.readings[range].range.until {
            None => Read::Nothing,
            Some(until) => finish(&mut self.readings, &mut self.open, range, offset.min(until)),
        }
    }

    fn reading_of(&self, partition: &TopicPartition) -> Option<usize> {
        let is_this = |reading: &Reading<'_>| reading.range.partition == *partition && reading.fetching.is_some();
        self.readings.iter().position(is_this)
    }

    #[cold]
    fn idle(&mut self, waited: Duration) -> Result<Read<'static>, KafkaError> {
        if let Some(refusal) = self.cluster.refusal() {
            return Err(refusal);
        }
        self.silence += waited;
        let is_bounded = |reading: &Reading<'_>| reading.fetching.is_some() && reading.range.until.is_some();
        if self.silence >= SILENCE_MAX && self.readings.iter().any(is_bounded) {
            return Err(self.cluster.unreachable());
        }
        Ok(Read::Nothing)
    }
}

/// Stops fetching a range: every record below `position` was delivered.
fn finish(readings: &mut [Reading<'_>], open: &mut usize, range: usize, position: i64) -> Read<'static> {
    readings[range].fetching = None;
    *open -= 1;
    Read::Ended {
        range,
        position: NextOffset(position),
    }
}

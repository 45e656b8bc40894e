//! Reads the records of one topic, shows and counts them. Joins no group and commits nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::app::similar::nearest;
use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::error::{Explain, Kind};
use crate::json::scan_member;
use crate::kafka::cluster::{Cluster, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::reader::{Range, Read, Reader};
use crate::record::position::TopicPartition;
use crate::record::record::Record;
use crate::task::progress::{Progress, Unit};
use crate::task::stop::Stop;

const POLL_TIMEOUT: Duration = Duration::from_millis(200);
/// Records between two checks for a request to stop.
const RECORDS_PER_LOOK: u64 = 4096;

/// Where to begin in every partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// At the oldest record in Kafka.
    Earliest,
    /// At the next record to be written.
    Latest,
    /// At this offset, or the nearest one that exists.
    Offset(i64),
    /// At the first record that is not older than this, in ms since the Unix epoch.
    TimeMs(i64),
}

/// Where to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// At the end of the log when it starts.
    Now,
    /// When it is stopped.
    Stopped,
}

/// What to consume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The topic's name in Kafka.
    pub topic: String,
    /// The maximum number of records, over all partitions.
    pub records_max: Option<u64>,
    /// Where to begin in every partition.
    pub beginning: Beginning,
    /// Where to end.
    pub ending: Ending,
}

/// The counts of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The topic's name in Kafka.
    pub topic: String,
    /// Records, over all partitions.
    pub records: u64,
    /// Bytes of the values.
    pub value_bytes: u64,
    /// Seconds from the first request for records to the end.
    pub elapsed_s: f64,
    /// Records by elapsed time.
    pub records_per_s: f64,
    /// Records by type of event.
    pub event_types: BTreeMap<String, u64>,
    /// Records whose value has no event type.
    pub without_event_type: u64,
    /// Records by partition, including partitions without any.
    pub partitions: BTreeMap<i32, u64>,
    /// Where the log of each partition ended when it started; empty if it was followed.
    pub ends: BTreeMap<i32, i64>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// Why consuming ended early.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The topic does not exist.
    #[error("the topic does not exist: `{topic}`")]
    UnknownTopic {
        /// Its name.
        topic: String,
        /// The most similar topic that exists, if one is similar.
        nearest: Option<String>,
    },
    /// Kafka failed.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The output could not be written.
    #[error("the records cannot be written")]
    Output(#[source] io::Error),
}

impl Explain for ConsumeError {
    fn kind(&self) -> Kind {
        match self {
            ConsumeError::UnknownTopic { .. } => Kind::Config,
            ConsumeError::Kafka(error) => error.kind(),
            ConsumeError::Output(_) => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            ConsumeError::UnknownTopic { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`kivend topics list` lists the topics; `kivend topics create` creates the configured ones"
                    .to_owned(),
            }),
            ConsumeError::Kafka(error) => error.remedy(),
            ConsumeError::Output(_) => Some("check that the output is open and the disk has free space".to_owned()),
        }
    }
}

/// What a run uses besides its request.
pub struct Surroundings<'a> {
    /// Ends the run early.
    pub stop: Stop,
    /// Measures the rate.
    pub clock: Clock,
    /// Shows the progress.
    pub progress: &'a dyn Progress,
    /// The member of a value that holds the event type.
    pub event_type_field: &'a str,
}

/// Calls `show` for each record, in order within each partition, and counts them.
///
/// # Errors
/// No such topic, errors of Kafka, errors of `show`.
pub fn consume(
    kafka: &KafkaSettings,
    request: &Request,
    around: &Surroundings<'_>,
    mut show: impl FnMut(&Record<'_>) -> io::Result<()>,
) -> Result<Report, ConsumeError> {
    let reader = match request.ending {
        Ending::Now => Reader::connect(kafka)?,
        Ending::Stopped => Reader::connect_following(kafka)?,
    };
    let ranges = ranges(reader.cluster(), request)?;
    let ends = ranges
        .iter()
        .filter_map(|range| Some((range.partition.partition, range.until?)));
    let ends = ends.collect();
    let mut tally = Tally::new(around.event_type_field, &ranges);
    let consuming = around.progress.begin("consuming", Unit::Records);
    total(&ranges, request)
        .iter()
        .for_each(|total| consuming.add_total(*total));
    let started_s = around.clock.elapsed_s();
    let mut stream = reader.open(ranges)?;
    let mut interrupted = false;
    while tally.records < request.records_max.unwrap_or(u64::MAX) {
        match stream.next(POLL_TIMEOUT)? {
            Read::Record { range, record } => {
                tally.count(range, &record);
                show(&record).map_err(ConsumeError::Output)?;
                if !tally.records.is_multiple_of(RECORDS_PER_LOOK) {
                    continue;
                }
                consuming.advance(RECORDS_PER_LOOK);
            }
            Read::Done => break,
            Read::Ended { .. } | Read::Nothing => {}
        }
        interrupted = around.stop.is_requested();
        if interrupted {
            break;
        }
    }
    let elapsed_s = around.clock.elapsed_s() - started_s;
    Ok(Report {
        ends,
        ..tally.report(&request.topic, elapsed_s, interrupted)
    })
}

/// The range to read in each partition.
fn ranges(cluster: &Cluster, request: &Request) -> Result<Vec<Range>, ConsumeError> {
    let range = |(partition, marks): (TopicPartition, Watermarks)| {
        let from = match request.beginning {
            Beginning::Earliest => marks.low,
            Beginning::Latest => marks.high,
            Beginning::Offset(offset) => offset.clamp(marks.low, marks.high),
            Beginning::TimeMs(time_ms) => cluster.offset_at(&partition, time_ms.max(0))?,
        };
        let until = match request.ending {
            Ending::Now => Some(marks.high),
            Ending::Stopped => None,
        };
        Ok(Range { partition, from, until })
    };
    let Some(layout) = cluster.find_topic(&request.topic)? else {
        let topics = cluster.topics()?;
        return Err(ConsumeError::UnknownTopic {
            topic: request.topic.clone(),
            nearest: nearest(&request.topic, topics.iter().map(|topic| &*topic.name)).map(str::to_owned),
        });
    };
    let partitions = layout.positions();
    let marks = cluster.watermarks_of(&partitions)?;
    partitions.into_iter().zip(marks).map(range).collect()
}

/// The expected number of records, if it is known.
fn total(ranges: &[Range], request: &Request) -> Option<u64> {
    let there = ranges
        .iter()
        .map(|range| range.until.map(|until| u64::try_from(until - range.from).unwrap_or(0)))
        .sum::<Option<u64>>();
    match (there, request.records_max) {
        (Some(there), Some(max)) => Some(there.min(max)),
        (there, max) => there.or(max),
    }
}

/// Counts records; allocates only for a new event type.
struct Tally<'a> {
    event_type_field: &'a str,
    records: u64,
    value_bytes: u64,
    event_types: HashMap<Vec<u8>, u64>,
    without_event_type: u64,
    partitions: Vec<(i32, u64)>,
}

impl<'a> Tally<'a> {
    fn new(event_type_field: &'a str, ranges: &[Range]) -> Tally<'a> {
        Tally {
            event_type_field,
            records: 0,
            value_bytes: 0,
            event_types: HashMap::new(),
            without_event_type: 0,
            partitions: ranges.iter().map(|range| (range.partition.partition, 0)).collect(),
        }
    }

    #[inline]
    fn count(&mut self, range: usize, record: &Record<'_>) {
        let value = record.value.unwrap_or_default();
        self.records += 1;
        self.value_bytes += value.len() as u64;
        if let Some((_, records)) = self.partitions.get_mut(range) {
            *records += 1;
        }
        match scan_member::string_member(value, self.event_type_field) {
            None => self.without_event_type += 1,
            Some(event_type) => match self.event_types.get_mut(event_type) {
                Some(records) => *records += 1,
                None => drop(self.event_types.insert(event_type.to_vec(), 1)),
            },
        }
    }

    fn report(self, topic: &str, elapsed_s: f64, interrupted: bool) -> Report {
        let text = |(event_type, records): (Vec<u8>, u64)| (String::from_utf8_lossy(&event_type).into_owned(), records);
        Report {
            topic: topic.to_owned(),
            records: self.records,
            value_bytes: self.value_bytes,
            elapsed_s,
            records_per_s: rate(self.records, elapsed_s),
            event_types: self.event_types.into_iter().map(text).collect(),
            without_event_type: self.without_event_type,
            partitions: self.partitions.into_iter().collect(),
            ends: BTreeMap::new(),
            interrupted,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown, not counted with")]
fn rate(records: u64, elapsed_s: f64) -> f64 {
    if elapsed_s > 0.0 {
        records as f64 / elapsed_s
    } else {
        0.0
    }
}

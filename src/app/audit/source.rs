//! What the sink is compared with: for each offset the archive, where it has it, else Kafka. `kivend verify` compares those two.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::app::audit::request::{Against, Wanted};
use crate::app::verify::facts::{KafkaFacts, NoAnswer};
use crate::audit::offsets::OffsetSet;
use crate::audit::row::SourceRecord;
use crate::audit::tally::Completeness;
use crate::log::link::Link;
use crate::reading::archive::Archive;
use crate::reading::signed_segment::signed_segment;
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// Where the records of a range come from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Link(Arc<Link>),
    /// The link has no records.
    Empty,
    Kafka,
}

/// A range of offsets with one origin.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) range: Range<i64>,
    pub(super) origin: Origin,
}

/// One partition of the topic.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// In the order of offsets.
    pub(super) pieces: Vec<Piece>,
    /// The end of Kafka's log, if Kafka was asked: no row can have an offset from there on.
    pub(super) log_end: Option<i64>,
}

/// The archive and Kafka.
pub(super) struct Sources {
    pub(super) partitions: BTreeMap<i32, Coverage>,
    /// Whether every partition that exists is known.
    pub(super) knows_all: bool,
    pub(super) completeness: Completeness,
    /// For the report.
    pub(super) told: Vec<String>,
    topic: String,
    /// Kafka's id of the archived topic, where the archive says it.
    archived_id: Option<String>,
    archive: Option<Archive>,
    kafka: Option<Arc<dyn KafkaFacts>>,
    runtime: Handle,
}

impl Sources {
    /// Opens both, and finds out which offsets they have. Blocks.
    pub(super) fn open(against: &Against, topic: &str, runtime: Handle) -> Result<Sources, AppError> {
        let mut sources = Sources {
            partitions: BTreeMap::new(),
            knows_all: false,
            completeness: Completeness::Complete,
            told: Vec::new(),
            topic: topic.to_owned(),
            archived_id: None,
            archive: None,
            kafka: None,
            runtime,
        };
        if let Some((store, given)) = against.archive.get() {
            let opened = sources.open_archive(store, given);
            sources.settle("the archive", matches!(against.archive, Wanted::Required(_)), opened)?;
        }
        if let Some(facts) = against.kafka.get() {
            let opened = sources
                .open_kafka(facts)
                .map_err(|NoAnswer(why)| AppError::transient(why));
            sources.settle("Kafka", matches!(against.kafka, Wanted::Required(_)), opened)?;
        }
        if sources.partitions.is_empty() {
            let told = if sources.told.is_empty() {
                String::new()
            } else {
                format!(": {}", sources.told.join("; "))
            };
            return Err(
                AppError::input(format!("there is nothing to compare the topic `{topic}` with{told}")).fix(
                    "check the name of the topic, and the settings under store and kafka: `kivend doctor` checks them",
                ),
            );
        }
        Ok(sources)
    }

    fn settle(&mut self, name: &str, is_required: bool, opened: Result<String, AppError>) -> Result<(), AppError> {
        match opened {
            Ok(told) => self.told.push(format!("compared with {name}: {told}")),
            Err(error) if is_required => return Err(error),
            Err(error) => self.told.push(format!("not compared with {name}: {error}")),
        }
        Ok(())
    }

    fn open_archive(
        &mut self,
        store: &Arc<dyn crate::store::Store>,
        given: &crate::verify::given::Given,
    ) -> Result<String, AppError> {
        let archive = self.runtime.block_on(Archive::open(Arc::clone(store), given))?;
        let mut partitions = archive.partitions();
        partitions.retain(|partition| *partition.topic == *self.topic);
        let mut offsets = 0;
        for partition in &partitions {
            let chain = self.runtime.block_on(archive.chain(partition))?;
            let newest = chain.last().map(|accepted| &accepted.signed.link);
            let id = newest.and_then(Link::continuing_topic_id);
            self.archived_id = id.or(self.archived_id.take());
            let mut pieces = Vec::new();
            // A later epoch begins where the ones before are no longer current.
            let (mut epoch, mut until, mut start) = (None, i64::MAX, i64::MAX);
            for accepted in chain.iter().rev() {
                let link = &accepted.signed.link;
                if epoch != Some(link.epoch) {
                    (epoch, until) = (Some(link.epoch), until.min(start));
                }
                start = link.first_offset.0;
                let range = start..link.next_offset.0.min(until);
                let is_gone = !accepted.segment_listed && archive.may_be_removed(link);
                if range.is_empty() || link.lost.is_some() || is_gone {
                    continue;
                }
                let origin = match link.segment {
                    Some(_) => Origin::Link(Arc::new(link.clone())),
                    None => Origin::Empty,
                };
                offsets += range.end.abs_diff(range.start);
                pieces.push(Piece { range, origin });
            }
            pieces.reverse();
            self.partitions.entry(partition.partition).or_default().pieces = pieces;
        }
        if partitions.is_empty() {
            return Err(AppError::input("it has no records of the topic"));
        }
        let told = format!("{offsets} offsets, {}", store.location());
        self.archive = Some(archive);
        Ok(told)
    }

    fn open_kafka(&mut self, facts: &Arc<dyn KafkaFacts>) -> Result<String, NoAnswer> {
        let count = facts
            .partition_count(&self.topic)?
            .ok_or_else(|| NoAnswer("it has no such topic".to_owned()))?;
        let present = facts.topic_id(&self.topic)?;
        if let Some((archived, present)) = self
            .archived_id
            .as_ref()
            .zip(present)
            .filter(|(one, other)| *one != other)
        {
            return Err(NoAnswer(format!(
                "its topic is another one than the archived, created again under the id {present} instead of {archived}"
            )));
        }
        let policy = facts.cleanup_policy(&self.topic)?;
        let is_compacted = policy.is_some_and(|policy| policy.split(',').any(|word| word.trim() == "compact"));
        let mut offsets = 0;
        for number in 0..count {
            let partition = TopicPartition::new(&self.topic, number);
            let Some(marks) = facts.watermarks(&partition)? else {
                continue;
            };
            let coverage = self.partitions.entry(number).or_default();
            coverage.log_end = Some(marks.written);
            let archived: OffsetSet = coverage.pieces.iter().map(|piece| piece.range.clone()).collect();
            let held: OffsetSet = std::iter::once(marks.low..marks.high).collect();
            for range in held.minus(&archived).iter() {
                offsets += range.end.abs_diff(range.start);
                coverage.pieces.push(Piece {
                    range,
                    origin: Origin::Kafka,
                });
            }
            coverage.pieces.sort_by_key(|piece| piece.range.start);
        }
        if is_compacted {
            self.completeness = Completeness::Compacted;
        }
        self.knows_all = true;
        self.kafka = Some(Arc::clone(facts));
        Ok(format!("{offsets} offsets that the archive does not have"))
    }

    /// Calls `sink` with the records of a part of a piece, in order, and returns the first offset that the source has still had
    /// after that. Blocks.
    pub(super) fn read(
        &self,
        partition: i32,
        piece: &Piece,
        part: &Range<i64>,
        sink: &mut dyn FnMut(&SourceRecord),
    ) -> Result<i64, AppError> {
        let wanted = |offset: i64| part.contains(&offset);
        match (&piece.origin, &self.archive, &self.kafka) {
            (Origin::Link(link), Some(archive), _) => {
                let object = self.runtime.block_on(archive.segment(link))?;
                let segment = signed_segment(link, object, "compared")?;
                let read = segment.for_each_record(|record| {
                    if wanted(record.offset) {
                        sink(&SourceRecord::of(record));
                    }
                });
                read.map_err(|error| AppError::corrupt(error.to_string()))?;
                Ok(part.start)
            }
            (Origin::Kafka, _, Some(kafka)) => {
                let failed = |NoAnswer(why)| AppError::transient(why);
                let partition = TopicPartition::new(&self.topic, partition);
                let low = || {
                    kafka
                        .watermarks(&partition)
                        .map(|marks| marks.map_or(i64::MAX, |marks| marks.low))
                };
                let from = low().map_err(failed)?.max(part.start);
                if from < part.end {
                    let mut sink = |record: &crate::record::record::Record<'_>| sink(&SourceRecord::of(record));
                    kafka.read(&partition, from, part.end, &mut sink).map_err(failed)?;
                }
                // Retention may have deleted records while they were read.
                low().map_err(failed)
            }
            _ => Ok(part.start),
        }
    }
}

//! Compares the archive with Kafka: one blocking reader for each partition, several at the same time, each with one Merkle
//! tree. Where roots differ, [`differences`](crate::app::verify::differences) reads both sides again to find the records.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::app::verify::facts::{KafkaFacts, NoAnswer};
use crate::app::verify::shown::Shown;
use crate::log::object_key::Place;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::record::record::LeafHasher;
use crate::verify::chain::{Chain, Range};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::kafka::{Compared, Comparer, LagPolicy, check_end, check_watermarks, held};
use crate::verify::segments::leaves;
use crate::verify::superseded::SupersededTally;

/// Records between two updates of the progress.
const STEP: u64 = 4096;

/// The result of comparing one partition.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The compared records.
    pub compared: Compared,
    /// Offsets beyond the head.
    pub lag: u64,
    /// Kafka's log ends before the archive does.
    pub ends_before: Option<Finding>,
    /// What was found.
    pub findings: Findings,
    /// The topic in Kafka is another one than the archived, so nothing can be compared.
    pub is_recreated: bool,
}

/// Whether an archiver runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archiver {
    /// The consumer group has a member.
    Running,
    /// It has none, or could not be asked for.
    Unknown,
}

/// Compares chains with Kafka.
#[derive(Clone)]
pub struct Comparing {
    /// The facts of Kafka.
    pub facts: Arc<dyn KafkaFacts>,
    /// Whether records beyond the head are a finding.
    pub lag: LagPolicy,
    /// Whether an archiver runs, which may not have come to a partition yet.
    pub archiver: Archiver,
    /// The number of partitions read at the same time.
    pub readers: Arc<Semaphore>,
    /// Shows how far it is.
    pub shown: Arc<Shown>,
}

impl Comparing {
    /// Compares one chain with Kafka.
    pub async fn chain(&self, chain: &Arc<Chain>) -> Comparison {
        let (comparing, of_chain) = (self.clone(), Arc::clone(chain));
        let _reader = self.readers.acquire().await;
        let reading = tokio::task::spawn_blocking(move || comparing.blocking(&of_chain));
        match reading.await {
            Ok(Ok(comparison)) => comparison,
            Ok(Err(NoAnswer(why))) => no_answer(&chain.partition, why),
            Err(error) => no_answer(&chain.partition, error.to_string()),
        }
    }

    fn blocking(&self, chain: &Chain) -> Result<Comparison, NoAnswer> {
        let mut comparison = Comparison::default();
        let partition = &chain.partition;
        let Some(marks) = self.facts.watermarks(partition)? else {
            self.shown.compares(partition, 0);
            return Ok(comparison);
        };
        if chain.head.is_none() && (self.lag, self.archiver) == (LagPolicy::Allowed, Archiver::Running) {
            comparison.lag = u64::try_from(marks.high - marks.low).unwrap_or(0);
            if comparison.lag > 0 {
                let detail = format!(
                    "{} offsets are not archived yet, and an archiver is running",
                    comparison.lag
                );
                let finding = Finding::new(Code::Lag, detail).of(partition);
                comparison.findings.push(finding.offsets(marks.low, marks.high));
            }
            return Ok(comparison);
        }
        comparison.lag = check_watermarks(chain, marks, self.lag, &mut comparison.findings);
        comparison.ends_before = check_end(chain, marks);
        let (held, gone) = held(&chain.ranges, marks.low);
        let mut comparer = Comparer::new(partition, held);
        let from_until = held.first().zip(held.last());
        let from_until = from_until.map(|(first, last)| (first.first_offset.0, last.until.0.min(marks.high)));
        let offsets = from_until.map_or(0, |(from, until)| u64::try_from(until - from).unwrap_or(0));
        self.shown.compares(partition, offsets);
        if let Some((from, until)) = from_until {
            let (mut read, compared) = (0, self.shown.compared());
            self.facts.read(partition, from, until, &mut |record| {
                comparer.record(record);
                read += 1;
                if read % STEP == 0 {
                    compared.advance(STEP);
                }
            })?;
            compared.advance(read % STEP);
            compared.correct_total(offsets, read);
        }
        // Retention may have deleted records while they were read. Ranges below the new log start were not compared.
        let low = self.facts.watermarks(partition)?.map_or(i64::MAX, |marks| marks.low);
        comparison.compared = comparer.finish(low);
        comparison.compared.not_held += gone;
        Ok(comparison)
    }

    /// Compares the current records of ranges in which a later epoch begins. Their roots cover others too, so they are
    /// compared one by one.
    pub async fn compare_cut(&self, bucket: &Bucket, chain: &Chain, compared: &mut Compared) -> Findings {
        let mut findings = Findings::default();
        let is_asked = |range: &&Range| range.is_cut() && range.is_known_encoding && !range.lost;
        for range in chain.ranges.iter().filter(is_asked) {
            let Some(mut archived) = archived_leaves(bucket, &chain.partition, range).await else {
                continue;
            };
            archived.retain(|(offset, _)| *offset < range.until.0);
            let offsets = range.first_offset.0..range.until.0;
            match self.kafka_leaves(&chain.partition, offsets).await {
                Ok(Some(kafka)) if kafka == archived => compared.records += kafka.len() as u64,
                // Differences are named one by one by [`Comparing::name`].
                Ok(_) => {}
                Err(NoAnswer(why)) => findings.push(Finding::new(Code::KafkaUnreadable, why).of(&chain.partition)),
            }
        }
        findings
    }

    /// Looks for superseded records in Kafka: a divergence is false if Kafka still holds every one of them.
    pub async fn check_divergences(&self, bucket: &Bucket, chain: &Chain) -> Findings {
        let mut findings = Findings::default();
        for superseded in &chain.superseded {
            let mut tally = SupersededTally::new(superseded);
            for (range, offsets) in tally.ranges() {
                let archived = match range.is_known_encoding {
                    true => archived_leaves(bucket, &chain.partition, &range).await,
                    false => None,
                };
                let kafka = self.kafka_leaves(&chain.partition, offsets.clone()).await;
                match (archived, kafka) {
                    (Some(archived), Ok(Some(kafka))) => tally.add(&archived, &kafka, &offsets),
                    _ => tally.unknown(),
                }
                if tally.is_decided() {
                    break;
                }
            }
            if let Some(finding) = tally.finding() {
                findings.push(finding.of(&chain.partition));
            }
        }
        findings
    }

    pub(super) async fn kafka_leaves(
        &self,
        partition: &TopicPartition,
        offsets: std::ops::Range<i64>,
    ) -> Result<Option<Vec<(i64, Hash)>>, NoAnswer> {
        let (comparing, partition) = (self.clone(), partition.clone());
        let reading = tokio::task::spawn_blocking(move || comparing.read_leaves(&partition, offsets));
        reading.await.unwrap_or_else(|error| Err(NoAnswer(error.to_string())))
    }

    /// `None` if Kafka no longer holds all of these offsets.
    fn read_leaves(
        &self,
        partition: &TopicPartition,
        offsets: std::ops::Range<i64>,
    ) -> Result<Option<Vec<(i64, Hash)>>, NoAnswer> {
        let mut hasher = LeafHasher::new(partition);
        let mut leaves = Vec::new();
        let (from, until) = (offsets.start, offsets.end);
        let is_held = |facts: &dyn KafkaFacts| -> Result<bool, NoAnswer> {
            Ok(facts
                .watermarks(partition)?
                .is_some_and(|marks| marks.low <= from && marks.high >= until))
        };
        if !is_held(self.facts.as_ref())? {
            return Ok(None);
        }
        self.facts.read(partition, from, until, &mut |record| {
            leaves.push((record.offset, hasher.leaf(record)));
        })?;
        Ok(is_held(self.facts.as_ref())?.then_some(leaves))
    }
}

pub(super) async fn archived_leaves(
    bucket: &Bucket,
    partition: &TopicPartition,
    range: &Range,
) -> Option<Vec<(i64, Hash)>> {
    if range.segment.is_none() {
        return Some(Vec::new());
    }
    let bytes = segment_of(bucket, partition, range).await?;
    let (partition, offsets) = (partition.clone(), range.first_offset.0..range.next_offset.0);
    tokio::task::spawn_blocking(move || leaves(bytes, &partition, offsets))
        .await
        .ok()?
        .ok()
}

/// The bytes of the segment of a range; `None` if there is none, or if it cannot be read.
pub(super) async fn segment_of(bucket: &Bucket, partition: &TopicPartition, range: &Range) -> Option<Bytes> {
    let place = Place {
        partition: partition.clone(),
        epoch: range.epoch,
        first_offset: range.first_offset,
    };
    bucket.get(&place.segment(range.segment?).to_string()).await.ok()?
}

pub(super) fn no_answer(partition: &TopicPartition, why: String) -> Comparison {
    let mut comparison = Comparison::default();
    comparison
        .findings
        .push(Finding::new(Code::KafkaUnreadable, why).of(partition));
    comparison
}

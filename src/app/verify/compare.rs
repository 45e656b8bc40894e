//! Compares the archive with Kafka: one blocking reader for each partition, several at the same time, each with one Merkle
//! tree. Where roots differ, both sides are read again to find the records.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::app::verify::facts::{KafkaFacts, NoAnswer};
use crate::log::object_key::Place;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::record::record::LeafHasher;
use crate::task::progress::Progress;
use crate::verify::chain::{Chain, Range};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::kafka::{Compared, Comparer, LagPolicy, check_watermarks, difference, held};
use crate::verify::segments::leaves;

/// Ranges in which the differing records are named; for further ranges only the range is.
const RANGES_NAMED: usize = 50;
/// Records between two updates of the progress bar.
const STEP: u64 = 4096;

/// The result of comparing one partition.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The compared records.
    pub compared: Compared,
    /// Offsets beyond the head.
    pub lag: u64,
    /// What was found.
    pub findings: Findings,
}

/// Compares chains with Kafka.
#[derive(Clone)]
pub struct Comparing {
    /// The facts of Kafka.
    pub facts: Arc<dyn KafkaFacts>,
    /// Whether records beyond the head are a finding.
    pub lag: LagPolicy,
    /// The number of partitions read at the same time.
    pub readers: Arc<Semaphore>,
    /// Shows the progress.
    pub progress: Arc<dyn Progress>,
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
            return Ok(comparison);
        };
        comparison.lag = check_watermarks(chain, marks, self.lag, &mut comparison.findings);
        let (held, gone) = held(&chain.ranges, marks.low);
        let mut comparer = Comparer::new(partition, held);
        if let (Some(first), Some(last)) = (held.first(), held.last()) {
            let until = last.next_offset.0.min(marks.high);
            let mut read = 0;
            self.facts.read(partition, first.first_offset.0, until, &mut |record| {
                comparer.record(record);
                read += 1;
                if read % STEP == 0 {
                    self.progress.advance(STEP);
                }
            })?;
            self.progress.advance(read % STEP);
        }
        // Retention may have deleted records while they were read. Ranges below the new log start were not compared.
        let low = self.facts.watermarks(partition)?.map_or(i64::MAX, |marks| marks.low);
        comparison.compared = comparer.finish(low);
        comparison.compared.not_held += gone;
        Ok(comparison)
    }

    /// Names the differing records in ranges whose records differ from Kafka's, and in those (`suspects`) whose segment does not
    /// have the signed records.
    pub async fn name(&self, bucket: &Bucket, chain: &Chain, compared: &Compared, suspects: &[Height]) -> Findings {
        let mut findings = Findings::default();
        let is_asked = |range: &&Range| compared.differing.contains(range) || suspects.contains(&range.height);
        for (index, range) in chain.ranges.iter().filter(is_asked).enumerate() {
            let named = if index < RANGES_NAMED {
                self.name_range(bucket, chain, range).await
            } else {
                Vec::new()
            };
            if named.is_empty() && compared.differing.contains(range) {
                findings.push(whole(&chain.partition, range));
            }
            for finding in named {
                findings.push(finding);
            }
        }
        findings
    }

    async fn name_range(&self, bucket: &Bucket, chain: &Chain, range: &Range) -> Vec<Finding> {
        let Some(archived) = archived_leaves(bucket, chain, range).await else {
            return Vec::new();
        };
        let (comparing, partition, range) = (self.clone(), chain.partition.clone(), *range);
        let reading = tokio::task::spawn_blocking(move || comparing.kafka_leaves(&partition, &range));
        match reading.await {
            Ok(Ok(Some(kafka))) => difference(&chain.partition, &archived, &kafka),
            _ => Vec::new(),
        }
    }

    /// `None` if Kafka no longer holds the whole range.
    fn kafka_leaves(&self, partition: &TopicPartition, range: &Range) -> Result<Option<Vec<(i64, Hash)>>, NoAnswer> {
        let mut hasher = LeafHasher::new(partition);
        let mut leaves = Vec::new();
        let (from, until) = (range.first_offset.0, range.next_offset.0);
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

async fn archived_leaves(bucket: &Bucket, chain: &Chain, range: &Range) -> Option<Vec<(i64, Hash)>> {
    let Some(attempt) = range.segment else {
        return Some(Vec::new());
    };
    let place = Place {
        partition: chain.partition.clone(),
        epoch: chain.head?.epoch,
        first_offset: range.first_offset,
    };
    let bytes = bucket.get(&place.segment(attempt).to_string()).await.ok()??;
    let partition = chain.partition.clone();
    tokio::task::spawn_blocking(move || leaves(bytes, &partition))
        .await
        .ok()?
        .ok()
}

fn whole(partition: &TopicPartition, range: &Range) -> Finding {
    let detail = format!(
        "the records of the link at height {} are not those in Kafka",
        range.height
    );
    Finding::new(Code::RecordsDifferFromKafka, detail)
        .of(partition)
        .offsets(range.first_offset.0, range.next_offset.0)
}

fn no_answer(partition: &TopicPartition, why: String) -> Comparison {
    let mut comparison = Comparison::default();
    comparison
        .findings
        .push(Finding::new(Code::KafkaUnreadable, why).of(partition));
    comparison
}

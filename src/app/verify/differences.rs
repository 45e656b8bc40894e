//! Names the records of ranges that differ from Kafka's: which offsets, which side the signature backs, and what compaction
//! explains.

use std::collections::HashMap;

use crate::app::verify::compare::{Comparing, Comparison, segment_of};
use crate::app::verify::cut_back::CutBack;
use crate::app::verify::facts::{NoAnswer, blocking};
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::record::record::{LeafHasher, Record};
use crate::segment::decode::Segment;
use crate::verify::chain::{Chain, Range};
use crate::verify::differing::{Differing, SignedSide};
use crate::verify::findings::{Code, Difference, Finding, Findings};

/// Ranges in which the differing records are named; for further ranges only the range is. In a compacted topic all are,
/// because each record needs an explanation.
const RANGES_NAMED: usize = 50;
/// Characters of a value that a finding shows.
const SHOWN_CHARS: usize = 80;

/// An archived record: its offset, its leaf, and the hash of its key, if it has one.
type Archived = (i64, Hash, Option<Hash>);

/// What compaction explains of one partition.
struct Compaction {
    /// The newest archived offset of each record key.
    newest: HashMap<Hash, i64>,
    explained: u64,
    offsets: Option<(i64, i64)>,
}

impl Comparing {
    /// Names the differing records in ranges whose records differ from Kafka's, and in those (`suspects`) whose segment does not
    /// have the signed records.
    pub async fn name(&self, bucket: &Bucket, chain: &Chain, comparison: &Comparison, suspects: &[Height]) -> Findings {
        let mut findings = Findings::default();
        let compared = &comparison.compared;
        let cut_back = match CutBack::of(self, chain, compared, suspects).await {
            Ok(cut_back) => cut_back,
            Err(NoAnswer(why)) => {
                findings.push(Finding::new(Code::KafkaUnreadable, why).of(&chain.partition));
                None
            }
        };
        match &cut_back {
            Some(cut_back) => {
                let finding = cut_back.finding(self, bucket, chain).await;
                finding.into_iter().for_each(|finding| findings.push(finding));
            }
            None => comparison
                .ends_before
                .iter()
                .for_each(|finding| findings.push(finding.clone())),
        }
        // The root of a range that is cut covers records that are not current, so the others are compared one by one.
        let is_lost = |range: &Range| cut_back.as_ref().is_some_and(|cut_back| cut_back.contains(range));
        let is_asked = |range: &&Range| {
            let differs = compared.differing.contains(range) && !is_lost(range);
            differs || suspects.contains(&range.height) || range.is_cut()
        };
        let mut compaction = match compared.differing.first() {
            Some(first) if self.is_compacted(&chain.partition).await => Some(Compaction {
                newest: newest_by_key(bucket, chain, first.height).await,
                explained: 0,
                offsets: None,
            }),
            _ => None,
        };
        let named = if compaction.is_some() { usize::MAX } else { RANGES_NAMED };
        for (index, range) in chain.ranges.iter().filter(is_asked).enumerate() {
            let of_range = if index < named {
                self.name_range(bucket, chain, range, compaction.as_mut()).await
            } else {
                None
            };
            match of_range {
                Some(named) => named.into_iter().for_each(|finding| findings.push(finding)),
                None if compared.differing.contains(range) => findings.push(whole(&chain.partition, range)),
                None => {}
            }
        }
        if let Some(Compaction {
            explained,
            offsets: Some((first, last)),
            ..
        }) = compaction
        {
            let detail = format!("{explained} records; a later record with the key of each is archived");
            let finding = Finding::new(Code::CompactedAway, detail).of(&chain.partition);
            findings.push(finding.offsets(first, last.saturating_add(1)));
        }
        findings
    }

    async fn is_compacted(&self, partition: &TopicPartition) -> bool {
        let topic = partition.topic.to_string();
        let policy = blocking(&self.facts, move |facts| facts.cleanup_policy(&topic)).await;
        policy.is_ok_and(|policy| policy.is_some_and(|policy| policy.split(',').any(|word| word.trim() == "compact")))
    }

    /// The differences in one range; `None` if it cannot be compared record by record.
    async fn name_range(
        &self,
        bucket: &Bucket,
        chain: &Chain,
        range: &Range,
        compaction: Option<&mut Compaction>,
    ) -> Option<Vec<Finding>> {
        if !range.is_known_encoding || range.lost {
            return None;
        }
        let partition = &chain.partition;
        let mut archived = archived(bucket, partition, range).await?;
        archived.retain(|(offset, ..)| *offset < range.until.0);
        let leaves: Vec<(i64, Hash)> = archived.iter().map(|(offset, leaf, _)| (*offset, *leaf)).collect();
        let offsets = range.first_offset.0..range.until.0;
        let kafka = self.kafka_leaves(partition, offsets).await.ok()??;
        let mut differing = Differing::between(&leaves, &kafka);
        if let Some(compaction) = compaction {
            compaction.explain(&archived, &mut differing);
        }
        let side = SignedSide::of(range, &leaves, &kafka);
        let mut findings = differing.findings(partition, side);
        if let (Some(offset), Some(finding)) = (differing.changed.first(), findings.first_mut())
            && let Some((kafka, stored)) = self.values_at(bucket, partition, range, *offset).await
        {
            let values = format!("; at offset {offset} Kafka has {kafka}, the stored object has {stored}");
            finding.detail.push_str(&values);
            finding.difference = Some(Box::new(difference(*offset, side, kafka, stored)));
        }
        Some(findings).filter(|findings| !findings.is_empty() || differing == Differing::default())
    }

    /// The values of the first record that differs, in Kafka and in the stored object.
    async fn values_at(
        &self,
        bucket: &Bucket,
        partition: &TopicPartition,
        range: &Range,
        offset: i64,
    ) -> Option<(String, String)> {
        let of = partition.clone();
        let kafka = blocking(&self.facts, move |facts| {
            let mut value = None;
            facts.read(&of, offset, offset.saturating_add(1), &mut |record| {
                value = (record.offset == offset).then(|| shown(record));
            })?;
            Ok(value)
        });
        let kafka = kafka.await.ok()??;
        let segment = segment_of(bucket, partition, range).await?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut value = None;
            let read = Segment::open(segment).ok()?.for_each_record(|record| {
                if record.offset == offset {
                    value = Some(shown(record));
                }
            });
            read.ok().and(value)
        });
        let stored = reading.await.ok()??;
        Some((kafka, stored))
    }
}

impl Compaction {
    /// Takes out of the differing offsets those whose record has a later one with its key in the archive.
    fn explain(&mut self, archived: &[Archived], differing: &mut Differing) {
        let (newest, mut explained) = (&self.newest, Vec::new());
        differing.only_archived.retain(|offset| {
            let index = archived.binary_search_by_key(offset, |(archived, ..)| *archived);
            let key = index
                .ok()
                .and_then(|index| archived.get(index))
                .and_then(|(.., key)| *key);
            let is_superseded = key
                .and_then(|key| newest.get(&key))
                .is_some_and(|newest| newest > offset);
            if is_superseded {
                explained.push(*offset);
            }
            !is_superseded
        });
        self.explained += explained.len() as u64;
        if let (Some(first), Some(last)) = (explained.first(), explained.last()) {
            let (lowest, highest) = self.offsets.unwrap_or((*first, *last));
            self.offsets = Some((lowest.min(*first), highest.max(*last)));
        }
    }
}

/// The newest offset of each record key in the current ranges from this height on.
async fn newest_by_key(bucket: &Bucket, chain: &Chain, from: Height) -> HashMap<Hash, i64> {
    let mut newest = HashMap::new();
    for range in chain.ranges.iter().filter(|range| range.height >= from) {
        for (offset, _, key) in archived(bucket, &chain.partition, range).await.unwrap_or_default() {
            if let Some(key) = key.filter(|_| offset < range.until.0) {
                newest.insert(key, offset);
            }
        }
    }
    newest
}

/// The archived records of a range; `None` if they cannot be read.
async fn archived(bucket: &Bucket, partition: &TopicPartition, range: &Range) -> Option<Vec<Archived>> {
    if range.segment.is_none() {
        return Some(Vec::new());
    }
    let segment = segment_of(bucket, partition, range).await?;
    let partition = partition.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut hasher = LeafHasher::new(&partition);
        let mut records = Vec::new();
        let read = Segment::open(segment).ok()?.for_each_record(|record| {
            records.push((record.offset, hasher.leaf(record), record.key.map(Hash::of)));
        });
        read.ok().map(|()| records)
    });
    reading.await.ok()?
}

/// Kafka's value of a record as the expected one, also where the signed one is the archive's.
fn difference(offset: i64, side: SignedSide, kafka: String, stored: String) -> Difference {
    let expected_by = match side {
        SignedSide::Kafka => "in Kafka, and signed",
        SignedSide::Archive => "in Kafka (the signature backs the archive)",
        SignedSide::Unknown => "in Kafka",
    };
    Difference {
        what: format!("value at offset {offset}"),
        expected_by: expected_by.to_owned(),
        expected: kafka,
        found: stored,
    }
}

fn whole(partition: &TopicPartition, range: &Range) -> Finding {
    let detail = format!(
        "the records of the link at height {} are not those in Kafka",
        range.height
    );
    Finding::new(Code::RecordsDifferFromKafka, detail)
        .of(partition)
        .offsets(range.first_offset.0, range.until.0)
}

/// A record's value, shortened and without control characters.
fn shown(record: &Record<'_>) -> String {
    let Some(value) = record.value else {
        return "null".to_owned();
    };
    let text = String::from_utf8_lossy(value);
    let shown: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    let more = if text.chars().count() > SHOWN_CHARS { "…" } else { "" };
    format!("`{shown}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_later_record_with_the_same_key_explains_a_missing_one() {
        let key = |text: &str| Some(Hash::of(text.as_bytes()));
        let archived = [
            (0, Hash::ZERO, key("a")),
            (1, Hash::ZERO, key("b")),
            (2, Hash::ZERO, None),
            (3, Hash::ZERO, key("a")),
        ];
        let mut compaction = Compaction {
            newest: HashMap::from([(Hash::of(b"a"), 3), (Hash::of(b"b"), 1)]),
            explained: 0,
            offsets: None,
        };
        let mut differing = Differing {
            only_archived: vec![0, 1, 2, 3],
            ..Differing::default()
        };
        compaction.explain(&archived, &mut differing);
        assert_eq!(differing.only_archived, [1, 2, 3]);
        assert_eq!((compaction.explained, compaction.offsets), (1, Some((0, 0))));
    }
}

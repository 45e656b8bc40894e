//! The footer of a segment (FORMAT.md section 7.5): a copy of fields of its link, in Parquet's key-value metadata. It is not
//! signed: it is a hint for adopting a segment without a link, and no evidence.

use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition, is_topic_name};
use crate::segment::error::{SegmentError, Unreadable};
use crate::segment::projection::rules::Projection;

/// The keys, in their order.
const KEYS: [&str; 9] = [
    "topic",
    "partition",
    "epoch",
    "first_offset",
    "next_offset",
    "record_count",
    "records_root",
    "previous",
    "projection",
];

/// The fields of the footer; each is equal to the link's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// The partition of the records.
    pub topic_partition: TopicPartition,
    /// The topic's epoch.
    pub epoch: Epoch,
    /// The start of the range, at or before the first record.
    pub first_offset: FirstOffset,
    /// The end of the range, after the last record.
    pub next_offset: NextOffset,
    /// The number of records.
    pub record_count: u64,
    /// The Merkle tree hash over the records.
    pub records_root: Hash,
    /// The SHA-256 of the previous link, or the genesis hash.
    pub previous: Hash,
}

impl Footer {
    /// The key-value metadata of the file.
    pub(super) fn to_pairs(&self, projection: &Projection) -> Result<[(&'static str, String); 9], SegmentError> {
        let values = [
            self.topic_partition.topic.to_string(),
            self.topic_partition.partition.to_string(),
            self.epoch.to_string(),
            self.first_offset.to_string(),
            self.next_offset.to_string(),
            self.record_count.to_string(),
            self.records_root.to_string(),
            self.previous.to_string(),
            projection.to_text()?,
        ];
        let mut keys = KEYS.into_iter();
        Ok(values.map(|value| (keys.next().unwrap_or_default(), value)))
    }

    /// Reads the key-value metadata, which is exactly that of [`Footer::to_pairs`].
    pub(super) fn from_pairs(pairs: &[(&str, &str)]) -> Result<(Footer, Projection), Unreadable> {
        if !pairs.iter().map(|(key, _)| key).eq(&KEYS) {
            return Err(Unreadable::Footer("it has other keys, or in another order".into()));
        }
        let topic = text(pairs, "topic")?;
        let footer = Footer {
            topic_partition: TopicPartition::new(topic, number(pairs, "partition")?),
            epoch: Epoch(number(pairs, "epoch")?),
            first_offset: FirstOffset(number(pairs, "first_offset")?),
            next_offset: NextOffset(number(pairs, "next_offset")?),
            record_count: number(pairs, "record_count")?,
            records_root: hash(pairs, "records_root")?,
            previous: hash(pairs, "previous")?,
        };
        let projection = text(pairs, "projection")?;
        let projection = Projection::from_text(projection)
            .map_err(|error| Unreadable::Footer(format!("its projection is invalid: {error}")))?;
        footer.refuse_contradictions()?;
        Ok((footer, projection))
    }

    fn refuse_contradictions(&self) -> Result<(), Unreadable> {
        let span = self.next_offset.0.checked_sub(self.first_offset.0);
        let possible = is_topic_name(&self.topic_partition.topic)
            && self.topic_partition.partition >= 0
            && self.first_offset.0 >= 0
            && self.record_count > 0
            && span.is_some_and(|span| u64::try_from(span).is_ok_and(|span| self.record_count <= span));
        if possible {
            Ok(())
        } else {
            Err(Unreadable::Footer("its fields contradict each other".into()))
        }
    }
}

fn text<'a>(pairs: &[(&str, &'a str)], key: &str) -> Result<&'a str, Unreadable> {
    let found = pairs.iter().find(|(found, _)| *found == key);
    let missing = || Unreadable::Footer(format!("the key {key} is missing"));
    found.map(|(_, value)| *value).ok_or_else(missing)
}

/// A decimal number in its canonical form.
fn number<N: std::str::FromStr + ToString>(pairs: &[(&str, &str)], key: &str) -> Result<N, Unreadable> {
    let text = text(pairs, key)?;
    match text.parse::<N>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => Err(Unreadable::Footer(format!(
            "the value of {key} is not a decimal number"
        ))),
    }
}

fn hash(pairs: &[(&str, &str)], key: &str) -> Result<Hash, Unreadable> {
    text(pairs, key)?
        .parse()
        .map_err(|_| Unreadable::Footer(format!("the value of {key} is not a hash")))
}

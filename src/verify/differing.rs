//! Compares the leaves of one range in the archive and in Kafka, and says which records differ and which side is signed.

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::TopicPartition;
use crate::verify::chain::Range;
use crate::verify::findings::{Code, Finding};
use crate::verify::segments::name_offsets;

/// The offsets at which two sides differ, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differing {
    /// Both have a record, and it is another one.
    pub changed: Vec<i64>,
    /// Only the archive has a record.
    pub only_archived: Vec<i64>,
    /// Only Kafka has a record.
    pub only_kafka: Vec<i64>,
}

/// Which side has the records that the link of the range signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedSide {
    /// The stored object.
    Archive,
    /// Kafka: the stored object was changed.
    Kafka,
    /// Neither, or the range is only partly compared.
    Unknown,
}

impl SignedSide {
    /// Whose records have the root that the link signs.
    #[must_use]
    pub fn of(range: &Range, archived: &[(i64, Hash)], kafka: &[(i64, Hash)]) -> SignedSide {
        let is_signed = |leaves: &[(i64, Hash)]| {
            let mut tree = Tree::default();
            leaves.iter().for_each(|(_, leaf)| tree.push(*leaf));
            !range.is_cut() && tree.root() == range.records_root
        };
        if is_signed(archived) {
            SignedSide::Archive
        } else if is_signed(kafka) {
            SignedSide::Kafka
        } else {
            SignedSide::Unknown
        }
    }

    /// What follows, in words.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            SignedSide::Archive => "; the signature backs the archive: the stored records are those that were signed",
            SignedSide::Kafka => "; the signature backs Kafka: the stored object was changed after it was signed",
            SignedSide::Unknown => "",
        }
    }
}

impl Differing {
    /// Compares two sides, each ascending by offset.
    #[must_use]
    pub fn between(archived: &[(i64, Hash)], kafka: &[(i64, Hash)]) -> Differing {
        let mut differing = Differing::default();
        let (mut ours, mut theirs) = (archived.iter().peekable(), kafka.iter().peekable());
        loop {
            match (ours.peek(), theirs.peek()) {
                (Some((a, leaf)), Some((b, other))) if a == b => {
                    if leaf != other {
                        differing.changed.push(*a);
                    }
                    ours.next();
                    theirs.next();
                }
                (Some((a, _)), Some((b, _))) if a > b => {
                    differing.only_kafka.extend(theirs.next().map(|(offset, _)| *offset));
                }
                (Some(_), _) => differing.only_archived.extend(ours.next().map(|(offset, _)| *offset)),
                (None, Some(_)) => differing.only_kafka.extend(theirs.next().map(|(offset, _)| *offset)),
                (None, None) => return differing,
            }
        }
    }

    /// The findings, each with its offsets and what the signature backs.
    #[must_use]
    pub fn findings(&self, partition: &TopicPartition, side: SignedSide) -> Vec<Finding> {
        [
            (Code::RecordsDifferFromKafka, &self.changed, "changed"),
            (Code::RecordsNotInKafka, &self.only_archived, "in the archive only"),
            (Code::RecordsNotArchived, &self.only_kafka, "in Kafka only"),
        ]
        .into_iter()
        .filter_map(|(code, offsets, what)| {
            let (first, last) = (*offsets.first()?, *offsets.last()?);
            let (count, statement) = (offsets.len(), side.statement());
            let detail = format!("{count} records {what}: offsets {}{statement}", name_offsets(offsets));
            let finding = Finding::new(code, detail).of(partition);
            Some(finding.offsets(first, last.saturating_add(1)).records(count as u64))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_names_its_offsets() {
        let partition = TopicPartition::new("t", 0);
        let leaf = |text: &str| Hash::of(text.as_bytes());
        let archived = [(1, leaf("a")), (2, leaf("b")), (3, leaf("c")), (9, leaf("x"))];
        let kafka = [(1, leaf("a")), (2, leaf("B")), (4, leaf("d")), (9, leaf("x"))];
        let differing = Differing::between(&archived, &kafka);
        let found: Vec<_> = differing
            .findings(&partition, SignedSide::Unknown)
            .into_iter()
            .map(|finding| (finding.code, finding.offsets))
            .collect();
        assert_eq!(
            found,
            [
                (Code::RecordsDifferFromKafka, Some((2, 3))),
                (Code::RecordsNotInKafka, Some((3, 4))),
                (Code::RecordsNotArchived, Some((4, 5))),
            ]
        );
        let equal = Differing::between(&archived, &archived);
        assert!(equal.findings(&partition, SignedSide::Archive).is_empty());
    }
}

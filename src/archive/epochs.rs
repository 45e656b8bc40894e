//! What only an operator can declare: that a topic was deleted and created again (`--new-epoch`), or that an unclean leader
//! election cut the log of a partition back (`--diverged`). A declaration of a topic is valid once, for the topic as it is
//! first seen; one of a divergence names the epoch that it ends.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use crate::record::position::{Epoch, TopicPartition, is_topic_name};

/// The log of a partition was cut back to `offset`; what an archive's `epoch` holds from there on is no longer in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The partition.
    pub partition: TopicPartition,
    /// The epoch that ends.
    pub epoch: Epoch,
    /// The first offset that Kafka lost.
    pub offset: i64,
}

/// The text is not `TOPIC/PARTITION/EPOCH=OFFSET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form TOPIC/PARTITION/EPOCH=OFFSET, such as payments/1/0=2600")]
pub struct NotADivergence;

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}={}", self.partition, self.epoch, self.offset)
    }
}

impl FromStr for Divergence {
    type Err = NotADivergence;

    fn from_str(text: &str) -> Result<Divergence, NotADivergence> {
        let read = || {
            let (place, offset) = text.split_once('=')?;
            let mut parts = place.splitn(3, '/');
            let topic = parts.next().filter(|topic| is_topic_name(topic))?;
            let partition = parts.next()?.parse().ok().filter(|partition| *partition >= 0)?;
            Some(Divergence {
                partition: TopicPartition::new(topic, partition),
                epoch: Epoch(parts.next()?.parse().ok()?),
                offset: offset.parse().ok().filter(|offset| *offset >= 0)?,
            })
        };
        read().ok_or(NotADivergence)
    }
}

/// The declarations and their use.
#[derive(Debug, Default)]
pub struct Declarations {
    /// The declared topics with the topic id when first seen; none if Kafka has no topic ids.
    recreated: BTreeMap<String, Option<String>>,
    /// The epoch before the declared one. Without topic ids, it alone tells that a declaration has been used.
    after: HashMap<TopicPartition, Epoch>,
    diverged: Vec<Divergence>,
}

impl Declarations {
    /// Adds topics that were created again.
    pub fn extend(&mut self, topics: impl IntoIterator<Item = String>) {
        self.recreated.extend(topics.into_iter().map(|topic| (topic, None)));
    }

    /// Adds divergences.
    pub fn extend_diverged(&mut self, diverged: impl IntoIterator<Item = Divergence>) {
        self.diverged.extend(diverged);
    }

    /// Records the topic's id when its first partition is loaded: the declaration is for this topic id.
    pub fn seen(&mut self, topic: &str, topic_id: Option<&str>) {
        if let Some(known @ None) = self.recreated.get_mut(topic) {
            *known = topic_id.map(str::to_owned);
        }
    }

    /// Whether the partition may end `epoch`, because its topic was created again. True again until that epoch has ended,
    /// because a writer that is fenced before loads the head again.
    pub fn allow(&mut self, partition: &TopicPartition, topic_id: Option<&str>, epoch: Epoch) -> bool {
        let Some(known) = self.recreated.get(&*partition.topic) else {
            return false;
        };
        known.as_deref() == topic_id && *self.after.entry(partition.clone()).or_insert(epoch) == epoch
    }

    /// The declared divergence that ends `epoch` or a later epoch of the partition. Those of earlier epochs have been used.
    #[must_use]
    pub fn divergence(&self, partition: &TopicPartition, epoch: Epoch) -> Option<&Divergence> {
        let is_due = |declared: &&Divergence| declared.partition == *partition && declared.epoch >= epoch;
        self.diverged
            .iter()
            .filter(is_due)
            .min_by_key(|declared| declared.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(topic: &str) -> Declarations {
        let mut declarations = Declarations::default();
        declarations.extend([topic.to_owned()]);
        declarations
    }

    #[test]
    fn a_topic_that_was_not_declared_is_not_allowed() {
        let mut declarations = declared("payments");
        declarations.seen("orders", Some("id"));
        assert!(!declarations.allow(&TopicPartition::new("orders", 0), Some("id"), Epoch(0)));
    }

    #[test]
    fn a_declaration_is_valid_for_every_partition_until_the_epoch_has_ended() {
        let mut declarations = declared("payments");
        for partition in [0, 1, 0] {
            let partition = TopicPartition::new("payments", partition);
            declarations.seen("payments", Some("second"));
            assert!(declarations.allow(&partition, Some("second"), Epoch(0)));
        }
    }

    #[test]
    fn a_later_recreation_of_the_topic_is_not_declared() {
        let partition = TopicPartition::new("payments", 0);
        let mut declarations = declared("payments");
        declarations.seen("payments", Some("second"));
        assert!(declarations.allow(&partition, Some("second"), Epoch(0)));
        declarations.seen("payments", Some("third"));
        assert!(
            !declarations.allow(&partition, Some("third"), Epoch(0)),
            "before a link"
        );
        assert!(!declarations.allow(&partition, Some("third"), Epoch(1)), "after a link");
    }

    #[test]
    fn a_declaration_of_a_topic_that_was_not_recreated_is_not_valid_later() {
        let mut declarations = declared("payments");
        declarations.seen("payments", Some("first"));
        assert!(!declarations.allow(&TopicPartition::new("payments", 0), Some("second"), Epoch(0)));
    }

    #[test]
    fn without_topic_ids_a_declaration_is_used_up_by_the_end_of_its_epoch() {
        let partition = TopicPartition::new("payments", 0);
        let mut declarations = declared("payments");
        declarations.seen("payments", None);
        assert!(declarations.allow(&partition, None, Epoch(3)));
        assert!(declarations.allow(&partition, None, Epoch(3)));
        assert!(!declarations.allow(&partition, None, Epoch(4)));
    }

    #[test]
    fn records_lost_after_a_declared_epoch_began_are_not_covered_by_it() {
        let partition = TopicPartition::new("payments", 0);
        let mut declarations = declared("payments");
        declarations.seen("payments", Some("id"));
        assert!(declarations.allow(&partition, Some("id"), Epoch(0)));
        assert!(!declarations.allow(&partition, Some("id"), Epoch(1)));
    }

    #[test]
    fn a_divergence_is_read_from_its_text_and_from_no_other() {
        let divergence: Divergence = "payments/1/0=2600".parse().unwrap();
        let partition = TopicPartition::new("payments", 1);
        let expected = Divergence {
            partition,
            epoch: Epoch(0),
            offset: 2600,
        };
        assert_eq!(divergence, expected);
        assert_eq!(divergence.to_string(), "payments/1/0=2600");
        for wrong in [
            "",
            "payments",
            "payments/1=2600",
            "payments/1/0",
            "payments/-1/0=1",
            "payments/1/0=-1",
            "a b/1/0=1",
            "payments/1/0=1=2",
        ] {
            assert_eq!(wrong.parse::<Divergence>(), Err(NotADivergence), "{wrong}");
        }
    }

    #[test]
    fn a_divergence_is_used_up_when_its_epoch_has_ended() {
        let partition = TopicPartition::new("payments", 1);
        let mut declarations = Declarations::default();
        declarations.extend_diverged(["payments/1/1=2600".parse().unwrap()]);
        assert!(
            declarations.divergence(&partition, Epoch(0)).is_some(),
            "a misspelt epoch"
        );
        assert!(declarations.divergence(&partition, Epoch(1)).is_some());
        assert!(declarations.divergence(&partition, Epoch(2)).is_none());
        assert!(
            declarations
                .divergence(&TopicPartition::new("payments", 0), Epoch(1))
                .is_none()
        );
    }
}

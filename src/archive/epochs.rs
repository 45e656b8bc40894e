//! Declared new epochs (`--new-epoch`): topics that an operator deleted and created again. A declaration is valid once, for
//! the topic as it is first seen, and not for a later recreation.

use std::collections::{BTreeMap, HashMap};

use crate::record::position::{Epoch, TopicPartition};

/// The declarations and their use.
#[derive(Debug, Default)]
pub struct Declarations {
    /// The declared topics with the topic id when first seen; none if Kafka has no topic ids.
    declared: BTreeMap<String, Option<String>>,
    /// The epoch before the declared one. Without topic ids, it alone tells that a declaration has been used.
    after: HashMap<TopicPartition, Epoch>,
}

impl Declarations {
    /// Adds declared topics.
    pub fn extend(&mut self, topics: impl IntoIterator<Item = String>) {
        self.declared.extend(topics.into_iter().map(|topic| (topic, None)));
    }

    /// Records the topic's id when its first partition is loaded: the declaration is for this topic id.
    pub fn seen(&mut self, topic: &str, topic_id: Option<&str>) {
        if let Some(known @ None) = self.declared.get_mut(topic) {
            *known = topic_id.map(str::to_owned);
        }
    }

    /// Whether the partition may begin a new epoch after `head`. True again until the new epoch has a link, because a
    /// writer that is fenced before loads the head again.
    pub fn allow(&mut self, partition: &TopicPartition, topic_id: Option<&str>, head: Epoch) -> bool {
        let Some(known) = self.declared.get(&*partition.topic) else {
            return false;
        };
        known.as_deref() == topic_id && *self.after.entry(partition.clone()).or_insert(head) == head
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
    fn a_declaration_is_valid_for_every_partition_until_its_new_epoch_has_a_link() {
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
    fn without_topic_ids_a_declaration_is_used_up_by_the_first_link_of_its_epoch() {
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
}

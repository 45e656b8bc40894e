//! What an operator declared about topics that were deleted and created again. Each declaration counts once: for the
//! topic as it is first found, never for whatever comes after. Decides nothing about records.

use std::collections::{BTreeMap, HashMap};

use crate::record::position::{Epoch, TopicPartition};

/// The declarations, and what became of them.
#[derive(Debug, Default)]
pub struct Declarations {
    /// By topic, with the id that it had when it was first looked at; nothing where Kafka tells none.
    declared: BTreeMap<String, Option<String>>,
    /// After which epoch a declared one begins. Where Kafka tells no ids, that alone says which declaration is spent.
    after: HashMap<TopicPartition, Epoch>,
}

impl Declarations {
    /// An operator declares them.
    pub fn extend(&mut self, topics: impl IntoIterator<Item = String>) {
        self.declared.extend(topics.into_iter().map(|topic| (topic, None)));
    }

    /// A partition of the topic is looked at: what the topic is now is what the declaration was about.
    pub fn seen(&mut self, topic: &str, topic_id: Option<&str>) {
        if let Some(known @ None) = self.declared.get_mut(topic) {
            *known = topic_id.map(str::to_owned);
        }
    }

    /// Whether the partition may begin a new epoch after this one. As often as it takes, until a link of the new epoch
    /// stands: whoever is fenced in between asks again.
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
    fn what_nobody_declared_is_not_allowed() {
        let mut declarations = declared("payments");
        declarations.seen("orders", Some("id"));
        assert!(!declarations.allow(&TopicPartition::new("orders", 0), Some("id"), Epoch(0)));
    }

    #[test]
    fn a_declaration_counts_for_every_partition_until_its_new_epoch_stands() {
        let mut declarations = declared("payments");
        for partition in [0, 1, 0] {
            let partition = TopicPartition::new("payments", partition);
            declarations.seen("payments", Some("second"));
            assert!(declarations.allow(&partition, Some("second"), Epoch(0)));
        }
    }

    #[test]
    fn a_topic_that_is_created_again_later_is_not_what_was_declared() {
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
    fn a_declaration_of_a_topic_that_was_not_created_again_is_none_for_later() {
        let mut declarations = declared("payments");
        declarations.seen("payments", Some("first"));
        assert!(!declarations.allow(&TopicPartition::new("payments", 0), Some("second"), Epoch(0)));
    }

    #[test]
    fn without_ids_a_declaration_is_spent_when_a_link_of_its_epoch_stands() {
        let partition = TopicPartition::new("payments", 0);
        let mut declarations = declared("payments");
        declarations.seen("payments", None);
        assert!(declarations.allow(&partition, None, Epoch(3)));
        assert!(declarations.allow(&partition, None, Epoch(3)));
        assert!(!declarations.allow(&partition, None, Epoch(4)));
    }

    #[test]
    fn records_that_kafka_loses_after_a_declared_epoch_began_were_not_declared() {
        let partition = TopicPartition::new("payments", 0);
        let mut declarations = declared("payments");
        declarations.seen("payments", Some("id"));
        assert!(declarations.allow(&partition, Some("id"), Epoch(0)));
        assert!(!declarations.allow(&partition, Some("id"), Epoch(1)));
    }
}

//! Topics that Kafka does not have or does not let this archiver read, and partitions that are tried again: those that may not be
//! read, and those whose topic is there again. The others are archived meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kafka::consumer::TopicIds;
use crate::record::position::TopicPartition;

/// How long `kivend archive` waits for a topic that a broker does not know, in ms: twice librdkafka's interval between two
/// requests for metadata, because a broker that has just started may not know it yet.
const PATIENCE_MS: u64 = 35_000;
/// The time until a partition that may not be read is tried again, in ms.
const AGAIN_MS: u64 = 60_000;

/// What cannot be archived at the moment.
#[derive(Debug, Default)]
pub struct Unavailable {
    topics: BTreeMap<String, Since>,
    /// Partitions with the time of the next try.
    refused: BTreeMap<TopicPartition, u64>,
    /// The last known ids of the topics that exist.
    ids: Arc<TopicIds>,
    /// Partitions whose topic was deleted, with its id if that was known.
    gone: BTreeMap<TopicPartition, Option<String>>,
}

/// Why a topic cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The brokers do not know it.
    DoesNotExist,
    /// No ACL allows it, or another reason.
    Refused,
}

#[derive(Debug)]
struct Since {
    began_ms: u64,
    why: Why,
    /// Whether the run no longer waits for it.
    is_given_up: bool,
}

impl Unavailable {
    /// The topic cannot be read. Returns whether that is news.
    pub fn topic(&mut self, topic: &str, why: Why, now_ms: u64) -> bool {
        let is_known = self.topics.contains_key(topic);
        let since = self.topics.entry(topic.to_owned()).or_insert(Since {
            began_ms: now_ms,
            why,
            is_given_up: false,
        });
        since.why = why;
        !is_known
    }

    /// Whether the brokers do not know the topic.
    #[must_use]
    pub fn does_not_exist(&self, topic: &str) -> bool {
        self.topics
            .get(topic)
            .is_some_and(|since| since.why == Why::DoesNotExist)
    }

    /// The topic can be read. Returns whether that is news.
    pub fn topic_is_back(&mut self, topic: &str) -> bool {
        self.topics.remove(topic).is_some()
    }

    /// The topics that a run to an end waits for no longer, each once.
    pub fn to_give_up(&mut self, now_ms: u64) -> Vec<String> {
        let due = |since: &Since| !since.is_given_up && now_ms >= since.began_ms + PATIENCE_MS;
        let mut given_up = Vec::new();
        for (topic, since) in &mut self.topics {
            if due(since) {
                since.is_given_up = true;
                given_up.push(topic.clone());
            }
        }
        given_up
    }

    /// The partition may not be read now.
    pub fn refused(&mut self, partition: &TopicPartition, now_ms: u64) {
        self.refused.insert(partition.clone(), now_ms + AGAIN_MS);
    }

    /// The partition was released, lost, or can be read.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.refused.remove(partition);
        self.gone.remove(partition);
    }

    /// The partition's topic was deleted.
    pub fn gone(&mut self, partition: &TopicPartition) {
        let id = self.ids.get(&*partition.topic).cloned();
        self.gone.insert(partition.clone(), id);
    }

    /// The ids that the topics have now. Returns the partitions whose topic was deleted and is there again, under another id, each
    /// once.
    pub fn topic_ids(&mut self, ids: &Arc<TopicIds>) -> Vec<TopicPartition> {
        self.ids = Arc::clone(ids);
        let is_again = |partition: &TopicPartition, before: &Option<String>| {
            ids.get(&*partition.topic).is_some_and(|id| before.as_ref() != Some(id))
        };
        let again = self
            .gone
            .iter()
            .filter(|(partition, before)| is_again(partition, before));
        let again: Vec<TopicPartition> = again.map(|(partition, _)| partition.clone()).collect();
        again.iter().for_each(|partition| self.forget(partition));
        again
    }

    /// The partitions to try again now, each once.
    pub fn to_try_again(&mut self, now_ms: u64) -> Vec<TopicPartition> {
        let due: Vec<TopicPartition> = self
            .refused
            .iter()
            .filter(|(_, at_ms)| now_ms >= **at_ms)
            .map(|(partition, _)| partition.clone())
            .collect();
        due.iter().for_each(|partition| self.forget(partition));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_news_once_and_given_up_once_after_its_time() {
        let mut unavailable = Unavailable::default();
        assert!(unavailable.topic("orders", Why::Refused, 1_000));
        assert!(!unavailable.topic("orders", Why::DoesNotExist, 20_000));
        assert!(unavailable.does_not_exist("orders") && !unavailable.does_not_exist("payments"));
        assert!(unavailable.to_give_up(1_000 + PATIENCE_MS - 1).is_empty());
        assert_eq!(unavailable.to_give_up(1_000 + PATIENCE_MS), ["orders"]);
        assert!(unavailable.to_give_up(1_000 + PATIENCE_MS).is_empty());
        assert!(unavailable.topic_is_back("orders"));
        assert!(!unavailable.topic_is_back("orders"));
    }

    #[test]
    fn a_partition_of_a_deleted_topic_is_tried_again_once_the_topic_has_another_id() {
        let [orders, users] = ["orders", "users"].map(|topic| TopicPartition::new(topic, 0));
        let ids = |id: &str| Arc::new(BTreeMap::from([("orders".to_owned(), id.to_owned())]));
        let mut unavailable = Unavailable::default();
        assert!(unavailable.topic_ids(&ids("first")).is_empty());
        unavailable.gone(&orders);
        unavailable.gone(&users);
        // A broker that has not heard of the deletion yet.
        assert!(unavailable.topic_ids(&ids("first")).is_empty());
        assert!(unavailable.topic_ids(&Arc::default()).is_empty());
        assert_eq!(unavailable.topic_ids(&ids("second")), [orders]);
        assert!(unavailable.topic_ids(&ids("third")).is_empty());
    }

    #[test]
    fn a_refused_partition_is_tried_again_unless_it_was_released() {
        let [kept, released] = [0, 1].map(|number| TopicPartition::new("orders", number));
        let mut unavailable = Unavailable::default();
        unavailable.refused(&kept, 0);
        unavailable.refused(&released, 0);
        unavailable.forget(&released);
        assert!(unavailable.to_try_again(AGAIN_MS - 1).is_empty());
        assert_eq!(unavailable.to_try_again(AGAIN_MS), [kept]);
        assert!(unavailable.to_try_again(AGAIN_MS).is_empty());
    }
}

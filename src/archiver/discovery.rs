//! Finds topics that a pattern takes while the archiver runs, and follows them with the consumer's subscription. The names are
//! given to Kafka one by one, not as a pattern: only so can topics be excluded, and both group protocols treat them alike.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::archiver::source::Source;
use crate::config::TopicSelection;
use crate::kafka::PartitionIndex;
use crate::kafka::cluster::{Cluster, TopicLayout};
use crate::kafka::consumer::{Consumer, Polled, TopicIds};
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, Position, TopicPartition};
use crate::task::error::AppError;

/// The wait between two questions for the topics of the cluster.
const INTERVAL: Duration = Duration::from_secs(10);

/// The topics that are archived, as the cluster has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics {
    /// Their names; the named ones, whether they exist or not.
    pub names: BTreeSet<String>,
    /// The partitions of those that exist, sorted.
    pub partitions: Vec<TopicPartition>,
}

impl Topics {
    fn among(archived: &TopicSelection, listed: &[TopicLayout]) -> Topics {
        let names = archived.among(listed.iter().map(|layout| &*layout.name));
        let wanted = listed.iter().filter(|layout| names.contains(&*layout.name));
        Topics {
            partitions: wanted.flat_map(TopicLayout::positions).collect(),
            names,
        }
    }
}

/// Asks the cluster for new topics, again and again.
pub struct Discovery {
    archived: TopicSelection,
    cluster: Arc<Cluster>,
    known: watch::Sender<Arc<Topics>>,
    /// Topics that the last answer did not have. A broker that has just started may not know all topics yet.
    missed: BTreeSet<String>,
}

impl Discovery {
    /// Begins with the topics that the cluster had at the start. The receiver has the newest ones.
    #[must_use]
    pub fn new(
        archived: &TopicSelection,
        cluster: &Arc<Cluster>,
        at_start: Topics,
    ) -> (Discovery, watch::Receiver<Arc<Topics>>) {
        let (known, newest) = watch::channel(Arc::new(at_start));
        let discovery = Discovery {
            archived: archived.clone(),
            cluster: Arc::clone(cluster),
            known,
            missed: BTreeSet::new(),
        };
        (discovery, newest)
    }

    /// Runs until cancelled. That Kafka does not answer is reported by the liveness probe.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            match self.ask().await {
                Ok(topics) => self.take(topics),
                Err(error) => {
                    tracing::debug!(event = "topics_unlisted", %error, "cannot list the topics of the cluster");
                }
            }
        }
    }

    async fn ask(&self) -> Result<Topics, AppError> {
        let (cluster, archived) = (Arc::clone(&self.cluster), self.archived.clone());
        let asking = tokio::task::spawn_blocking(move || Ok(Topics::among(&archived, &cluster.topics()?)));
        asking.await.map_err(|error| AppError::internal(error.to_string()))?
    }

    /// Keeps what the answer lacks until the next one.
    fn take(&mut self, mut topics: Topics) {
        let known = Arc::clone(&self.known.borrow());
        let absent: BTreeSet<String> = known.names.difference(&topics.names).cloned().collect();
        let (gone, missed): (BTreeSet<_>, BTreeSet<_>) =
            absent.into_iter().partition(|topic| self.missed.contains(topic));
        for topic in topics.names.difference(&known.names) {
            let partitions = topics.partitions.iter().filter(|own| *own.topic == **topic).count();
            tracing::info!(
                event = "topic_found",
                topic,
                partitions,
                "a new topic is archived from here on"
            );
        }
        for topic in &gone {
            tracing::warn!(
                event = "topic_deleted",
                topic,
                "the topic was deleted: what it delivered is archived, and it is archived again when it is created again and `kivend archive --new-epoch` declares it"
            );
        }
        let kept = known.partitions.iter().filter(|own| missed.contains(&*own.topic));
        topics.partitions.extend(kept.cloned());
        topics.partitions.sort();
        topics.names.extend(missed.iter().cloned());
        self.missed = missed;
        if topics != *known {
            self.known.send_replace(Arc::new(topics));
        }
    }
}

/// A consumer whose subscription follows the topics that are found.
pub struct Follower {
    consumer: Consumer,
    archived: TopicSelection,
    topics: watch::Receiver<Arc<Topics>>,
    ids: watch::Receiver<Arc<TopicIds>>,
}

impl Follower {
    /// Follows `topics` with this consumer, which is subscribed to the present ones, and passes their ids on.
    #[must_use]
    pub fn new(
        consumer: Consumer,
        archived: &TopicSelection,
        topics: watch::Receiver<Arc<Topics>>,
        ids: watch::Receiver<Arc<TopicIds>>,
    ) -> Follower {
        Follower {
            consumer,
            archived: archived.clone(),
            topics,
            ids,
        }
    }

    /// Partitions of topics that stay in the subscription are not given up for that: the group assigns cooperatively.
    #[cold]
    fn follow(&mut self) -> Result<(), KafkaError> {
        let topics = Arc::clone(&self.topics.borrow_and_update());
        let names: Vec<&str> = topics.names.iter().map(String::as_str).collect();
        self.consumer.subscribe_again(&names)
    }
}

impl Source for Follower {
    #[inline]
    fn poll(&mut self, timeout: Duration) -> Polled<'_> {
        // An error means that nothing looks for topics any more.
        if self.topics.has_changed().unwrap_or(false)
            && let Err(error) = self.follow()
        {
            return Polled::Failed(error);
        }
        if self.ids.has_changed().unwrap_or(false) {
            return Polled::TopicIds(Arc::clone(&self.ids.borrow_and_update()));
        }
        let archived = &self.archived;
        match Consumer::poll(&mut self.consumer, timeout) {
            Polled::TopicUnavailable { topic, error } if error.is_topic_gone() && !archived.is_named(&topic) => {
                tracing::debug!(event = "topic_unreadable", topic, %error, "a topic that was found cannot be read any more");
                Polled::Nothing
            }
            polled => polled,
        }
    }

    #[inline]
    fn partition(&self, index: PartitionIndex) -> &TopicPartition {
        self.consumer.partition(index)
    }

    fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex> {
        self.consumer.index(partition)
    }

    fn known_log_end(&self, partition: &TopicPartition) -> Option<i64> {
        self.consumer.known_log_end(partition)
    }

    fn start(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        Source::start(&mut self.consumer, partition, from)
    }

    fn seek(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        Source::seek(&mut self.consumer, partition, from)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Source::pause(&mut self.consumer, partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        Source::resume(&mut self.consumer, partitions)
    }

    fn commit(&mut self, partition: &TopicPartition, next: NextOffset, metadata: &str) -> Result<(), KafkaError> {
        Source::commit(&mut self.consumer, partition, next, metadata)
    }

    fn release(&mut self, partition: &TopicPartition) -> Result<(), KafkaError> {
        Source::release(&mut self.consumer, partition)
    }

    fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<NextOffset>>, KafkaError> {
        Source::committed(&self.consumer, partitions)
    }
}

//! Questions to Kafka: who is there, which partitions, from where to where, what was committed. Blocks, with one time
//! limit for all of them; never reads a record and changes nothing.

mod question;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::error::{Explain as _, Kind};
use crate::kafka::context::Context;
use crate::kafka::error::KafkaError;
use crate::kafka::native;
use crate::kafka::settings::{group_config, reader_config};
use crate::record::position::{NextOffset, TopicPartition};

use question::QUESTION_TIMEOUT;
pub(super) use question::{ask_first, is_silence};

/// A time after every record's: asked for the offset of it, a broker answers that there is none.
const NEVER_MS: i64 = i64::MAX;
/// So begins the id of librdkafka's mock clusters. Their controller is a broker that they do not have, so that a question
/// for it, as that for a topic's id, is never answered.
const MOCK_CLUSTER: &str = "mockCluster";

/// Between two looks at whether a group was left.
const LEAVING: Duration = Duration::from_millis(2);

/// A connection to a Kafka cluster.
pub struct Cluster {
    pub(super) client: BaseConsumer<Context>,
    addresses: String,
    role: Role,
    /// Whether some question was: from then on a failure is one of that question.
    was_answered: AtomicBool,
}

/// Whether the client's events are ours to take, or a consumer polls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Asking,
    Consuming,
}

/// A broker that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Kafka's `node.id`.
    pub id: i32,
    /// `host:port` as advertised.
    pub address: String,
}

/// A topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicLayout {
    /// Its name.
    pub name: Arc<str>,
    /// By partition number.
    pub partitions: Vec<PartitionLayout>,
}

/// Where a partition lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLayout {
    /// From 0.
    pub partition: i32,
    /// The broker that serves it, or a negative number.
    pub leader: i32,
    /// The brokers that should have it.
    pub replicas: Vec<i32>,
    /// Those that have all of it.
    pub in_sync: Vec<i32>,
}

impl TopicLayout {
    /// How many copies the first partition has; 0 without partitions.
    #[must_use]
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |first| first.replicas.len())
    }

    /// Whether some partition lacks a copy that it should have.
    #[must_use]
    pub fn is_under_replicated(&self) -> bool {
        self.partitions.iter().any(|p| p.in_sync.len() < p.replicas.len())
    }

    /// The partitions by name.
    #[must_use]
    pub fn positions(&self) -> Vec<TopicPartition> {
        let of = |p: &PartitionLayout| TopicPartition {
            topic: Arc::clone(&self.name),
            partition: p.partition,
        };
        self.partitions.iter().map(of).collect()
    }
}

/// What of a partition Kafka has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that retention left.
    pub low: i64,
    /// The offset after the last one that a read_committed reader may see.
    pub high: i64,
}

impl Watermarks {
    /// How many offsets lie between: records, and the holes that transactions and compaction leave.
    #[must_use]
    pub fn offsets(self) -> u64 {
        u64::try_from(self.high - self.low).unwrap_or(0)
    }
}

/// What a group last committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Where the group would go on.
    pub next_offset: NextOffset,
    /// Written by whoever committed; may be anything.
    pub metadata: Vec<u8>,
}

impl Cluster {
    /// A connection that belongs to no group. Nothing is sent until something is asked.
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &reader_config(settings)?, Role::Asking)
    }

    /// A connection in the name of the archivers' group, which it neither joins nor moves: needed for
    /// [`Cluster::committed`].
    ///
    /// # Errors
    /// Settings that librdkafka refuses.
    pub fn connect_to_group(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &group_config(settings)?, Role::Asking)
    }

    /// The same for a consumer, which polls the client's events itself.
    pub(super) fn of_consumer(settings: &KafkaSettings) -> Result<Cluster, KafkaError> {
        Cluster::with(settings, &group_config(settings)?, Role::Consuming)
    }

    fn with(settings: &KafkaSettings, config: &rdkafka::ClientConfig, role: Role) -> Result<Cluster, KafkaError> {
        let client = config
            .create_with_context(Context::default())
            .map_err(|error| KafkaError::from_rdkafka(&error, "start a client"))?;
        Ok(Cluster {
            client,
            addresses: settings.brokers.join(","),
            role,
            was_answered: AtomicBool::new(false),
        })
    }

    /// The brokers that the cluster names.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn brokers(&self) -> Result<Vec<Broker>, KafkaError> {
        let doing = "list the brokers";
        let metadata = self.ask(doing, |patience| self.client.fetch_metadata(None, patience))?;
        let broker = |b: &rdkafka::metadata::MetadataBroker| Broker {
            id: b.id(),
            address: format!("{}:{}", b.host(), b.port()),
        };
        let mut brokers: Vec<_> = metadata.brokers().iter().map(broker).collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(brokers)
    }

    /// The cluster's id, which links name.
    ///
    /// # Errors
    /// No broker answered, or none told an id.
    pub fn cluster_id(&self) -> Result<String, KafkaError> {
        // Metadata first: it waits for a connection and tells why there is none; the id alone would only be absent.
        self.brokers()?;
        self.client
            .client()
            .fetch_cluster_id(QUESTION_TIMEOUT)
            .ok_or(KafkaError::Busy {
                doing: "tell the cluster's id",
                reason: "none was told in time".to_owned(),
            })
    }

    /// Every topic but Kafka's internal ones, by name.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn topics(&self) -> Result<Vec<TopicLayout>, KafkaError> {
        let doing = "list the topics";
        let metadata = self.ask(doing, |patience| self.client.fetch_metadata(None, patience))?;
        let mut topics: Vec<_> = metadata
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(layout)
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic, or `None` where there is no such topic. Does not create it.
    ///
    /// # Errors
    /// No broker answered, or it refused us.
    pub fn find_topic(&self, name: &str) -> Result<Option<TopicLayout>, KafkaError> {
        let doing = "describe a topic";
        let metadata = self.ask(doing, |patience| self.client.fetch_metadata(Some(name), patience))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(None);
        };
        match topic.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
            Some(code) if topic.partitions().is_empty() => {
                Err(KafkaError::from_code(code, doing, format!("{code} topic={name}")))
            }
            _ => Ok(Some(layout(topic))),
        }
    }

    /// One topic that must be there.
    ///
    /// # Errors
    /// It is not there, or nobody answered.
    pub fn topic(&self, name: &str) -> Result<TopicLayout, KafkaError> {
        self.find_topic(name)?
            .ok_or_else(|| KafkaError::UnknownTopic { topic: name.to_owned() })
    }

    /// Kafka's id of the topic, in its own text of 22 characters: another one after the topic was deleted and created
    /// again. Nothing where the brokers are too old to know ids, or are librdkafka's mock ones.
    ///
    /// # Errors
    /// No such topic, or nobody answered for it.
    pub fn topic_id(&self, name: &str) -> Result<Option<String>, KafkaError> {
        let doing = "tell a topic's id";
        let cluster_id = self.client.client().fetch_cluster_id(QUESTION_TIMEOUT);
        if cluster_id.is_some_and(|id| id.starts_with(MOCK_CLUSTER)) {
            return Ok(None);
        }
        native::topic_id(self.client.client().native_client(), name, QUESTION_TIMEOUT).map_err(|code| match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic => KafkaError::UnknownTopic { topic: name.to_owned() },
            Code::OperationTimedOut => self.refusal().unwrap_or_else(|| self.unreachable()),
            code => KafkaError::from_code(code, doing, format!("{code} topic={name}")),
        })
    }

    /// From where to where Kafka has the partition now.
    ///
    /// # Errors
    /// No such partition, or nobody answered for it.
    pub fn watermarks(&self, partition: &TopicPartition) -> Result<Watermarks, KafkaError> {
        let doing = "tell a partition's first and last offset";
        let (topic, number) = (&partition.topic, partition.partition);
        let asked = self.try_asking(|patience| self.client.fetch_watermarks(topic, number, patience));
        match asked {
            Ok((low, high)) => Ok(Watermarks { low, high }),
            Err(error) => Err(match error.rdkafka_error_code() {
                Some(Code::UnknownPartition | Code::UnknownTopicOrPartition) => KafkaError::UnknownPartition {
                    partition: partition.clone(),
                },
                _ => self.explain(&error, doing),
            }),
        }
    }

    /// The first offset whose record is not older than `time_ms` (Unix, UTC), or the end where there is none.
    ///
    /// # Errors
    /// No such partition, or nobody answered for it.
    pub fn offset_at(&self, partition: &TopicPartition, time_ms: i64) -> Result<i64, KafkaError> {
        let doing = "find the offset of a time";
        let asked = list(&[(partition.clone(), time_ms)], doing)?;
        let answer = self.ask(doing, |patience| self.client.offsets_for_times(asked.clone(), patience))?;
        match native::entries(&answer).first() {
            Some(entry) if entry.offset >= 0 => Ok(entry.offset),
            _ => self.watermarks(partition).map(|marks| marks.high),
        }
    }

    /// Whether the brokers that serve these partitions answer: one question to each of them.
    ///
    /// # Errors
    /// Why one does not; not that a partition is gone.
    pub fn must_answer_for(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let doing = "tell where logs end";
        let times: Vec<_> = partitions
            .iter()
            .map(|partition| (partition.clone(), NEVER_MS))
            .collect();
        let asked = list(&times, doing)?;
        let answer = self.ask(doing, |patience| self.client.offsets_for_times(asked.clone(), patience))?;
        let failed = native::entries(&answer).into_iter().find_map(|entry| match entry.code {
            Code::NoError => None,
            code => Some(KafkaError::from_code(
                code,
                doing,
                format!("{code} partition={}", entry.partition),
            ))
            .filter(|error| error.kind() == Kind::Transient),
        });
        failed.map_or(Ok(()), Err)
    }

    /// What the group committed for each partition, in the order asked; `None` where it never did, or Kafka forgot.
    ///
    /// # Errors
    /// The connection has no group, or the coordinator did not answer.
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, KafkaError> {
        let doing = "tell what the group committed";
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            asked.add_partition(&partition.topic, partition.partition);
        }
        let answer = self.ask(doing, |patience| self.client.committed_offsets(asked.clone(), patience))?;
        let entries = native::entries(&answer);
        let find = |partition: &TopicPartition| match entries.iter().find(|entry| entry.partition == *partition) {
            Some(entry) if entry.code != Code::NoError => Err(KafkaError::from_code(
                entry.code,
                doing,
                format!("{} partition={partition}", entry.code),
            )),
            Some(entry) if entry.offset >= 0 => Ok(Some(Committed {
                next_offset: NextOffset(entry.offset),
                metadata: entry.metadata.clone(),
            })),
            _ => Ok(None),
        };
        partitions.iter().map(find).collect()
    }
}

fn layout(topic: &MetadataTopic) -> TopicLayout {
    let mut partitions: Vec<_> = topic
        .partitions()
        .iter()
        .map(|p| PartitionLayout {
            partition: p.id(),
            leader: p.leader(),
            replicas: p.replicas().to_vec(),
            in_sync: p.isr().to_vec(),
        })
        .collect();
    partitions.sort_by_key(|p| p.partition);
    TopicLayout {
        name: topic.name().into(),
        partitions,
    }
}

/// librdkafka's list of partitions and offsets.
pub(super) fn list(positions: &[(TopicPartition, i64)], doing: &'static str) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, offset) in positions {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
            .map_err(|error| KafkaError::from_rdkafka(&error, doing))?;
    }
    Ok(list)
}

impl Drop for Cluster {
    /// Leaves the group that it is of. The wrapper's own way, with which it does nothing more afterwards; that looks only every
    /// 100 ms whether the group was left.
    fn drop(&mut self) {
        if self.client.close_queue().is_ok() {
            while !self.client.closed() {
                self.client.poll(LEAVING);
            }
        }
    }
}

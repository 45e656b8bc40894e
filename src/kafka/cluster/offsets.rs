//! The offsets of one partition, and what the group committed.

use rdkafka::consumer::Consumer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{Explain as _, Kind};
use crate::kafka::cluster::cluster::Cluster;
use crate::kafka::cluster::layout::{Committed, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::native::listed::entries;
use crate::kafka::partition_lists::{names, with_offsets};
use crate::record::position::{NextOffset, TopicPartition};

/// A time after that of every record. Asked for its offset, a broker answers that there is none.
const NEVER_MS: i64 = i64::MAX;

impl Cluster {
    /// The offsets of the partition that Kafka has now.
    ///
    /// # Errors
    /// The partition does not exist, or no broker answered for it.
    pub fn watermarks(&self, partition: &TopicPartition) -> Result<Watermarks, KafkaError> {
        let (topic, number) = (&partition.topic, partition.partition);
        let asked = self.try_asking(|timeout| self.client.fetch_watermarks(topic, number, timeout));
        match asked {
            Ok((low, high)) => Ok(Watermarks { low, high }),
            Err(error) => Err(match error.rdkafka_error_code() {
                Some(Code::UnknownPartition | Code::UnknownTopicOrPartition) => KafkaError::UnknownPartition {
                    partition: partition.clone(),
                },
                _ => self.explain(&error, "read a partition's first and last offset"),
            }),
        }
    }

    /// The first offset whose record is not older than `time_ms` (Unix, UTC), or the end of the partition if there is none.
    ///
    /// # Errors
    /// The partition does not exist, or no broker answered for it.
    pub fn offset_at(&self, partition: &TopicPartition, time_ms: i64) -> Result<i64, KafkaError> {
        let doing = "find the offset of a time";
        let asked = with_offsets([(partition.clone(), time_ms)], doing)?;
        let answer = self.ask(doing, |timeout| self.client.offsets_for_times(asked.clone(), timeout))?;
        match entries(&answer).first() {
            Some(entry) if entry.offset >= 0 => Ok(entry.offset),
            _ => self.watermarks(partition).map(|marks| marks.high),
        }
    }

    /// Checks that the leaders of these partitions answer, with one request to each of them.
    ///
    /// # Errors
    /// Why a leader does not answer; not that a partition does not exist.
    pub fn must_answer_for(&self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        let doing = "read where partitions end";
        match self.leaders_answer(partitions, doing) {
            // One topic that was deleted or is forbidden hides whether the leaders of the others answer.
            Err(error) if error.is_of_one_topic() => partitions
                .chunk_by(|one, next| one.topic == next.topic)
                .map(|of_topic| self.leaders_answer(of_topic, doing))
                .find(|answer| answer.as_ref().is_err_and(|error| !error.is_of_one_topic()))
                .unwrap_or(Ok(())),
            answer => answer,
        }
    }

    fn leaders_answer(&self, partitions: &[TopicPartition], doing: &'static str) -> Result<(), KafkaError> {
        let times = partitions.iter().map(|partition| (partition.clone(), NEVER_MS));
        let asked = with_offsets(times, doing)?;
        let asked = self.try_asking(|timeout| self.client.offsets_for_times(asked.clone(), timeout));
        let answer = asked.map_err(|error| match (error.rdkafka_error_code(), partitions.first()) {
            (Some(Code::UnknownPartition | Code::UnknownTopicOrPartition | Code::UnknownTopic), Some(first)) => {
                KafkaError::UnknownTopic {
                    topic: first.topic.to_string(),
                }
            }
            _ => self.explain(&error, doing),
        })?;
        let failed = entries(&answer).into_iter().find_map(|entry| match entry.code {
            Code::NoError => None,
            code => Some(KafkaError::of_partition(code, doing, &entry.partition))
                .filter(|error| error.kind() == Kind::Transient),
        });
        failed.map_or(Ok(()), Err)
    }

    /// What the group committed for each partition, in the order asked; `None` if it committed nothing, or Kafka removed
    /// it.
    ///
    /// # Errors
    /// The connection has no group, or the coordinator did not answer.
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, KafkaError> {
        let doing = "read what the group committed";
        let asked = names(partitions);
        let answer = self.ask(doing, |timeout| self.client.committed_offsets(asked.clone(), timeout))?;
        let entries = entries(&answer);
        let find = |partition: &TopicPartition| match entries.iter().find(|entry| entry.partition == *partition) {
            Some(entry) if entry.code != Code::NoError => Err(KafkaError::of_partition(entry.code, doing, partition)),
            Some(entry) if entry.offset >= 0 => Ok(Some(Committed {
                next_offset: NextOffset(entry.offset),
                metadata: entry.metadata.clone(),
            })),
            _ => Ok(None),
        };
        partitions.iter().map(find).collect()
    }
}

//! Where many logs begin and end: one question to each broker, whatever the number of partitions. Blocks; reads no record.
//!
//! A log ends here where a read_committed reader's does (the last stable offset), as in [`Cluster::watermarks`]: a broker
//! answers both by the connection's isolation level.

use std::collections::HashMap;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::cluster::{Cluster, Watermarks};
use crate::kafka::error::KafkaError;
use crate::kafka::native;
use crate::record::position::TopicPartition;

const DOING: &str = "tell where logs begin and end";

impl Cluster {
    /// From where to where Kafka has each partition now, in the order asked.
    ///
    /// # Errors
    /// One of them is not there, or nobody answered for it.
    pub fn watermarks_of(&self, partitions: &[TopicPartition]) -> Result<Vec<Watermarks>, KafkaError> {
        // The beginnings first: an end that is asked later is never below them.
        let lows = self.edges(partitions, Offset::Beginning)?;
        let highs = self.edges(partitions, Offset::End)?;
        let pairs = lows.into_iter().zip(highs);
        Ok(pairs.map(|(low, high)| Watermarks { low, high }).collect())
    }

    /// Where each partition ends now, in the order asked.
    ///
    /// # Errors
    /// As [`Cluster::watermarks_of`].
    pub fn log_ends(&self, partitions: &[TopicPartition]) -> Result<Vec<i64>, KafkaError> {
        self.edges(partitions, Offset::End)
    }

    /// One question for all. librdkafka fails the whole of it where one partition has no answer, and looks for its leader
    /// again: then each is asked by itself, which tells whose fault it is, or waits for a leader that moves.
    fn edges(&self, partitions: &[TopicPartition], edge: Offset) -> Result<Vec<i64>, KafkaError> {
        let of = |marks: Watermarks| {
            if edge == Offset::Beginning {
                marks.low
            } else {
                marks.high
            }
        };
        if let Some(told) = self.edges_at_once(partitions, edge)? {
            return Ok(told);
        }
        partitions
            .iter()
            .map(|partition| self.watermarks(partition).map(of))
            .collect()
    }

    /// Kafka's ListOffsets takes a time, or one of two signs: −2 for a log's beginning, −1 for its end. librdkafka writes
    /// [`Offset::Beginning`] and [`Offset::End`] as the same two numbers. Nothing where some partition was not answered for.
    fn edges_at_once(&self, partitions: &[TopicPartition], edge: Offset) -> Result<Option<Vec<i64>>, KafkaError> {
        if partitions.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            asked
                .add_partition_offset(&partition.topic, partition.partition, edge)
                .map_err(|error| KafkaError::from_rdkafka(&error, DOING))?;
        }
        let answer = match self.try_asking(|patience| self.client.offsets_for_times(asked.clone(), patience)) {
            Err(error) if error.rdkafka_error_code().is_some_and(is_of_one_partition) => return Ok(None),
            answer => answer.map_err(|error| self.explain(&error, DOING))?,
        };
        let told: HashMap<TopicPartition, i64> = native::entries(&answer)
            .into_iter()
            // An entry without an answer still holds the sign that was asked, which is negative.
            .filter(|entry| entry.code == Code::NoError && entry.offset >= 0)
            .map(|entry| (entry.partition, entry.offset))
            .collect();
        Ok(partitions
            .iter()
            .map(|partition| told.get(partition).copied())
            .collect())
    }
}

/// Whether a broker, or what is known of the partitions' leaders, stands behind the error, and not that nobody answers.
fn is_of_one_partition(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::OffsetNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
    )
}

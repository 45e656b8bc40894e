//! Where many partitions begin and end, with one request to each broker, whatever the number of partitions.
//!
//! A partition ends at its last stable offset, as in [`Cluster::watermarks`]: a broker answers both requests by the
//! connection's isolation level.

use std::collections::HashMap;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::cluster::cluster::Cluster;
use crate::kafka::cluster::layout::Watermarks;
use crate::kafka::error::KafkaError;
use crate::kafka::native::listed::entries;
use crate::record::position::TopicPartition;

const DOING: &str = "read where partitions begin and end";

impl Cluster {
    /// The offsets of each partition that Kafka has now, in the order asked.
    ///
    /// # Errors
    /// One of them does not exist, or no broker answered for it.
    pub fn watermarks_of(&self, partitions: &[TopicPartition]) -> Result<Vec<Watermarks>, KafkaError> {
        // The beginnings first: an end that is read later is not below them.
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

    /// One request for all partitions. librdkafka fails all of it if one partition has no answer, and looks for that
    /// leader again. Each partition is then asked by itself, which finds the partition that fails, or waits for a leader
    /// that moves.
    fn edges(&self, partitions: &[TopicPartition], edge: Offset) -> Result<Vec<i64>, KafkaError> {
        let of = |marks: Watermarks| {
            if edge == Offset::Beginning {
                marks.low
            } else {
                marks.high
            }
        };
        if let Some(edges) = self.edges_at_once(partitions, edge)? {
            return Ok(edges);
        }
        partitions
            .iter()
            .map(|partition| self.watermarks(partition).map(of))
            .collect()
    }

    /// Kafka's ListOffsets takes a time, or −2 for a log's beginning and −1 for its end. librdkafka writes
    /// [`Offset::Beginning`] and [`Offset::End`] as the same two numbers. `None` if some partition has no answer.
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
        let answer = match self.try_asking(|timeout| self.client.offsets_for_times(asked.clone(), timeout)) {
            Err(error) if error.rdkafka_error_code().is_some_and(is_of_one_partition) => return Ok(None),
            answer => answer.map_err(|error| self.explain(&error, DOING))?,
        };
        let found: HashMap<TopicPartition, i64> = entries(&answer)
            .into_iter()
            // An entry without an answer still has the number that was asked, which is negative.
            .filter(|entry| entry.code == Code::NoError && entry.offset >= 0)
            .map(|entry| (entry.partition, entry.offset))
            .collect();
        Ok(partitions
            .iter()
            .map(|partition| found.get(partition).copied())
            .collect())
    }
}

/// Whether the error concerns single partitions: a broker's answer, or a leader that is not known. Not that no broker answers.
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

//! Fetching one partition without a group.
#![allow(unsafe_code, reason = "calls librdkafka")]

use rdkafka::client::NativeClient;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;

use crate::kafka::native::code;
use crate::kafka::native::queue::Queue;
use crate::kafka::native::topic::Topic;
use crate::record::position::TopicPartition;

/// A partition that is fetched until this value is dropped.
pub(in crate::kafka) struct Fetching<'c> {
    topic: Topic<&'c NativeClient>,
    partition: i32,
}

impl<'c> Fetching<'c> {
    /// Begins to fetch into `queue` from `offset`, which is at least 0. librdkafka takes its own reference to the queue.
    ///
    /// # Errors
    /// librdkafka's code, such as for a partition that is fetched already.
    pub(in crate::kafka) fn start(
        queue: &Queue<&'c NativeClient>,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<Fetching<'c>, Code> {
        let topic = Topic::new(*queue.client(), &partition.topic)?;
        // SAFETY: topic and queue are alive; librdkafka takes references of its own.
        let failed =
            unsafe { sys::rd_kafka_consume_start_queue(topic.as_ptr(), partition.partition, offset, queue.as_ptr()) };
        if failed != 0 {
            return Err(code::last_error());
        }
        Ok(Fetching {
            topic,
            partition: partition.partition,
        })
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        // SAFETY: the topic is alive; started once, stopped once. librdkafka discards what is queued already by its version.
        unsafe { sys::rd_kafka_consume_stop(self.topic.as_ptr(), self.partition) };
    }
}

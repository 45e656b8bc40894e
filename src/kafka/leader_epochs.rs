//! Asks a broker whether a log was cut back below a position, by the position's leader epoch (KIP-320).

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::kafka::cluster::Cluster;
use crate::kafka::codes::is_quiet;
use crate::kafka::error::KafkaError;
use crate::kafka::native::event::EventKind;
use crate::kafka::native::queue::Queue;
use crate::kafka::partition_lists::{validate, with_positions};
use crate::record::position::{Position, TopicPartition};

/// How long the broker may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
const POLL_TIMEOUT: Duration = Duration::from_millis(500);
const DOING: &str = "ask for the end of a leader epoch";

/// Whether the broker finds that the log of the position's leader epoch ends below the position. librdkafka asks this only for
/// the position of a consumer; so one is made for the question, which joins no group. Blocks.
///
/// # Errors
/// The broker does not answer within 30 s, the partition does not exist, or no ACL allows to read it.
pub fn is_cut_below(
    settings: &KafkaSettings,
    partition: &TopicPartition,
    position: Position,
) -> Result<bool, KafkaError> {
    let cluster = Cluster::of_consumer(settings)?;
    let Some(mut queue) = Queue::of_group(Arc::clone(&cluster.client)) else {
        return Ok(false);
    };
    let positions = [(partition.clone(), position)];
    cluster
        .client
        .assign(&with_positions(&positions, DOING)?)
        .map_err(|error| KafkaError::from_rdkafka(&error, DOING))?;
    validate(&cluster.client, &positions, DOING)?;
    let clock = Clock::start();
    while clock.elapsed_s() < ANSWER_MAX.as_secs_f64() {
        let Some(event) = queue.next(POLL_TIMEOUT) else {
            continue;
        };
        match (event.kind(), event.code()) {
            (EventKind::Record, _) | (EventKind::Error, Code::PartitionEOF) => return Ok(false),
            (EventKind::Error, Code::AutoOffsetReset) => return Ok(event.is_truncation()),
            (EventKind::Error, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                return Err(KafkaError::UnknownPartition {
                    partition: partition.clone(),
                });
            }
            (EventKind::Error, code) if !is_quiet(code) && code != Code::AllBrokersDown => {
                return Err(KafkaError::from_code(code, DOING, event.reason()));
            }
            _ => {}
        }
    }
    Err(cluster.unreachable())
}

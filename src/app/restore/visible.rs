//! Waits until readers of committed records see what was restored: Kafka confirms a commit before its markers are in all partitions.

use std::thread;
use std::time::Duration;

use crate::app::restore::plan::TopicPlan;
use crate::config::KafkaSettings;
use crate::kafka::cluster::Cluster;
use crate::record::position::TopicPartition;
use crate::task::error::AppError;

/// How often to look, before the markers are left to Kafka.
const CHECKS: u32 = 100;
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits for the targets of these topics. Transactions of others may stay open, so that it waits for some seconds at most.
pub(super) fn await_visible(kafka: &KafkaSettings, plans: &[TopicPlan]) -> Result<(), AppError> {
    let partitions = plans.iter().flat_map(|plan| &plan.partitions);
    let targets: Vec<TopicPartition> = partitions
        .map(|partition| TopicPartition::new(&partition.subject.to, partition.subject.partition))
        .collect();
    let written = Cluster::connect_uncommitted(kafka)?.log_ends(&targets)?;
    let stable = Cluster::connect(kafka)?;
    for _ in 0..CHECKS {
        let seen = stable.log_ends(&targets)?;
        if seen.iter().zip(&written).all(|(seen, written)| seen >= written) {
            return Ok(());
        }
        thread::sleep(INTERVAL);
    }
    tracing::warn!("the last transactions are committed, but not yet visible in all partitions");
    Ok(())
}

//! Kafka through librdkafka: settings, requests to a cluster, topics, the producer, the archiver's consumer, and a reader
//! without a group. `native` holds the C calls that the safe wrapper lacks.

mod assignment;
pub mod cluster;
mod codes;
pub mod consumer;
mod context;
pub mod error;
#[cfg(test)]
mod error_tests;
pub mod group_commit;
mod incremental;
pub mod leader_epochs;
pub mod ledger;
mod membership;
mod native;
pub mod open_transactions;
mod partition_lists;
pub mod partitioner;
mod polled;
pub mod producer;
mod reachability;
pub mod reader;
pub mod replay;
pub mod sender;
pub mod settings;
pub mod throw_away;
pub mod topic_limits;
mod topic_properties;
pub mod topics;

pub use assignment::PartitionIndex;

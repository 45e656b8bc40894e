//! Questions to a Kafka cluster: its brokers and topics, the offsets of partitions, what a group committed.

mod cluster;
mod layout;
mod log_ends;
mod members;
mod offsets;
mod patience;
mod topics;

pub use cluster::Cluster;
pub use layout::{Broker, Committed, PartitionLayout, TopicLayout, Watermarks};
pub(super) use patience::{ask_first, is_silence};

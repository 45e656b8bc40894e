//! Kafka through librdkafka: settings, questions, topics, the archiver's consumer, a plain reader. Knows positions and
//! records, and nothing of segments or stores; decides nothing: it tells what Kafka said, in our words.
//!
//! `native` holds the C calls that the safe wrapper lacks or gets wrong.

mod assignment;
pub mod cluster;
pub mod consumer;
mod context;
pub mod error;
mod incremental;
pub mod ledger;
mod logs;
mod native;
pub mod partitioner;
mod polled;
pub mod producer;
pub mod reader;
pub mod sender;
pub mod settings;
pub mod topics;

pub use assignment::PartitionIndex;

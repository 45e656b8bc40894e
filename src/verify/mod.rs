//! Verification as pure functions: listed keys, object bytes and facts of Kafka in; findings, a verdict and a report out.
//! No store, Kafka client, clock or file, so that the command, the simulator and other programs can call it.

pub mod candidates;
pub mod chain;
pub mod chain_head;
pub mod chain_walk;
pub mod checkpoints;
pub mod claims;
pub mod codes;
pub mod findings;
pub mod html;
pub mod inventory;
pub mod kafka;
pub mod key_changes;
pub mod keys;
pub mod merge;
pub mod orphans;
pub mod proof;
pub mod proof_report;
pub mod report;
pub mod segments;
pub mod shard;
pub mod tally;
pub mod text;
pub mod times;
pub mod verdict;

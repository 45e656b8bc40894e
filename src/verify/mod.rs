//! Verification, pure: what stands in the bucket and what Kafka says come in as values; findings, a verdict and a report
//! come out. Never reads a store, Kafka, a clock or a file, so that anything can call it: the command, the simulator,
//! an auditor's own program.

pub mod candidates;
pub mod chain;
pub mod chain_head;
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
pub mod report;
pub mod segments;
pub mod shard;
pub mod tally;
pub mod text;
pub mod verdict;

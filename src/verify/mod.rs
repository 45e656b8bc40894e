//! Verification as pure functions: listed keys, object bytes and facts of Kafka in; findings, a verdict and a report out.
//! No store, Kafka client, clock or file, so that the command, the simulator and other programs can call it.

mod above;
pub mod candidates;
pub mod chain;
pub mod chain_head;
mod chain_segments;
pub mod chain_walk;
pub mod claims;
pub mod codes;
pub mod cosigned;
pub mod coverage;
pub mod differing;
pub mod drill;
pub mod findings;
pub mod given;
pub mod html;
pub mod inventory;
pub mod kafka;
mod link_judge;
mod log_end;
#[cfg(test)]
mod log_tests;
mod log_views;
pub mod log_walk;
pub mod merge;
pub mod orphans;
pub mod proof;
mod proof_keys;
pub mod proof_parts;
mod proof_records;
pub mod proof_report;
mod proof_step;
pub mod report;
mod report_note;
pub mod saved;
pub mod segments;
pub mod severity;
pub mod shard;
pub mod signed_report;
mod summary;
pub mod superseded;
pub mod tally;
pub mod text;
pub mod timeline;
pub mod times;
pub mod trust;
pub mod verdict;

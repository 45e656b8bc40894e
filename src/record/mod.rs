//! A Kafka record: its position, its times, its canonical encoding, and the Merkle tree over encodings. Pure.

pub mod decode;
pub mod event_time;
pub mod hash;
pub mod merkle;
pub mod position;
pub mod record;
pub(crate) mod time;
pub mod timestamp;
pub mod topic_pattern;
pub mod utc;

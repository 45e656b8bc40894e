//! A Kafka record, its position, its times, and the bytes and trees that are hashed for it. Pure.

pub mod decode;
pub mod event_time;
pub mod hash;
pub mod merkle;
pub mod position;
pub mod record;
pub mod timestamp;
pub mod utc;

//! The words everything else is written in: positions, records, hashes, trees, signed notes. Pure: no I/O, no clock.

pub mod canonical;
pub mod encoded;
pub mod event;
pub mod event_time;
pub mod glance;
pub mod hash;
pub mod json;
pub mod merkle;
pub mod note;
pub mod partition;
pub mod position;
pub mod record;
pub mod routing;
pub mod shop;
pub mod utc;

//! A drill: restores archived records to topics of its own, compares them with the archive and with what Kafka still holds of
//! the original topics, removes the topics, and signs a report.

mod compare;
mod comparison;
mod drill;
mod names;
mod original;
mod source;

pub use drill::{Drilled, Surroundings, drill};

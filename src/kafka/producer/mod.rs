//! Sends records to topics, and counts what Kafka acknowledged.

mod lane;
mod outcomes;
mod producer;
mod settings;
mod transactions;

pub use outcomes::{Failed, Tally};
pub use producer::{Outgoing, Producer};
pub use settings::Sending;

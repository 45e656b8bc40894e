//! Sends records to topics, and counts what Kafka acknowledged.

mod connecting;
mod lane;
mod outcomes;
mod producer;
mod refusal;
mod settings;
mod transactions;

pub use outcomes::{Failed, Fate, Tally};
pub use producer::{Outgoing, Producer};
pub use settings::Sending;
pub(super) use settings::replay_config;
pub(super) use transactions::again;

//! Restoring archived records to Kafka: what must hold of the target topics before a record is sent, and the sending.

mod sending;
mod target;

pub use sending::{RefusedRecord, ToKafka};
pub use target::{Allowed, Lifted, Naming, Restore, Span, Wanted, after_sending};

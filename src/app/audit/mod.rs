//! `audit`: compares Parquet that another sink wrote with the archive and with Kafka.

mod audit;
mod auditor;
mod listing;
pub mod request;
mod source;

pub use audit::audit;

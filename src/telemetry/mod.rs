//! How the program tells how it is: log lines on stderr, metrics, and one port where they are read. Never on stdout,
//! and never a reason for work to stop.

mod health;
mod log;
mod metrics;
mod server;

pub use health::Health;
pub use log::{LogFormat, Verbosity, start_log};
pub use metrics::{Metrics, PartitionMetrics};
pub use server::{ListenError, Vitals, serve};

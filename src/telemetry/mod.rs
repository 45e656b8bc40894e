//! Logging on stderr, metrics, and the port that serves them. A failure here must not stop the archiver.

mod archiver_metrics;
mod attention;
mod health;
mod history;
mod latency_metrics;
mod log;
mod metrics;
#[cfg(test)]
mod metrics_tests;
mod partition_metrics;
mod partition_rows;
mod partition_values;
mod process_metrics;
mod server;
mod status;
mod status_page;
#[cfg(test)]
mod status_tests;
mod stopped_metrics;
mod text_format;
mod verification_metrics;
mod witness_metrics;

pub use health::Health;
pub use log::{LogFormat, LogOutput, Verbosity, set_log_filter, start_log};
pub use metrics::Metrics;
pub use partition_metrics::Totals;
pub use partition_values::PartitionMetrics;
pub use server::{ListenError, Vitals, serve};
pub use text_format::TextFormat;
pub use verification_metrics::verification_metrics;
pub use witness_metrics::WitnessMetrics;

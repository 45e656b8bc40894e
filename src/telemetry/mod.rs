//! How the program tells how it is: log lines on stderr, metrics, and one port where they are read. Never on stdout,
//! and never a reason for work to stop.

mod log;

pub use log::{LogFormat, Verbosity, start_log};

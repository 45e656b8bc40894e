//! What long-running work shares: its error, how it is stopped, how it reports progress.

pub mod error;
pub mod panic;
pub mod process;
pub mod progress;
pub mod stop;

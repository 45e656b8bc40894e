//! What long-running work shares: its error type, stop requests, progress, and the handling of panics.

pub mod error;
pub mod joined;
pub mod panic;
pub mod process;
pub mod progress;
pub mod stop;

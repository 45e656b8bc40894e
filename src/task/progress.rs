//! Progress of long-running work, for display on a terminal.

use std::sync::Arc;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of input.
    Bytes,
    /// Events of input.
    Events,
    /// Files.
    Files,
    /// Signed links of chains.
    Links,
    /// Records.
    Records,
    /// Nothing: the work is only named.
    Uncounted,
}

/// Shows what is being done.
pub trait Progress: Send + Sync {
    /// Work begins: `what` is done, as in `reading rows`. It is shown until what is returned is dropped, beside other work
    /// that goes on at the same time.
    fn begin(&self, what: &'static str, unit: Unit) -> Arc<dyn Work>;
}

/// Work that is shown. A call may take a lock, so a hot loop calls [`advance`](Work::advance) once for each batch.
pub trait Work: Send + Sync {
    /// So many more are done.
    fn advance(&self, steps: u64);

    /// So many more are to be done. The total is unknown before the first call.
    fn add_total(&self, steps: u64);

    /// Of those of the total so many were an estimate, and this is their number.
    fn correct_total(&self, estimated: u64, found: u64);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &'static str, _unit: Unit) -> Arc<dyn Work> {
        Arc::new(Silent)
    }
}

impl Work for Silent {
    fn advance(&self, _steps: u64) {}
    fn add_total(&self, _steps: u64) {}
    fn correct_total(&self, _estimated: u64, _found: u64) {}
}

//! Progress reports of long-running work, for a progress bar.

use std::fmt;

/// Receives progress reports. A call may take a lock, so a hot loop calls [`advance`](Progress::advance) once for each
/// batch.
pub trait Progress: Send + Sync {
    /// A phase of work begins, with `total` steps if their number is known.
    fn begin(&self, total: Option<u64>);

    /// `steps` more steps are to be done than was said before.
    fn add_total(&self, steps: u64);

    /// `steps` more steps are done.
    fn advance(&self, steps: u64);

    /// `steps` more steps of another kind are done at the same time: `records compared with Kafka`. There is one other kind.
    fn advance_other(&self, kind: &'static str, steps: u64);

    /// Names the current work in a few words.
    fn note(&self, what: &str);
}

impl fmt::Debug for dyn Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// Ignores all reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _total: Option<u64>) {}
    fn add_total(&self, _steps: u64) {}
    fn advance(&self, _steps: u64) {}
    fn advance_other(&self, _kind: &'static str, _steps: u64) {}
    fn note(&self, _what: &str) {}
}

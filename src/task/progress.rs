//! How a long piece of work tells that it advances, without knowing who listens. Never a log and never a result.

/// A listener. Calls are cheap, but not free: a hot loop calls [`advance`](Progress::advance) once per batch.
pub trait Progress: Send + Sync {
    /// Work begins anew: `total` steps, where they are known.
    fn begin(&self, total: Option<u64>);

    /// `steps` more are done.
    fn advance(&self, steps: u64);

    /// What is being done now, in a few words.
    fn note(&self, what: &str);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _total: Option<u64>) {}
    fn advance(&self, _steps: u64) {}
    fn note(&self, _what: &str) {}
}

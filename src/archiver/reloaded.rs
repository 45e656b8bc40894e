//! What an operator changed while the archiver runs.

use std::sync::{Arc, Mutex, PoisonError};

use crate::archiver::projections::Projections;

/// The settings that were reloaded, none at first. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Reloaded(Arc<Mutex<Option<Arc<Projections>>>>);

impl Reloaded {
    /// The typed columns of the segments that are encoded from now on.
    pub fn set_projections(&self, projections: Projections) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(projections));
    }

    /// The typed columns, if they were reloaded.
    #[must_use]
    pub fn projections(&self) -> Option<Arc<Projections>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

//! What an operator changed while the archiver runs.

use std::sync::{Arc, Mutex, PoisonError};

use crate::segment::projection::rules::Projection;

/// The settings that were reloaded, none at first. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Reloaded(Arc<Mutex<Option<Arc<Projection>>>>);

impl Reloaded {
    /// The typed columns of the segments that are encoded from now on.
    pub fn set_projection(&self, projection: Projection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(projection));
    }

    /// The typed columns, if they were reloaded.
    #[must_use]
    pub fn projection(&self) -> Option<Arc<Projection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

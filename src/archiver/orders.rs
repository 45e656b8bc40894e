//! The mode of a run, the operator's declarations, and where its progress is shown.

use std::sync::Arc;

use crate::archive::epochs::Divergence;
use crate::archiver::reloaded::Reloaded;
use crate::task::progress::{Progress, Silent};

/// When the archiver ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// When a stop is requested.
    Daemon,
    /// When every record that Kafka had at the start is archived.
    Once,
}

/// The orders of one run.
#[derive(Clone)]
pub struct Orders {
    /// When it ends.
    pub mode: Mode,
    /// Topics that were deleted and created again, as the operator declares. The next link of each partition ends its
    /// epoch.
    pub new_epochs: Vec<String>,
    /// Partitions whose logs were cut back, as the operator declares.
    pub diverged: Vec<Divergence>,
    /// What is changed while it runs.
    pub reloaded: Reloaded,
    /// Where a run with an end shows how far it is.
    pub progress: Arc<dyn Progress>,
}

impl From<Mode> for Orders {
    fn from(mode: Mode) -> Orders {
        Orders {
            mode,
            new_epochs: Vec::new(),
            diverged: Vec::new(),
            reloaded: Reloaded::default(),
            progress: Arc::new(Silent),
        }
    }
}

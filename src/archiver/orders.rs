//! What an archiver is told to do.

/// Whether the archiver ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until it is told to stop.
    Daemon,
    /// When everything that Kafka held at the start is archived.
    Once,
}

/// What an archiver is told to do.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Whether it ends by itself.
    pub mode: Mode,
    /// Topics that were deleted and created again, as the operator declares: of each, the next link begins a new epoch.
    pub new_epochs: Vec<String>,
}

impl From<Mode> for Orders {
    fn from(mode: Mode) -> Orders {
        Orders {
            mode,
            new_epochs: Vec::new(),
        }
    }
}

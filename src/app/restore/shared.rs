//! What the topics of a restore share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::app::restore::pace::Pace;
use crate::app::restore::rejects::Rejects;
use crate::app::restore::request::Request;
use crate::clock::Clock;
use crate::config::KafkaSettings;
use crate::reading::archive::Archive;
use crate::task::progress::Work;
use crate::task::stop::Stop;

/// What the topics of a restore share.
pub(super) struct Shared {
    pub(super) archive: Arc<Archive>,
    pub(super) kafka: KafkaSettings,
    pub(super) request: Request,
    pub(super) pace: Pace,
    pub(super) rejects: Rejects,
    pub(super) stop: Stop,
    /// Shows how many records are done.
    pub(super) restoring: Arc<dyn Work>,
    pub(super) clock: Clock,
    /// One of the topics cannot go on: the others end after their open transactions.
    pub(super) has_failed: AtomicBool,
}

impl Shared {
    /// Whether no more records are to be sent.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.stop.is_requested() || self.has_failed.load(Ordering::Relaxed)
    }
}

//! How far an ingest is, for display: in bytes where the size of the input is known, else in events.

use std::sync::Arc;

use crate::task::progress::{Progress, Unit, Work};

/// Shows how far an ingest is.
pub(super) struct Shown {
    work: Arc<dyn Work>,
    unit: Unit,
}

impl Shown {
    /// Begins to show events on their way to Kafka, or read without being sent. The number of events is the total if it is
    /// limited.
    pub(super) fn events(progress: &dyn Progress, what: &'static str, limit: u64) -> Shown {
        let shown = Shown {
            work: progress.begin(what, Unit::Events),
            unit: Unit::Events,
        };
        if limit < u64::MAX {
            shown.work.add_total(limit);
        }
        shown
    }

    /// The same in bytes of the input.
    pub(super) fn bytes(progress: &dyn Progress, what: &'static str, total: Option<u64>) -> Shown {
        let shown = Shown {
            work: progress.begin(what, Unit::Bytes),
            unit: Unit::Bytes,
        };
        total.iter().for_each(|total| shown.work.add_total(*total));
        shown
    }

    /// In bytes if their number is known and the events are not limited, else in events.
    pub(super) fn best(progress: &dyn Progress, what: &'static str, (total, limit): (Option<u64>, u64)) -> Shown {
        match total {
            Some(_) if limit == u64::MAX => Shown::bytes(progress, what, total),
            _ => Shown::events(progress, what, limit),
        }
    }

    /// So many bytes of the input are done.
    pub(super) fn advance_bytes(&self, bytes: u64) {
        if self.unit == Unit::Bytes {
            self.work.advance(bytes);
        }
    }

    /// So many events are done.
    pub(super) fn advance_events(&self, events: u64) {
        if self.unit == Unit::Events {
            self.work.advance(events);
        }
    }
}

//! A requested stop, which ends within a time whatever is down.

use crate::archive::machine::Unarchived;
use crate::archiver::driver::driver::Driver;
use crate::archiver::executor::Executor;
use crate::archiver::observers::Observer;
use crate::archiver::source::Source;

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    /// Says once that a stop was requested, and sets the time at which it is given up.
    pub(super) fn begin_stop(&mut self) {
        if self.is_stopping {
            return;
        }
        self.is_stopping = true;
        self.give_up_at_ms = self.grace_ms.map(|grace| self.now.monotonic_ms.saturating_add(grace));
        let Unarchived {
            partitions,
            records,
            bytes,
        } = self.machine.unarchived();
        tracing::info!(
            event = "stopping",
            partitions,
            records,
            bytes,
            "stopping: sealing and committing what is in memory"
        );
    }

    /// Whether a requested stop has taken its time. Durability point: nothing is lost, because no offset beyond the durable
    /// heads was committed. A request that was sent may still take effect, as after a crash (EP-1).
    pub(super) fn gives_up(&mut self) -> bool {
        if self.give_up_at_ms.is_none_or(|at_ms| self.now.monotonic_ms < at_ms) {
            return false;
        }
        let Unarchived {
            partitions,
            records,
            bytes,
        } = self.machine.unarchived();
        self.tally.left_records = records;
        tracing::warn!(
            event = "records_left",
            partitions,
            records,
            bytes,
            "archive.shutdown_timeout passes: the records in memory are not archived here; they are still in Kafka, and the next owner archives them"
        );
        true
    }
}

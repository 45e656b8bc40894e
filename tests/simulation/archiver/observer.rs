//! An observer that counts the driver's reports.

use std::cell::RefCell;
use std::rc::Rc;

use kivend::archive::step::{Adopted, Now, Report, StopReason};
use kivend::archiver::observers::{Measured, Observer};
use kivend::kafka::error::KafkaError;
use kivend::log::link::SealReason;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;

use crate::simulation::counts::Counts;

/// The reports so far.
#[derive(Default)]
pub struct Observed {
    pub counts: Counts,
    pub stops: Vec<(TopicPartition, StopReason)>,
    /// Why entries were not signed, and will not be.
    pub unsigned: Vec<String>,
}

/// The driver's access to [`Observed`].
pub struct CountingObserver(pub Rc<RefCell<Observed>>);

impl Observer for CountingObserver {
    fn started(&mut self) {}

    fn assigned(&mut self, _partitions: &[TopicPartition]) {}

    fn lost(&mut self, _partitions: &[TopicPartition]) {}

    fn turned(&mut self, _monotonic_ms: u64) {}

    fn reported(&mut self, partition: &TopicPartition, report: &Report, _now: UtcSeconds) {
        let seen = &mut *self.0.borrow_mut();
        let counts = &mut seen.counts;
        match report {
            Report::Continues(_) => {}
            Report::Linked { link, adopted, .. } => {
                counts.links += 1;
                counts.adopted += u64::from(*adopted == Adopted::Found);
                counts.rejected += link.link.rejected.len() as u64;
                counts.absent += link.link.absent.len() as u64;
                counts.diverged += u64::from(link.link.seal_reason == SealReason::Diverged);
            }
            Report::LossFound { .. } => counts.losses += 1,
            Report::NewEpoch(..) => counts.new_epochs += 1,
            Report::Fenced => counts.fenced += 1,
            Report::PassedOver(_) => counts.passed_over += 1,
            Report::Stopped(reason) => {
                counts.stopped += 1;
                counts.gone += u64::from(matches!(reason, StopReason::TopicGone));
                counts.truncated += u64::from(matches!(reason, StopReason::Truncated { .. }));
                seen.stops.push((partition.clone(), reason.clone()));
            }
        }
    }

    fn measured(&mut self, _partition: &TopicPartition, _measured: &Measured, _now: Now) {}

    fn memory(&mut self, _used: usize, _budget: usize) {}

    fn committed(&mut self, _partition: &TopicPartition, _took_ms: u64, _now: UtcSeconds) {}

    fn topic_unavailable(&mut self, _topic: &str, _error: &KafkaError) {}

    fn topic_available(&mut self, _topic: &str) {}

    fn released(&mut self, _partition: &TopicPartition) {}
}

//! What the driver reports, counted.

use std::cell::RefCell;
use std::rc::Rc;

use kivend::archive::step::{Adopted, Report, StopReason};
use kivend::archiver::observers::Observer;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;

use crate::simulation::deeds::Deeds;

/// What has been seen so far.
#[derive(Default)]
pub struct Seen {
    pub deeds: Deeds,
    pub stops: Vec<(TopicPartition, StopReason)>,
}

/// The driver's end of it.
pub struct Watcher(pub Rc<RefCell<Seen>>);

impl Observer for Watcher {
    fn started(&mut self) {}

    fn turned(&mut self, _monotonic_ms: u64) {}

    fn reported(&mut self, partition: &TopicPartition, report: &Report, _now: UtcSeconds) {
        let seen = &mut *self.0.borrow_mut();
        let deeds = &mut seen.deeds;
        match report {
            Report::Continues(_) => {}
            Report::Linked { link, adopted, .. } => {
                deeds.links += 1;
                deeds.adopted += u64::from(*adopted == Adopted::Found);
                deeds.rejected += link.link.rejected.len() as u64;
                deeds.absent += link.link.absent.len() as u64;
            }
            Report::LossFound { .. } => deeds.losses += 1,
            Report::NewEpoch(_) => deeds.new_epochs += 1,
            Report::Fenced => deeds.fenced += 1,
            Report::PassedOver(_) => deeds.passed_over += 1,
            Report::Stopped(reason) => {
                deeds.stopped += 1;
                deeds.gone += u64::from(matches!(reason, StopReason::TopicGone));
                seen.stops.push((partition.clone(), reason.clone()));
            }
        }
    }

    fn measured(&mut self, _partition: &TopicPartition, _buffered_bytes: usize, _lag: Option<i64>) {}

    fn committed(&mut self, _partition: &TopicPartition, _now: UtcSeconds) {}

    fn released(&mut self, _partition: &TopicPartition) {}
}

//! How far a run with an end is, for display: records that Kafka delivered, and those that are archived. The total is
//! the offsets between the archive and the ends; each link corrects it by the offsets that no record has.

use std::collections::HashMap;
use std::sync::Arc;

use crate::archive::step::Report;
use crate::record::position::TopicPartition;
use crate::task::progress::{Progress, Unit, Work};

/// Shows how far a run is.
pub struct Shown {
    progress: Arc<dyn Progress>,
    ends: HashMap<TopicPartition, i64>,
    /// The wait for partitions, until some are assigned.
    waiting: Option<Arc<dyn Work>>,
    counted: Option<Counted>,
    partitions: HashMap<TopicPartition, Partition>,
}

/// What is counted.
struct Counted {
    delivered: Arc<dyn Work>,
    archived: Arc<dyn Work>,
}

/// The records of a partition, in this run.
#[derive(Debug, Default)]
struct Partition {
    archived: u64,
    /// Those that are shown as delivered.
    delivered: u64,
}

impl Shown {
    /// Begins to show the wait for the group.
    pub fn new(ends: HashMap<TopicPartition, i64>, progress: Arc<dyn Progress>) -> Shown {
        let waiting = progress.begin("waiting for the group to assign partitions", Unit::Uncounted);
        Shown {
            progress,
            ends,
            waiting: Some(waiting),
            counted: None,
            partitions: HashMap::new(),
        }
    }

    /// The group has assigned partitions, or none.
    pub fn assigned(&mut self) {
        self.waiting = None;
        self.counted.get_or_insert_with(|| Counted {
            delivered: self.progress.begin("reading from Kafka", Unit::Records),
            archived: self.progress.begin("archiving", Unit::Records),
        });
    }

    /// The state machine reports news of a partition.
    pub fn reported(&mut self, partition: &TopicPartition, report: &Report) {
        match report {
            Report::Continues(next) => self.continues(partition, next.0),
            Report::Linked { link, .. } => {
                let link = &link.link;
                let offsets = link.next_offset.0.abs_diff(link.first_offset.0);
                self.linked(partition, offsets, link.record_count);
            }
            _ => {}
        }
    }

    fn continues(&mut self, partition: &TopicPartition, next: i64) {
        if self.partitions.contains_key(partition) {
            // It was assigned before in this run.
            return;
        }
        self.partitions.insert(partition.clone(), Partition::default());
        let end = self.ends.get(partition).copied().unwrap_or(0);
        let records = u64::try_from(end - next).unwrap_or(0);
        if let Some(counted) = &self.counted {
            counted.delivered.add_total(records);
            counted.archived.add_total(records);
        }
    }

    fn linked(&mut self, partition: &TopicPartition, offsets: u64, records: u64) {
        if let Some(counted) = &self.counted {
            counted.delivered.correct_total(offsets, records);
            counted.archived.correct_total(offsets, records);
            counted.archived.advance(records);
            let known = self.partitions.entry(partition.clone()).or_default();
            known.archived += records;
            known.delivers(known.archived, counted);
        }
    }

    /// So many records of a partition are in memory.
    pub fn measured(&mut self, partition: &TopicPartition, unarchived: u64) {
        if let (Some(counted), Some(known)) = (&self.counted, self.partitions.get_mut(partition)) {
            known.delivers(known.archived + unarchived, counted);
        }
    }
}

impl Partition {
    fn delivers(&mut self, delivered: u64, counted: &Counted) {
        counted.delivered.advance(delivered.saturating_sub(self.delivered));
        self.delivered = self.delivered.max(delivered);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// The name of a work, how much is done, and of how much.
    type Line = (&'static str, u64, u64);

    /// Keeps the works that are shown.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Line>>>);

    struct KeptWork(Kept, &'static str);

    impl KeptWork {
        fn change(&self, change: impl FnOnce(&mut Line)) {
            let mut lines = self.0.0.lock().unwrap();
            change(lines.iter_mut().find(|line| line.0 == self.1).unwrap());
        }
    }

    impl Progress for Kept {
        fn begin(&self, what: &'static str, _: Unit) -> Arc<dyn Work> {
            self.0.lock().unwrap().push((what, 0, 0));
            Arc::new(KeptWork(self.clone(), what))
        }
    }

    impl Work for KeptWork {
        fn advance(&self, steps: u64) {
            self.change(|line| line.1 += steps);
        }
        fn add_total(&self, steps: u64) {
            self.change(|line| line.2 += steps);
        }
        fn correct_total(&self, estimated: u64, found: u64) {
            self.change(|line| line.2 = line.2 + found - estimated);
        }
    }

    impl Drop for KeptWork {
        fn drop(&mut self) {
            self.0.0.lock().unwrap().retain(|line| line.0 != self.1);
        }
    }

    #[test]
    fn what_is_read_and_what_is_archived_are_counted_apart_up_to_the_ends() {
        let kept = Kept::default();
        let lines = || kept.0.lock().unwrap().clone();
        let partition = TopicPartition::new("payments", 0);
        let mut shown = Shown::new(HashMap::from([(partition.clone(), 1_000)]), Arc::new(kept.clone()));
        assert_eq!(lines(), [("waiting for the group to assign partitions", 0, 0)]);
        shown.assigned();
        shown.continues(&partition, 400);
        shown.measured(&partition, 250);
        assert_eq!(lines(), [("reading from Kafka", 250, 600), ("archiving", 0, 600)]);
        // Two of the offsets are markers of transactions.
        shown.linked(&partition, 300, 298);
        shown.measured(&partition, 100);
        assert_eq!(lines(), [("reading from Kafka", 398, 598), ("archiving", 298, 598)]);
        // The group takes the partition away and gives it back.
        shown.assigned();
        shown.continues(&partition, 700);
        shown.measured(&partition, 0);
        assert_eq!(lines(), [("reading from Kafka", 398, 598), ("archiving", 298, 598)]);
        drop(shown);
        assert_eq!(lines(), []);
    }
}

//! How far a run that ends is: the offsets between where its partitions began and the ends that it archives up to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::record::position::TopicPartition;
use crate::task::progress::Progress;

/// Tells a run's progress.
#[derive(Debug)]
pub struct Distance {
    progress: Arc<dyn Progress>,
    ends: HashMap<TopicPartition, i64>,
    /// Up to where each partition was told.
    told: HashMap<TopicPartition, i64>,
}

impl Distance {
    /// The distance to these ends. A partition without one, as those of a daemon, is not told of.
    #[must_use]
    pub fn to(ends: HashMap<TopicPartition, i64>, progress: Arc<dyn Progress>) -> Distance {
        if !ends.is_empty() {
            progress.note("archiving");
            progress.begin(Some(0));
        }
        Distance {
            progress,
            ends,
            told: HashMap::new(),
        }
    }

    /// The partition is archived up to `next`, which is where it begins at the first call.
    pub fn archived(&mut self, partition: &TopicPartition, next: i64) {
        let Some(end) = self.ends.get(partition) else { return };
        let next = next.min(*end);
        match self.told.get_mut(partition) {
            None => {
                self.progress.add_total(end.abs_diff(next));
                self.told.insert(partition.clone(), next);
            }
            Some(told) if *told < next => {
                self.progress.advance(told.abs_diff(next));
                *told = next;
            }
            // It continues where another member had not committed yet.
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<(u64, u64)>);

    impl Progress for Told {
        fn begin(&self, _total: Option<u64>) {}
        fn add_total(&self, steps: u64) {
            self.0.lock().unwrap().1 += steps;
        }
        fn advance(&self, steps: u64) {
            self.0.lock().unwrap().0 += steps;
        }
        fn advance_other(&self, _kind: &'static str, _steps: u64) {}
        fn note(&self, _what: &str) {}
    }

    #[test]
    fn offsets_between_the_beginning_and_the_end_are_told_once() {
        let told = Arc::new(Told::default());
        let [payments, orders] = ["payments", "orders"].map(|topic| TopicPartition::new(topic, 0));
        let mut distance = Distance::to(HashMap::from([(payments.clone(), 100)]), Arc::clone(&told) as _);
        for next in [40, 60, 50, 60, 130] {
            distance.archived(&payments, next);
            distance.archived(&orders, next);
        }
        assert_eq!(*told.0.lock().unwrap(), (60, 60));
    }
}

//! How far to archive: without an end, or up to the log ends at the start. Those ends stay fixed, so that a run with
//! `Mode::Once` ends although producers go on.

use std::collections::{HashMap, HashSet};

use crate::archive::step::Slot;
use crate::record::position::TopicPartition;

/// How far to archive.
#[derive(Debug, Default)]
pub struct Target {
    ends: Option<HashMap<TopicPartition, i64>>,
    /// The ends by slot, for the path of every record; `i64::MAX` if there is no end.
    end_by_slot: Vec<i64>,
    /// The offset after the last record before the end, of each partition that has delivered all of these.
    reached: HashMap<TopicPartition, i64>,
    /// Partitions that the run does not wait for, whichever member owns them.
    given_up: HashSet<TopicPartition>,
}

impl Target {
    /// A target that is never reached.
    #[must_use]
    pub fn endless() -> Target {
        Target::default()
    }

    /// Archive up to these offsets, exclusive.
    #[must_use]
    pub fn up_to(ends: HashMap<TopicPartition, i64>) -> Target {
        Target {
            ends: Some(ends),
            ..Target::default()
        }
    }

    /// The ends of the non-empty partitions outside `own`.
    #[must_use]
    pub fn ends_of_others(&self, own: &HashSet<TopicPartition>) -> Vec<(TopicPartition, i64)> {
        let all = self.ends.iter().flatten();
        all.filter(|(partition, end)| **end > 0 && !own.contains(*partition) && !self.is_given_up(partition))
            .map(|(partition, end)| (partition.clone(), *end))
            .collect()
    }

    /// For each partition for which the run waits: up to which offset its records are to be archived. Markers of transactions
    /// may stand between that offset and the end.
    pub fn awaited(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        let ends = self.ends.iter().flatten();
        let awaited = ends.filter(|(partition, _)| !self.is_given_up(partition));
        awaited.map(|(partition, end)| {
            let until = self.reached.get(partition).unwrap_or(end);
            (partition.clone(), *until)
        })
    }

    /// Assigns the slot of a partition, before [`takes`](Target::takes) is called for it.
    pub fn bind(&mut self, slot: Slot, partition: &TopicPartition) {
        if self.end_by_slot.len() <= slot.0 {
            self.end_by_slot.resize(slot.0 + 1, i64::MAX);
        }
        self.end_by_slot[slot.0] = self.end_of(partition);
    }

    fn end_of(&self, partition: &TopicPartition) -> i64 {
        self.ends
            .as_ref()
            .and_then(|ends| ends.get(partition))
            .copied()
            .unwrap_or(i64::MAX)
    }

    /// Whether the record at this offset is before the end.
    #[inline]
    #[must_use]
    pub fn takes(&self, slot: Slot, offset: i64) -> bool {
        self.end_by_slot.get(slot.0).is_some_and(|end| offset < *end)
    }

    /// Whether the end is reached with the record at this offset.
    #[inline]
    #[must_use]
    pub fn ends_at(&self, slot: Slot, offset: i64) -> bool {
        self.end_by_slot.get(slot.0).is_some_and(|end| offset + 1 >= *end)
    }

    /// Every record before `position` was delivered; the last of them ended at `until`. Only the first call that reaches the end
    /// counts: later ones come when the partition may be released already.
    pub fn advance(&mut self, partition: &TopicPartition, position: i64, until: i64) {
        if position >= self.end_of(partition) {
            self.reached.entry(partition.clone()).or_insert(until);
        }
    }

    /// Delivery starts again at `position`. Records that were delivered before do not count.
    pub fn restart(&mut self, partition: &TopicPartition, position: i64) {
        self.reached.remove(partition);
        self.advance(partition, position, position);
    }

    /// Whether `position` is at or before the end: records after the end are dropped on delivery.
    #[must_use]
    pub fn covers(&self, partition: &TopicPartition, position: i64) -> bool {
        position <= self.end_of(partition)
    }

    /// The partition is stopped and delivers no more records: the run does not wait for it.
    pub fn give_up(&mut self, partition: &TopicPartition) {
        self.given_up.insert(partition.clone());
    }

    /// No partition of the topic can be read: the run does not wait for them.
    pub fn give_up_topic(&mut self, topic: &str) {
        let of_topic = self.ends.iter().flat_map(HashMap::keys).filter(|p| *p.topic == *topic);
        self.given_up.extend(of_topic.cloned());
    }

    /// Whether the run does not wait for the partition.
    #[must_use]
    pub fn is_given_up(&self, partition: &TopicPartition) -> bool {
        self.given_up.contains(partition)
    }

    /// Whether there is no end.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.ends.is_none()
    }

    /// Whether all these partitions have reached their ends.
    pub fn is_reached_by<'a>(&self, mut assigned: impl Iterator<Item = &'a TopicPartition>) -> bool {
        let is_done = |partition| self.reached.contains_key(partition) || self.is_given_up(partition);
        self.ends.is_some() && assigned.all(is_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_at_the_end_and_beyond_are_not_taken() {
        let partition = TopicPartition::new("payments", 0);
        let mut target = Target::up_to(HashMap::from([(partition.clone(), 10)]));
        target.bind(Slot(0), &partition);
        assert!(target.takes(Slot(0), 9) && !target.takes(Slot(0), 10));
        assert!(!target.is_reached_by([&partition].into_iter()));
        target.advance(&partition, 9, 9);
        assert!(!target.is_reached_by([&partition].into_iter()));
        target.advance(&partition, 10, 9);
        assert!(target.is_reached_by([&partition].into_iter()));
        target.advance(&partition, 10, 10);
        assert_eq!(target.awaited().collect::<Vec<_>>(), [(partition.clone(), 9)]);
        assert!(target.covers(&partition, 10) && !target.covers(&partition, 11));
    }

    #[test]
    fn a_partition_whose_delivery_restarts_has_not_reached_its_end() {
        let partition = TopicPartition::new("payments", 0);
        let mut target = Target::up_to(HashMap::from([(partition.clone(), 10)]));
        target.advance(&partition, 10, 9);
        target.restart(&partition, 4);
        assert!(!target.is_reached_by([&partition].into_iter()));
        target.restart(&partition, 10);
        assert!(target.is_reached_by([&partition].into_iter()));
    }

    #[test]
    fn a_run_waits_neither_for_a_topic_that_cannot_be_read_nor_for_a_stopped_partition_of_others() {
        let [orders, payments] = ["orders", "payments"].map(|topic| TopicPartition::new(topic, 0));
        let mut target = Target::up_to(HashMap::from([(orders.clone(), 10), (payments.clone(), 5)]));
        assert_eq!(target.ends_of_others(&HashSet::new()).len(), 2);
        target.give_up_topic("orders");
        assert_eq!(target.ends_of_others(&HashSet::new()), [(payments.clone(), 5)]);
        assert!(target.is_reached_by([&orders].into_iter()));
        assert!(!target.is_reached_by([&payments].into_iter()));
        target.give_up(&payments);
        assert!(target.is_reached_by([&orders, &payments].into_iter()));
    }

    #[test]
    fn an_endless_target_takes_everything_and_is_never_reached() {
        let partition = TopicPartition::new("payments", 0);
        let mut target = Target::endless();
        target.bind(Slot(3), &partition);
        assert!(target.takes(Slot(3), i64::MAX - 1));
        assert!(!target.is_reached_by([&partition].into_iter()));
    }
}

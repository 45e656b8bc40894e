//! What comes from Kafka: news of the group, and records, a few at a time. Never decides what becomes of them.

use kivend::archive::step::{Event, Slot};
use kivend::record::position::TopicPartition;

use super::{News, Process, Standing};
use crate::simulation::kafka::Read;

impl Process {
    pub(super) fn read_news(&mut self) {
        match self.news.pop_front() {
            None => {}
            Some(News::Assign(partition)) => {
                self.standings.insert(partition.clone(), Standing::default());
                if !self.machine.is_shutting_down() {
                    self.ours.insert(partition.clone());
                }
                self.step(Event::Assigned(partition.clone()));
                let slot = self.machine.slot(&partition).map_or(0, |slot| slot.0);
                if slot == self.names.len() {
                    self.names.push(partition);
                }
            }
            Some(News::Revoke(partition)) => {
                if let Some(standing) = self.standings.get_mut(&partition) {
                    standing.revoking = true;
                    self.step(Event::Revoked(partition));
                }
            }
            Some(News::Lost(partition)) => {
                self.standings.remove(&partition);
                self.ours.remove(&partition);
                self.step(Event::Lost(partition));
            }
        }
    }

    pub(super) fn read_records(&mut self) {
        if self.held {
            return;
        }
        let started: Vec<TopicPartition> = self.standings.keys().cloned().collect();
        let Some(partition) = self.dice.pick(&started).cloned() else {
            return;
        };
        for _ in 0..self.dice.between(1, 6) {
            if !self.read_one(&partition) || self.held {
                return;
            }
        }
    }

    fn read_one(&mut self, partition: &TopicPartition) -> bool {
        let Some(position) = self.standings.get_mut(partition).and_then(|s| s.position.as_mut()) else {
            return false;
        };
        if position.stalled {
            return false;
        }
        match self.questions.kafka.log(partition, |log| log.read(position.next)) {
            Read::Record(record) => {
                position.next = record.offset + 1;
                position.told_end = None;
                let times = if self.dice.permille(self.odds.again) { 2 } else { 1 };
                let slot = self.machine.slot(partition).unwrap_or(Slot(usize::MAX));
                for _ in 0..times {
                    // After a seek nothing from before it is delivered any more.
                    if self.next_of(partition) == Some(record.offset + 1) {
                        record.lend(|record| self.machine.record(slot, record, self.now, &mut self.actions));
                        self.carry_out();
                    }
                }
                true
            }
            Read::End(end) => {
                position.next = end;
                if position.told_end.replace(end) != Some(end) {
                    self.step(Event::EndReached(partition.clone(), end));
                }
                false
            }
            Read::OutOfRange => {
                position.stalled = true;
                self.step(Event::OutOfRange(partition.clone()));
                false
            }
        }
    }

    fn next_of(&self, partition: &TopicPartition) -> Option<i64> {
        Some(self.standings.get(partition)?.position?.next)
    }
}

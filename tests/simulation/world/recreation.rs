//! Faults of topics: deletion and recreation, an operator's declaration of a new epoch, and compaction.

use super::World;
use crate::simulation::oracle;

impl World {
    /// Deletes the topic. Some archivers notice while it is deleted, others only after its recreation.
    pub(super) fn delete_topic(&mut self) {
        let is_over = self.recreated && (self.declared || !self.kafka.knows_ids());
        let is_over = is_over || (self.cut && !self.kafka.knows_ids());
        // An archiver that runs through two deletions can take the topic between them for the first: a known gap.
        let is_over = is_over || (self.recreated && !self.processes.is_empty());
        if !is_over {
            self.recreated = true;
            self.kafka.set_gone(true);
        }
    }

    /// Creates the topic again. Without topic ids it is shorter than its archive, because otherwise nothing
    /// distinguishes it from the old topic.
    pub(super) fn create_again(&mut self) -> Result<(), String> {
        self.kafka.set_gone(false);
        for partition in self.partitions.clone() {
            let chain = self.chains.of(&partition)?;
            let next = chain.last().map_or(0, |head| head.link.next_place().first_offset.0) as usize;
            let most = if self.kafka.knows_ids() { 20 } else { next };
            let (dice, events) = (&mut self.dice, &mut self.events);
            self.kafka.log(&partition, |log| {
                log.end_transaction(false);
                log.recreate();
                for _ in 0..dice.below(most) {
                    *events += 1;
                    log.produce(*events, dice);
                }
            });
        }
        Ok(())
    }

    /// The operator declares the new epoch to archivers that are started from here on. Those that run may go on with the
    /// old one, and creates that they sent may still arrive.
    pub(super) fn declare(&mut self) {
        if self.kafka.is_gone() {
            return;
        }
        if self.dice.permille(500) {
            for at in (0..self.processes.len()).rev() {
                self.kill(at);
            }
        }
        self.declared = true;
    }

    /// Compacts a record after the archive's head, which an archiver may have read already.
    pub(super) fn compact(&mut self) -> Result<(), String> {
        let partition = self.any_partition();
        let chain = self.chains.of(&partition)?;
        let head = chain.last().map_or(0, |head| head.link.next_place().first_offset.0);
        let dice = &mut self.dice;
        self.kafka.log(&partition, |log| {
            let ahead = (log.high - head).max(0) as usize;
            log.compact(head + dice.below(ahead.max(1)) as i64);
        });
        Ok(())
    }

    /// Whether every chain's head is of the newest topic.
    pub(super) fn is_up_to_date(&self) -> Result<bool, String> {
        for partition in &self.partitions {
            let chain = self.chains.of(partition)?;
            let newest = self.kafka.log(partition, |log| log.before.len());
            if !chain.is_empty() && oracle::newest_incarnation(&chain) != newest {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

//! What happens to Kafka, to the bucket and to the processes in each step.

use kivend::record::position::TopicPartition;

use super::World;
use crate::simulation::dice::Dice;
use crate::simulation::junk::Outsider;
use crate::simulation::thief;

impl World {
    /// Draws what happens to the log and to its keys.
    pub(super) fn strike_log(&mut self) -> Result<(), String> {
        self.rotate();
        if self.log_dice.permille(self.log_odds.thief) {
            std::mem::swap(&mut self.dice, &mut self.log_dice);
            let done = self.outsider(thief::act);
            std::mem::swap(&mut self.dice, &mut self.log_dice);
            let stolen = done?;
            self.counts.thefts += stolen.len() as u64;
            self.planted.by_thief.extend(stolen);
        }
        self.restore();
        self.toggle_witness(self.log_odds.witness_stops);
        Ok(())
    }

    /// Draws whether the witness stops, or starts again.
    pub(super) fn toggle_witness(&mut self, permille: u32) {
        if let Some(witness) = &self.witness
            && self.log_dice.permille(permille)
        {
            match witness.toggle() {
                true => self.counts.witness_stops += 1,
                false => self.counts.witness_starts += 1,
            }
        }
    }

    pub(super) fn produce(&mut self) {
        let Some(partition) = self.dice.pick(&self.partitions).cloned() else {
            return;
        };
        let (odds, dice) = (self.odds, &mut self.dice);
        let number = &mut self.events;
        let (knows_ids, is_gone) = (self.kafka.knows_ids(), self.kafka.is_gone());
        self.kafka.log(&partition, |log| {
            // Without topic ids, a recreated topic must stay shorter than its archive, or nothing distinguishes it from
            // the old one.
            if is_gone || (!knows_ids && !log.before.is_empty()) || log.high > 80 {
                return;
            }
            if dice.permille(odds.holes) {
                log.skip(dice.between(1, 4));
            }
            if dice.permille(odds.transactions) {
                match log.in_transaction() {
                    true => log.end_transaction(dice.permille(600)),
                    false => log.begin_transaction(*number, dice),
                }
            }
            if dice.permille(300) {
                for _ in 0..dice.between(1, 3) {
                    *number += 1;
                    log.produce(*number, dice);
                }
            }
        });
    }

    /// Draws the faults of this step.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method itself has other lifetimes"
    )]
    pub(super) fn strike(&mut self) -> Result<(), String> {
        let odds = self.odds;
        if self.dice.permille(odds.retention) {
            let partition = self.any_partition();
            let dice = &mut self.dice;
            self.kafka.log(&partition, |log| {
                let low = log.low + dice.below((log.stable_end() - log.low).max(0) as usize + 1) as i64;
                log.delete_below(low);
            });
        }
        if self.dice.permille(odds.junk) {
            self.outsider(|outsider, dice| outsider.plant_junk(dice))?;
        }
        if self.dice.permille(odds.tampering) {
            self.has_tampering = true;
            self.outsider(|outsider, dice| outsider.plant_tampering(dice))?;
        }
        if self.dice.permille(odds.compaction) {
            self.compact()?;
        }
        self.elect();
        if self.cut && self.dice.permille(30) {
            self.declare_divergences()?;
        }
        if self.kafka.is_gone() && self.dice.permille(100) {
            self.create_again()?;
        } else if self.dice.permille(odds.recreate) {
            self.delete_topic();
        } else if self.recreated && !self.declared && self.dice.permille(30) {
            self.declare();
        }
        if self.processes.is_empty() {
            return Ok(());
        }
        let at = self.dice.below(self.processes.len());
        if self.dice.permille(odds.pause) {
            self.pause(at);
        }
        if self.dice.permille(odds.rolling) {
            self.processes[at].shut_down();
        }
        if self.dice.permille(odds.kill) {
            self.kill(at);
        }
        Ok(())
    }

    /// Lets an outsider act. Returns the keys that he took.
    pub(super) fn outsider(
        &mut self,
        act: fn(&Outsider<'_>, &mut Dice) -> Result<(), String>,
    ) -> Result<Vec<String>, String> {
        let partition = self.any_partition();
        let outsider = Outsider {
            bucket: &self.bucket,
            kafka: &self.kafka,
            setup: self.setup,
            chains: &self.chains,
            partition: &partition,
        };
        let before = self.bucket.keys();
        act(&outsider, &mut self.dice)?;
        let mut new = self.bucket.keys();
        new.retain(|key| !before.contains(key));
        self.planted.by_anybody.extend(new.iter().cloned());
        Ok(new)
    }

    pub(super) fn any_partition(&mut self) -> TopicPartition {
        let at = self.dice.below(self.partitions.len());
        self.partitions[at].clone()
    }
}

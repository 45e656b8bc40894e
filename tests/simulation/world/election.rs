//! Elections of leaders, clean and unclean, and an operator who declares what unclean ones lost.

use kivend::archive::epochs::Divergence;
use kivend::log::link::Link;
use kivend::record::position::TopicPartition;

use super::World;
use crate::simulation::content::Content;
use crate::simulation::kafka::Log;
use crate::simulation::oracle;

impl World {
    /// Draws the elections of this step. Without topic ids nothing distinguishes a log that was cut back from one of a new
    /// topic, so a run has one of both.
    pub(super) fn elect(&mut self) {
        let partition = self.any_partition();
        if self.dice.permille(self.odds.elections) {
            self.kafka.log(&partition, Log::elect);
        }
        let is_told_apart = self.kafka.knows_ids() || !self.recreated;
        if self.dice.permille(self.odds.unclean) && is_told_apart && !self.kafka.is_gone() {
            self.cut = true;
            self.counts.unclean += 1;
            let dice = &mut self.dice;
            self.kafka.log(&partition, |log| {
                let lost = 1 + dice.below(12) as i64;
                log.elect_unclean(log.high - lost);
            });
        }
    }

    /// The operator compares the archive with Kafka, and declares the first offset that differs in each partition. Archivers
    /// that run know nothing of it. Returns whether something differs.
    pub(super) fn declare_divergences(&mut self) -> Result<bool, String> {
        let mut differs = false;
        for partition in self.partitions.clone() {
            let Some(divergence) = self.divergence(&partition)? else {
                continue;
            };
            let is_this = |declared: &Divergence| {
                (&declared.partition, declared.epoch) == (&divergence.partition, divergence.epoch)
            };
            differs = true;
            self.diverged.retain(|declared| !is_this(declared));
            self.diverged.push(divergence);
        }
        Ok(differs)
    }

    fn divergence(&self, partition: &TopicPartition) -> Result<Option<Divergence>, String> {
        let chain = self.chains.of(partition)?;
        let Some(head) = chain.last() else { return Ok(None) };
        let next = head.link.next_place();
        let content = Content::of(&self.chains, &chain);
        let offset = self.kafka.log(partition, |log| {
            if oracle::newest_incarnation(&chain) != log.before.len() {
                return None;
            }
            content
                .first_difference(log)
                .or_else(|| Some(self.told_by_broker(&head.link, log)?.max(content.agrees_up_to(log))))
        });
        let is_below = |offset: &i64| *offset < next.first_offset.0;
        Ok(offset.filter(is_below).map(|offset| Divergence {
            partition: partition.clone(),
            epoch: next.epoch,
            offset,
        }))
    }

    /// If no record differs: where the broker says that the leader epoch of the head ends, or where the log was last cut back.
    fn told_by_broker(&self, head: &Link, log: &Log) -> Option<i64> {
        let next = head.next_place();
        if !self.truncated.contains(&(next.partition, next.epoch)) {
            return None;
        }
        match head.leader_epoch_at_end() {
            Some(epoch) => Some(log.end_of_leader_epoch(epoch)),
            None => log.acknowledged.cuts.last().copied(),
        }
    }
}

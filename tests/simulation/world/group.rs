//! The group: archivers start and end, and partitions are given, revoked and taken.

use std::collections::HashMap;

use kivend::record::position::TopicPartition;

use super::World;
use crate::simulation::archiver::{GroupEvent, Launch, Own, Process, any_policy};
use crate::simulation::kafka::ProcessId;

impl World {
    /// Suspends a process for longer than its session: its partitions move, and it resumes without knowing it.
    pub(super) fn pause(&mut self, at: usize) {
        self.processes[at].asleep_until_ms = self.now_ms + self.dice.between(20, 2000) as u64;
        let id = self.processes[at].id;
        for partition in self.owned_by(id) {
            self.seize(at, &partition);
        }
    }

    pub(super) fn seize(&mut self, at: usize, partition: &TopicPartition) {
        self.processes[at].notify(GroupEvent::Lost(partition.clone()));
        let id = self.processes[at].id;
        self.disown(id, Some(partition));
    }

    /// Kills a process between two steps. Creates that it sent may still arrive.
    pub(super) fn kill(&mut self, at: usize) {
        let orphans = self.processes[at].network.disconnect();
        self.end(at);
        for put in orphans {
            if self.dice.permille(500) {
                self.late.push(put);
            }
        }
    }

    pub(super) fn end(&mut self, at: usize) {
        let mut process = self.processes.swap_remove(at);
        self.late.extend(process.network.take_late());
        self.counts += *process.counts();
        self.disown(process.id, None);
        let key = process.own().key;
        self.entry_writer = process.take_entry_writer().map(|writer| (key, writer));
    }

    pub(super) fn owned_by(&self, id: ProcessId) -> Vec<TopicPartition> {
        let logs = self.kafka.logs();
        let owned = logs.iter().filter(|(_, log)| log.owner == Some(id));
        owned.map(|(partition, _)| partition.clone()).collect()
    }

    pub(super) fn disown(&mut self, id: ProcessId, only: Option<&TopicPartition>) {
        for (partition, log) in self.kafka.logs().iter_mut() {
            if log.owner == Some(id) && only.is_none_or(|only| only == partition) {
                log.owner = None;
            }
        }
    }

    /// The group's coordinator: revokes partitions, reassigns them, and assigns free ones.
    pub(super) fn rebalance(&mut self) {
        let wanted = 1 + usize::from(self.odds.seize + self.odds.revoke > 0) + self.log_odds.more_writers as usize;
        if self.processes.len() < wanted && self.dice.permille(if self.processes.is_empty() { 300 } else { 50 }) {
            let ends = self.dice.permille(150).then(|| self.ends());
            let key = self.any_key();
            self.start(ends, key);
        }
        let partition = self.any_partition();
        let owner = self.kafka.log(&partition, |log| log.owner);
        let Some(owner) = owner else {
            return self.give(&partition, 300);
        };
        let Some(at) = self.processes.iter().position(|process| process.id == owner) else {
            return;
        };
        if self.dice.permille(self.odds.revoke) {
            self.processes[at].notify(GroupEvent::Revoke(partition));
        } else if self.dice.permille(self.odds.seize) {
            self.seize(at, &partition);
        }
    }

    /// Starts an archiver with this key, unless it refuses to start.
    pub(super) fn start(&mut self, ends: Option<HashMap<TopicPartition, i64>>, key: usize) {
        let (id, mut dice) = (self.started, self.dice.split());
        self.started += 1;
        let Ok(own) = Own::open((self.setup, &self.bucket), key, (&self.book, id)) else {
            return;
        };
        let asked = self
            .witness
            .as_ref()
            .map(|witness| witness.refuse_cut(&own.log.trust().history));
        if let Some(Err(_)) = asked {
            self.counts.witness_refused += 1;
            if !self.is_cut() {
                self.failure = Some("the witness has seen more of the log than the bucket has".to_owned());
            }
            return;
        }
        let launch = Launch {
            id,
            policy: any_policy(&mut dice),
            odds: self.odds,
            declared: self.declared,
            diverged: self.diverged.clone(),
            ends,
            own,
            log_odds: self.log_odds,
            witness: self.witness.clone(),
        };
        self.processes
            .push(Process::new((&self.kafka, &self.bucket), launch, dice));
    }

    /// Where the logs end now.
    pub(super) fn ends(&self) -> HashMap<TopicPartition, i64> {
        let logs = self.kafka.logs();
        logs.iter()
            .map(|(partition, log)| (partition.clone(), log.high))
            .collect()
    }

    pub(super) fn give(&mut self, partition: &TopicPartition, permille: u32) {
        let awake: Vec<usize> = (0..self.processes.len())
            .filter(|at| self.processes[*at].asleep_until_ms <= self.now_ms)
            .filter(|at| !self.processes[*at].is_shutting_down())
            .collect();
        let Some(at) = self.dice.pick(&awake).copied() else {
            return;
        };
        if self.dice.permille(permille) {
            let id = self.processes[at].id;
            self.kafka.log(partition, |log| log.owner = Some(id));
            self.processes[at].notify(GroupEvent::Assign(partition.clone()));
        }
    }
}

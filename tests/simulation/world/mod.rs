//! One run: some processes, one Kafka and one bucket under faults. Then the faults end, one archiver archives the rest,
//! and the oracle checks the archive.

mod election;
mod recreation;

use std::collections::{BTreeSet, HashMap};

use kivend::archive::epochs::Divergence;
use kivend::archive::step::StopReason;
use kivend::record::position::{Epoch, TopicPartition};
use kivend::store::Store as _;
use kivend::store::memory::MemoryStore;
use kivend::writing::entry_writer::{EntryWriter, Moment};
use tokio::runtime::Runtime;

use super::archiver::{GroupEvent, Launch, Process, any_policy};
use super::counts::Counts;
use super::dice::Dice;
use super::faults::Odds;
use super::junk::Outsider;
use super::kafka::{Kafka, Log, ProcessId};
use super::network::{Put, run_to_end};
use super::oracle::{self, Chains};
use super::setup::Setup;

/// The turns within which an archiver without faults must reach its end.
const MAX_TURNS: usize = 100_000;

/// The state of a run.
pub struct World {
    setup: &'static Setup,
    dice: Dice,
    odds: Odds,
    partitions: Vec<TopicPartition>,
    kafka: Kafka,
    bucket: MemoryStore,
    chains: Chains,
    processes: Vec<Process>,
    started: ProcessId,
    /// The writer of entries of the process that ended last, with what it has read of the chains.
    entry_writer: Option<Box<EntryWriter>>,
    /// Creates that their processes take for lost, and that will arrive.
    late: Vec<Put>,
    now_ms: u64,
    events: u64,
    /// The keys that the outsider planted.
    planted: BTreeSet<String>,
    has_tampering: bool,
    /// Whether the process that ended last said that it has not archived everything.
    left_something: bool,
    recreated: bool,
    /// Whether archivers start with a declared new epoch.
    declared: bool,
    /// Whether an unclean election cut a log back.
    cut: bool,
    /// The divergences with which archivers start.
    diverged: Vec<Divergence>,
    /// Partitions that stopped because the broker found their log cut back, with the epoch that ends.
    truncated: BTreeSet<(TopicPartition, Epoch)>,
    counts: Counts,
}

/// Runs one seed. Returns the counts of events, or what went wrong.
pub fn run(seed: u64, runtime: &Runtime) -> Result<Counts, String> {
    let mut dice = Dice::new(seed);
    let odds = Odds::draw(&mut dice);
    let mut world = World::new(dice, odds);
    for _ in 0..world.dice.between(50, 400) {
        world.step()?;
    }
    world.stop_faults()?;
    if world.recreated && world.dice.permille(700) {
        world.declare();
    }
    let is_disturbed = !world.late.is_empty();
    world.archive_all()?;
    // Again if creates arrived late, because they may have fenced the first archiver. A second run without them, which
    // has nothing to do, is tested in a quarter of the runs.
    if is_disturbed || world.left_something || world.dice.permille(250) {
        world.archive_all()?;
    }
    // More than once if creates arrived late, with records of an older log.
    for _ in 0..10 {
        if world.cut && world.declare_divergences()? {
            world.archive_all()?;
        }
    }
    world.check(runtime)?;
    Ok(world.counts)
}

impl World {
    fn new(mut dice: Dice, odds: Odds) -> World {
        let setup = Setup::shared();
        let count = dice.between(1, 3) as i32;
        let partitions: Vec<_> = (0..count)
            .map(|number| TopicPartition::new("payments", number))
            .collect();
        let kafka = Kafka::new(&partitions);
        let bucket = setup.bucket();
        let kafka = if dice.permille(700) { kafka } else { kafka.without_ids() };
        let knows_leader_epochs = dice.permille(700);
        World {
            kafka: if knows_leader_epochs {
                kafka
            } else {
                kafka.without_leader_epochs()
            },
            setup,
            dice,
            odds,
            partitions,
            chains: Chains::new(&bucket),
            bucket,
            processes: Vec::new(),
            started: 0,
            entry_writer: None,
            late: Vec::new(),
            now_ms: 0,
            events: 0,
            planted: BTreeSet::new(),
            has_tampering: false,
            left_something: false,
            recreated: false,
            declared: false,
            cut: false,
            diverged: Vec::new(),
            truncated: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now_ms += self.dice.below(20) as u64;
        self.produce();
        self.strike()?;
        self.land_late(50);
        self.rebalance();
        self.work(6)
    }

    fn work(&mut self, turns: usize) -> Result<(), String> {
        for at in 0..self.processes.len() {
            let process = &mut self.processes[at];
            if process.asleep_until_ms > self.now_ms {
                continue;
            }
            for _ in 0..self.dice.below(turns) {
                process.turn(self.now_ms);
            }
            self.late.extend(process.network.take_late());
            if let Some(why) = process.take_failure() {
                return Err(why);
            }
            let (recreated, cut) = (self.recreated, self.cut);
            let without_cause = |(_, reason): &&(TopicPartition, StopReason)| match reason {
                StopReason::TopicRecreated { .. } | StopReason::TopicGone => !recreated,
                StopReason::LogBehindArchive { .. }
                | StopReason::Truncated { .. }
                | StopReason::LeaderEpochFell { .. } => !recreated && !cut,
                StopReason::ImpossibleDivergence { .. } => !cut,
                _ => true,
            };
            for (partition, reason) in process.stops().iter() {
                if let StopReason::Truncated { epoch, .. } = reason {
                    self.truncated.insert((partition.clone(), *epoch));
                }
            }
            if let Some((partition, reason)) = process.stops().iter().find(without_cause) {
                return Err(format!("stopped without cause: {partition}: {reason}"));
            }
            for partition in self.processes[at].take_released() {
                let id = self.processes[at].id;
                // It may have lost the partition meanwhile, and be its next owner already.
                if !self.processes[at].is_to_receive(&partition) {
                    self.disown(id, Some(&partition));
                }
            }
        }
        while let Some(at) = self.processes.iter().position(Process::is_done) {
            self.keeps_its_promises(at)?;
            self.left_something = self.processes[at].has_left_something();
            self.end(at);
        }
        Ok(())
    }

    /// A run that ends with success has archived all current records that it was told to.
    fn keeps_its_promises(&self, at: usize) -> Result<(), String> {
        if self.recreated || self.cut || self.has_tampering {
            return Ok(());
        }
        for (partition, end) in self.processes[at].promises() {
            let chain = self.chains.of(&partition)?;
            let next = chain.last().map_or(0, |head| head.link.next_place().first_offset.0);
            let is_left = |log: &mut Log| {
                let records = &log.acknowledged.records;
                let left = records.range(next.max(log.low)..end.max(next.max(log.low)));
                left.map(|(offset, _)| *offset)
                    .find(|offset| !log.compacted.contains(offset))
            };
            if let Some(offset) = self.kafka.log(&partition, is_left) {
                return Err(format!(
                    "a run to {end} ended with success and left {partition} at {next}: offset {offset} is not archived"
                ));
            }
        }
        Ok(())
    }

    fn produce(&mut self) {
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
    fn strike(&mut self) -> Result<(), String> {
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

    fn outsider(&mut self, act: fn(&Outsider<'_>, &mut Dice) -> Result<(), String>) -> Result<(), String> {
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
        let new = self.bucket.keys().into_iter().filter(|key| !before.contains(key));
        self.planted.extend(new);
        Ok(())
    }

    fn any_partition(&mut self) -> TopicPartition {
        let at = self.dice.below(self.partitions.len());
        self.partitions[at].clone()
    }

    /// Suspends a process for longer than its session: its partitions move, and it resumes without knowing it.
    fn pause(&mut self, at: usize) {
        self.processes[at].asleep_until_ms = self.now_ms + self.dice.between(20, 2000) as u64;
        let id = self.processes[at].id;
        for partition in self.owned_by(id) {
            self.seize(at, &partition);
        }
    }

    fn seize(&mut self, at: usize, partition: &TopicPartition) {
        self.processes[at].notify(GroupEvent::Lost(partition.clone()));
        let id = self.processes[at].id;
        self.disown(id, Some(partition));
    }

    /// Kills a process between two steps. Creates that it sent may still arrive.
    fn kill(&mut self, at: usize) {
        let orphans = self.processes[at].network.disconnect();
        self.end(at);
        for put in orphans {
            if self.dice.permille(500) {
                self.late.push(put);
            }
        }
    }

    fn end(&mut self, at: usize) {
        let mut process = self.processes.swap_remove(at);
        self.late.extend(process.network.take_late());
        self.counts += *process.counts();
        self.disown(process.id, None);
        self.entry_writer = process.take_entry_writer();
    }

    fn owned_by(&self, id: ProcessId) -> Vec<TopicPartition> {
        let logs = self.kafka.logs();
        let owned = logs.iter().filter(|(_, log)| log.owner == Some(id));
        owned.map(|(partition, _)| partition.clone()).collect()
    }

    fn disown(&mut self, id: ProcessId, only: Option<&TopicPartition>) {
        for (partition, log) in self.kafka.logs().iter_mut() {
            if log.owner == Some(id) && only.is_none_or(|only| only == partition) {
                log.owner = None;
            }
        }
    }

    fn land_late(&mut self, permille: u32) {
        if !self.late.is_empty() && self.dice.permille(permille) {
            let at = self.dice.below(self.late.len());
            let (key, bytes) = self.late.swap_remove(at);
            drop(run_to_end(self.bucket.create(&key, bytes)));
        }
    }

    /// The group's coordinator: revokes partitions, reassigns them, and assigns free ones.
    fn rebalance(&mut self) {
        let wanted = 1 + usize::from(self.odds.seize + self.odds.revoke > 0);
        if self.processes.len() < wanted && self.dice.permille(if self.processes.is_empty() { 300 } else { 50 }) {
            let ends = self.dice.permille(150).then(|| self.ends());
            self.start(ends);
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

    fn start(&mut self, ends: Option<HashMap<TopicPartition, i64>>) {
        let (id, mut dice) = (self.started, self.dice.split());
        self.started += 1;
        let launch = Launch {
            id,
            policy: any_policy(&mut dice),
            odds: self.odds,
            declared: self.declared,
            diverged: self.diverged.clone(),
            ends,
        };
        self.processes
            .push(Process::new((&self.kafka, &self.bucket), launch, dice));
    }

    /// Where the logs end now.
    fn ends(&self) -> HashMap<TopicPartition, i64> {
        let logs = self.kafka.logs();
        logs.iter()
            .map(|(partition, log)| (partition.clone(), log.high))
            .collect()
    }

    fn give(&mut self, partition: &TopicPartition, permille: u32) {
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

    /// Ends all faults. The processes are killed or shut down.
    fn stop_faults(&mut self) -> Result<(), String> {
        self.odds = Odds::default();
        if self.kafka.is_gone() {
            self.create_again()?;
        }
        for partition in self.partitions.clone() {
            let commit = self.dice.permille(500);
            self.kafka.log(&partition, |log| log.end_transaction(commit));
        }
        if self.dice.permille(500) {
            for at in (0..self.processes.len()).rev() {
                self.kill(at);
            }
        }
        for process in &mut self.processes {
            process.stop_faults();
            process.asleep_until_ms = 0;
            process.shut_down();
        }
        self.until("shut down", |world| world.processes.is_empty())
    }

    /// Runs a new archiver alone up to the end: one that is stopped there, or one whose target is the end.
    fn archive_all(&mut self) -> Result<(), String> {
        let ends_by_itself = self.dice.permille(500);
        let ends = ends_by_itself.then(|| self.ends());
        self.start(ends);
        for partition in self.partitions.clone() {
            self.give(&partition, 1000);
        }
        if !ends_by_itself {
            self.until("reach the end", |world| world.processes[0].is_at_end())?;
            self.processes[0].shut_down();
        }
        self.until("finish", |world| world.processes.is_empty())?;
        while !self.late.is_empty() {
            self.land_late(1000);
        }
        Ok(())
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) -> Result<(), String> {
        for _ in 0..MAX_TURNS {
            if is_so(self) {
                return Ok(());
            }
            self.now_ms += 5;
            self.land_late(50);
            self.work(8)?;
        }
        Err(format!("an archiver without faults did not {what}"))
    }

    fn check(&mut self, runtime: &Runtime) -> Result<(), String> {
        self.bucket.check_unchanged().map_err(|error| error.to_string())?;
        for partition in &self.partitions {
            let logs = self.kafka.logs();
            oracle::check_partition(&self.chains, partition, &logs[partition])?;
        }
        // The last checkpoint, as an archiver signs it at its end.
        let writer = self.entry_writer.take();
        let mut writer = writer.unwrap_or_else(|| Box::new(self.setup.entry_writer()));
        let at = kivend::record::utc::UtcSeconds::from_unix(1_780_000_000);
        run_to_end(writer.advance_if_moved(&self.bucket, &Moment::at(at))).map_err(|error| error.to_string())?;
        let anything = self.kafka.logs().values().any(|log| log.high > 0);
        if !anything || self.has_tampering || !self.is_up_to_date()? {
            return Ok(());
        }
        self.counts.orphans += oracle::check_verdict(runtime, &self.chains, &self.kafka, &self.planted)?;
        Ok(())
    }
}

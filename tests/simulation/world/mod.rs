//! One run: some processes, one Kafka and one bucket under faults. Then the faults end, one archiver archives the rest,
//! and the oracle checks the archive.

mod election;
mod ending;
mod faults;
mod group;
mod recreation;
mod restore;
mod rotation;

use std::collections::BTreeSet;

use kivend::archive::epochs::Divergence;
use kivend::archive::step::StopReason;
use kivend::log::object_key::LOG;
use kivend::record::position::{Epoch, TopicPartition};
use kivend::store::memory::MemoryStore;
use kivend::store::{Creation, Store as _};
use kivend::writing::entry_writer::EntryWriter;
use tokio::runtime::Runtime;

use super::archiver::{Process, Refusal};
use super::counts::Counts;
use super::dice::Dice;
use super::faults::{LogOdds, Odds};
use super::kafka::{Kafka, ProcessId};
use super::network::{Put, run_to_end};
use super::oracle::{Chains, Planted};
use super::setup::Setup;
use super::signed::Book;
use super::witness::Witness;
use restore::{Restored, Snapshot};
use rotation::Operators;

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
    /// The writer of entries of the process that ended last, with its key and what it has read of the chains.
    entry_writer: Option<(usize, Box<EntryWriter>)>,
    /// Creates that their processes take for lost, and that will arrive.
    late: Vec<Put>,
    now_ms: u64,
    events: u64,
    planted: Planted,
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
    /// What is drawn about the log and the keys, apart from everything else.
    log_dice: Dice,
    log_odds: LogOdds,
    operators: Operators,
    /// The trees that honest processes signed.
    book: Book,
    witness: Option<Witness>,
    snapshots: Vec<Snapshot>,
    restored: Option<Restored>,
    /// Why the process that ended last refused to go on.
    refusal: Option<Refusal>,
    failure: Option<String>,
    counts: Counts,
}

/// How much of a run is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    Whole,
    /// Without what [`LogOdds`] draws, as seeds were run before it existed.
    WithoutLog,
}

/// Runs one seed. Returns the counts of events, or what went wrong.
pub fn run(seed: u64, play: Play, runtime: &Runtime) -> Result<Counts, String> {
    let mut dice = Dice::new(seed);
    let odds = Odds::draw(&mut dice);
    let mut log_dice = Dice::new(!seed);
    let log_odds = match play {
        Play::Whole => LogOdds::draw(&mut log_dice),
        Play::WithoutLog => LogOdds::default(),
    };
    let mut world = World::new((dice, odds), (log_dice, log_odds));
    let done = world.play(runtime);
    if done.is_err() && std::env::var_os("KIVEND_SIM_SEED").is_some() {
        println!("{}", world.tell());
    }
    done.map(|()| world.counts)
}

impl World {
    /// Plays the run, and checks the archive.
    fn play(&mut self, runtime: &Runtime) -> Result<(), String> {
        for _ in 0..self.dice.between(50, 400) {
            self.step()?;
        }
        self.stop_faults()?;
        if self.recreated && self.dice.permille(700) {
            self.declare();
        }
        if self.log_dice.permille(600) {
            self.repair();
        }
        let is_disturbed = !self.late.is_empty();
        self.archive_all()?;
        if self.is_cut() {
            return self.check_cut(runtime);
        }
        // Again if creates arrived late, because they may have fenced the first archiver. A second run without them, which
        // has nothing to do, is tested in a quarter of the runs.
        if is_disturbed || self.left_something || self.dice.permille(250) {
            self.archive_all()?;
        }
        // More than once if creates arrived late, with records of an older log.
        for _ in 0..10 {
            if self.cut && self.declare_divergences()? {
                self.archive_all()?;
            }
        }
        self.check(runtime)
    }

    fn new((mut dice, odds): (Dice, Odds), (log_dice, log_odds): (Dice, LogOdds)) -> World {
        let setup = if log_odds.change_key {
            Setup::with_change_key()
        } else {
            Setup::shared()
        };
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
            chains: Chains::new(&bucket, setup),
            bucket,
            processes: Vec::new(),
            started: 0,
            entry_writer: None,
            late: Vec::new(),
            now_ms: 0,
            events: 0,
            planted: Planted::default(),
            has_tampering: false,
            left_something: false,
            recreated: false,
            declared: false,
            cut: false,
            diverged: Vec::new(),
            truncated: BTreeSet::new(),
            log_dice,
            log_odds,
            operators: Operators::default(),
            book: Book::default(),
            witness: log_odds.witness.then(Witness::default),
            snapshots: Vec::new(),
            restored: None,
            refusal: None,
            failure: None,
            counts: Counts::default(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now_ms += self.dice.below(20) as u64;
        self.produce();
        self.strike()?;
        self.strike_log()?;
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
                if process.network.died_after().is_none() {
                    process.turn(self.now_ms);
                }
            }
            self.late.extend(process.network.take_late());
            let (failure, unsigned) = (process.take_failure(), process.take_unsigned());
            let may_refuse = self.may_refuse(self.processes[at].id);
            // After a bucket was put back, a commit may name a link that is gone.
            if let Some(why) = failure.filter(|why| !(may_refuse && why.contains("AR-1"))) {
                return Err(why);
            }
            if let Some(why) = unsigned.first().filter(|_| !may_refuse) {
                return Err(format!("no entry was signed: {why}"));
            }
            let process = &self.processes[at];
            let (recreated, cut) = (self.recreated, self.cut);
            let without_cause = |(_, reason): &&(TopicPartition, StopReason)| match reason {
                StopReason::TopicRecreated { .. } | StopReason::TopicGone => !recreated,
                StopReason::LogBehindArchive { .. }
                | StopReason::Truncated { .. }
                | StopReason::LeaderEpochFell { .. } => !recreated && !cut,
                StopReason::ImpossibleDivergence { .. } => !cut,
                StopReason::BehindCommit { .. } | StopReason::DiffersFromCommit(_) | StopReason::HeadRefused(_) => {
                    !may_refuse
                }
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
        self.bury()?;
        while let Some(at) = self.processes.iter().position(Process::is_done) {
            self.keeps_its_promises(at)?;
            self.left_something = self.processes[at].has_left_something();
            self.end(at);
        }
        Ok(())
    }

    /// Ends the processes that died after a create, and those that refused to go on.
    fn bury(&mut self) -> Result<(), String> {
        let has_died = |process: &Process| process.network.died_after().is_some();
        while let Some(at) = self.processes.iter().position(has_died) {
            let key = self.processes[at].network.died_after().unwrap_or_default();
            self.counts.count_death(&key);
            self.kill(at);
        }
        while let Some(at) = self.processes.iter().position(|process| process.refusal().is_some()) {
            let (id, key) = (self.processes[at].id, self.processes[at].own().key);
            self.refusal = self.processes[at].refusal();
            match self.refusal {
                // The entry that retired it may be gone from a bucket that was put back.
                Some(Refusal::KeyRetired) if !self.in_force().contains(&key) || self.may_refuse(id) => {
                    self.counts.key_stops += 1;
                }
                Some(Refusal::BucketCut) if self.may_refuse(id) => self.counts.cuts_refused += 1,
                refusal => return Err(format!("process {id} refused to go on without cause: {refusal:?}")),
            }
            self.kill(at);
        }
        if let Some(why) = self.witness.as_ref().and_then(Witness::take_refused) {
            if self.restored.is_none() {
                return Err(format!("the witness was shown {why}"));
            }
            self.counts.witness_refused += 1;
        }
        match self.failure.take() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn land_late(&mut self, permille: u32) {
        if !self.late.is_empty() && self.dice.permille(permille) {
            let at = self.dice.below(self.late.len());
            let (key, bytes) = self.late.swap_remove(at);
            let landed = run_to_end(self.bucket.create(&key, bytes));
            let is_entry = key.starts_with(LOG) && matches!(landed, Ok(Creation::Created));
            self.counts.late_entries += u64::from(is_entry);
        }
    }
}

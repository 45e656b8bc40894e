//! A simulated archiver process: the real driver, state machine, operations and encoder over a simulated group,
//! executor and clock, so that the seed decides what happens next. A run fails if the archiver starts a partition that
//! is not assigned, creates for one that it no longer owns (EP-1), commits what is not durable (AR-1), or buffers
//! beyond the budget (MEM-1).

mod executor;
mod observer;
mod source;

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use kivend::archive::epochs::Divergence;
use kivend::archive::machine::Machine;
use kivend::archive::policy::SealPolicy;
use kivend::archive::step::{Event, Now, StopReason};
use kivend::archiver::degradations::Degradations;
use kivend::archiver::driver::{Driver, Turn};
use kivend::archiver::hold::Hold;
use kivend::archiver::operation::RetryPolicy;
use kivend::archiver::target::Target;
use kivend::clock::Clock;
use kivend::error::{Explain as _, Kind};
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::signer::Signer;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::task::error::AppError;
use kivend::task::stop::{Reason, Stop, Stopper, stop};
use kivend::telemetry::Vitals;
use kivend::writing::entry_writer::{EntryWriter, Moment};
use kivend::writing::writer_log::WriterLog;
use tokio::sync::Semaphore;

use super::counts::Counts;
use super::dice::Dice;
use super::faults::{LogOdds, Odds};
use super::kafka::{Kafka, OffsetQueries, ProcessId};
use super::network::{Network, run_to_end};
use super::setup::Setup;
use super::signed::Book;
use super::witness::Witness;
use executor::{OneStep, SimulatedExecutor, Work};
use observer::{CountingObserver, Observed};
use source::{Member, SimulatedSource};

pub use source::GroupEvent;

/// What each partition may buffer beyond the budget: even a segment of one record has a few KiB.
const SLACK_BYTES: usize = 8 << 10;

/// The parameters of a process.
pub struct Launch {
    pub id: ProcessId,
    pub policy: SealPolicy,
    pub odds: Odds,
    /// Whether the operator declared a new epoch of every topic.
    pub declared: bool,
    /// The divergences that the operator declared.
    pub diverged: Vec<Divergence>,
    /// How far to archive, as `kivend archive` does; `None` for a daemon.
    pub ends: Option<HashMap<TopicPartition, i64>>,
    pub own: Own,
    pub log_odds: LogOdds,
    /// Who cosigns the log, if somebody does.
    pub witness: Option<Witness>,
}

/// The archive as a process opened it, with its key.
#[derive(Clone)]
pub struct Own {
    pub setup: &'static Setup,
    /// The index of its signing key.
    pub key: usize,
    pub log: Arc<WriterLog>,
    /// Signs with that key.
    pub signer: Arc<dyn Signer>,
}

impl Own {
    /// Opens the archive as a starting process does, which completes the newest checkpoint.
    ///
    /// # Errors
    /// Those of a real start: `Config` if the key was retired, `Corrupt` if the bucket was cut.
    pub fn open(
        (setup, bucket): (&'static Setup, &MemoryStore),
        key: usize,
        (book, by): (&Book, ProcessId),
    ) -> Result<Own, AppError> {
        let log = setup.open_log(bucket, key)?;
        let signer = book.signer(by, &setup.keys[key], &log);
        let own = Own {
            setup,
            key,
            log,
            signer,
        };
        let at = UtcSeconds::from_unix(1_770_000_000);
        run_to_end(own.entry_writer().complete(bucket, at))?;
        own.log.require_own()?;
        Ok(own)
    }

    pub fn entry_writer(&self) -> EntryWriter {
        EntryWriter::new(Arc::clone(&self.log), Arc::clone(&self.signer))
    }
}

/// Why a process ended, as documented for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its signing key was retired.
    KeyRetired,
    /// The bucket was cut or restored.
    BucketCut,
}

impl Refusal {
    /// The refusal that an error tells, if it is one.
    pub fn of(error: &AppError) -> Option<Refusal> {
        let text = error.to_string();
        match error.kind() {
            Kind::Config if text.contains("the signing key was retired") => Some(Refusal::KeyRetired),
            Kind::Corrupt if text.contains("the bucket was cut or restored") => Some(Refusal::BucketCut),
            _ => None,
        }
    }
}

/// A running archiver process.
pub struct Process {
    pub id: ProcessId,
    pub asleep_until_ms: u64,
    pub network: Network,
    member: Rc<RefCell<Member>>,
    work: Rc<RefCell<Work>>,
    seen: Rc<RefCell<Observed>>,
    driver: Driver<SimulatedSource, SimulatedExecutor, CountingObserver>,
    /// `None` while it signs a checkpoint.
    entry_writer: Rc<RefCell<Option<Box<EntryWriter>>>>,
    stopper: Stopper,
    stop: Stop,
    has_ended: bool,
    /// How far it is to archive.
    ends: HashMap<TopicPartition, i64>,
    failure: Option<String>,
    policy: SealPolicy,
    dice: Dice,
    odds: Odds,
    /// The probability that an entry is due in a turn, beside the usual one.
    entries: u32,
    own: Own,
    witness: Option<Witness>,
    /// The newest checkpoint that was not submitted to the witness.
    to_submit: Rc<Cell<Option<CheckpointRef>>>,
    refusal: Option<Refusal>,
}

impl Process {
    pub fn new((kafka, bucket): (&Kafka, &MemoryStore), launch: Launch, mut dice: Dice) -> Process {
        let Launch {
            id,
            policy,
            odds,
            declared,
            diverged,
            ends,
            own,
            log_odds,
            witness,
        } = launch;
        let network = Network::new(bucket, dice.split(), odds);
        let queries = OffsetQueries {
            kafka: kafka.clone(),
            dice: Mutex::new((dice.split(), odds)),
        };
        let member = Member::new(id, kafka, (bucket, &network), dice.split(), odds);
        let member = Rc::new(RefCell::new(member));
        let retry = RetryPolicy {
            attempts: Arc::new(Semaphore::new(dice.between(1, 4))),
            degradations: Arc::new(Degradations::none(vitals())),
            pause: Arc::new(OneStep),
        };
        let archive = (Arc::clone(&own.log), Arc::clone(&own.signer));
        let work = Work::new((&network, queries), archive, retry, &member);
        let work = Rc::new(RefCell::new(work));
        let seen = Rc::new(RefCell::new(Observed::default()));
        let mut machine = Machine::new(own.setup.author_with(own.key, &own.log.trust()), policy);
        if declared {
            machine.declare_new_epochs(["payments".to_owned()]);
        }
        machine.declare_divergences(diverged);
        let driver = Driver::new(
            SimulatedSource::new(&member),
            machine,
            SimulatedExecutor(Rc::clone(&work)),
            ends.clone().map_or_else(Target::endless, Target::up_to),
            CountingObserver(Rc::clone(&seen)),
        );
        let (stopper, stop) = stop();
        if log_odds.dies > 0 {
            network.die_after_creates(dice.clone().split(), log_odds.dies);
        }
        Process {
            id,
            asleep_until_ms: 0,
            network,
            member,
            work,
            seen,
            driver,
            entry_writer: Rc::new(RefCell::new(Some(Box::new(own.entry_writer())))),
            stopper,
            stop,
            has_ended: false,
            ends: ends.clone().unwrap_or_default(),
            failure: None,
            policy,
            dice,
            odds,
            entries: log_odds.entries,
            own,
            witness,
            to_submit: Rc::default(),
            refusal: None,
        }
    }

    pub fn own(&self) -> &Own {
        &self.own
    }

    /// Why it ended, if it refused to go on.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Ends all faults of this process.
    pub fn stop_faults(&mut self) {
        self.odds = Odds::default();
        self.network.stop_faults();
        self.member.borrow_mut().odds = Odds::default();
        self.work.borrow().queries().dice.lock().unwrap().1 = Odds::default();
    }

    /// Queues an event from the group.
    pub fn notify(&mut self, group_events: GroupEvent) {
        self.member.borrow_mut().group_events.push_back(group_events);
    }

    pub fn has_received_all(&self) -> bool {
        self.member.borrow().group_events.is_empty()
    }

    /// Whether the group has given it this partition, and it does not know yet.
    pub fn is_to_receive(&self, partition: &TopicPartition) -> bool {
        let member = self.member.borrow();
        let is_given = |event: &GroupEvent| matches!(event, GroupEvent::Assign(given) if given == partition);
        member.group_events.iter().any(is_given)
    }

    /// The partitions that it released since the last call.
    pub fn take_released(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.member.borrow_mut().released)
    }

    pub fn has_released(&self) -> bool {
        !self.member.borrow().released.is_empty()
    }

    pub fn take_failure(&mut self) -> Option<String> {
        let failures = [self.failure.take(), self.member.borrow_mut().failure.take()];
        let told: Vec<String> = failures.into_iter().flatten().collect();
        (!told.is_empty()).then(|| format!("process {}: {}", self.id, told.join("; ")))
    }

    pub fn stops(&self) -> Ref<'_, Vec<(TopicPartition, StopReason)>> {
        Ref::map(self.seen.borrow(), |seen| &seen.stops)
    }

    /// Why entries were not signed, save that its key was retired.
    pub fn take_unsigned(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen.borrow_mut().unsigned)
    }

    pub fn counts(&self) -> RefMut<'_, Counts> {
        RefMut::map(self.seen.borrow_mut(), |seen| &mut seen.counts)
    }

    pub fn take_entry_writer(&mut self) -> Option<Box<EntryWriter>> {
        self.entry_writer.borrow_mut().take()
    }

    /// Whether its loop has ended.
    pub fn is_done(&self) -> bool {
        self.has_ended
    }

    /// The partitions of which it says at its end that they are archived up to these offsets: a run to an end that nobody
    /// stopped, and whose exit code says that it did its task.
    pub fn promises(&self) -> HashMap<TopicPartition, i64> {
        if self.stop.is_requested() || self.has_left_something() {
            return HashMap::new();
        }
        self.ends.clone()
    }

    /// Whether it says at its end that a partition is not archived as far as it should be.
    pub fn has_left_something(&self) -> bool {
        let partitions = &self.driver.tally.partitions;
        partitions.values().any(|tally| tally.stopped.is_some())
    }

    pub fn is_shutting_down(&self) -> bool {
        self.has_ended || self.stop.is_requested()
    }

    /// Whether every record in Kafka was delivered, and no work is running.
    pub fn is_at_end(&self) -> bool {
        let (member, machine) = (self.member.borrow(), self.driver.machine());
        let has_all = |partition: &TopicPartition| {
            let slot = machine.slot(partition);
            slot.is_some_and(|slot| machine.is_stopped(slot)) || member.is_at_end(partition)
        };
        member.is_idle() && self.work.borrow().is_idle() && member.owned.iter().all(has_all)
    }

    pub fn shut_down(&mut self) {
        self.stopper.request(Reason::Terminate);
    }

    /// Takes one random step: of the driver, the encoder, a job or a commit.
    pub fn turn(&mut self, now_ms: u64) {
        self.submit();
        match self.dice.below(12) {
            0..=4 => self.drive(now_ms),
            5 => self.work.borrow_mut().encode_one(),
            6 if self.dice.permille(100) => self.checkpoint(now_ms),
            // At once where a key was retired, and the entry that decides about its links is missing.
            8 | 9 if self.is_entry_due() => self.checkpoint(now_ms),
            7 if self.member.borrow().has_commits() => self.member.borrow_mut().step_commit(),
            _ => self.work.borrow_mut().step(&mut self.dice),
        }
    }

    fn drive(&mut self, now_ms: u64) {
        if self.has_ended {
            return;
        }
        self.member.borrow_mut().quota = self.dice.below(7);
        let now = Now {
            monotonic_ms: now_ms,
            wall: self.wall(now_ms),
        };
        let (hold, polls) = (self.driver.hold().clone(), self.member.borrow().polls);
        match self.driver.turn(now, &self.stop) {
            Ok(turn) => self.has_ended = turn == Turn::Ended,
            Err(error) => self.refuse(&error),
        }
        let has_polled = self.member.borrow().polls > polls;
        // One that began in this millisecond may be another than before.
        let is_old = matches!(hold, Hold::NotPolling { since_ms } if since_ms < now_ms);
        if has_polled && is_old && hold.forbids_polling(now_ms) && *self.driver.hold() == hold {
            self.fail("MEM-1: polls while memory is short".to_owned());
        }
        self.check_pauses();
        let (machine, partitions) = (self.driver.machine(), self.work.borrow().names.len());
        let buffered_bytes = machine.buffered_bytes();
        if buffered_bytes > self.policy.memory_budget_bytes + SLACK_BYTES * (partitions + 1) {
            let budget = self.policy.memory_budget_bytes;
            self.fail(format!("MEM-1: buffered_bytes={buffered_bytes} budget={budget}"));
        }
    }

    /// Submits the newest checkpoint to the witness, beside everything else.
    fn submit(&mut self) {
        let (Some(witness), Some(newest)) = (&self.witness, self.to_submit.take()) else {
            return;
        };
        let (witness, network, log) = (witness.clone(), self.network.clone(), Arc::clone(&self.own.log));
        self.work.borrow_mut().push(Box::pin(async move {
            // One that fails is followed by the next checkpoint.
            drop(witness.submit(&network, &log, newest).await);
            Ok(Vec::new())
        }));
    }

    fn is_entry_due(&mut self) -> bool {
        let is_undecided = self.own.log.trust().keyring().undecided_since().is_some();
        let chance = if is_undecided { 200 } else { self.entries };
        chance > 0 && self.dice.permille(chance)
    }

    /// The driver ended with an error, and the process with it.
    fn refuse(&mut self, error: &AppError) {
        self.refusal = Refusal::of(error);
        match self.refusal {
            Some(_) => self.has_ended = true,
            None => self.fail(error.to_string()),
        }
    }

    /// While partitions are paused by name, all of them are; afterwards none is.
    fn check_pauses(&mut self) {
        let (has_paused, has_paused_all) = {
            let member = self.member.borrow();
            (member.has_paused(), member.has_paused_all())
        };
        {
            let counts = &mut self.seen.borrow_mut().counts;
            counts.holds += u64::from(*self.driver.hold() != Hold::Flowing);
            counts.pauses += u64::from(has_paused);
        }
        match self.driver.hold() {
            Hold::Paused(_) if !has_paused_all => {
                self.fail("MEM-1: a partition is not paused with the others".to_owned());
            }
            Hold::Flowing if has_paused => self.fail("a partition is still paused though memory is free".to_owned()),
            _ => {}
        }
    }

    fn wall(&mut self, now_ms: u64) -> UtcSeconds {
        let jump = if self.dice.permille(self.odds.wall) {
            self.dice.below(200_000) as i64 - 100_000
        } else {
            0
        };
        UtcSeconds::from_unix(1_770_000_000 + now_ms as i64 / 1000 + jump)
    }

    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    fn checkpoint(&mut self, now_ms: u64) {
        let Some(mut writer) = self.entry_writer.borrow_mut().take() else {
            return;
        };
        let (network, wall) = (self.network.clone(), self.wall(now_ms));
        let (home, seen) = (Rc::clone(&self.entry_writer), Rc::clone(&self.seen));
        let to_submit = Rc::clone(&self.to_submit);
        self.work.borrow_mut().push(Box::pin(async move {
            let newest = writer.advance_if_moved(&network, &Moment::at(wall)).await;
            *home.borrow_mut() = Some(writer);
            match newest {
                Ok(newest) => {
                    seen.borrow_mut().counts.checkpoints += 1;
                    to_submit.set(Some(newest));
                    Ok(vec![Event::CheckpointSeen(newest)])
                }
                Err(error) if error.kind() == Kind::Transient => Ok(Vec::new()),
                // The real archiver logs the error and tries again later; its next link ends it.
                Err(error) => {
                    let seen = &mut seen.borrow_mut();
                    seen.counts.entries_refused += 1;
                    if Refusal::of(&error) != Some(Refusal::KeyRetired) {
                        seen.unsigned.push(error.to_string());
                    }
                    Ok(Vec::new())
                }
            }
        }));
    }
}

fn vitals() -> Vitals {
    Vitals {
        metrics: Arc::default(),
        health: Arc::default(),
        clock: Clock::start(),
    }
}

/// A random policy, different in each process: exactly-once must not depend on two processes cutting the same segments.
pub fn any_policy(dice: &mut Dice) -> SealPolicy {
    SealPolicy {
        seal_max_bytes: dice.between(500, 8000),
        seal_max_records: dice.between(1, 12),
        seal_max_age_ms: dice.between(20, 2000) as u64,
        seal_max_idle_ms: dice.between(20, 1000) as u64,
        memory_budget_bytes: if dice.permille(300) {
            dice.between(2000, 12_000)
        } else {
            1 << 20
        },
    }
}

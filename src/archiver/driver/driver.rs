//! The state of the loop, and one turn of it.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::archive::machine::Machine;
use crate::archive::step::{Action, Delivered, Event, Now, Slot, Standing, StopReason};
use crate::archiver::driver::commits::Commits;
use crate::archiver::executor::{Answer, EncodeJob, Executor};
use crate::archiver::hold::Hold;
use crate::archiver::logins::Logins;
use crate::archiver::observers::{Measured, Observer};
use crate::archiver::peers::PeerProgress;
use crate::archiver::source::Source;
use crate::archiver::tally::Tally;
use crate::archiver::target::Target;
use crate::archiver::unavailable::Unavailable;
use crate::clock::Clock;
use crate::kafka::consumer::Polled;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;
use crate::task::stop::Stop;

/// Records that are polled before the loop turns to answers, time and the target.
const RECORDS_A_TURN: usize = 1024;
/// How long a poll waits while answers are pending.
const BUSY_POLL: Duration = Duration::from_millis(2);
/// How long a poll waits while none are.
const IDLE_POLL: Duration = Duration::from_millis(50);
/// The time between two ticks, by which segments are sealed for age and idleness.
const TICK_MS: u64 = 100;

/// The archiver's loop.
pub struct Driver<S, E, O> {
    pub(super) source: S,
    pub(super) machine: Machine,
    pub(super) executor: E,
    pub(super) observer: O,
    pub(super) now: Now,
    /// The machine's slot for each index of the source.
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) assigned: HashSet<TopicPartition>,
    /// Assigned partitions whose heads are not loaded yet. Records delivered for them meanwhile are not
    /// taken.
    pub(super) loading: HashSet<TopicPartition>,
    pub(super) started: HashSet<TopicPartition>,
    pub(super) commits: Commits,
    pub(super) actions: Vec<Action>,
    pub(super) to_encode: VecDeque<EncodeJob>,
    pub(super) hold: Hold,
    pub(super) target: Target,
    pub(super) peers: PeerProgress,
    pub(super) unavailable: Unavailable,
    pub(super) logins: Logins,
    pub(super) next_tick_ms: u64,
    pub(super) is_stopping: bool,
    /// How long a requested stop may take.
    pub(super) grace_ms: Option<u64>,
    /// When a requested stop is given up.
    pub(super) give_up_at_ms: Option<u64>,
    /// The sums of the run so far.
    pub tally: Tally,
}

/// The outcome of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The loop must go on.
    Continues,
    /// Everything is sealed, committed and released, or a requested stop has taken its time; the loop ends.
    Ended,
}

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    /// A driver before its first turn.
    pub fn new(source: S, machine: Machine, executor: E, target: Target, mut observer: O) -> Driver<S, E, O> {
        observer.started();
        Driver {
            source,
            machine,
            executor,
            observer,
            now: Now {
                monotonic_ms: 0,
                wall: UtcSeconds::from_unix(0),
            },
            slots: Vec::new(),
            assigned: HashSet::new(),
            loading: HashSet::new(),
            started: HashSet::new(),
            commits: Commits::default(),
            actions: Vec::new(),
            to_encode: VecDeque::new(),
            hold: Hold::default(),
            target,
            peers: PeerProgress::default(),
            unavailable: Unavailable::default(),
            logins: Logins::default(),
            next_tick_ms: 0,
            is_stopping: false,
            grace_ms: None,
            give_up_at_ms: None,
            tally: Tally::default(),
        }
    }

    /// Limits how long a requested stop may take. What is not sealed by then is left to the next owner.
    #[must_use]
    pub fn stopping_within(mut self, grace: Duration) -> Driver<S, E, O> {
        self.grace_ms = Some(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Archives until the target is reached or a stop is requested; then seals, commits and releases.
    ///
    /// # Errors
    /// An error that is not transient. Links that were created stay, and the next run continues after them.
    pub fn run(&mut self, clock: Clock, stop: &Stop) -> Result<(), AppError> {
        loop {
            let now = Now {
                monotonic_ms: clock.monotonic_ms(),
                wall: clock.utc_seconds(),
            };
            if self.turn(now, stop)? == Turn::Ended {
                return Ok(());
            }
        }
    }

    /// One turn of the loop.
    ///
    /// # Errors
    /// Those of [`Driver::run`].
    pub fn turn(&mut self, now: Now, stop: &Stop) -> Result<Turn, AppError> {
        self.now = now;
        self.observer.turned(now.monotonic_ms);
        self.take_answers()?;
        self.tick();
        if stop.is_requested() {
            self.begin_stop();
        }
        if !self.machine.is_shutting_down() && (stop.is_requested() || self.is_target_reached()) {
            self.step(Event::Shutdown);
        }
        self.carry_out()?;
        if self.machine.is_shutting_down() {
            if self.machine.is_idle() || self.gives_up() {
                if !self.is_stopping {
                    self.admit_unreached();
                }
                return Ok(Turn::Ended);
            }
            if let Some(job) = self.to_encode.pop_back() {
                // This thread has nothing else to do at shutdown, so it encodes too.
                let answer = self.executor.encode_here(job);
                self.answered(answer)?;
                return Ok(Turn::Continues);
            }
        }
        self.take_records()?;
        Ok(Turn::Continues)
    }

    /// The state machine, for inspection by tests.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether records are taken, or memory is short.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    pub(super) fn step(&mut self, event: Event) {
        self.machine.step(event, self.now, &mut self.actions);
    }

    fn take_answers(&mut self) -> Result<(), AppError> {
        while let Some(answer) = self.executor.try_answer() {
            self.answered(answer)?;
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) -> Result<(), AppError> {
        for event in answer? {
            self.step(event);
        }
        self.carry_out()
    }

    fn tick(&mut self) {
        if self.now.monotonic_ms >= self.next_tick_ms {
            self.next_tick_ms = self.now.monotonic_ms + TICK_MS;
            self.step(Event::Tick);
            self.review_unavailable();
            self.commit_again();
            self.measure();
        }
    }

    /// Reports each partition's lag: Kafka's log end less the durable head's end. Buffered records count as lag.
    fn measure(&mut self) {
        for partition in &self.started {
            let Some(tally) = self.tally.partitions.get(partition) else {
                continue;
            };
            let end = self.source.known_log_end(partition);
            let slot = self.machine.slot(partition);
            let standing = slot.map_or_else(Standing::default, |slot| self.machine.standing(slot, self.now));
            let lag = end.map(|end| end - tally.next_offset);
            let measured = Measured {
                standing,
                next_offset: tally.next_offset,
                lag,
            };
            self.observer.measured(partition, &measured, self.now);
        }
        let (used, budget) = (self.machine.buffered_bytes(), self.machine.memory_budget_bytes());
        self.observer.memory(used, budget);
    }

    /// Polls at most [`RECORDS_A_TURN`] times. While memory is short it waits for answers instead; see [`Hold`].
    fn take_records(&mut self) -> Result<(), AppError> {
        if self.hold.forbids_polling(self.now.monotonic_ms) {
            return match self.executor.wait_for_answer(IDLE_POLL) {
                Some(answer) => self.answered(answer),
                None => Ok(()),
            };
        }
        if self.hold.is_overdue(self.now.monotonic_ms) {
            let started: Vec<TopicPartition> = self.started.iter().cloned().collect();
            self.source.pause(&started)?;
            self.hold = Hold::Paused(started);
        }
        let mut wait = if self.has_pending_answers() {
            BUSY_POLL
        } else {
            IDLE_POLL
        };
        for _ in 0..RECORDS_A_TURN {
            match self.source.poll(wait) {
                Polled::Nothing => return Ok(()),
                Polled::Record {
                    partition,
                    record,
                    leader_epoch,
                } => {
                    if let Some(Some(slot)) = self.slots.get(partition.0).copied() {
                        if self.target.takes(slot, record.offset) {
                            let record = &record;
                            let delivered = Delivered { record, leader_epoch };
                            self.machine.record(slot, delivered, self.now, &mut self.actions);
                        }
                        if self.target.ends_at(slot, record.offset) {
                            let next = record.offset + 1;
                            self.target.advance(self.source.partition(partition), next, next);
                        }
                    }
                }
                Polled::EndReached { partition, position } => self.end_reached(partition, position),
                Polled::Assign(partitions) => self.assigned(&partitions),
                Polled::Revoke(partitions) => self.revoked(partitions),
                Polled::Lost(partitions) => self.lost(partitions),
                Polled::OutOfRange { partition } => self.step(Event::OutOfRange(partition)),
                Polled::Truncated { partition } => self.step(Event::Truncated(partition)),
                Polled::TopicGone { partition } => self.step(Event::CannotRead(partition, StopReason::TopicGone)),
                Polled::TopicIds(ids) => self.topic_ids(&ids),
                Polled::TopicUnavailable { topic, error } => self.topic_unavailable(&topic, &error),
                Polled::Unreadable { partition, error } => self.unreadable(partition, &error),
                Polled::Committed(outcomes) => self.committed(outcomes),
                Polled::Failed(error) => self.failed(error)?,
            }
            wait = Duration::ZERO;
            if !self.actions.is_empty() {
                self.carry_out()?;
            }
            if matches!(self.hold, Hold::NotPolling { .. }) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn has_pending_answers(&self) -> bool {
        self.executor.is_busy() || !self.to_encode.is_empty()
    }

    /// Whether every record of the target was delivered here, or is archived by other members of the group.
    fn is_target_reached(&mut self) -> bool {
        let (target, own) = (&self.target, &self.assigned);
        let is_loaded = self.loading.iter().all(|partition| target.is_given_up(partition));
        let is_own_reached = is_loaded && target.is_reached_by(own.iter());
        is_own_reached && self.peers.is_archived(target, own, &self.source, self.now.monotonic_ms)
    }
}

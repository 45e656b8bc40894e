//! What the driver holds, and its turns.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::archive::machine::Machine;
use crate::archive::step::{Action, Event, Now, Slot, Ticket};
use crate::archiver::executor::{Answer, EncodeJob, Executor};
use crate::archiver::hold::Hold;
use crate::archiver::observers::Observer;
use crate::archiver::peers::PeerProgress;
use crate::archiver::source::Source;
use crate::archiver::tally::Tally;
use crate::archiver::target::Target;
use crate::clock::Clock;
use crate::kafka::consumer::Polled;
use crate::record::position::{NextOffset, TopicPartition};
use crate::record::utc::UtcSeconds;
use crate::task::error::AppError;
use crate::task::stop::Stop;

/// Records between two looks at everything else.
const RECORDS_A_TURN: usize = 1024;
/// How long a poll waits while answers may come at any moment, and while not.
const BUSY_POLL: Duration = Duration::from_millis(2);
const IDLE_POLL: Duration = Duration::from_millis(50);
/// The seal policy's clock.
const TICK_MS: u64 = 100;
/// The archiver at work.
pub struct Driver<S, E, O> {
    pub(super) source: S,
    pub(super) machine: Machine,
    pub(super) executor: E,
    pub(super) observer: O,
    pub(super) now: Now,
    /// The machine's slot for each index of the source.
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) assigned: HashSet<TopicPartition>,
    /// Assigned, and their heads are not loaded yet: what is delivered meanwhile is not taken.
    pub(super) loading: HashSet<TopicPartition>,
    pub(super) started: HashSet<TopicPartition>,
    /// Commits that Kafka has not answered yet.
    pub(super) commits: Vec<(Ticket, TopicPartition, NextOffset)>,
    pub(super) actions: Vec<Action>,
    pub(super) to_encode: VecDeque<EncodeJob>,
    pub(super) hold: Hold,
    pub(super) target: Target,
    pub(super) peers: PeerProgress,
    pub(super) next_tick_ms: u64,
    /// What has been done so far.
    pub tally: Tally,
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There may be more to do.
    GoesOn,
    /// Everything is sealed, committed and released.
    Ended,
}

impl<S: Source, E: Executor, O: Observer> Driver<S, E, O> {
    /// Everything in place, nothing begun.
    pub fn new(source: S, machine: Machine, executor: E, target: Target, mut observer: O) -> Driver<S, E, O> {
        observer.begun();
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
            commits: Vec::new(),
            actions: Vec::new(),
            to_encode: VecDeque::new(),
            hold: Hold::default(),
            target,
            peers: PeerProgress::default(),
            next_tick_ms: 0,
            tally: Tally::default(),
        }
    }

    /// Archives until the target is reached or a stop is requested; then seals, commits and releases.
    ///
    /// # Errors
    /// What trying again cannot help. What was linked before stays; the rest is repeated by the next run.
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
    /// As [`Driver::run`].
    pub fn turn(&mut self, now: Now, stop: &Stop) -> Result<Turn, AppError> {
        self.now = now;
        self.observer.turned(now.monotonic_ms);
        self.take_answers()?;
        self.tick();
        if !self.machine.is_shutting_down() && (stop.is_requested() || self.is_target_reached()) {
            self.step(Event::Shutdown);
        }
        self.carry_out()?;
        if self.machine.is_shutting_down() {
            if self.machine.is_idle() {
                return Ok(Turn::Ended);
            }
            if let Some(job) = self.to_encode.pop_back() {
                // There is nothing else to do on this thread: it takes what waits for the encoder.
                let answer = self.executor.encode_here(job);
                self.answered(answer)?;
                return Ok(Turn::GoesOn);
            }
        }
        self.take_records()?;
        Ok(Turn::GoesOn)
    }

    /// The machine, to be looked at.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether memory is short, so that records are not taken.
    pub fn is_holding(&self) -> bool {
        !matches!(self.hold, Hold::Flowing)
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
            self.measure();
        }
    }

    /// Lag is what Kafka has beyond the durable head, buffered or not.
    fn measure(&mut self) {
        for partition in &self.started {
            let Some(tally) = self.tally.partitions.get(partition) else {
                continue;
            };
            let end = self.source.known_log_end(partition);
            let slot = self.machine.slot(partition);
            let buffered = slot.map_or(0, |slot| self.machine.buffered_bytes_of(slot));
            let lag = end.map(|end| end - tally.next_offset);
            self.observer.measured(partition, buffered, lag);
        }
    }

    /// Polls for a turn. While memory is short it waits for answers instead; see [`Hold`].
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
        let mut wait = if self.is_answer_near() { BUSY_POLL } else { IDLE_POLL };
        for _ in 0..RECORDS_A_TURN {
            match self.source.poll(wait) {
                Polled::Nothing => return Ok(()),
                Polled::Record { partition, record } => {
                    if let Some(Some(slot)) = self.slots.get(partition.0).copied() {
                        if self.target.takes(slot, record.offset) {
                            self.machine.record(slot, &record, self.now, &mut self.actions);
                        }
                        if self.target.ends_at(slot, record.offset) {
                            let next = record.offset + 1;
                            self.target.advance(self.source.partition(partition), next);
                        }
                    }
                }
                Polled::EndReached { partition, position } => self.end_reached(partition, position),
                Polled::Assign(partitions) => self.assigned(&partitions),
                Polled::Revoke(partitions) => self.each(partitions, Event::Revoked),
                Polled::Lost(partitions) => self.lost(partitions),
                Polled::OutOfRange { partition } => self.step(Event::OutOfRange(partition)),
                Polled::TopicGone { partition } => self.step(Event::TopicGone(partition)),
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

    fn is_answer_near(&self) -> bool {
        self.executor.is_busy() || !self.to_encode.is_empty()
    }

    /// Whether everything that the target asks for was delivered here, or is archived by other members of the group.
    fn is_target_reached(&mut self) -> bool {
        let (target, ours) = (&self.target, &self.assigned);
        let is_ours_reached = self.loading.is_empty() && target.is_reached_by(ours.iter());
        is_ours_reached
            && self
                .peers
                .is_archived((target, ours), &self.source, self.now.monotonic_ms)
    }
}

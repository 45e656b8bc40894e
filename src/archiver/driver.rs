//! The loop that joins Kafka's consumer, the machine and the executor: one thread, which polls, lets the machine decide and
//! has the hands carry it out. Decides nothing about records; waits only where nothing can be done.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::archive::machine::Machine;
use crate::archive::step::{Action, Event, Now, Report, Slot, Ticket};
use crate::archiver::executor::{Answer, EncodeJob, Executor};
use crate::archiver::observers::Observers;
use crate::archiver::peers::PeerProgress;
use crate::archiver::report;
use crate::archiver::tally::Tally;
use crate::archiver::target::Target;
use crate::clock::Clock;
use crate::error::{Explain as _, Kind};
use crate::kafka::consumer::{CommitOutcome, Consumer, Polled};
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, TopicPartition};
use crate::task::error::AppError;
use crate::task::stop::Stop;

/// Records between two looks at everything else.
const RECORDS_A_TURN: usize = 1024;
/// How long a poll waits while answers may come at any moment, and while not.
const BUSY_POLL: Duration = Duration::from_millis(2);
const IDLE_POLL: Duration = Duration::from_millis(50);
/// The seal policy's clock.
const TICK_MS: u64 = 100;
/// Short of memory for so long, the consumer is told to stop fetching; until then not polling is enough.
const PATIENCE_MS: u64 = 1_000;

/// The archiver at work.
pub struct Driver {
    consumer: Consumer,
    machine: Machine,
    executor: Executor,
    answers: mpsc::Receiver<Answer>,
    runtime: Handle,
    clock: Clock,
    now: Now,
    /// The machine's slot for each index of the consumer.
    slots: Vec<Option<Slot>>,
    assigned: HashSet<TopicPartition>,
    /// Ours, and nobody knows yet from where: what is delivered meanwhile is not taken.
    loading: HashSet<TopicPartition>,
    started: HashSet<TopicPartition>,
    /// Commits that Kafka has not answered yet.
    commits: Vec<(Ticket, TopicPartition, NextOffset)>,
    actions: Vec<Action>,
    to_encode: VecDeque<EncodeJob>,
    hold: Hold,
    target: Target,
    peers: PeerProgress,
    next_tick_ms: u64,
    observers: Observers,
    /// What has been done so far.
    pub tally: Tally,
}

/// Whether records are taken.
enum Hold {
    Flowing,
    /// Not polled since then: librdkafka's queue fills and its fetchers stop by themselves.
    NotPolling {
        since_ms: u64,
    },
    /// Paused by name, so that polling can go on for the group's sake.
    Paused(Vec<TopicPartition>),
}

impl Driver {
    /// Everything in place, nothing begun.
    pub fn new(
        consumer: Consumer,
        machine: Machine,
        (executor, answers): (Executor, mpsc::Receiver<Answer>),
        runtime: Handle,
        target: Target,
        observers: Observers,
    ) -> Driver {
        let clock = Clock::start();
        Driver {
            consumer,
            machine,
            executor,
            answers,
            runtime,
            clock,
            now: read(&clock),
            slots: Vec::new(),
            assigned: HashSet::new(),
            loading: HashSet::new(),
            started: HashSet::new(),
            commits: Vec::new(),
            actions: Vec::new(),
            to_encode: VecDeque::new(),
            hold: Hold::Flowing,
            target,
            peers: PeerProgress::default(),
            next_tick_ms: 0,
            observers,
            tally: Tally::default(),
        }
    }

    /// Archives until the target is reached or somebody wants to stop; then seals, commits and lets go.
    ///
    /// # Errors
    /// What cannot be helped by trying again. What was linked before stays; the rest is repeated by the next run.
    pub fn run(&mut self, stop: &Stop) -> Result<(), AppError> {
        self.observers.degradations.begin();
        loop {
            self.now = read(&self.clock);
            self.observers.vitals.health.turned(self.now.monotonic_ms);
            self.take_answers()?;
            self.tick();
            if !self.machine.is_shutting_down() && (stop.reason().is_some() || self.is_target_reached()) {
                self.step(Event::Shutdown);
            }
            self.carry_out()?;
            if self.machine.is_shutting_down() {
                if self.machine.is_idle() {
                    return Ok(());
                }
                if let Some(job) = self.to_encode.pop_back() {
                    // This thread has nothing else to do: it takes what waits for the encoder.
                    self.answered(self.executor.encode_here(job))?;
                    continue;
                }
            }
            self.take_records()?;
        }
    }

    fn step(&mut self, event: Event) {
        self.machine.step(event, self.now, &mut self.actions);
    }

    fn take_answers(&mut self) -> Result<(), AppError> {
        while let Ok(answer) = self.answers.try_recv() {
            self.answered(answer)?;
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) -> Result<(), AppError> {
        self.step(answer?);
        self.carry_out()
    }

    fn tick(&mut self) {
        if self.now.monotonic_ms >= self.next_tick_ms {
            self.next_tick_ms = self.now.monotonic_ms + TICK_MS;
            self.step(Event::Tick);
            self.tell_gauges();
        }
    }

    /// Lag is what Kafka has beyond the durable head, buffered or not.
    fn tell_gauges(&self) {
        for partition in &self.started {
            let Some(tally) = self.tally.partitions.get(partition) else {
                continue;
            };
            let lag = self
                .consumer
                .known_log_end(partition)
                .map(|end| end - tally.next_offset);
            let buffered = self
                .machine
                .slot(partition)
                .map(|slot| self.machine.buffered_bytes_of(slot));
            self.observers.gauges(partition, buffered.unwrap_or(0), lag);
        }
    }

    /// Polls for a turn. While memory is short it waits for answers instead, and after a while pauses by name, because
    /// a consumer that does not poll is thrown out of its group.
    fn take_records(&mut self) -> Result<(), AppError> {
        if let Hold::NotPolling { since_ms } = self.hold {
            if self.now.monotonic_ms < since_ms + PATIENCE_MS {
                return self.wait_for_an_answer();
            }
            let started: Vec<TopicPartition> = self.started.iter().cloned().collect();
            self.consumer.pause(&started)?;
            self.hold = Hold::Paused(started);
        }
        let mut wait = if self.is_answer_near() { BUSY_POLL } else { IDLE_POLL };
        for _ in 0..RECORDS_A_TURN {
            match self.consumer.poll(wait) {
                Polled::Nothing => return Ok(()),
                Polled::Record { partition, record } => {
                    if let Some(Some(slot)) = self.slots.get(partition.0).copied() {
                        if self.target.takes(slot, record.offset) {
                            self.machine.record(slot, &record, self.now, &mut self.actions);
                        }
                        if self.target.ends_at(slot, record.offset) {
                            let next = record.offset + 1;
                            self.target.advance(self.consumer.partition(partition), next);
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

    /// An answer is sent before its question counts as answered.
    fn is_answer_near(&self) -> bool {
        self.executor.is_busy() || !self.to_encode.is_empty() || !self.answers.is_empty()
    }

    fn each(&mut self, partitions: Vec<TopicPartition>, event: fn(TopicPartition) -> Event) {
        for partition in partitions {
            self.step(event(partition));
        }
    }

    fn assigned(&mut self, partitions: &[TopicPartition]) {
        self.peers.joined();
        for partition in partitions {
            tracing::info!(%partition, "assigned");
            self.assigned.insert(partition.clone());
            self.step(Event::Assigned(partition.clone()));
            let (Some(slot), Some(index)) = (self.machine.slot(partition), self.consumer.index(partition)) else {
                continue;
            };
            if self.slots.len() <= index.0 {
                self.slots.resize(index.0 + 1, None);
            }
            self.slots[index.0] = Some(slot);
            self.target.bind(slot, partition);
        }
    }

    fn lost(&mut self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            tracing::warn!(%partition, "lost: another member has it already");
            self.let_go(partition);
        }
        self.each(partitions, Event::Lost);
    }

    /// Nothing is done for it from here on, whatever was under way (EP-1).
    fn let_go(&mut self, partition: &TopicPartition) {
        self.assigned.remove(partition);
        self.loading.remove(partition);
        self.started.remove(partition);
        self.observers.released(partition);
        if let Some(slot) = self.machine.slot(partition) {
            self.executor.let_go(slot);
        }
    }

    /// Beyond the target records were not taken, so an end there says nothing about what was delivered.
    fn end_reached(&mut self, partition: TopicPartition, position: NextOffset) {
        if self.target.covers(&partition, position.0) {
            self.target.advance(&partition, position.0);
            self.step(Event::EndReached(partition, position.0));
        }
    }

    /// A refused commit costs nothing: the bucket knows better, and the next one covers it.
    fn committed(&mut self, outcomes: Vec<CommitOutcome>) {
        for CommitOutcome {
            partition,
            next_offset,
            outcome,
        } in outcomes
        {
            if let Err(error) = outcome {
                tracing::warn!(%partition, %next_offset, %error, "commit refused");
            } else {
                self.observers.committed(&partition, self.now.wall);
            }
            if let Some(waiting) = self
                .commits
                .iter()
                .position(|(_, name, next)| *name == partition && *next == next_offset)
            {
                let (ticket, ..) = self.commits.swap_remove(waiting);
                self.step(Event::Committed(ticket));
            }
        }
    }

    fn failed(&mut self, error: KafkaError) -> Result<(), AppError> {
        match error.kind() {
            // This client is dead, and only a new process has a new one.
            _ if matches!(error, KafkaError::Fatal { .. }) => Err(error.into()),
            Kind::Transient | Kind::Fenced => {
                tracing::warn!(%error, "kafka");
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    fn wait_for_an_answer(&mut self) -> Result<(), AppError> {
        let answer = async { tokio::time::timeout(IDLE_POLL, self.answers.recv()).await };
        match self.runtime.block_on(answer) {
            Ok(Some(answer)) => self.answered(answer),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Whether everything that was asked for was delivered to us, or is archived by others.
    fn is_target_reached(&mut self) -> bool {
        let (target, ours, cluster) = (&self.target, &self.assigned, self.consumer.cluster());
        let is_ours_reached = self.loading.is_empty() && target.is_reached_by(ours.iter());
        is_ours_reached && self.peers.is_archived((target, ours), cluster, self.now.monotonic_ms)
    }

    /// Executor every action on; some lead to more.
    fn carry_out(&mut self) -> Result<(), AppError> {
        while let Some(job) = self.to_encode.pop_front() {
            if let Some(full) = self.executor.encode(job) {
                self.to_encode.push_front(full);
                break;
            }
        }
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                self.act(action)?;
            }
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), AppError> {
        match action {
            Action::LoadHead(ticket, partition) => {
                self.loading.insert(partition.clone());
                self.executor.load_head(ticket, partition);
            }
            Action::Encode(ticket, job) => {
                self.to_encode.extend(self.executor.encode((ticket, job)));
            }
            Action::CreateSegment(ticket, key, object, topic_id) => {
                self.executor.create_segment(ticket, key, object, topic_id);
            }
            Action::CreateLink(ticket, key, object, topic_id) => {
                self.executor.create_link(ticket, key, object, topic_id);
            }
            Action::Commit(ticket, partition, next, metadata) => {
                self.commit(ticket, partition, next, &metadata.to_string())
            }
            Action::Consume(partition, from) => self.consume(partition, from)?,
            Action::Release(partition) => self.release(partition),
            Action::Pause => {
                if matches!(self.hold, Hold::Flowing) {
                    self.hold = Hold::NotPolling {
                        since_ms: self.now.monotonic_ms,
                    };
                }
            }
            Action::Resume => self.resume()?,
            Action::Report(partition, report) => self.report(&partition, report),
        }
        Ok(())
    }

    fn consume(&mut self, partition: TopicPartition, from: NextOffset) -> Result<(), AppError> {
        self.loading.remove(&partition);
        self.target.restart(&partition, from.0);
        if self.started.contains(&partition) {
            self.consumer.seek(&partition, from)?;
        } else {
            self.consumer.start(&[(partition.clone(), from)])?;
            // Who comes while memory is short waits with the others (MEM-1).
            if let Hold::Paused(paused) = &mut self.hold {
                self.consumer.pause(std::slice::from_ref(&partition))?;
                paused.push(partition.clone());
            }
            self.started.insert(partition);
        }
        Ok(())
    }

    /// Never for a partition that is no longer ours: the consumer refuses, and that is an answer too.
    fn commit(&mut self, ticket: Ticket, partition: TopicPartition, next: NextOffset, metadata: &str) {
        match self.consumer.commit(&partition, next, metadata) {
            Ok(()) => self.commits.push((ticket, partition, next)),
            Err(error) => {
                tracing::warn!(%partition, %next, %error, "commit refused");
                self.step(Event::Committed(ticket));
            }
        }
    }

    fn release(&mut self, partition: TopicPartition) {
        self.let_go(&partition);
        tracing::info!(%partition, "released");
        if let Err(error) = self.consumer.release(std::slice::from_ref(&partition)) {
            tracing::warn!(%partition, %error, "released, but Kafka's client objects");
        }
    }

    fn resume(&mut self) -> Result<(), AppError> {
        if let Hold::Paused(mut paused) = std::mem::replace(&mut self.hold, Hold::Flowing) {
            paused.retain(|partition| self.started.contains(partition));
            self.consumer.resume(&paused)?;
        }
        Ok(())
    }

    fn report(&mut self, partition: &TopicPartition, report: Report) {
        report::log(partition, &report);
        self.observers.tell(partition, &report, self.now.wall);
        match report {
            Report::Continues(next) => self.tally.continues(partition, next.0),
            Report::Linked {
                link,
                value_bytes,
                adopted,
            } => {
                self.tally.first_link_ms.get_or_insert(self.now.monotonic_ms);
                self.tally.linked(partition, &link, value_bytes, adopted);
            }
            Report::Stopped(reason) => {
                self.loading.remove(partition);
                self.target.give_up(partition);
                self.tally.stopped(partition, reason.to_string());
            }
            Report::LossFound { .. } | Report::NewEpoch(_) | Report::Fenced | Report::PassedOver(_) => {}
        }
    }
}

fn read(clock: &Clock) -> Now {
    Now {
        monotonic_ms: clock.monotonic_ms(),
        wall: clock.utc_seconds(),
    }
}

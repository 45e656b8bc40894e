//! One archiver: the real machine, the real requests and the real encoder, joined by a loop of its own that does one
//! small thing at a time, as the dice say. What the real loop would never do fails the run: start a partition that is
//! not assigned, create or commit for one that was taken away (EP-1), commit what is not durable (AR-1), or buffer
//! beyond the budget (MEM-1).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::AddAssign;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kivend::app::archiver::requests::{self, Desk};
use kivend::app::checkpoint::Checkpointer;
use kivend::app::error::AppError;
use kivend::app::key_book::KeyBook;
use kivend::archive::machine::Machine;
use kivend::archive::policy::SealPolicy;
use kivend::archive::step::{Action, Adopted, Event, Now, Object, Report, Slot, StopReason, Ticket};
use kivend::error::{Explain as _, Kind};
use kivend::model::hash::Hash;
use kivend::model::position::{NextOffset, TopicPartition};
use kivend::model::utc::UtcSeconds;
use kivend::segment::commit::CommitMetadata;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::key::{Attempt, Place};
use kivend::segment::link::CheckpointRef;
use kivend::segment::projection::Projection;
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::verify::kafka::Commit;

use super::dice::Dice;
use super::faults::Odds;
use super::kafka::{Kafka, ProcessId, Questions, Read};
use super::network::{COMMIT, ENCODE, Fate, Network, step};
use super::setup::Setup;

/// What one partition may hold beyond the budget: a segment's bytes are a few KiB even of one record.
const SLACK_BYTES: usize = 8 << 10;

/// What the group tells a member.
#[derive(Debug, Clone)]
pub enum News {
    Assign(TopicPartition),
    Revoke(TopicPartition),
    Lost(TopicPartition),
}

/// What happened, counted: a simulation in which nothing happens proves nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deeds {
    pub links: u64,
    pub adopted: u64,
    pub rejected: u64,
    pub fenced: u64,
    pub losses: u64,
    pub passed_over: u64,
    pub stopped: u64,
    pub absent: u64,
    pub holds: u64,
    pub checkpoints: u64,
    pub new_epochs: u64,
    /// Copies that zombies left and no link names.
    pub copies: u64,
}

impl AddAssign for Deeds {
    fn add_assign(&mut self, other: Deeds) {
        self.links += other.links;
        self.adopted += other.adopted;
        self.rejected += other.rejected;
        self.fenced += other.fenced;
        self.losses += other.losses;
        self.passed_over += other.passed_over;
        self.stopped += other.stopped;
        self.absent += other.absent;
        self.holds += other.holds;
        self.checkpoints += other.checkpoints;
        self.new_epochs += other.new_epochs;
        self.copies += other.copies;
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Position {
    next: i64,
    told_end: Option<i64>,
    /// Out of range: nothing comes until the next seek.
    stalled: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    revoking: bool,
    position: Option<Position>,
}

enum Outcome {
    Event(Event),
    Checkpoint(Box<Checkpointer>, Result<CheckpointRef, AppError>),
    Failed(String),
}

type Job = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The process.
pub struct Process {
    pub id: ProcessId,
    pub machine: Machine,
    pub news: VecDeque<News>,
    pub released: Vec<TopicPartition>,
    pub deeds: Deeds,
    pub stops: Vec<(TopicPartition, StopReason)>,
    pub failure: Option<String>,
    pub asleep_until_ms: u64,
    pub network: Network,
    standings: BTreeMap<TopicPartition, Standing>,
    /// What the machine believes to be ours.
    ours: BTreeSet<TopicPartition>,
    names: Vec<TopicPartition>,
    jobs: Vec<Job>,
    to_encode: VecDeque<(Ticket, Box<(Rows, Footer)>)>,
    actions: Vec<Action>,
    held: bool,
    questions: Arc<Questions>,
    bucket: MemoryStore,
    keys: Arc<KeyBook>,
    checkpointer: Option<Box<Checkpointer>>,
    policy: SealPolicy,
    dice: Dice,
    odds: Odds,
    now: Now,
}

impl Process {
    pub fn new(
        id: ProcessId,
        (kafka, bucket): (&Kafka, &MemoryStore),
        policy: SealPolicy,
        mut dice: Dice,
        odds: Odds,
    ) -> Process {
        let setup = Setup::shared();
        let questions = Questions {
            kafka: kafka.clone(),
            dice: Mutex::new((dice.split(), odds)),
        };
        Process {
            id,
            machine: Machine::new(setup.author(), policy),
            news: VecDeque::new(),
            released: Vec::new(),
            deeds: Deeds::default(),
            stops: Vec::new(),
            failure: None,
            asleep_until_ms: 0,
            network: Network::new(bucket, dice.split(), odds),
            standings: BTreeMap::new(),
            ours: BTreeSet::new(),
            names: Vec::new(),
            jobs: Vec::new(),
            to_encode: VecDeque::new(),
            actions: Vec::new(),
            held: false,
            questions: Arc::new(questions),
            bucket: bucket.clone(),
            keys: setup.keys(),
            checkpointer: Some(Box::new(setup.checkpointer())),
            policy,
            dice,
            odds,
            now: Now {
                monotonic_ms: 0,
                wall: UtcSeconds::from_unix(0),
            },
        }
    }

    /// No more faults.
    pub fn calm(&mut self) {
        self.odds = Odds::default();
        self.network.calm();
        self.questions.dice.lock().unwrap().1 = Odds::default();
    }

    /// Whether it has finished and leaves.
    pub fn is_done(&self) -> bool {
        self.machine.is_shutting_down() && self.machine.is_idle()
    }

    /// Whether everything that Kafka has was delivered, and nothing is under way.
    pub fn is_at_end(&self) -> bool {
        self.news.is_empty()
            && self.jobs.is_empty()
            && self.ours.iter().all(|partition| {
                let stopped = self
                    .machine
                    .slot(partition)
                    .is_some_and(|slot| self.machine.is_stopped(slot));
                let end = self.questions.kafka.log(partition, |log| log.stable_end());
                let position = self.standings.get(partition).and_then(|standing| standing.position);
                stopped || position.is_some_and(|position| position.told_end == Some(end))
            })
    }

    pub fn shut_down(&mut self) {
        if !self.machine.is_shutting_down() {
            self.step(Event::Shutdown);
        }
    }

    /// One small thing.
    pub fn turn(&mut self, now_ms: u64) {
        self.now = Now {
            monotonic_ms: now_ms,
            wall: self.wall(now_ms),
        };
        match self.dice.below(12) {
            0 => self.step(Event::Tick),
            1 => self.read_news(),
            2..=4 => self.read_records(),
            5 => self.encode(),
            6 if self.dice.permille(100) => self.checkpoint(),
            _ => self.work(),
        }
        let slack = SLACK_BYTES * (self.names.len() + 1);
        if self.machine.buffered_bytes() > self.policy.memory_budget_bytes + slack {
            self.fail(format!(
                "MEM-1: buffered_bytes={} budget={}",
                self.machine.buffered_bytes(),
                self.policy.memory_budget_bytes
            ));
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
        self.failure.get_or_insert(format!("process {}: {why}", self.id));
    }

    fn step(&mut self, event: Event) {
        self.machine.step(event, self.now, &mut self.actions);
        self.carry_out();
    }

    fn read_news(&mut self) {
        match self.news.pop_front() {
            None => {}
            Some(News::Assign(partition)) => {
                self.standings.insert(partition.clone(), Standing::default());
                if !self.machine.is_shutting_down() {
                    self.ours.insert(partition.clone());
                }
                self.step(Event::Assigned(partition.clone()));
                let slot = self.machine.slot(&partition).map_or(0, |slot| slot.0);
                if slot == self.names.len() {
                    self.names.push(partition);
                }
            }
            Some(News::Revoke(partition)) => {
                if let Some(standing) = self.standings.get_mut(&partition) {
                    standing.revoking = true;
                    self.step(Event::Revoked(partition));
                }
            }
            Some(News::Lost(partition)) => {
                self.standings.remove(&partition);
                self.ours.remove(&partition);
                self.step(Event::Lost(partition));
            }
        }
    }

    fn read_records(&mut self) {
        if self.held {
            return;
        }
        let started: Vec<TopicPartition> = self.standings.keys().cloned().collect();
        let Some(partition) = self.dice.pick(&started).cloned() else {
            return;
        };
        for _ in 0..self.dice.between(1, 6) {
            if !self.read_one(&partition) || self.held {
                return;
            }
        }
    }

    fn read_one(&mut self, partition: &TopicPartition) -> bool {
        let Some(position) = self.standings.get_mut(partition).and_then(|s| s.position.as_mut()) else {
            return false;
        };
        if position.stalled {
            return false;
        }
        match self.questions.kafka.log(partition, |log| log.read(position.next)) {
            Read::Record(record) => {
                position.next = record.offset + 1;
                position.told_end = None;
                let times = if self.dice.permille(self.odds.again) { 2 } else { 1 };
                let slot = self.machine.slot(partition).unwrap_or(Slot(usize::MAX));
                for _ in 0..times {
                    // After a seek nothing from before it is delivered any more.
                    if self.next_of(partition) == Some(record.offset + 1) {
                        record.lend(|record| self.machine.record(slot, record, self.now, &mut self.actions));
                        self.carry_out();
                    }
                }
                true
            }
            Read::End(end) => {
                position.next = end;
                if position.told_end.replace(end) != Some(end) {
                    self.step(Event::EndReached(partition.clone(), end));
                }
                false
            }
            Read::OutOfRange => {
                position.stalled = true;
                self.step(Event::OutOfRange(partition.clone()));
                false
            }
        }
    }

    fn next_of(&self, partition: &TopicPartition) -> Option<i64> {
        Some(self.standings.get(partition)?.position?.next)
    }

    fn encode(&mut self) {
        let Some((ticket, job)) = self.to_encode.pop_front() else {
            return;
        };
        if self.network.scripted(ENCODE) == Some(Fate::Lost) {
            return self.to_encode.push_front((ticket, job));
        }
        let (rows, footer) = *job;
        match encode(rows, &footer, &Projection::none()) {
            Ok(bytes) => {
                let sha256 = Hash::of(&bytes);
                let bytes = Bytes::from(bytes);
                self.step(Event::Encoded(ticket, Object { bytes, sha256 }));
            }
            Err(error) => self.fail(format!("encode: {error}")),
        }
    }

    fn checkpoint(&mut self) {
        let Some(mut checkpointer) = self.checkpointer.take() else {
            return;
        };
        let (network, wall) = (self.network.clone(), self.now.wall);
        self.jobs.push(Box::pin(async move {
            let newest = checkpointer.advance(&network, wall).await;
            Outcome::Checkpoint(checkpointer, newest.map(|newest| newest.reference()))
        }));
    }

    /// One step of one thing that is under way.
    fn work(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let at = self.dice.below(self.jobs.len());
        let Poll::Ready(outcome) = self.jobs[at].as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            return;
        };
        drop(self.jobs.swap_remove(at));
        match outcome {
            Outcome::Event(event) => self.step(event),
            Outcome::Failed(why) => self.fail(why),
            Outcome::Checkpoint(checkpointer, newest) => {
                self.checkpointer = Some(checkpointer);
                match newest {
                    Ok(newest) => {
                        self.deeds.checkpoints += 1;
                        self.step(Event::CheckpointSeen(newest));
                    }
                    Err(error) if error.kind() == Kind::Transient => {}
                    Err(error) => self.fail(format!("checkpoint: {error}")),
                }
            }
        }
    }

    fn carry_out(&mut self) {
        while !self.actions.is_empty() {
            for action in std::mem::take(&mut self.actions) {
                self.act(action);
            }
        }
    }

    fn act(&mut self, action: Action) {
        let (network, questions, keys) = (
            self.network.clone(),
            Arc::clone(&self.questions),
            Arc::clone(&self.keys),
        );
        match action {
            Action::LoadHead(ticket, partition) => self.jobs.push(Box::pin(async move {
                let load = || requests::load_head(desk(&network, &questions, &keys), &partition);
                match patiently(load).await {
                    Ok(loaded) => Outcome::Event(Event::HeadLoaded(ticket, Box::new(loaded))),
                    Err(error) if error.kind() == Kind::Corrupt => {
                        Outcome::Event(Event::HeadRefused(ticket, error.to_string()))
                    }
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            })),
            Action::Encode(ticket, job) => {
                self.must_be_ours(ticket, "encodes");
                self.to_encode.push_back((ticket, job));
            }
            Action::CreateSegment(ticket, key, object, topic_id) => {
                self.must_be_ours(ticket, "creates a segment");
                self.jobs.push(Box::pin(async move {
                    let topic_id = topic_id.as_deref();
                    let create = || {
                        let desk = desk(&network, &questions, &keys);
                        requests::create_segment(desk, ticket, (&key, &object), topic_id)
                    };
                    done(patiently(create).await)
                }));
            }
            Action::CreateLink(ticket, key, object, topic_id) => {
                self.must_be_ours(ticket, "creates a link");
                self.jobs.push(Box::pin(async move {
                    let topic_id = topic_id.as_deref();
                    let create = || {
                        let desk = desk(&network, &questions, &keys);
                        requests::create_link(desk, ticket, (&key, &object), topic_id)
                    };
                    done(patiently(create).await)
                }));
            }
            Action::Commit(ticket, partition, next, metadata) => {
                self.must_be_ours(ticket, "commits");
                self.commit(ticket, partition, next, metadata);
            }
            Action::Consume(partition, from) => self.consume(partition, from),
            Action::Release(partition) => {
                self.ours.remove(&partition);
                if self.standings.get(&partition).is_some_and(|standing| standing.revoking) {
                    self.standings.remove(&partition);
                    self.released.push(partition);
                }
            }
            Action::Pause => {
                self.deeds.holds += 1;
                self.held = true;
            }
            Action::Resume => self.held = false,
            Action::Report(partition, report) => self.note(partition, report),
        }
    }

    fn must_be_ours(&mut self, ticket: Ticket, does: &str) {
        let is_ours = |name: &&TopicPartition| self.ours.contains(name);
        if self.names.get(ticket.slot.0).filter(is_ours).is_none() {
            self.fail(format!("EP-1: {does} for a partition that is not its own"));
        }
    }

    fn consume(&mut self, partition: TopicPartition, from: NextOffset) {
        match self.standings.get_mut(&partition) {
            Some(standing) => {
                standing.position = Some(Position {
                    next: from.0,
                    ..Position::default()
                });
            }
            None => self.fail(format!("consumes {partition}, which is not assigned")),
        }
    }

    fn commit(&mut self, ticket: Ticket, partition: TopicPartition, next: NextOffset, metadata: CommitMetadata) {
        if !self.standings.contains_key(&partition) {
            return self.step(Event::Committed(ticket));
        }
        let (kafka, bucket, id) = (self.questions.kafka.clone(), self.bucket.clone(), self.id);
        let refused = match self.network.scripted(COMMIT) {
            Some(fate) => fate == Fate::Lost,
            None => self.dice.permille(self.odds.commits),
        };
        self.jobs.push(Box::pin(async move {
            step().await;
            if !is_durable(&bucket, &partition, &metadata) {
                return Outcome::Failed(format!("AR-1: commits {partition} {next} without its link"));
            }
            if !refused {
                let commit = Commit {
                    next_offset: next.0,
                    metadata: metadata.to_string(),
                };
                kafka.commit(id, &partition, commit);
            }
            step().await;
            Outcome::Event(Event::Committed(ticket))
        }));
    }

    fn note(&mut self, partition: TopicPartition, report: Report) {
        match report {
            Report::Continues(_) => {}
            Report::Linked { link, adopted, .. } => {
                self.deeds.links += 1;
                self.deeds.adopted += u64::from(adopted == Adopted::Found);
                self.deeds.rejected += link.link.rejected.len() as u64;
                self.deeds.absent += link.link.absent.len() as u64;
            }
            Report::LossFound { .. } => self.deeds.losses += 1,
            Report::NewEpoch(_) => self.deeds.new_epochs += 1,
            Report::Fenced => self.deeds.fenced += 1,
            Report::PassedOver(_) => self.deeds.passed_over += 1,
            Report::Stopped(reason) => {
                self.deeds.stopped += 1;
                self.stops.push((partition, reason));
            }
        }
    }
}

fn desk<'a>(network: &'a Network, questions: &'a Questions, keys: &'a KeyBook) -> Desk<'a> {
    Desk {
        store: network,
        offsets: questions,
        keys,
    }
}

/// Different in every process: exactly-once does not depend on cutting the same way twice.
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

/// Whether the link that a commit names stands in the bucket.
fn is_durable(bucket: &MemoryStore, partition: &TopicPartition, metadata: &CommitMetadata) -> bool {
    let place = Place {
        partition: partition.clone(),
        epoch: metadata.epoch,
        first_offset: metadata.first_offset,
    };
    (0..8).any(|attempt| {
        let object = bucket.bytes(&place.link(Attempt(attempt)).to_string());
        object.is_some_and(|object| Hash::of(&object) == metadata.link)
    })
}

fn done(event: Result<Event, AppError>) -> Outcome {
    match event {
        Ok(event) => Outcome::Event(event),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

async fn patiently<T, W>(mut attempt: impl FnMut() -> W) -> Result<T, AppError>
where
    W: Future<Output = Result<T, AppError>>,
{
    loop {
        match attempt().await {
            Err(error) if error.kind() == Kind::Transient => step().await,
            done => return done,
        }
    }
}

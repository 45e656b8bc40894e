//! One archiver: the real machine, the real requests and the real encoder, joined by a loop of its own that does one
//! small thing at a time, as the dice say. What the real loop would never do fails the run: start a partition that is
//! not assigned, create or commit for one that was taken away (EP-1), commit what is not durable (AR-1), or buffer
//! beyond the budget (MEM-1).

mod acting;
mod reading;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kivend::archive::machine::Machine;
use kivend::archive::policy::SealPolicy;
use kivend::archive::step::{Action, Event, Now, Object, StopReason, Ticket};
use kivend::error::{Explain as _, Kind};
use kivend::log::checkpoint::CheckpointRef;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::rules::Projection;
use kivend::segment::rows::Rows;
use kivend::store::memory::MemoryStore;
use kivend::task::error::AppError;
use kivend::writing::checkpointer::Checkpointer;
use kivend::writing::writer_keys::WriterKeys;

use super::deeds::Deeds;
use super::dice::Dice;
use super::faults::Odds;
use super::kafka::{Kafka, ProcessId, Questions};
use super::network::{ENCODE, Fate, Network};
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
    keys: Arc<WriterKeys>,
    /// Away while it works.
    pub checkpointer: Option<Box<Checkpointer>>,
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
            let newest = checkpointer.advance_if_moved(&network, wall).await;
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

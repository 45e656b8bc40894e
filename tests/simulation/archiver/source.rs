//! A member of the archivers' group over the Kafka in memory: what the group tells it, records a few at a time, and the
//! outcomes of its commits. What the real driver must never ask fails the run: to start a partition that is not assigned,
//! or to commit what is not durable (AR-1).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use kivend::archiver::source::Source;
use kivend::kafka::PartitionIndex;
use kivend::kafka::consumer::{CommitOutcome, Polled};
use kivend::kafka::error::KafkaError;
use kivend::log::commit_metadata::CommitMetadata;
use kivend::log::object_key::{Attempt, Place};
use kivend::record::hash::Hash;
use kivend::record::position::{NextOffset, TopicPartition};
use kivend::record::record::{Header, Record};
use kivend::store::memory::MemoryStore;
use kivend::verify::kafka::Commit;
use self_cell::self_cell;

use crate::fixture::OwnedRecord;
use crate::simulation::dice::Dice;
use crate::simulation::faults::Odds;
use crate::simulation::kafka::{Kafka, ProcessId, Read};
use crate::simulation::network::{COMMIT, Fate, Network};

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
    /// Out of range, or without a topic: nothing comes until the next seek.
    stalled: bool,
    paused: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    revoking: bool,
    position: Option<Position>,
}

struct PendingCommit {
    partition: TopicPartition,
    commit: Commit,
    refused: bool,
    has_arrived: bool,
}

/// What the process and its driver know of the group. Clones of the `Rc` are the same.
pub struct Member {
    pub id: ProcessId,
    pub kafka: Kafka,
    pub news: VecDeque<News>,
    pub released: Vec<TopicPartition>,
    /// What the driver believes to be its own.
    pub ours: BTreeSet<TopicPartition>,
    /// Polls that still bring something in this turn.
    pub quota: usize,
    pub failure: Option<String>,
    pub dice: Dice,
    pub odds: Odds,
    names: Vec<TopicPartition>,
    standings: BTreeMap<TopicPartition, Standing>,
    commits: Vec<PendingCommit>,
    outcomes: VecDeque<CommitOutcome>,
    bucket: MemoryStore,
    network: Network,
}

/// What a poll brings, without what it borrows.
enum Brought {
    Nothing,
    Record(PartitionIndex, OwnedRecord),
    Other(Polled<'static>),
}

impl Member {
    pub fn new(
        id: ProcessId,
        kafka: &Kafka,
        (bucket, network): (&MemoryStore, &Network),
        dice: Dice,
        odds: Odds,
    ) -> Member {
        Member {
            id,
            kafka: kafka.clone(),
            news: VecDeque::new(),
            released: Vec::new(),
            ours: BTreeSet::new(),
            quota: 0,
            failure: None,
            dice,
            odds,
            names: Vec::new(),
            standings: BTreeMap::new(),
            commits: Vec::new(),
            outcomes: VecDeque::new(),
            bucket: bucket.clone(),
            network: network.clone(),
        }
    }

    /// Whether nothing is under way between the member and Kafka.
    pub fn is_idle(&self) -> bool {
        self.news.is_empty() && self.commits.is_empty() && self.outcomes.is_empty()
    }

    /// Whether everything that readers can get of a partition was delivered.
    pub fn is_at_end(&self, partition: &TopicPartition) -> bool {
        let end = self.kafka.log(partition, |log| log.stable_end());
        let position = self.standings.get(partition).and_then(|standing| standing.position);
        position.is_some_and(|position| position.told_end == Some(end))
    }

    /// Whether the driver paused a partition by name.
    pub fn has_paused(&self) -> bool {
        self.standings
            .values()
            .any(|standing| standing.position.is_some_and(|position| position.paused))
    }

    pub fn has_commits(&self) -> bool {
        !self.commits.is_empty()
    }

    pub fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    /// One commit goes one step further: to the coordinator, or its answer back.
    pub fn step_commit(&mut self) {
        if self.commits.is_empty() {
            return;
        }
        let at = self.dice.below(self.commits.len());
        let pending = &mut self.commits[at];
        if !pending.has_arrived {
            pending.has_arrived = true;
            let (partition, commit) = (pending.partition.clone(), pending.commit.clone());
            if !pending.refused && !self.kafka.commit(self.id, &partition, commit) {
                self.commits[at].refused = true;
            }
            return;
        }
        let pending = self.commits.swap_remove(at);
        self.outcomes.push_back(CommitOutcome {
            outcome: if pending.refused {
                Err(refusal(&pending.partition))
            } else {
                Ok(())
            },
            partition: pending.partition,
            next_offset: NextOffset(pending.commit.next_offset),
        });
    }

    fn next(&mut self) -> Brought {
        if self.quota == 0 {
            return Brought::Nothing;
        }
        self.quota -= 1;
        if self.dice.permille(300)
            && let Some(news) = self.news.pop_front()
        {
            return self.told(news);
        }
        if self.dice.permille(300)
            && let Some(outcome) = self.outcomes.pop_front()
        {
            return Brought::Other(Polled::Committed(vec![outcome]));
        }
        let known: Vec<TopicPartition> = self.standings.keys().cloned().collect();
        match self.dice.pick(&known).cloned() {
            Some(partition) => self.read(&partition),
            None => Brought::Nothing,
        }
    }

    fn told(&mut self, news: News) -> Brought {
        Brought::Other(match news {
            News::Assign(partition) => {
                self.standings.insert(partition.clone(), Standing::default());
                self.ours.insert(partition.clone());
                if !self.names.contains(&partition) {
                    self.names.push(partition.clone());
                }
                Polled::Assign(vec![partition])
            }
            News::Revoke(partition) => match self.standings.get_mut(&partition) {
                None => return Brought::Nothing,
                Some(standing) => {
                    standing.revoking = true;
                    Polled::Revoke(vec![partition])
                }
            },
            News::Lost(partition) => {
                self.standings.remove(&partition);
                self.ours.remove(&partition);
                Polled::Lost(vec![partition])
            }
        })
    }

    fn read(&mut self, partition: &TopicPartition) -> Brought {
        let index = PartitionIndex(self.names.iter().position(|name| name == partition).unwrap_or_default());
        let again = self.dice.permille(self.odds.again);
        let Some(position) = self.standings.get_mut(partition).and_then(|s| s.position.as_mut()) else {
            return Brought::Nothing;
        };
        if position.stalled || position.paused {
            return Brought::Nothing;
        }
        if self.kafka.is_gone() {
            position.stalled = self.dice.permille(500);
            return Brought::Other(Polled::TopicGone {
                partition: partition.clone(),
            });
        }
        match self.kafka.log(partition, |log| log.read(position.next)) {
            Read::Record(record) => {
                position.told_end = None;
                if !again {
                    position.next = record.offset + 1;
                }
                Brought::Record(index, record)
            }
            Read::End(end) => {
                position.next = end;
                if position.told_end.replace(end) == Some(end) {
                    return Brought::Nothing;
                }
                Brought::Other(Polled::EndReached {
                    partition: partition.clone(),
                    position: NextOffset(end),
                })
            }
            Read::OutOfRange => {
                position.stalled = true;
                Brought::Other(Polled::OutOfRange {
                    partition: partition.clone(),
                })
            }
        }
    }

    fn place(&mut self, partition: &TopicPartition, from: NextOffset, doing: &str) -> Result<(), KafkaError> {
        let Some(standing) = self.standings.get_mut(partition) else {
            self.fail(format!("{doing} {partition}, which is not assigned"));
            return Err(refusal(partition));
        };
        standing.position = Some(Position {
            next: from.0,
            ..Position::default()
        });
        Ok(())
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for partition in partitions {
            match self.standings.get_mut(partition).and_then(|s| s.position.as_mut()) {
                Some(position) => position.paused = paused,
                None => self.fail(format!("pauses or resumes {partition}, which is not started")),
            }
        }
    }

    /// Whether the link that a commit names is in the bucket.
    fn is_durable(&self, partition: &TopicPartition, metadata: &CommitMetadata) -> bool {
        let place = Place {
            partition: partition.clone(),
            epoch: metadata.epoch,
            first_offset: metadata.first_offset,
        };
        (0..8).any(|attempt| {
            let object = self.bucket.bytes(&place.link(Attempt(attempt)).to_string());
            object.is_some_and(|object| Hash::of(&object) == metadata.link)
        })
    }

    fn commit(&mut self, partition: &TopicPartition, next: NextOffset, metadata: &str) -> Result<(), KafkaError> {
        if !self.standings.contains_key(partition) {
            return Err(refusal(partition));
        }
        let is_durable = metadata
            .parse()
            .is_ok_and(|metadata| self.is_durable(partition, &metadata));
        if !is_durable {
            self.fail(format!("AR-1: commits {partition} {next} without its link"));
        }
        let refused = match self.network.scripted(COMMIT) {
            Some(fate) => fate == Fate::Lost,
            None => self.dice.permille(self.odds.commits),
        };
        self.commits.push(PendingCommit {
            partition: partition.clone(),
            commit: Commit {
                next_offset: next.0,
                metadata: metadata.to_owned(),
            },
            refused,
            has_arrived: false,
        });
        Ok(())
    }

    fn release(&mut self, partition: &TopicPartition) {
        self.ours.remove(partition);
        if self.standings.get(partition).is_some_and(|standing| standing.revoking) {
            self.standings.remove(partition);
            self.released.push(partition.clone());
        }
    }
}

fn refusal(partition: &TopicPartition) -> KafkaError {
    KafkaError::UnknownPartition {
        partition: partition.clone(),
    }
}

type Headers<'a> = Vec<Header<'a>>;

self_cell!(
    struct Lent {
        owner: OwnedRecord,
        #[covariant]
        dependent: Headers,
    }
);

/// The driver's end of a member.
pub struct SimulatedSource {
    member: Rc<RefCell<Member>>,
    lent: Option<Lent>,
    /// By index; grows as partitions are assigned for the first time.
    names: Vec<TopicPartition>,
}

impl SimulatedSource {
    pub fn new(member: &Rc<RefCell<Member>>) -> SimulatedSource {
        SimulatedSource {
            member: Rc::clone(member),
            lent: None,
            names: Vec::new(),
        }
    }
}

impl Source for SimulatedSource {
    fn poll(&mut self, _timeout: Duration) -> Polled<'_> {
        let brought = self.member.borrow_mut().next();
        self.names.clone_from(&self.member.borrow().names);
        match brought {
            Brought::Nothing => Polled::Nothing,
            Brought::Other(polled) => polled,
            Brought::Record(partition, record) => {
                let lent = self.lent.insert(Lent::new(record, |record| {
                    let headers = record.headers.iter();
                    headers
                        .map(|(name, value)| Header {
                            name,
                            value: value.as_deref(),
                        })
                        .collect()
                }));
                let owner = lent.borrow_owner();
                Polled::Record {
                    partition,
                    record: Record {
                        offset: owner.offset,
                        timestamp: owner.timestamp,
                        key: owner.key.as_deref(),
                        value: owner.value.as_deref(),
                        headers: lent.borrow_dependent(),
                    },
                }
            }
        }
    }

    fn partition(&self, index: PartitionIndex) -> &TopicPartition {
        &self.names[index.0]
    }

    fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex> {
        self.names.iter().position(|name| name == partition).map(PartitionIndex)
    }

    fn known_log_end(&self, partition: &TopicPartition) -> Option<i64> {
        Some(self.member.borrow().kafka.log(partition, |log| log.high))
    }

    fn start(&mut self, partition: &TopicPartition, from: NextOffset) -> Result<(), KafkaError> {
        self.member.borrow_mut().place(partition, from, "starts")
    }

    fn seek(&mut self, partition: &TopicPartition, from: NextOffset) -> Result<(), KafkaError> {
        self.member.borrow_mut().place(partition, from, "seeks in")
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.member.borrow_mut().set_paused(partitions, true);
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), KafkaError> {
        self.member.borrow_mut().set_paused(partitions, false);
        Ok(())
    }

    fn commit(&mut self, partition: &TopicPartition, next: NextOffset, metadata: &str) -> Result<(), KafkaError> {
        self.member.borrow_mut().commit(partition, next, metadata)
    }

    fn release(&mut self, partition: &TopicPartition) -> Result<(), KafkaError> {
        self.member.borrow_mut().release(partition);
        Ok(())
    }

    fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<NextOffset>>, KafkaError> {
        let member = self.member.borrow();
        let committed = |partition: &TopicPartition| {
            let commit = member.kafka.log(partition, |log| log.commit.clone());
            commit.map(|commit| NextOffset(commit.next_offset))
        };
        Ok(partitions.iter().map(committed).collect())
    }
}

//! A member of the archivers' group over the Kafka in memory: the group's events, records, and the outcomes of commits.
//! A run fails if the driver starts a partition that is not assigned, or commits what is not durable (AR-1).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kivend::archiver::source::Source;
use kivend::kafka::PartitionIndex;
use kivend::kafka::consumer::{CommitOutcome, Polled};
use kivend::kafka::error::KafkaError;
use kivend::log::commit_metadata::CommitMetadata;
use kivend::log::object_key::{Attempt, Place};
use kivend::record::hash::Hash;
use kivend::record::position::{NextOffset, Position, TopicPartition};
use kivend::record::record::{Header, Record};
use kivend::store::memory::MemoryStore;
use kivend::verify::kafka::Commit;
use self_cell::self_cell;

use crate::fixture::OwnedRecord;
use crate::simulation::dice::Dice;
use crate::simulation::faults::Odds;
use crate::simulation::kafka::{Kafka, ProcessId, Read};
use crate::simulation::network::{COMMIT, Fate, Network};

/// Polls between two looks at the ids of topics.
const POLLS_BETWEEN_IDS: u64 = 512;

/// An event from the group to a member.
#[derive(Debug, Clone)]
pub enum GroupEvent {
    Assign(TopicPartition),
    Revoke(TopicPartition),
    Lost(TopicPartition),
}

#[derive(Debug, Clone, Copy, Default)]
struct Fetching {
    next: i64,
    leader_epoch: Option<i32>,
    reported_end: Option<i64>,
    /// Out of range, or the topic is gone: nothing is delivered until the next seek.
    stalled: bool,
    paused: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Assignment {
    revoking: bool,
    position: Option<Fetching>,
}

struct PendingCommit {
    partition: TopicPartition,
    commit: Commit,
    refused: bool,
    has_arrived: bool,
}

/// The state of a member, shared by the process and its driver.
pub struct Member {
    pub id: ProcessId,
    pub kafka: Kafka,
    pub group_events: VecDeque<GroupEvent>,
    pub released: Vec<TopicPartition>,
    /// The partitions that the driver may believe to own.
    pub owned: BTreeSet<TopicPartition>,
    /// The polls that may still deliver something in this turn.
    pub quota: usize,
    /// Polls so far.
    pub polls: u64,
    pub failure: Option<String>,
    pub dice: Dice,
    pub odds: Odds,
    names: Vec<TopicPartition>,
    assignments: BTreeMap<TopicPartition, Assignment>,
    commits: Vec<PendingCommit>,
    outcomes: VecDeque<CommitOutcome>,
    bucket: MemoryStore,
    network: Network,
}

/// The outcome of a poll, as owned data.
enum Next {
    Nothing,
    Record(PartitionIndex, OwnedRecord, Option<i32>),
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
            group_events: VecDeque::new(),
            released: Vec::new(),
            owned: BTreeSet::new(),
            quota: 0,
            polls: 0,
            failure: None,
            dice,
            odds,
            names: Vec::new(),
            assignments: BTreeMap::new(),
            commits: Vec::new(),
            outcomes: VecDeque::new(),
            bucket: bucket.clone(),
            network: network.clone(),
        }
    }

    /// Whether no event, commit or outcome is pending.
    pub fn is_idle(&self) -> bool {
        self.group_events.is_empty() && self.commits.is_empty() && self.outcomes.is_empty()
    }

    /// Whether every readable record of a partition was delivered.
    pub fn is_at_end(&self, partition: &TopicPartition) -> bool {
        let end = self.kafka.log(partition, |log| log.stable_end());
        let position = self
            .assignments
            .get(partition)
            .and_then(|assignment| assignment.position);
        position.is_some_and(|position| position.reported_end == Some(end))
    }

    /// Whether the driver has paused a partition.
    pub fn has_paused(&self) -> bool {
        self.started().any(|position| position.paused)
    }

    /// Whether the driver paused every partition that it started.
    pub fn has_paused_all(&self) -> bool {
        self.started().all(|position| position.paused)
    }

    fn started(&self) -> impl Iterator<Item = Fetching> {
        let ours = self.assignments.iter().filter(|(name, _)| self.owned.contains(*name));
        ours.filter_map(|(_, assignment)| assignment.position)
    }

    pub fn has_commits(&self) -> bool {
        !self.commits.is_empty()
    }

    pub fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    /// Advances a random commit by one step: it reaches the coordinator, or its answer arrives.
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

    fn next(&mut self) -> Next {
        self.polls += 1;
        if self.quota == 0 {
            return Next::Nothing;
        }
        self.quota -= 1;
        if self.polls.is_multiple_of(POLLS_BETWEEN_IDS) {
            return Next::Other(Polled::TopicIds(Arc::new(self.kafka.topic_ids())));
        }
        if self.dice.permille(300)
            && let Some(event) = self.group_events.pop_front()
        {
            return self.deliver(event);
        }
        if self.dice.permille(300)
            && let Some(outcome) = self.outcomes.pop_front()
        {
            return Next::Other(Polled::Committed(vec![outcome]));
        }
        let known: Vec<TopicPartition> = self.assignments.keys().cloned().collect();
        match self.dice.pick(&known).cloned() {
            Some(partition) => self.read(&partition),
            None => Next::Nothing,
        }
    }

    fn deliver(&mut self, event: GroupEvent) -> Next {
        Next::Other(match event {
            GroupEvent::Assign(partition) => {
                self.assignments.insert(partition.clone(), Assignment::default());
                self.owned.insert(partition.clone());
                if !self.names.contains(&partition) {
                    self.names.push(partition.clone());
                }
                Polled::Assign(vec![partition])
            }
            GroupEvent::Revoke(partition) => match self.assignments.get_mut(&partition) {
                None => return Next::Nothing,
                Some(assignment) => {
                    assignment.revoking = true;
                    Polled::Revoke(vec![partition])
                }
            },
            GroupEvent::Lost(partition) => {
                self.assignments.remove(&partition);
                self.owned.remove(&partition);
                Polled::Lost(vec![partition])
            }
        })
    }

    fn read(&mut self, partition: &TopicPartition) -> Next {
        let index = PartitionIndex(self.names.iter().position(|name| name == partition).unwrap_or_default());
        let again = self.dice.permille(self.odds.again);
        let Some(position) = self.assignments.get_mut(partition).and_then(|s| s.position.as_mut()) else {
            return Next::Nothing;
        };
        if position.stalled || position.paused {
            return Next::Nothing;
        }
        if self.kafka.is_gone() {
            position.stalled = self.dice.permille(500);
            return Next::Other(Polled::TopicGone {
                partition: partition.clone(),
            });
        }
        let known = position.leader_epoch.filter(|_| self.kafka.knows_leader_epochs());
        let is_cut = |epoch| {
            self.kafka
                .log(partition, |log| log.end_of_leader_epoch(epoch) < position.next)
        };
        if known.is_some_and(is_cut) {
            position.stalled = true;
            return Next::Other(Polled::Truncated {
                partition: partition.clone(),
            });
        }
        match self.kafka.log(partition, |log| log.read(position.next)) {
            Read::Record(record, epoch) => {
                position.reported_end = None;
                // Some records are of batches that are too old to tell.
                let epoch = Some(epoch).filter(|_| self.kafka.knows_leader_epochs() && record.offset % 17 != 3);
                if !again {
                    position.next = record.offset + 1;
                    position.leader_epoch = epoch;
                }
                Next::Record(index, record, epoch)
            }
            Read::End(end) => {
                if end > position.next {
                    let epoch = self.kafka.log(partition, |log| log.leader_epoch_of(end - 1));
                    position.leader_epoch = Some(epoch);
                }
                position.next = end;
                if position.reported_end.replace(end) == Some(end) {
                    return Next::Nothing;
                }
                Next::Other(Polled::EndReached {
                    partition: partition.clone(),
                    position: NextOffset(end),
                })
            }
            Read::OutOfRange => {
                position.stalled = true;
                Next::Other(Polled::OutOfRange {
                    partition: partition.clone(),
                })
            }
        }
    }

    fn start(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        match self.assignments.get_mut(partition) {
            Some(assignment) if assignment.position.is_none() => {
                assignment.position = Some(Fetching {
                    next: from.next.0,
                    leader_epoch: from.leader_epoch,
                    ..Fetching::default()
                });
                Ok(())
            }
            _ => {
                self.fail(format!("starts {partition}, which is not assigned or started already"));
                Err(refusal(partition))
            }
        }
    }

    /// A paused partition stays paused, as in librdkafka.
    fn seek(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        let position = self.assignments.get_mut(partition).and_then(|a| a.position.as_mut());
        let Some(position) = position else {
            self.fail(format!("seeks in {partition}, which is not started"));
            return Err(refusal(partition));
        };
        *position = Fetching {
            next: from.next.0,
            leader_epoch: from.leader_epoch,
            paused: position.paused,
            ..Fetching::default()
        };
        Ok(())
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for partition in partitions {
            match self.assignments.get_mut(partition).and_then(|s| s.position.as_mut()) {
                Some(position) => position.paused = paused,
                None => self.fail(format!("pauses or resumes {partition}, which is not started")),
            }
        }
    }

    /// Whether the bucket has the link that a commit names.
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
        if !self.assignments.contains_key(partition) {
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
        self.owned.remove(partition);
        if self
            .assignments
            .get(partition)
            .is_some_and(|assignment| assignment.revoking)
        {
            self.assignments.remove(partition);
            // The coordinator has taken the partition away meanwhile: what it may have given since is another assignment.
            let is_lost = |event: &GroupEvent| matches!(event, GroupEvent::Lost(lost) if lost == partition);
            if !self.group_events.iter().any(is_lost) {
                self.released.push(partition.clone());
            }
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

/// The driver's access to a member.
pub struct SimulatedSource {
    member: Rc<RefCell<Member>>,
    lent: Option<Lent>,
    /// The partitions by index, in the order of their first assignment.
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
        let next = self.member.borrow_mut().next();
        self.names.clone_from(&self.member.borrow().names);
        match next {
            Next::Nothing => Polled::Nothing,
            Next::Other(polled) => polled,
            Next::Record(partition, record, leader_epoch) => {
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
                    leader_epoch,
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

    fn start(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        self.member.borrow_mut().start(partition, from)
    }

    fn seek(&mut self, partition: &TopicPartition, from: Position) -> Result<(), KafkaError> {
        self.member.borrow_mut().seek(partition, from)
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

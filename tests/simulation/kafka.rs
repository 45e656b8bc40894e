//! Kafka in memory, as far as archivers can observe it: logs with transactions, aborted records, markers, holes and
//! retention, elections, topics that are deleted and created again, and a group's commits with their owners. It keeps every
//! acknowledged record for the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use kivend::archiver::backends::{LogRange, Offsets};
use kivend::kafka::error::KafkaError;
use kivend::log::commit_metadata::CommitMetadata;
use kivend::record::position::TopicPartition;
use kivend::task::error::AppError;
use kivend::verify::kafka::Commit;

use super::dice::Dice;
use super::faults::Odds;
use super::network::step;
use crate::fixture::{Broker, Log as BrokerLog, OwnedRecord};

/// The number of a process in a run.
pub type ProcessId = usize;

#[derive(Debug, Clone)]
enum Entry {
    Record(OwnedRecord),
    /// A record of an open transaction.
    Open(OwnedRecord),
}

/// The outcome of reading at a position.
#[derive(Debug, Clone)]
pub enum Read {
    /// A record and its leader epoch.
    Record(OwnedRecord, i32),
    /// No readable record before this offset.
    End(i64),
    OutOfRange,
}

/// What Kafka ever acknowledged in one topic.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged {
    /// The records of the log as it is now, including those deleted by retention.
    pub records: BTreeMap<i64, OwnedRecord>,
    /// Records that an unclean election removed.
    pub lost: Vec<OwnedRecord>,
    /// The offsets to which unclean elections cut the log back.
    pub cuts: Vec<i64>,
}

/// The log of one partition, and its group's commit.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub low: i64,
    pub high: i64,
    entries: BTreeMap<i64, Entry>,
    transaction: Option<i64>,
    pub commit: Option<Commit>,
    /// The process whose commits are accepted.
    pub owner: Option<ProcessId>,
    /// Every record that was ever readable.
    pub acknowledged: Acknowledged,
    /// The first offset of each leader epoch.
    leader_epochs: BTreeMap<i32, i64>,
    /// Records that compaction may have removed before they were archived.
    pub compacted: BTreeSet<i64>,
    /// The acknowledged records and the log start of each earlier topic of this name.
    pub before: Vec<(Acknowledged, i64)>,
}

impl Log {
    /// The last stable offset, up to which readers of committed records read.
    pub fn stable_end(&self) -> i64 {
        self.transaction.unwrap_or(self.high)
    }

    pub fn produce(&mut self, number: u64, dice: &mut Dice) {
        let record = shaped(OwnedRecord::event(self.high, number), dice);
        if self.transaction.is_some() && dice.permille(700) {
            self.entries.insert(self.high, Entry::Open(record));
        } else {
            self.acknowledged.records.insert(self.high, record.clone());
            self.entries.insert(self.high, Entry::Record(record));
        }
        self.high += 1;
    }

    pub fn skip(&mut self, offsets: usize) {
        if self.transaction.is_none() {
            self.high += offsets as i64;
        }
    }

    pub fn begin_transaction(&mut self, number: u64, dice: &mut Dice) {
        if self.transaction.is_none() {
            self.transaction = Some(self.high);
            let record = shaped(OwnedRecord::event(self.high, number), dice);
            self.entries.insert(self.high, Entry::Open(record));
            self.high += 1;
        }
    }

    pub fn end_transaction(&mut self, commit: bool) {
        let Some(first) = self.transaction.take() else { return };
        let open: Vec<i64> = self.entries.range(first..).map(|(offset, _)| *offset).collect();
        for offset in open {
            if let Some(Entry::Open(record)) = self.entries.get(&offset).cloned() {
                if commit {
                    self.acknowledged.records.insert(offset, record.clone());
                    self.entries.insert(offset, Entry::Record(record));
                } else {
                    self.entries.remove(&offset);
                }
            }
        }
        // The transaction's marker takes an offset.
        self.high += 1;
    }

    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    pub fn delete_below(&mut self, low: i64) {
        self.low = low.clamp(self.low, self.stable_end());
        self.entries = self.entries.split_off(&self.low);
    }

    /// Compaction removes a record that may not be archived yet. A reader that read it before may still archive it.
    pub fn compact(&mut self, offset: i64) {
        if offset < self.stable_end() && self.entries.remove(&offset).is_some() {
            self.compacted.insert(offset);
        }
    }

    /// The topic is created again. The group's commit was deleted with the old topic.
    pub fn recreate(&mut self) {
        let mut before = std::mem::take(&mut self.before);
        before.push((std::mem::take(&mut self.acknowledged), self.low));
        *self = Log {
            owner: self.owner,
            compacted: std::mem::take(&mut self.compacted),
            before,
            ..Log::default()
        };
    }

    /// The acknowledged records and the log start of the nth topic of this name.
    pub fn incarnation(&self, number: usize) -> (&Acknowledged, i64) {
        match self.before.get(number) {
            Some((acknowledged, low)) => (acknowledged, *low),
            None => (&self.acknowledged, self.low),
        }
    }

    pub fn read(&self, position: i64) -> Read {
        if position < self.low || position > self.high {
            return Read::OutOfRange;
        }
        let next = self.entries.range(position..).find_map(|(offset, entry)| match entry {
            Entry::Record(record) if *offset < self.stable_end() => Some(record.clone()),
            _ => None,
        });
        match next {
            Some(record) => {
                let epoch = self.leader_epoch_of(record.offset);
                Read::Record(record, epoch)
            }
            None => Read::End(self.stable_end().max(position)),
        }
    }

    /// Another replica becomes leader, without a loss.
    pub fn elect(&mut self) {
        let next = self.leader_epochs.keys().last().map_or(1, |newest| newest + 1);
        self.leader_epochs.insert(next, self.high);
    }

    /// A replica becomes leader that lacks the records from `offset` on.
    pub fn elect_unclean(&mut self, offset: i64) {
        let offset = offset.clamp(self.low, self.high);
        if offset == self.high {
            return self.elect();
        }
        self.high = offset;
        self.elect();
        self.leader_epochs.retain(|_, first| *first <= offset);
        self.entries.split_off(&offset);
        self.transaction = self.transaction.filter(|first| *first < offset);
        let gone = self.acknowledged.records.split_off(&offset);
        self.acknowledged.lost.extend(gone.into_values());
        self.acknowledged.cuts.push(offset);
    }

    /// The leader epoch of an offset.
    pub fn leader_epoch_of(&self, offset: i64) -> i32 {
        let begun = self.leader_epochs.iter().filter(|(_, first)| **first <= offset);
        begun.map(|(epoch, _)| *epoch).next_back().unwrap_or(0)
    }

    /// The end offset of a leader epoch, as brokers tell it.
    pub fn end_of_leader_epoch(&self, epoch: i32) -> i64 {
        let later = self.leader_epochs.range(epoch + 1..);
        later.map(|(_, first)| *first).next().unwrap_or(self.high)
    }

    /// The records that can still be read.
    fn held(&self) -> Vec<OwnedRecord> {
        let of_entry = |entry: &Entry| match entry {
            Entry::Record(record) => Some(record.clone()),
            Entry::Open(_) => None,
        };
        self.entries.values().filter_map(of_entry).collect()
    }
}

/// Varies a record: no key, no value, an empty or a binary value, no headers, or a binary header.
fn shaped(mut record: OwnedRecord, dice: &mut Dice) -> OwnedRecord {
    match dice.below(12) {
        0 => record.key = None,
        1 => record.value = None,
        2 => record.value = Some(Vec::new()),
        3 => record.value = Some(vec![0xff; dice.below(200)]),
        4 => record.headers.clear(),
        5 => record.headers.push((vec![0xc3, 0x28], Some(vec![0; dice.below(20)]))),
        _ => {}
    }
    record
}

/// A cluster with one topic. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Kafka {
    logs: Arc<Mutex<BTreeMap<TopicPartition, Log>>>,
    /// Whether the brokers have topic ids (KIP-516), which those before 2.8 have not.
    knows_ids: bool,
    /// Whether the brokers tell the leader epochs of records, which old ones do not.
    knows_leader_epochs: bool,
    /// Whether the topic is deleted at the moment.
    gone: Arc<AtomicBool>,
}

/// The topic id of the nth topic of this name.
fn topic_id(incarnation: usize) -> String {
    format!("{incarnation:022}")
}

impl Kafka {
    pub fn new(partitions: &[TopicPartition]) -> Kafka {
        let logs = partitions.iter().map(|p| (p.clone(), Log::default())).collect();
        Kafka {
            logs: Arc::new(Mutex::new(logs)),
            knows_ids: true,
            knows_leader_epochs: true,
            gone: Arc::default(),
        }
    }

    /// The same cluster without topic ids.
    pub fn without_ids(self) -> Kafka {
        Kafka {
            knows_ids: false,
            ..self
        }
    }

    /// The same cluster without leader epochs.
    pub fn without_leader_epochs(self) -> Kafka {
        Kafka {
            knows_leader_epochs: false,
            ..self
        }
    }

    pub fn knows_leader_epochs(&self) -> bool {
        self.knows_leader_epochs
    }

    /// Whether the topic is deleted at the moment.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    pub fn set_gone(&self, gone: bool) {
        self.gone.store(gone, Ordering::Relaxed);
    }

    pub fn knows_ids(&self) -> bool {
        self.knows_ids
    }

    /// The ids of the topics, by name; none where brokers have none, or while the topic is deleted.
    pub fn topic_ids(&self) -> BTreeMap<String, String> {
        let is_known = self.knows_ids && !self.is_gone();
        let logs = self.logs();
        let named =
            |(partition, log): (&TopicPartition, &Log)| (partition.topic.to_string(), topic_id(log.before.len()));
        logs.iter().filter(|_| is_known).map(named).collect()
    }

    pub fn logs(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Log>> {
        self.logs.lock().unwrap()
    }

    pub fn log<T>(&self, partition: &TopicPartition, use_it: impl FnOnce(&mut Log) -> T) -> T {
        use_it(self.logs().get_mut(partition).unwrap())
    }

    /// Accepts the commit if the process owns the partition, as the group's coordinator does.
    pub fn commit(&self, by: ProcessId, partition: &TopicPartition, commit: Commit) -> bool {
        self.log(partition, |log| {
            let taken = log.owner == Some(by) && !self.is_gone();
            if taken {
                log.commit = Some(commit);
            }
            taken
        })
    }

    /// The cluster for the verifier.
    pub fn facts(&self) -> Arc<Broker> {
        let broker = Broker::default();
        for (partition, log) in self.logs().iter() {
            let log = BrokerLog {
                unstable: 0,
                low: log.low,
                high: log.high,
                records: log.held(),
                commit: log.commit.clone(),
                leader_epochs: match self.knows_leader_epochs() {
                    true => log.leader_epochs.clone(),
                    false => BTreeMap::new(),
                },
            };
            broker.logs().insert(partition.clone(), log);
        }
        for (topic, id) in self.topic_ids() {
            broker.identify(&topic, &id);
        }
        Arc::new(broker)
    }
}

/// A process's requests for offsets, which may be lost or delayed. Answers hold the state at the time of the request.
pub struct OffsetQueries {
    pub kafka: Kafka,
    pub dice: Mutex<(Dice, Odds)>,
}

impl OffsetQueries {
    async fn ask<T>(&self, answer: impl FnOnce() -> T) -> Result<T, AppError> {
        step().await;
        if self.draws(|odds| odds.lost) {
            return Err(AppError::transient("Kafka did not answer"));
        }
        if self.kafka.is_gone() {
            return Err(KafkaError::UnknownTopic {
                topic: "payments".to_owned(),
            }
            .into());
        }
        let answer = answer();
        step().await;
        while self.draws(|odds| odds.slow) {
            step().await;
        }
        Ok(answer)
    }

    fn draws(&self, fault: fn(&Odds) -> u32) -> bool {
        let (dice, odds) = &mut *self.dice.lock().unwrap();
        dice.permille(fault(odds))
    }
}

#[async_trait]
impl Offsets for OffsetQueries {
    async fn committed(&self, partition: &TopicPartition) -> Result<Option<CommitMetadata>, AppError> {
        let answer = || self.kafka.log(partition, |log| log.commit.clone());
        Ok(self.ask(answer).await?.and_then(|commit| commit.metadata.parse().ok()))
    }

    async fn log_range(&self, partition: &TopicPartition) -> Result<LogRange, AppError> {
        let answer = || {
            self.kafka.log(partition, |log| LogRange {
                start_offset: log.low,
                end_offset: log.high,
            })
        };
        self.ask(answer).await
    }

    async fn topic_id(&self, _topic: &str) -> Result<Option<String>, AppError> {
        let answer = || {
            let incarnation = self.kafka.logs().values().next().map_or(0, |log| log.before.len());
            self.kafka.knows_ids.then(|| topic_id(incarnation))
        };
        self.ask(answer).await
    }
}

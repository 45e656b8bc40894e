//! The state machine of the archiver: all partitions and their shared memory budget (MEM-1). Takes events and returns
//! actions, which the caller carries out.

use std::collections::HashMap;

use crate::archive::author::Author;
use crate::archive::epochs::{Declarations, Divergence};
use crate::archive::partition::{Context, Partition};
use crate::archive::policy::{SealPolicies, SealPolicy};
use crate::archive::step::{Action, Delivered, Event, Now, Slot, Standing, StopReason, Ticket};
use crate::record::position::TopicPartition;

/// With this many segments in the encoder, no further segment is sealed early to free memory.
const ENCODER_QUEUE: usize = 2;

/// The state of all partitions.
#[derive(Debug)]
pub struct Machine {
    author: Author,
    policies: SealPolicies,
    /// What the operator declared.
    declarations: Declarations,
    partitions: Vec<Partition>,
    /// The limits of each partition, by slot.
    limits: Vec<SealPolicy>,
    slots: HashMap<TopicPartition, Slot>,
    /// Bytes of rows in the encoder; they count until it answers, even if the partition is released before.
    encoding: HashMap<Ticket, usize>,
    buffered_bytes: usize,
    paused: bool,
    shutting_down: bool,
}

/// Records in memory that no link covers yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unarchived {
    /// Partitions with such records.
    pub partitions: usize,
    /// Their number.
    pub records: u64,
    /// Their bytes in memory.
    pub bytes: usize,
}

impl Machine {
    /// A machine without partitions.
    #[must_use]
    pub fn new(author: Author, policies: impl Into<SealPolicies>) -> Machine {
        Machine {
            author,
            policies: policies.into(),
            declarations: Declarations::default(),
            partitions: Vec::new(),
            limits: Vec::new(),
            slots: HashMap::new(),
            encoding: HashMap::new(),
            buffered_bytes: 0,
            paused: false,
            shutting_down: false,
        }
    }

    /// Allows these topics to begin a new epoch if they are found to have been deleted and created again. It has no effect
    /// on other topics, nor on a later recreation.
    pub fn declare_new_epochs(&mut self, topics: impl IntoIterator<Item = String>) {
        self.declarations.extend(topics);
    }

    /// Declares that Kafka's logs were cut back. A divergence ends its epoch once; it has no effect on later ones.
    pub fn declare_divergences(&mut self, diverged: impl IntoIterator<Item = Divergence>) {
        self.declarations.extend_diverged(diverged);
    }

    /// The partition's slot; assigned with its first assignment and then unchanged.
    #[must_use]
    pub fn slot(&self, partition: &TopicPartition) -> Option<Slot> {
        self.slots.get(partition).copied()
    }

    /// Bytes that count in the memory budget, including those in the encoder.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.buffered_bytes + self.encoding.values().sum::<usize>()
    }

    /// The limit of [`Machine::buffered_bytes`].
    #[must_use]
    pub fn memory_budget_bytes(&self) -> usize {
        self.policies.shared().memory_budget_bytes
    }

    /// What is shown of one partition.
    #[must_use]
    pub fn standing(&self, slot: Slot, now: Now) -> Standing {
        match (self.partitions.get(slot.0), self.limits.get(slot.0)) {
            (Some(partition), Some(policy)) => partition.standing(policy, now),
            _ => Standing::default(),
        }
    }

    /// What the records in memory amount to that no link covers yet.
    #[must_use]
    pub fn unarchived(&self) -> Unarchived {
        let mut all = Unarchived::default();
        for partition in &self.partitions {
            let records = partition.unarchived_records();
            all.partitions += usize::from(records > 0);
            all.records += records;
        }
        all.bytes = self.buffered_bytes();
        all
    }

    /// The offset after the last record that the partition's owner was given; `None` while its head is not known.
    #[must_use]
    pub fn delivered_until(&self, partition: &TopicPartition) -> Option<i64> {
        self.partitions[self.slot(partition)?.0].delivered_until()
    }

    /// Whether every partition is released.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.partitions.iter().all(Partition::is_released)
    }

    /// Whether a partition is stopped until an operator acts.
    #[must_use]
    pub fn is_stopped(&self, slot: Slot) -> bool {
        self.partitions.get(slot.0).is_some_and(Partition::is_stopped)
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutting_down
    }

    /// Takes the next record of a partition. This is the hot path; it is separate from [`Machine::step`] because the record
    /// is borrowed from the Kafka client.
    #[inline]
    pub fn record(&mut self, slot: Slot, delivered: Delivered<'_, '_>, now: Now, actions: &mut Vec<Action>) {
        let (Some(partition), Some(policy)) = (self.partitions.get_mut(slot.0), self.limits.get(slot.0)) else {
            return;
        };
        let before = partition.buffered_bytes();
        let start = actions.len();
        let mut cx = Context {
            author: &self.author,
            policy,
            declarations: &mut self.declarations,
            now,
            actions,
        };
        partition.record(delivered.record, delivered.leader_epoch, &mut cx);
        let after = partition.buffered_bytes();
        if after != before || actions.len() != start {
            self.buffered_bytes = self.buffered_bytes - before + after;
            self.note_encoding(&actions[start..]);
            self.relieve(now, actions);
        }
    }

    /// Takes one event and appends any number of actions.
    pub fn step(&mut self, event: Event, now: Now, actions: &mut Vec<Action>) {
        let start = actions.len();
        match event {
            Event::Assigned(partition) => {
                let slot = self.slot_for(&partition);
                if !self.shutting_down {
                    self.with(slot, now, actions, Partition::load);
                }
            }
            Event::Revoked(name) => self.with_named(&name, now, actions, Partition::revoke),
            Event::Lost(name) => self.with_named(&name, now, actions, |partition, _| partition.lose()),
            Event::EndReached(name, position) => {
                self.with_named(&name, now, actions, |partition, cx| partition.end_reached(position, cx));
            }
            Event::OutOfRange(name) => self.with_named(&name, now, actions, Partition::out_of_range),
            Event::Truncated(name) => self.with_named(&name, now, actions, Partition::truncated),
            Event::TopicIdSeen(name, id) => self.with_named(&name, now, actions, |p, cx| p.topic_id_seen(&id, cx)),
            Event::CannotRead(name, why) => self.with_named(&name, now, actions, |p, cx| p.cannot_read(why, cx)),
            Event::NotAllowed(ticket, why) => {
                self.answer(ticket, now, actions, |p, cx| p.stop(StopReason::NotAllowed(why), cx));
            }
            Event::Tick => self.with_all(now, actions, Partition::tick),
            Event::Shutdown => {
                self.shutting_down = true;
                self.with_all(now, actions, Partition::shut_down);
            }
            Event::KeysSeen(keyring) => self.author.keyring = keyring,
            Event::CheckpointSeen(checkpoint) => {
                if checkpoint.number > self.author.checkpoint.number {
                    self.author.checkpoint = checkpoint;
                }
            }
            Event::Encoded(ticket, object) => {
                self.encoding.remove(&ticket);
                self.answer(ticket, now, actions, |partition, cx| partition.encoded(object, cx));
            }
            Event::HeadLoaded(ticket, loaded) => {
                self.answer(ticket, now, actions, |partition, cx| partition.head_loaded(*loaded, cx));
            }
            Event::HeadRefused(ticket, why) => {
                self.answer(ticket, now, actions, |p, cx| p.stop(StopReason::HeadRefused(why), cx));
            }
            Event::Refused(ticket, why) => {
                self.answer(ticket, now, actions, |p, cx| p.stop(StopReason::Refused(why), cx));
            }
            Event::SegmentCreated(ticket) => self.answer(ticket, now, actions, Partition::segment_created),
            Event::SegmentTaken(ticket) => self.answer(ticket, now, actions, Partition::segment_taken),
            Event::TopicReplaced(ticket) => self.answer(ticket, now, actions, Partition::begin_again),
            Event::LinkCreated(ticket, hash) => {
                self.answer(ticket, now, actions, |partition, cx| partition.link_created(hash, cx));
            }
            Event::LinkUnsignable(ticket, why) => {
                self.answer(ticket, now, actions, |p, cx| p.stop(StopReason::Unsignable(why), cx));
            }
            Event::LinkPassedOver(ticket, free) => {
                self.answer(ticket, now, actions, |partition, cx| {
                    partition.link_passed_over(free, cx);
                });
            }
            Event::LinkTaken(ticket, object) => {
                self.answer(ticket, now, actions, |partition, cx| partition.link_taken(&object, cx));
            }
            Event::Committed(ticket) => self.answer(ticket, now, actions, Partition::committed),
        }
        self.note_encoding(&actions[start..]);
        self.relieve(now, actions);
    }

    fn slot_for(&mut self, partition: &TopicPartition) -> Slot {
        if let Some(slot) = self.slot(partition) {
            return slot;
        }
        let slot = Slot(self.partitions.len());
        self.partitions
            .push(Partition::new(partition.clone(), Ticket { slot, turn: 0 }));
        self.limits.push(self.policies.of(&partition.topic));
        self.slots.insert(partition.clone(), slot);
        slot
    }

    fn with_named<F>(&mut self, name: &TopicPartition, now: Now, actions: &mut Vec<Action>, act: F)
    where
        F: FnOnce(&mut Partition, &mut Context<'_>),
    {
        if let Some(slot) = self.slot(name) {
            self.with(slot, now, actions, act);
        }
    }

    fn with_all<F>(&mut self, now: Now, actions: &mut Vec<Action>, mut act: F)
    where
        F: FnMut(&mut Partition, &mut Context<'_>),
    {
        for slot in 0..self.partitions.len() {
            if !self.partitions[slot].is_released() {
                self.with(Slot(slot), now, actions, &mut act);
            }
        }
    }

    /// Ignores answers to an earlier turn of a partition (EP-1).
    fn answer<F>(&mut self, ticket: Ticket, now: Now, actions: &mut Vec<Action>, act: F)
    where
        F: FnOnce(&mut Partition, &mut Context<'_>),
    {
        if self
            .partitions
            .get(ticket.slot.0)
            .is_some_and(|partition| partition.ticket() == ticket)
        {
            self.with(ticket.slot, now, actions, act);
        }
    }

    fn with<F>(&mut self, slot: Slot, now: Now, actions: &mut Vec<Action>, act: F)
    where
        F: FnOnce(&mut Partition, &mut Context<'_>),
    {
        let (Some(partition), Some(policy)) = (self.partitions.get_mut(slot.0), self.limits.get(slot.0)) else {
            return;
        };
        let before = partition.buffered_bytes();
        act(
            partition,
            &mut Context {
                author: &self.author,
                policy,
                declarations: &mut self.declarations,
                now,
                actions,
            },
        );
        self.buffered_bytes = self.buffered_bytes - before + partition.buffered_bytes();
    }

    fn note_encoding(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Encode(ticket, job) = action {
                self.encoding.insert(*ticket, job.0.buffered_bytes());
            }
        }
    }

    /// Keeps memory within the budget: seals the largest segments early while the encoder has room, pauses consumption at
    /// the budget, and resumes below it.
    fn relieve(&mut self, now: Now, actions: &mut Vec<Action>) {
        while self.encoding.len() < ENCODER_QUEUE && self.buffered_bytes() > self.policies.shared().pressure_bytes() {
            let Some(slot) = self.to_seal_for_memory() else { break };
            let start = actions.len();
            self.with(slot, now, actions, Partition::seal_for_memory);
            self.note_encoding(&actions[start..]);
        }
        let buffered_bytes = self.buffered_bytes();
        if !self.paused && buffered_bytes >= self.policies.shared().memory_budget_bytes {
            self.paused = true;
            actions.push(Action::Pause);
        } else if self.paused && buffered_bytes < self.policies.shared().resume_bytes() {
            self.paused = false;
            actions.push(Action::Resume);
        }
    }

    /// The largest segment that can be sealed now. If there is none, no seal in progress will free memory, and consumption
    /// is paused: the largest segment that waits for the end of a found segment. Without this, the archiver would
    /// deadlock.
    fn to_seal_for_memory(&self) -> Option<Slot> {
        let largest = |size: fn(&Partition) -> usize| {
            self.partitions
                .iter()
                .max_by_key(|partition| size(partition))
                .filter(|partition| size(partition) > 0)
        };
        let stuck = self.paused && self.encoding.is_empty() && !self.partitions.iter().any(Partition::is_sealing);
        largest(Partition::sealable_bytes)
            .or_else(|| largest(Partition::adopting_bytes).filter(|_| stuck))
            .map(|partition| partition.ticket().slot)
    }
}

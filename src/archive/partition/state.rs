//! The state of one partition.

use crate::archive::adoption::Adoption;
use crate::archive::author::Author;
use crate::archive::epochs::Declarations;
use crate::archive::open::OpenSegment;
use crate::archive::policy::SealPolicy;
use crate::archive::step::{Action, Adopted, Now, Object, Standing, StopReason, Ticket};
use crate::log::link::{Link, SignedLink};
use crate::log::object_key::{Attempt, Place};
use crate::record::position::{Epoch, FirstOffset, TopicPartition};

/// The inputs and outputs of a step.
pub struct Context<'a> {
    /// The writer of links.
    pub author: &'a Author,
    /// The limits of segments.
    pub policy: &'a SealPolicy,
    /// What the operator declared.
    pub declarations: &'a mut Declarations,
    /// The time of this step.
    pub now: Now,
    /// The actions of this step are appended here.
    pub actions: &'a mut Vec<Action>,
}

/// A partition that was assigned at least once.
#[derive(Debug)]
pub struct Partition {
    pub(super) partition: TopicPartition,
    pub(super) ticket: Ticket,
    pub(super) phase: Phase,
    pub(super) leaving: Option<Leaving>,
    /// A time since which the head is known: before it was loaded, or its link created. By the monotonic clock.
    pub(super) head_known_ms: u64,
    /// Set until the head is loaded, which then stops the partition or ends its epoch.
    pub(super) other_log: Option<OtherLog>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Not assigned to this process.
    Released,
    /// Waits for the head.
    Loading,
    /// Takes records.
    Archiving(Box<Chain>),
    /// Waits for an operator.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Chain {
    pub(super) head: Option<SignedLink>,
    /// The topic id of the next link: the head's, or Kafka's if the head has none or a new epoch begins.
    pub(super) topic_id: Option<String>,
    /// Kafka's topic id when the head was loaded. A link without a segment is not created if it has changed.
    pub(super) kafka_topic_id: Option<String>,
    pub(super) open: OpenSegment,
    pub(super) sealing: Option<Sealing>,
    pub(super) adoption: Adoption,
    pub(super) end_position: i64,
    pub(super) unanswered_commits: usize,
    /// Since when the partition waits for nothing but commits.
    pub(super) waiting_since_ms: Option<u64>,
}

/// Why the open segment must be finished before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leaving {
    Revoked,
    Shutdown,
    /// Kafka no longer has the next offset: then the head is loaded again.
    Reload,
    /// Nothing more can be read: then the partition stops.
    Stopping(StopReason),
    /// Kafka's log is not the archived one: then the head is loaded again, to find out what the operator declared.
    OtherLog,
}

/// What told that Kafka's log is not the archived one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherLog {
    /// The broker found that the log was cut back below the next offset.
    Truncated,
    /// A record has a lower leader epoch than one before it.
    EpochFell { offset: i64, before: i32, now: i32 },
}

impl Leaving {
    /// Whether no more records will be delivered, so that the open segment is sealed without regard to found segments.
    pub(super) fn is_last_chance(&self) -> bool {
        match self {
            Leaving::Revoked | Leaving::Reload => false,
            Leaving::Shutdown | Leaving::Stopping(_) | Leaving::OtherLog => true,
        }
    }
}

/// A segment between the cut and its link.
#[derive(Debug)]
pub(super) struct Sealing {
    pub(super) draft: Link,
    pub(super) value_bytes: u64,
    /// When the segment was cut, by the monotonic clock.
    pub(super) cut_at_ms: u64,
    pub(super) stage: Stage,
}

/// The pending step of a seal.
#[derive(Debug)]
pub(super) enum Stage {
    Encoding,
    Segment(Object, Attempt),
    Link(Attempt, Adopted),
}

impl Sealing {
    /// A range that has a link and no segment.
    pub(super) fn without_segment(draft: Link, now: Now) -> Sealing {
        Sealing {
            draft,
            value_bytes: 0,
            cut_at_ms: now.monotonic_ms,
            stage: Stage::Link(Attempt::PLAIN, Adopted::Ours),
        }
    }
}

impl Partition {
    /// A partition that is not assigned yet.
    #[must_use]
    pub fn new(partition: TopicPartition, ticket: Ticket) -> Partition {
        Partition {
            partition,
            ticket,
            phase: Phase::Released,
            leaving: None,
            head_known_ms: 0,
            other_log: None,
        }
    }

    /// The ticket of this turn; answers with another one are ignored.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The topic and partition number.
    #[must_use]
    pub fn name(&self) -> &TopicPartition {
        &self.partition
    }

    /// Whether the partition is released.
    #[must_use]
    pub fn is_released(&self) -> bool {
        matches!(self.phase, Phase::Released)
    }

    /// Whether the partition is stopped until an operator acts.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }

    /// The offset after the last delivered record; `None` while the head is not known.
    #[must_use]
    pub fn delivered_until(&self) -> Option<i64> {
        match &self.phase {
            Phase::Archiving(chain) => Some(chain.open.expected()),
            _ => None,
        }
    }

    /// Bytes that count in the memory budget: the open rows and an encoded object, without rows in the encoder.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        let Phase::Archiving(chain) = &self.phase else { return 0 };
        let object = match chain.sealing.as_ref().map(|sealing| &sealing.stage) {
            Some(Stage::Segment(object, _)) => object.bytes.len(),
            _ => 0,
        };
        chain.open.buffered_bytes() + object
    }

    /// What is shown of the partition.
    #[must_use]
    pub fn standing(&self, policy: &SealPolicy, now: Now) -> Standing {
        let Phase::Archiving(chain) = &self.phase else {
            return Standing::default();
        };
        Standing {
            buffered_bytes: self.buffered_bytes(),
            unarchived_records: self.unarchived_records(),
            sealed_in_ms: match chain.sealing {
                Some(_) => Some(0),
                None => policy.due_in_ms(chain.open.fill(now)),
            },
            newest_archived_ms: chain.head.as_ref().and_then(|head| head.link.max_timestamp_ms),
        }
    }

    /// The number of records in memory that no link covers yet.
    #[must_use]
    pub fn unarchived_records(&self) -> u64 {
        let Phase::Archiving(chain) = &self.phase else { return 0 };
        let sealing = chain.sealing.as_ref().map_or(0, |sealing| sealing.draft.record_count);
        chain.open.len() as u64 + sealing
    }

    /// Whether a seal is in progress, which will free memory.
    #[must_use]
    pub fn is_sealing(&self) -> bool {
        matches!(&self.phase, Phase::Archiving(chain) if chain.sealing.is_some())
    }

    /// Buffered bytes of the open segment if it can be sealed now, else 0.
    #[must_use]
    pub fn sealable_bytes(&self) -> usize {
        match &self.phase {
            Phase::Archiving(chain) if chain.sealing.is_none() && chain.adoption.ends().is_none() => {
                chain.open.buffered_bytes()
            }
            _ => 0,
        }
    }

    /// Buffered bytes of the open segment if it waits for the end of a found segment, else 0.
    #[must_use]
    pub fn adopting_bytes(&self) -> usize {
        match &self.phase {
            Phase::Archiving(chain) if chain.sealing.is_none() && chain.adoption.ends().is_some() => {
                chain.open.buffered_bytes()
            }
            _ => 0,
        }
    }
}

impl Chain {
    /// The place of the next link.
    pub(super) fn place(&self, partition: &TopicPartition) -> Place {
        let first = || Place {
            partition: partition.clone(),
            epoch: Epoch(0),
            first_offset: FirstOffset(0),
        };
        self.head.as_ref().map_or_else(first, |head| head.link.next_place())
    }

    /// An empty segment that begins at this offset, which is not below the place of the next link.
    pub(super) fn empty(&self, partition: &TopicPartition, first_offset: FirstOffset) -> OpenSegment {
        match &self.head {
            Some(head) => OpenSegment::after(&head.link, first_offset),
            None => OpenSegment::new(partition, first_offset),
        }
    }
}

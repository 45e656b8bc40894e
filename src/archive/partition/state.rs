//! What is held of one partition, and what can be asked of it.

use crate::archive::adoption::Adoption;
use crate::archive::author::Author;
use crate::archive::epochs::Declarations;
use crate::archive::open::OpenSegment;
use crate::archive::policy::SealPolicy;
use crate::archive::step::{Action, Adopted, Now, Object, Ticket};
use crate::log::link::{Link, SignedLink};
use crate::log::object_key::{Attempt, Place};
use crate::record::position::{Epoch, FirstOffset, TopicPartition};

/// What a step may use: who writes, the limits, the time, and where the actions go.
pub struct Context<'a> {
    /// Who writes.
    pub author: &'a Author,
    /// The limits.
    pub policy: &'a SealPolicy,
    /// What an operator declared about topics that were created again.
    pub new_epochs: &'a mut Declarations,
    /// The time of this step.
    pub now: Now,
    /// What is to be done.
    pub actions: &'a mut Vec<Action>,
}

/// A partition that was assigned at least once.
#[derive(Debug)]
pub struct Partition {
    pub(super) partition: TopicPartition,
    pub(super) ticket: Ticket,
    pub(super) phase: Phase,
    pub(super) leaving: Option<Leaving>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Not ours.
    Released,
    /// The head was asked for.
    Loading,
    /// Records are taken.
    Archiving(Box<Chain>),
    /// Until somebody acts.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Chain {
    pub(super) head: Option<SignedLink>,
    /// Of the next link: the head's, or the one after it.
    pub(super) epoch: Epoch,
    /// Of the next link: the head's, or what Kafka told where the head has none.
    pub(super) topic_id: Option<String>,
    pub(super) open: OpenSegment,
    pub(super) sealing: Option<Sealing>,
    pub(super) adoption: Adoption,
    pub(super) end_position: i64,
    pub(super) unanswered_commits: usize,
    /// Since when nothing but commits is waited for.
    pub(super) waiting_since_ms: Option<u64>,
}

/// Why the open segment must be finished before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    Revoked,
    Shutdown,
    /// Kafka no longer has what comes next: finish what we hold, then load the head and see.
    Reload,
    /// The topic is no longer there: finish what we hold, then stand still.
    TopicGone,
}

impl Leaving {
    /// Whether nothing more will be delivered to us: what was is archived now, and no found segment is waited for.
    pub(super) fn is_last_chance(self) -> bool {
        matches!(self, Leaving::Shutdown | Leaving::TopicGone)
    }
}

/// A segment on its way from the open rows to its link.
#[derive(Debug)]
pub(super) struct Sealing {
    pub(super) draft: Link,
    pub(super) value_bytes: u64,
    pub(super) stage: Stage,
}

/// What was asked for last.
#[derive(Debug)]
pub(super) enum Stage {
    Encoding,
    Segment(Object, Attempt),
    Link(Box<SignedLink>, Object, Attempt, Adopted),
}

impl Partition {
    /// A partition that is not ours yet.
    #[must_use]
    pub fn new(partition: TopicPartition, ticket: Ticket) -> Partition {
        Partition {
            partition,
            ticket,
            phase: Phase::Released,
            leaving: None,
        }
    }

    /// What answers must carry to be heard.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicPartition {
        &self.partition
    }

    /// Whether nothing of it is left in us.
    #[must_use]
    pub fn is_released(&self) -> bool {
        matches!(self.phase, Phase::Released)
    }

    /// Whether it stands still until somebody acts.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }

    /// Bytes that count in the memory budget: open rows and a finished object, not what the encoder holds.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        let Phase::Archiving(chain) = &self.phase else { return 0 };
        let object = match chain.sealing.as_ref().map(|sealing| &sealing.stage) {
            Some(Stage::Segment(object, _)) => object.bytes.len(),
            _ => 0,
        };
        chain.open.buffered_bytes() + object
    }

    /// Whether a seal is under way, so that its memory will be free by itself.
    #[must_use]
    pub fn is_sealing(&self) -> bool {
        matches!(&self.phase, Phase::Archiving(chain) if chain.sealing.is_some())
    }

    /// Buffered bytes of a segment that could be sealed now.
    #[must_use]
    pub fn sealable_bytes(&self) -> usize {
        match &self.phase {
            Phase::Archiving(chain) if chain.sealing.is_none() && chain.adoption.ends().is_none() => {
                chain.open.buffered_bytes()
            }
            _ => 0,
        }
    }

    /// Buffered bytes of a segment that is being filled up to the end of a found one.
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
    /// Where the next link belongs.
    pub(super) fn place(&self, partition: &TopicPartition) -> Place {
        let head = self.head.as_ref().map(|head| &head.link);
        let in_epoch = head.filter(|head| head.epoch == self.epoch);
        Place {
            partition: partition.clone(),
            epoch: self.epoch,
            first_offset: in_epoch.map_or(FirstOffset(0), |head| head.next_offset.begins()),
        }
    }
}

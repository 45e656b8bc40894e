//! The one enum that a consumer speaks in. Says what happened, and whose turn it is; never does anything.

use crate::kafka::assignment::PartitionIndex;
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, TopicPartition};
use crate::record::record::Record;

/// What one poll brought.
#[derive(Debug)]
pub enum Polled<'a> {
    /// A record of a started partition; offsets of a partition rise, with holes where transactions ended.
    Record {
        /// Dense and stable while the consumer lives: see [`Consumer::partition`](crate::kafka::consumer::Consumer::partition).
        partition: PartitionIndex,
        /// Lent until the next poll.
        record: Record<'a>,
    },
    /// All records that are there now were delivered. Told again each time the end is reached.
    EndReached {
        /// Which partition.
        partition: TopicPartition,
        /// Beyond the last record and the transaction markers after it.
        position: NextOffset,
    },
    /// These are ours now. Answer with [`Consumer::start`](crate::kafka::consumer::Consumer::start), at leisure and in parts.
    Assign(Vec<TopicPartition>),
    /// Another member waits for these: finish, and answer with [`Consumer::release`](crate::kafka::consumer::Consumer::release). Until then they stay ours.
    Revoke(Vec<TopicPartition>),
    /// These are another member's already: drop what is open; neither create nor commit.
    Lost(Vec<TopicPartition>),
    /// Kafka has nothing at the position: fetching stopped, until [`Consumer::seek`](crate::kafka::consumer::Consumer::seek).
    OutOfRange {
        /// Which partition.
        partition: TopicPartition,
    },
    /// Kafka has no such partition any more: its topic was deleted. Told again as long as it is so.
    TopicGone {
        /// Which partition.
        partition: TopicPartition,
    },
    /// What became of an earlier [`Consumer::commit`](crate::kafka::consumer::Consumer::commit).
    Committed(Vec<CommitOutcome>),
    /// Nothing within the time given, or something that was no news.
    Nothing,
    /// Something failed; [`Explain::kind`](crate::error::Explain::kind) says whether it goes away by itself.
    Failed(KafkaError),
}

/// What became of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOutcome {
    /// Whose.
    pub partition: TopicPartition,
    /// What was to be committed.
    pub next_offset: NextOffset,
    /// `Fenced` where the partition has another owner.
    pub outcome: Result<(), KafkaError>,
}

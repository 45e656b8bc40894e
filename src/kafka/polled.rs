//! What a poll of the consumer returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kafka::assignment::PartitionIndex;
use crate::kafka::error::KafkaError;
use crate::record::position::{NextOffset, TopicPartition};
use crate::record::record::Record;

/// Kafka's ids of topics, by name.
pub type TopicIds = BTreeMap<String, String>;

/// What one poll brought.
#[derive(Debug)]
pub enum Polled<'a> {
    /// A record of a started partition; offsets of a partition rise, with holes where transactions ended.
    Record {
        /// Dense and stable while the consumer lives: see [`Consumer::partition`](crate::kafka::consumer::Consumer::partition).
        partition: PartitionIndex,
        /// Lent until the next poll.
        record: Record<'a>,
        /// The leader epoch of the record, if the broker knows it.
        leader_epoch: Option<i32>,
    },
    /// All records that the partition has now were delivered. Returned each time the end is reached.
    EndReached {
        /// Which partition.
        partition: TopicPartition,
        /// Beyond the last record and the transaction markers after it.
        position: NextOffset,
    },
    /// These are ours now. To be answered with [`Consumer::start`](crate::kafka::consumer::Consumer::start), at any time and in
    /// parts.
    Assign(Vec<TopicPartition>),
    /// Another member waits for these. They stay ours until
    /// [`Consumer::release`](crate::kafka::consumer::Consumer::release).
    Revoke(Vec<TopicPartition>),
    /// Another member has these already: what is open must be dropped, neither created nor committed.
    Lost(Vec<TopicPartition>),
    /// Kafka has no record at the position, and fetching stopped until
    /// [`Consumer::seek`](crate::kafka::consumer::Consumer::seek).
    OutOfRange {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The broker found that the log was cut back below the position, by the leader epoch that came with it (KIP-320), and
    /// fetching stopped until [`Consumer::seek`](crate::kafka::consumer::Consumer::seek).
    Truncated {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The partition does not exist any more, because its topic was deleted. Returned again as long as that is so.
    TopicGone {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The ids that the archived topics have now, by name. Not from the consumer itself, but from who asks beside it.
    TopicIds(Arc<TopicIds>),
    /// A topic of the subscription does not exist, or no ACL allows to read it. Its partitions are assigned once it does.
    TopicUnavailable {
        /// The topic's name.
        topic: String,
        /// Why.
        error: KafkaError,
    },
    /// The partition cannot be read, and trying again does not help: no ACL allows it, or a batch is damaged. Others are read.
    Unreadable {
        /// Which partition.
        partition: TopicPartition,
        /// Why.
        error: KafkaError,
    },
    /// The outcomes of earlier [`Consumer::commit`](crate::kafka::consumer::Consumer::commit).
    Committed(Vec<CommitOutcome>),
    /// Nothing within the time given, or nothing that matters to the caller.
    Nothing,
    /// Something failed. [`Explain::kind`](crate::error::Explain::kind) says whether it is transient.
    Failed(KafkaError),
}

/// The outcome of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOutcome {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset that was to be committed.
    pub next_offset: NextOffset,
    /// `Fenced` if the partition has another owner.
    pub outcome: Result<(), KafkaError>,
}

//! Positions: topic, partition, epoch, height, offsets. Each has a type of its own, so that the compiler refuses a first
//! offset where a next offset is wanted.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A partition of a topic. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Partition number `partition` of `topic`; checks neither.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Whether Kafka accepts `name` for a topic: `[a-zA-Z0-9._-]{1,249}`, neither `.` nor `..`.
#[must_use]
pub fn is_topic_name(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether `text` is a topic id as Kafka prints it: `[A-Za-z0-9_-]{22}`.
#[must_use]
pub fn is_topic_id(text: &str) -> bool {
    text.len() == 22
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

macro_rules! position {
    ($(#[$doc:meta])* $name:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $of);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

position! {
    /// The first offset of a range `[first, next)`.
    FirstOffset(i64)
}
position! {
    /// The end of a range `[first, next)`: the offset after its last one.
    NextOffset(i64)
}
position! {
    /// How often the log of the partition was begun anew while it was archived, because the topic was created again or an
    /// unclean leader election cut the log back; from 0.
    Epoch(u32)
}
position! {
    /// The number of links before this one in its partition's chain. It does not restart in a new epoch.
    Height(u64)
}

impl NextOffset {
    /// The first offset of the range that follows.
    #[must_use]
    pub fn begins(self) -> FirstOffset {
        FirstOffset(self.0)
    }
}

/// Where a consumer continues: an offset, and Kafka's leader epoch of the record before it, with which the broker finds out
/// whether the log was cut back below the offset (KIP-320); `None` where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The offset of the next record, or of the next one that there is.
    pub next: NextOffset,
    /// The leader epoch of the record directly before `next`.
    pub leader_epoch: Option<i32>,
}

impl From<NextOffset> for Position {
    fn from(next: NextOffset) -> Position {
        Position {
            next,
            leader_epoch: None,
        }
    }
}

impl FirstOffset {
    /// The end of a range that ends where this one begins.
    #[must_use]
    pub fn next_offset(self) -> NextOffset {
        NextOffset(self.0)
    }
}

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0.saturating_add(1))
    }
}

impl Epoch {
    /// The greatest epoch: segments hold it in 32 bits with a sign.
    pub const MAX: Epoch = Epoch(i32::MAX.unsigned_abs());
}

impl Height {
    /// The height of the link after this one.
    #[must_use]
    pub fn next(self) -> Height {
        Height(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_follow_kafkas_rules() {
        for good in ["payments", "a", "A.b_c-9", &"x".repeat(249)] {
            assert!(is_topic_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "ä", "a b", &"x".repeat(250)] {
            assert!(!is_topic_name(bad), "{bad}");
        }
    }
}

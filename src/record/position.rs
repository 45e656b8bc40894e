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
    /// How often the topic was deleted and created again while it was archived, from 0.
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

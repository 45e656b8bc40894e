//! Which partitions a shard verifies: they are assigned by a hash of their names, so that machines agree without a
//! coordinator. What concerns no single partition is checked by every shard (ARCHITECTURE.md, "Verifying a large archive").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::record::hash::Hash;
use crate::record::position::TopicPartition;

/// Shard `index` of `count`, as in `--shard 1/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// The number of the shard, from 1.
    pub index: u64,
    /// The number of shards.
    pub count: u64,
}

impl Shard {
    /// Whether this shard checks the partition.
    #[must_use]
    pub fn owns(self, partition: &TopicPartition) -> bool {
        let hash = Hash::of(format!("{}/{}", partition.topic, partition.partition).as_bytes());
        let mut start = [0; 8];
        start.copy_from_slice(&hash.0[..8]);
        u64::from_be_bytes(start) % self.count.max(1) + 1 == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let shard = text.split_once('/').and_then(|(index, count)| {
            Some(Shard {
                index: index.parse().ok()?,
                count: count.parse().ok()?,
            })
        });
        shard
            .filter(|shard| (1..=shard.count).contains(&shard.index))
            .ok_or_else(|| "expected INDEX/COUNT, such as 1/4 for the first of four shards".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_is_in_exactly_one_shard() {
        for count in [1, 2, 3, 7] {
            for number in 0..100 {
                let partition = TopicPartition::new("payments", number);
                let owners = (1..=count).filter(|index| Shard { index: *index, count }.owns(&partition));
                assert_eq!(owners.count(), 1);
            }
        }
        // Reports of different versions can be merged, so the assignment must not change.
        let owner = |topic: &str, number| {
            (1..=4).find(|index| {
                Shard {
                    index: *index,
                    count: 4,
                }
                .owns(&TopicPartition::new(topic, number))
            })
        };
        let owners: Vec<_> = (0..4).map(|number| owner("payments", number).unwrap()).collect();
        insta::assert_compact_json_snapshot!(owners);
    }

    #[test]
    fn a_shard_is_written_as_one_of_so_many() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        for wrong in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}

//! A head: the newest link of a partition as an entry of the log names it, stored as a list.

use serde::{Deserialize, Serialize};

use crate::json::canonical;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, NextOffset, TopicPartition, is_topic_name};

/// The head of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Line", into = "Line")]
pub struct Head {
    /// The partition.
    pub partition: TopicPartition,
    /// The epoch of the head.
    pub epoch: Epoch,
    /// Its height.
    pub height: Height,
    /// The end of its range.
    pub next_offset: NextOffset,
    /// The SHA-256 of its object.
    pub link: Hash,
    /// The Merkle root over the objects of links 0 to `height`.
    pub log_root: Hash,
}

#[derive(Serialize, Deserialize)]
struct Line(String, i32, Epoch, Height, NextOffset, Hash, Hash);

impl From<Line> for Head {
    fn from(Line(topic, partition, epoch, height, next_offset, link, log_root): Line) -> Head {
        Head {
            partition: TopicPartition::new(&topic, partition),
            epoch,
            height,
            next_offset,
            link,
            log_root,
        }
    }
}

impl From<Head> for Line {
    fn from(head: Head) -> Line {
        Line(
            head.partition.topic.to_string(),
            head.partition.partition,
            head.epoch,
            head.height,
            head.next_offset,
            head.link,
            head.log_root,
        )
    }
}

impl Head {
    /// The canonical line, with its newline: the data of this head's leaf in an entry's tree of heads.
    ///
    /// # Errors
    /// None in practice: all fields have a JSON form.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        canonical::to_text(self)
    }

    /// Whether topic and integers are in their ranges.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        is_topic_name(&self.partition.topic)
            && self.partition.partition >= 0
            && self.epoch <= Epoch::MAX
            && self.height.0 <= i64::MAX as u64
            && self.next_offset.0 >= 0
    }
}

/// The rule that later heads break if they leave out a partition, or a head goes back or changes at its height.
#[must_use]
pub fn goes_back(before: &[Head], after: &[Head]) -> Option<String> {
    // Both lists are sorted by partition, so one pass is enough.
    let mut heads = after.iter().peekable();
    for before in before {
        while heads.next_if(|head| head.partition < before.partition).is_some() {}
        match heads.next_if(|head| head.partition == before.partition) {
            None => {
                return Some(format!(
                    "it leaves out {}, which the entry before it has",
                    before.partition
                ));
            }
            Some(head) if head.height < before.height || (head.height == before.height && head != before) => {
                return Some(format!(
                    "the head of {} went back or changed, at height {}",
                    head.partition, head.height
                ));
            }
            Some(_) => {}
        }
    }
    None
}

/// The head of a partition among sorted heads.
#[must_use]
pub fn head_of<'h>(heads: &'h [Head], partition: &TopicPartition) -> Option<&'h Head> {
    let index = heads.binary_search_by(|head| head.partition.cmp(partition)).ok()?;
    heads.get(index)
}

//! The partitions that are assigned to this consumer, and the next offset of each. Pure: it is given what Kafka granted, and
//! decides what may be started, committed and released.

use std::collections::BTreeMap;

use crate::kafka::error::KafkaError;
use crate::record::position::{Position, TopicPartition};

/// A partition by number: dense from 0 in the order of first assignment, and the same while the consumer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIndex(pub usize);

/// How the group hands partitions over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    /// All partitions are revoked from all members, then all are assigned again.
    #[default]
    Eager,
    /// Only partitions that move are revoked (KIP-429).
    Cooperative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ours,
    /// Ours until released.
    Revoking,
    NotOurs,
}

#[derive(Debug)]
struct Slot {
    partition: TopicPartition,
    standing: Standing,
    /// The position, while librdkafka fetches the partition or has paused it.
    next: Option<Position>,
}

/// The partitions of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    protocol: Protocol,
    slots: Vec<Slot>,
    by_name: BTreeMap<TopicPartition, PartitionIndex>,
    /// The slot of the last record: records come in runs of one partition.
    latest: usize,
    /// Whether librdkafka waits for the answer to a revocation.
    unanswered: bool,
}

impl Assignment {
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn partition(&self, index: PartitionIndex) -> &TopicPartition {
        &self.slots[index.0].partition
    }

    pub(crate) fn index(&self, partition: &TopicPartition) -> Option<PartitionIndex> {
        self.by_name.get(partition).copied()
    }

    /// These are ours from now on, and not fetched yet.
    pub(crate) fn grant(&mut self, protocol: Protocol, partitions: &[TopicPartition]) {
        self.protocol = protocol;
        for partition in partitions {
            let slot = self.slot(partition);
            slot.standing = Standing::Ours;
            slot.next = None;
        }
    }

    /// These must be released.
    pub(crate) fn revoke(&mut self, partitions: &[TopicPartition]) {
        self.unanswered = true;
        for partition in partitions {
            let slot = self.slot(partition);
            if slot.standing == Standing::Ours {
                slot.standing = Standing::Revoking;
            }
        }
    }

    /// Releases these. Returns the partitions that librdkafka must stop now, once for each revocation, when the last of them
    /// was released.
    pub(crate) fn release(&mut self, partitions: &[TopicPartition]) -> Option<Vec<TopicPartition>> {
        for partition in partitions {
            let slot = self.slot(partition);
            if slot.standing == Standing::Revoking {
                slot.standing = Standing::NotOurs;
            }
        }
        if !self.unanswered || self.slots.iter().any(|slot| slot.standing == Standing::Revoking) {
            return None;
        }
        self.unanswered = false;
        let released = self.slots.iter_mut().filter(|slot| slot.standing == Standing::NotOurs);
        Some(
            released
                .filter_map(|slot| slot.next.take().map(|_| slot.partition.clone()))
                .collect(),
        )
    }

    /// Starts these at their positions, or none of them.
    pub(crate) fn start(&mut self, positions: &[(TopicPartition, Position)]) -> Result<(), KafkaError> {
        for (partition, _) in positions {
            let ready = |slot: &Slot| slot.standing == Standing::Ours && slot.next.is_none();
            self.find(partition)
                .filter(|slot| ready(slot))
                .ok_or_else(|| not_assigned(partition))?;
        }
        for (partition, next) in positions {
            self.slot(partition).next = Some(*next);
        }
        Ok(())
    }

    /// Notes that the record before `now` is delivered. `None` if it must not be: the partition was released, or the record
    /// was delivered before.
    #[inline]
    pub(crate) fn advance(&mut self, topic: &[u8], partition: i32, now: Position) -> Option<PartitionIndex> {
        let is_it = |slot: &Slot| slot.partition.partition == partition && slot.partition.topic.as_bytes() == topic;
        if !self.slots.get(self.latest).is_some_and(is_it) {
            self.latest = self.slots.iter().position(is_it)?;
        }
        let slot = self.slots.get_mut(self.latest)?;
        let position = slot.next.as_mut().filter(|position| position.next < now.next)?;
        if slot.standing == Standing::NotOurs {
            return None;
        }
        *position = now;
        Some(PartitionIndex(self.latest))
    }

    pub(crate) fn seek(&mut self, partition: &TopicPartition, next: Position) -> Result<(), KafkaError> {
        self.require_started(partition)?;
        self.slot(partition).next = Some(next);
        Ok(())
    }

    /// Fails for a partition that is not ours or not fetched.
    pub(crate) fn require_started(&self, partition: &TopicPartition) -> Result<(), KafkaError> {
        self.require_ours(partition)?;
        self.position(partition)
            .map(drop)
            .ok_or_else(|| not_assigned(partition))
    }

    /// The started partitions with their positions.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, Position)> {
        let position = |slot: &Slot| slot.next.map(|next| (slot.partition.clone(), next));
        self.slots.iter().filter_map(position).collect()
    }

    /// The position of a started partition.
    pub(crate) fn position(&self, partition: &TopicPartition) -> Option<Position> {
        self.find(partition)?.next
    }

    /// Whether librdkafka waits until all revoked partitions are released.
    pub(crate) fn is_answer_due(&self) -> bool {
        self.unanswered
    }

    /// Revoked partitions that are not released yet.
    pub(crate) fn revoking(&self) -> Vec<TopicPartition> {
        let revoking = |slot: &&Slot| slot.standing == Standing::Revoking;
        self.slots
            .iter()
            .filter(revoking)
            .map(|slot| slot.partition.clone())
            .collect()
    }

    /// Fails for a partition that is not ours. A revoked partition is ours until it is released.
    pub(crate) fn require_ours(&self, partition: &TopicPartition) -> Result<(), KafkaError> {
        let ours = |slot: &&Slot| slot.standing != Standing::NotOurs;
        self.find(partition)
            .filter(ours)
            .map(drop)
            .ok_or_else(|| not_assigned(partition))
    }

    fn find(&self, partition: &TopicPartition) -> Option<&Slot> {
        self.by_name.get(partition).map(|index| &self.slots[index.0])
    }

    /// The slot of a partition, created when it is first seen. Slots are not removed, so that an index stays valid.
    fn slot(&mut self, partition: &TopicPartition) -> &mut Slot {
        let index = *self.by_name.entry(partition.clone()).or_insert_with(|| {
            self.slots.push(Slot {
                partition: partition.clone(),
                standing: Standing::NotOurs,
                next: None,
            });
            PartitionIndex(self.slots.len() - 1)
        });
        &mut self.slots[index.0]
    }
}

fn not_assigned(partition: &TopicPartition) -> KafkaError {
    KafkaError::NotAssigned {
        partition: partition.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::position::NextOffset;

    fn at(offset: i64) -> Position {
        NextOffset(offset).into()
    }

    fn tp(partition: i32) -> TopicPartition {
        TopicPartition::new("orders", partition)
    }

    fn started(partitions: &[i32]) -> Assignment {
        let mut assignment = Assignment::default();
        let partitions: Vec<_> = partitions.iter().copied().map(tp).collect();
        assignment.grant(Protocol::Cooperative, &partitions);
        let positions: Vec<_> = partitions.into_iter().map(|p| (p, at(10))).collect();
        assignment.start(&positions).unwrap();
        assignment
    }

    #[test]
    fn a_record_is_delivered_once_and_only_of_a_started_partition() {
        let mut assignment = started(&[0]);
        assignment.grant(Protocol::Cooperative, &[tp(1)]);
        assert_eq!(assignment.advance(b"orders", 0, at(11)), Some(PartitionIndex(0)));
        assert_eq!(assignment.advance(b"orders", 0, at(11)), None);
        assert_eq!(assignment.advance(b"orders", 1, at(11)), None);
        assert_eq!(assignment.advance(b"payments", 0, at(12)), None);
    }

    #[test]
    fn a_revoked_partition_is_ours_until_it_is_released_and_never_afterwards() {
        let mut assignment = started(&[0, 1]);
        assignment.revoke(&[tp(0)]);
        assert!(assignment.require_ours(&tp(0)).is_ok());
        assert!(assignment.start(&[(tp(0), at(0))]).is_err());
        assert_eq!(assignment.release(&[tp(0)]), Some(vec![tp(0)]));
        assert!(assignment.require_ours(&tp(0)).is_err());
        assert!(assignment.require_ours(&tp(1)).is_ok());
        assert_eq!(assignment.advance(b"orders", 0, at(12)), None);
    }

    #[test]
    fn librdkafka_is_answered_once_when_the_last_one_was_released() {
        let mut assignment = started(&[0, 1]);
        assignment.revoke(&[tp(0), tp(1)]);
        assert_eq!(assignment.release(&[tp(1)]), None);
        assert_eq!(assignment.release(&[tp(0)]), Some(vec![tp(0), tp(1)]));
        assert_eq!(assignment.release(&[tp(0)]), None);
    }

    #[test]
    fn a_partition_that_was_never_started_is_released_without_being_stopped() {
        let mut assignment = Assignment::default();
        assignment.grant(Protocol::Cooperative, &[tp(0)]);
        assignment.revoke(&[tp(0)]);
        assert_eq!(assignment.release(&[tp(0)]), Some(vec![]));
    }

    #[test]
    fn a_partition_that_comes_back_keeps_its_index_and_has_to_be_started_again() {
        let mut assignment = started(&[0, 1]);
        assignment.revoke(&[tp(0)]);
        assignment.release(&[tp(0)]);
        assignment.grant(Protocol::Cooperative, &[tp(0)]);
        assert_eq!(assignment.advance(b"orders", 0, at(11)), None);
        assignment.start(&[(tp(0), at(3))]).unwrap();
        assert_eq!(assignment.advance(b"orders", 0, at(4)), Some(PartitionIndex(0)));
    }

    #[test]
    fn starting_is_all_or_nothing() {
        let mut assignment = started(&[0]);
        assignment.grant(Protocol::Cooperative, &[tp(1)]);
        assert!(assignment.start(&[(tp(1), at(0)), (tp(0), at(0))]).is_err());
        assert!(assignment.start(&[(tp(1), at(0))]).is_ok());
    }
}

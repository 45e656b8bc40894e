//! How a group hands partitions over: nothing is fetched before positions are set, and no partition is released before
//! the revocation was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kivend::kafka::consumer::{Consumer, Polled};
use kivend::kafka::error::KafkaError;
use kivend::record::position::{NextOffset, TopicPartition};

use super::{Corner, tally};

const POLL: Duration = Duration::from_millis(50);
/// Polls before a test gives up: about a minute.
const POLLS_MAX: usize = 1200;

/// A member of the group and the events that it saw.
struct Member {
    consumer: Consumer,
    seen: Vec<(TopicPartition, i64)>,
    /// Assigned and not started yet.
    assigned: Vec<TopicPartition>,
    /// Revoked and not released yet.
    revoked: Vec<TopicPartition>,
    holding: BTreeSet<TopicPartition>,
    ended: Vec<TopicPartition>,
    out_of_range: Vec<TopicPartition>,
    committed: BTreeMap<TopicPartition, NextOffset>,
}

impl Member {
    fn join(corner: &Corner, topic: &str) -> Member {
        Member {
            consumer: Consumer::subscribe(&corner.settings, &[topic]).unwrap(),
            seen: Vec::new(),
            assigned: Vec::new(),
            revoked: Vec::new(),
            holding: BTreeSet::new(),
            ended: Vec::new(),
            out_of_range: Vec::new(),
            committed: BTreeMap::new(),
        }
    }

    fn poll(&mut self) {
        match self.consumer.poll(POLL) {
            Polled::Record { partition, record, .. } => {
                let offset = record.offset;
                self.seen.push((self.consumer.partition(partition).clone(), offset));
            }
            Polled::EndReached { partition, .. } => self.ended.push(partition),
            Polled::Assign(partitions) => {
                self.holding.extend(partitions.iter().cloned());
                self.assigned.extend(partitions);
            }
            Polled::Revoke(partitions) => self.revoked.extend(partitions),
            Polled::Lost(partitions) => panic!("lost {partitions:?}"),
            Polled::OutOfRange { partition } => self.out_of_range.push(partition),
            Polled::Truncated { partition } => panic!("{partition} was cut back"),
            Polled::TopicGone { partition } => panic!("{partition} is gone"),
            Polled::TopicUnavailable { error, .. } | Polled::Unreadable { error, .. } => panic!("{error}"),
            Polled::Committed(outcomes) => {
                for outcome in outcomes {
                    outcome.outcome.unwrap();
                    self.committed.insert(outcome.partition, outcome.next_offset);
                }
            }
            Polled::Nothing | Polled::TopicIds(_) => {}
            Polled::Failed(error) => panic!("{error}"),
        }
    }

    fn offsets(&self) -> Vec<i64> {
        self.seen.iter().map(|(_, offset)| *offset).collect()
    }

    fn until(&mut self, what: &str, done: impl Fn(&Member) -> bool) {
        for _ in 0..POLLS_MAX {
            if done(self) {
                return;
            }
            self.poll();
        }
        panic!("not within {POLLS_MAX} polls: {what}");
    }

    /// Starts everything assigned at the group's commits; the archiver starts at the bucket's heads instead.
    fn start_assigned(&mut self) {
        let assigned = std::mem::take(&mut self.assigned);
        let committed = self.consumer.cluster().committed(&assigned).unwrap();
        let position = |commit: Option<kivend::kafka::cluster::Committed>| commit.map_or(0, |c| c.next_offset.0);
        let positions: Vec<_> = assigned
            .into_iter()
            .zip(committed)
            .map(|(p, commit)| (p, NextOffset(position(commit))))
            .collect();
        self.consumer.start(&positions).unwrap();
    }

    fn commit(&mut self, partitions: &[TopicPartition]) {
        self.committed.clear();
        for partition in partitions {
            let next = self
                .seen
                .iter()
                .filter(|(p, _)| p == partition)
                .map(|(_, offset)| offset + 1)
                .max();
            self.consumer
                .commit(partition, NextOffset(next.unwrap_or(0)), "v1 somewhere")
                .unwrap();
        }
        self.until("commits", |member| member.committed.len() == partitions.len());
    }

    /// Commits and releases what was revoked.
    fn hand_over(&mut self) -> Vec<TopicPartition> {
        let revoked = std::mem::take(&mut self.revoked);
        self.commit(&revoked);
        self.consumer.release(&revoked).unwrap();
        self.holding.retain(|partition| !revoked.contains(partition));
        revoked
    }
}

/// Polls both in turn, because a rebalance needs all members.
fn both(one: &mut Member, other: &mut Member, what: &str, done: impl Fn(&Member, &Member) -> bool) {
    for _ in 0..POLLS_MAX {
        if done(one, other) {
            return;
        }
        one.poll();
        other.poll();
    }
    panic!("not within {POLLS_MAX} polls: {what}");
}

#[test]
fn nothing_is_fetched_before_positions_are_set() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 2);
    partitions.iter().for_each(|partition| corner.send(partition, 0, 20));
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| member.assigned.len() == 2);
    (0..20).for_each(|_| member.poll());
    assert_eq!(member.seen, []);

    member
        .consumer
        .start(&[(partitions[1].clone(), NextOffset(15))])
        .unwrap();
    member.until("the end of one", |member| member.ended.contains(&partitions[1]));
    let expected: Vec<_> = (15..20).map(|offset| (partitions[1].clone(), offset)).collect();
    assert_eq!(member.seen, expected);

    member
        .consumer
        .start(&[(partitions[0].clone(), NextOffset(0))])
        .unwrap();
    member.until("the end of the other", |member| member.ended.contains(&partitions[0]));
    assert_eq!(member.seen.len(), 25);
    assert!(
        member
            .consumer
            .start(&[(partitions[0].clone(), NextOffset(0))])
            .is_err()
    );
}

#[test]
fn a_paused_partition_is_silent_and_resumes_where_it_stood() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 1);
    corner.send(&partitions[0], 0, 1000);
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| !member.assigned.is_empty());
    member.start_assigned();
    member.until("some records", |member| member.seen.len() == 300);
    member.consumer.pause(&partitions).unwrap();
    (0..20).for_each(|_| member.poll());
    assert_eq!(member.seen.len(), 300);
    member.consumer.resume(&partitions).unwrap();
    member.until("the end", |member| !member.ended.is_empty());
    assert_eq!(member.offsets(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_partition_that_was_paused_at_its_end_goes_on_with_the_very_next_record() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 1);
    corner.send(&partitions[0], 0, 10);
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| !member.assigned.is_empty());
    member.start_assigned();
    member.until("the end", |member| !member.ended.is_empty());
    member.consumer.pause(&partitions).unwrap();
    corner.send(&partitions[0], 10, 10);
    (0..20).for_each(|_| member.poll());
    member.consumer.resume(&partitions).unwrap();
    member.until("the rest", |member| member.seen.len() >= 20);
    assert_eq!(member.offsets(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_seek_backwards_delivers_from_there_and_drops_what_was_queued() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 1);
    corner.send(&partitions[0], 0, 1000);
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| !member.assigned.is_empty());
    member.start_assigned();
    member.until("a record", |member| !member.seen.is_empty());
    member.seen.clear();
    member.ended.clear();
    member.consumer.seek(&partitions[0], NextOffset(0)).unwrap();
    member.until("the end", |member| !member.ended.is_empty());
    assert_eq!(member.offsets(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn with_an_eager_strategy_partitions_that_start_one_after_the_other_all_go_on() {
    let Some(corner) = Corner::new() else { return };
    let corner = corner.with_property("partition.assignment.strategy", "range");
    let partitions = corner.topic("orders", 3);
    partitions.iter().for_each(|partition| corner.send(partition, 0, 20));
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| member.assigned.len() == 3);
    for (started, partition) in partitions.iter().enumerate() {
        member.consumer.start(&[(partition.clone(), NextOffset(0))]).unwrap();
        member.until("the end of it", |member| member.ended.contains(partition));
        assert_eq!(member.seen.len(), 20 * (started + 1));
    }
    partitions.iter().for_each(|partition| corner.send(partition, 20, 20));
    member.until("the rest", |member| member.seen.len() == 120);
}

#[test]
fn an_offset_out_of_range_is_reported_and_a_seek_goes_on_from_there() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 1);
    corner.send(&partitions[0], 0, 10);
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| !member.assigned.is_empty());
    member
        .consumer
        .start(&[(partitions[0].clone(), NextOffset(500))])
        .unwrap();
    member.until("the news", |member| !member.out_of_range.is_empty());
    assert_eq!(member.seen, []);
    member.consumer.seek(&partitions[0], NextOffset(4)).unwrap();
    member.until("the end", |member| !member.ended.is_empty());
    assert_eq!(member.offsets(), (4..10).collect::<Vec<_>>());
}

#[test]
fn a_commit_keeps_its_metadata() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 2);
    corner.send(&partitions[0], 0, 10);
    let mut member = Member::join(&corner, &partitions[0].topic);
    member.until("an assignment", |member| member.assigned.len() == 2);
    member.start_assigned();
    member.until("the records", |member| member.seen.len() == 10);
    member.commit(&partitions[..1]);
    let cluster = kivend::kafka::cluster::Cluster::connect_to_group(&corner.settings).unwrap();
    let committed = cluster.committed(&partitions).unwrap();
    let first = committed[0].as_ref().unwrap();
    assert_eq!(
        (first.next_offset, &*first.metadata),
        (NextOffset(10), &b"v1 somewhere"[..])
    );
    assert_eq!(committed[1], None);
}

#[test]
fn leaving_with_partitions_that_were_never_started_or_a_revocation_unanswered_frees_them() {
    let Some(corner) = Corner::new() else { return };
    let partitions = corner.topic("orders", 4);
    let topic = &partitions[0].topic;
    let mut first = Member::join(&corner, topic);
    first.until("an assignment", |member| member.holding.len() == 4);
    drop(first);

    let mut second = Member::join(&corner, topic);
    second.until("what the first had", |member| member.holding.len() == 4);
    second.start_assigned();
    let mut third = Member::join(&corner, topic);
    both(&mut second, &mut third, "a revocation", |second, _| {
        !second.revoked.is_empty()
    });
    drop(second);
    third.until("what the second had", |member| member.holding.len() == 4);
}

fn two_members_share_partitions_and_hand_over(corner: &Corner) {
    let partitions = corner.topic("orders", 4);
    partitions.iter().for_each(|partition| corner.send(partition, 0, 50));
    let topic = &partitions[0].topic;
    let mut one = Member::join(corner, topic);
    one.until("an assignment", |one| one.assigned.len() == 4);
    one.start_assigned();
    one.until("all records", |one| one.seen.len() == 200);

    // The other joins: the first must see the revocation, and the other gets no partition before it was released.
    let mut other = Member::join(corner, topic);
    both(&mut one, &mut other, "a revocation", |one, _| !one.revoked.is_empty());
    (0..20).for_each(|_| {
        one.poll();
        other.poll();
    });
    assert_eq!(other.assigned, []);
    let revoked = one.hand_over();
    let refused = one.consumer.commit(&revoked[0], NextOffset(1), "");
    assert!(matches!(refused, Err(KafkaError::NotAssigned { .. })), "{refused:?}");
    both(&mut one, &mut other, "equal shares", |one, other| {
        one.holding.len() == 2 && other.holding.len() == 2
    });
    one.start_assigned();
    other.start_assigned();

    partitions.iter().for_each(|partition| corner.send(partition, 50, 50));
    both(&mut one, &mut other, "the rest", |one, other| {
        one.seen.len() + other.seen.len() >= 400
    });
    let seen = tally(one.seen.iter().chain(&other.seen).cloned());
    assert_eq!(seen.len(), 400);
    assert!(seen.values().all(|times| *times == 1), "a record was delivered twice");
    assert_eq!(other.seen.len(), 100);

    // The other leaves, and the first continues where it ended.
    let shared: Vec<_> = other.holding.iter().cloned().collect();
    other.commit(&shared);
    drop(other);
    one.until("news of it", |one| !one.revoked.is_empty() || one.holding.len() == 4);
    if !one.revoked.is_empty() {
        one.hand_over();
    }
    one.until("everything", |one| one.holding.len() == 4);
    one.start_assigned();
    partitions.iter().for_each(|partition| corner.send(partition, 100, 10));
    one.until("the last records", |one| one.seen.len() >= 300 + 40);
    assert!(
        tally(one.seen.iter().cloned()).values().all(|times| *times == 1),
        "a record was delivered twice"
    );
}

#[test]
fn two_members_share_partitions_and_hand_over_cooperatively() {
    let Some(corner) = Corner::new() else { return };
    two_members_share_partitions_and_hand_over(&corner);
}

#[test]
fn two_members_share_partitions_and_hand_over_eagerly() {
    let Some(corner) = Corner::new() else { return };
    let corner = corner.with_property("partition.assignment.strategy", "range");
    two_members_share_partitions_and_hand_over(&corner);
}

//! What one object cannot hold: a segment that grows while the one before it is sealed, and a record that is too large. The
//! state machine alone, with a large memory budget.

use kivend::archive::machine::Machine;
use kivend::archive::policy::{OPEN_MAX_BYTES, RECORD_MAX_BYTES, SealPolicy};
use kivend::archive::step::{Action, Delivered, Event, Now, Object, Report, Slot, StopReason, Ticket};
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::record::record::{Record, Timestamp};
use kivend::record::utc::UtcSeconds;

use super::setup::{Setup, without_head};

const VALUE_BYTES: usize = 1 << 20;

fn now() -> Now {
    Now {
        monotonic_ms: 0,
        wall: UtcSeconds::from_unix(1_770_000_000),
    }
}

/// A partition that archives from offset 0, with a budget that limits nothing.
fn archiving() -> Machine {
    let policy = SealPolicy {
        seal_max_bytes: 2 * VALUE_BYTES,
        seal_max_records: usize::MAX,
        seal_max_age_ms: u64::MAX,
        seal_max_idle_ms: u64::MAX,
        memory_budget_bytes: usize::MAX / 2,
    };
    let mut machine = Machine::new(Setup::shared().author(), policy);
    let actions = step(&mut machine, Event::Assigned(TopicPartition::new("payments", 0)));
    let [Action::LoadHead(ticket, _)] = actions[..] else {
        panic!("{actions:?}")
    };
    step(&mut machine, Event::HeadLoaded(ticket, Box::new(without_head(1_000))));
    machine
}

fn step(machine: &mut Machine, event: Event) -> Vec<Action> {
    let mut actions = Vec::new();
    machine.step(event, now(), &mut actions);
    actions
}

fn deliver(machine: &mut Machine, offset: i64, value: &[u8]) -> Vec<Action> {
    let record = Record {
        offset,
        timestamp: Timestamp::CreateMs(1_770_000_000_000),
        key: None,
        value: Some(value),
        headers: &[],
    };
    let delivered = Delivered {
        record: &record,
        leader_epoch: None,
    };
    let mut actions = Vec::new();
    machine.record(Slot(0), delivered, now(), &mut actions);
    actions
}

/// Answers a segment's steps up to its commit. Returns the actions that follow the link.
fn archive_segment(machine: &mut Machine, ticket: Ticket) -> Vec<Action> {
    let bytes = bytes::Bytes::from_static(b"a segment");
    let sha256 = Hash::of(&bytes);
    step(machine, Event::Encoded(ticket, Object { bytes, sha256 }));
    step(machine, Event::SegmentCreated(ticket));
    step(machine, Event::LinkCreated(ticket, Hash::ZERO))
}

fn encoded(actions: &[Action]) -> Option<(Ticket, usize, i64)> {
    actions.iter().find_map(|action| match action {
        Action::Encode(ticket, job) => Some((*ticket, job.0.len(), job.1.next_offset.0)),
        _ => None,
    })
}

#[test]
fn a_segment_that_grows_while_the_store_is_away_stays_below_what_an_object_can_hold() {
    let mut machine = archiving();
    let value = vec![7; VALUE_BYTES];
    let mut first = None;
    for offset in 0..500 {
        let actions = deliver(&mut machine, offset, &value);
        first = first.or(encoded(&actions));
        assert!(
            machine.standing(Slot(0), now()).buffered_bytes < OPEN_MAX_BYTES + 2 * VALUE_BYTES,
            "{offset}"
        );
    }
    let (ticket, sealed, _) = first.expect("a segment was sealed");
    let actions = archive_segment(&mut machine, ticket);
    let (ticket, grown, next_offset) = encoded(&actions).expect("what grew meanwhile is sealed");
    assert_eq!(next_offset, (sealed + grown) as i64, "no record between is left out");
    assert!(next_offset < 500);
    let actions = archive_segment(&mut machine, ticket);
    assert!(
        actions.iter().any(|action| matches!(action, Action::LoadHead(..))),
        "the records after it are consumed again: {actions:?}"
    );
}

#[test]
fn a_record_that_no_object_can_hold_stops_its_partition_after_what_came_before_is_sealed() {
    let mut machine = archiving();
    deliver(&mut machine, 0, b"before");
    let actions = deliver(&mut machine, 1, &vec![0; RECORD_MAX_BYTES + 1]);
    let (ticket, records, next_offset) = encoded(&actions).expect("the record before is sealed");
    assert_eq!((records, next_offset), (1, 1));
    assert!(deliver(&mut machine, 2, b"after").is_empty());
    let actions = archive_segment(&mut machine, ticket);
    let stopped = actions.iter().find_map(|action| match action {
        Action::Report(_, Report::Stopped(reason)) => Some(reason.clone()),
        _ => None,
    });
    let bytes = RECORD_MAX_BYTES + 1;
    assert_eq!(
        stopped,
        Some(StopReason::RecordTooLarge { offset: 1, bytes }),
        "{actions:?}"
    );
}

//! The wall clock is recorded and decides nothing: the same records give the same keys, ranges and seal reasons
//! whatever it shows, because ages are measured with the monotonic clock.

use bytes::Bytes;
use kivend::archive::machine::Machine;
use kivend::archive::policy::SealPolicy;
use kivend::archive::step::{Action, Delivered, Event, Look, Now, Object, Slot};
use kivend::log::link::{Link, SealReason};
use kivend::log::object_key::Key;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::segment::encode::encode;
use kivend::segment::projection::rules::Projection;

use super::setup::{Setup, without_head};
use crate::fixture::OwnedRecord;

const POLICY: SealPolicy = SealPolicy {
    seal_max_bytes: 1 << 20,
    seal_max_records: 7,
    seal_max_age_ms: 1_000,
    seal_max_idle_ms: 400,
    memory_budget_bytes: 1 << 24,
};

/// The parts of a link that no wall clock may change.
type Sealed = (String, i64, i64, Hash, SealReason);

struct Run {
    machine: Machine,
    now: Now,
    sealed: Vec<Sealed>,
    /// The time of each segment's create, and whether its place is looked at first.
    looks: Vec<(u64, Look)>,
}

impl Run {
    fn step(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.machine.step(event, self.now, &mut actions);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::LoadHead(ticket, _) => {
                    self.step(Event::HeadLoaded(ticket, Box::new(without_head(100))));
                }
                Action::Encode(ticket, job) => {
                    let bytes = Bytes::from(encode(job.0, &job.1, &Projection::none()).unwrap());
                    let sha256 = Hash::of(&bytes);
                    self.step(Event::Encoded(ticket, Object { bytes, sha256 }));
                }
                Action::CreateSegment(ticket, .., look) => {
                    self.looks.push((self.now.monotonic_ms, look));
                    self.step(Event::SegmentCreated(ticket));
                }
                Action::CreateLink(ticket, key, link, _) => {
                    self.note(&key, &link);
                    self.step(Event::LinkCreated(ticket, Hash::ZERO));
                }
                Action::Commit(ticket, ..) => self.step(Event::Committed(ticket)),
                _ => {}
            }
        }
    }

    fn note(&mut self, key: &Key, link: &Link) {
        let Key::Link(place, _) = key else { panic!("{key}") };
        assert_eq!(link.place(), *place);
        link.check().unwrap();
        assert_eq!(link.sealed_at, self.now.wall, "the wall clock is recorded unchanged");
        let range = (link.first_offset.0, link.next_offset.0);
        self.sealed
            .push((key.to_string(), range.0, range.1, link.records_root, link.seal_reason));
    }
}

/// Archives records that arrive in bursts and pauses, under a wall clock that shows `wall(moment)`.
fn archive(wall: impl Fn(u64) -> i64) -> Vec<Sealed> {
    run(wall, 100).sealed
}

/// The same, with moments of this length.
fn run(wall: impl Fn(u64) -> i64, moment_ms: u64) -> Run {
    let mut run = Run {
        machine: Machine::new(Setup::shared().author(), POLICY),
        now: Now {
            monotonic_ms: 0,
            wall: UtcSeconds::from_unix(wall(0)),
        },
        sealed: Vec::new(),
        looks: Vec::new(),
    };
    run.step(Event::Assigned(TopicPartition::new("payments", 0)));
    let mut offset = 0;
    for moment in 0..120 {
        run.now = Now {
            monotonic_ms: moment * moment_ms,
            wall: UtcSeconds::from_unix(wall(moment)),
        };
        let records = match moment {
            0..=9 => 2,
            30..=60 if moment % 3 == 0 => 1,
            _ => 0,
        };
        for _ in 0..records {
            let mut actions = Vec::new();
            let record = OwnedRecord::event(offset, offset as u64);
            record.lend(|record| {
                let delivered = Delivered {
                    record,
                    leader_epoch: None,
                };
                run.machine.record(Slot(0), delivered, run.now, &mut actions);
            });
            run.carry_out(actions);
            offset += 1;
        }
        run.step(Event::Tick);
    }
    run.step(Event::Shutdown);
    run
}

#[test]
fn a_place_is_looked_at_before_its_segment_is_created_unless_the_head_was_known_a_moment_ago() {
    let looks = run(|_| 1_770_000_000, 1_000).looks;
    let after_the_pause = looks.iter().position(|(at_ms, _)| *at_ms >= 30_000).unwrap();
    assert!(after_the_pause > 1 && looks.len() > after_the_pause + 1, "{looks:?}");
    for (index, (_, look)) in looks.iter().enumerate() {
        let expected = if index == after_the_pause {
            Look::Needed
        } else {
            Look::Spared
        };
        assert_eq!(*look, expected, "{index} {looks:?}");
    }
}

#[test]
fn a_wall_clock_that_jumps_changes_no_key_no_range_and_no_reason() {
    const BASE: i64 = 1_770_000_000;
    let steady = archive(|moment| BASE + moment as i64 / 10);
    let reasons: Vec<_> = steady.iter().map(|sealed| sealed.4).collect();
    for reason in [SealReason::Records, SealReason::Age, SealReason::Idle] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    assert_eq!(archive(|_| BASE), steady, "a clock that does not move");
    assert_eq!(
        archive(|moment| BASE - 1000 * moment as i64),
        steady,
        "a clock that runs backwards"
    );
    let years = |moment| {
        if moment % 2 == 0 {
            BASE + 315_360_000
        } else {
            BASE - 315_360_000
        }
    };
    assert_eq!(archive(years), steady, "a clock that jumps by twenty years");
}

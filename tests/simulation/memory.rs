//! MEM-1 with a thousand partitions: the state machine alone, with a store that does not answer and more records than
//! the budget allows. Buffered bytes stay within the budget and one record's growth, and archiving resumes when the
//! store answers again.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use kivend::archive::machine::Machine;
use kivend::archive::policy::SealPolicy;
use kivend::archive::step::{Action, Delivered, Event, Now, Object, Slot, Ticket};
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::rules::Projection;
use kivend::segment::rows::Rows;

use super::dice::Dice;
use super::setup::{Setup, without_head};
use crate::fixture::OwnedRecord;

const PARTITIONS: usize = 1000;
const RECORDS_EACH: i64 = 60;
const BUDGET_BYTES: usize = 8 << 20;
/// The most bytes that one record adds, since buffers double as they grow.
const GROWTH_BYTES: usize = 64 << 10;

struct Bench {
    machine: Machine,
    now: Now,
    next: Vec<i64>,
    slots: HashMap<TopicPartition, usize>,
    to_encode: VecDeque<(Ticket, Box<(Rows, Footer)>)>,
    /// The answers that the store has not given yet.
    unanswered: VecDeque<Event>,
    is_paused: bool,
    most_bytes: usize,
}

impl Bench {
    fn step(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.machine.step(event, self.now, &mut actions);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        self.most_bytes = self.most_bytes.max(self.machine.buffered_bytes());
        for action in actions {
            match action {
                Action::LoadHead(ticket, _) => {
                    let loaded = Box::new(without_head(RECORDS_EACH));
                    self.unanswered.push_back(Event::HeadLoaded(ticket, loaded));
                }
                Action::Consume(partition, from) => self.next[self.slots[&partition]] = from.next.0,
                Action::Encode(ticket, job) => self.to_encode.push_back((ticket, job)),
                Action::CreateSegment(ticket, ..) => self.unanswered.push_back(Event::SegmentCreated(ticket)),
                Action::CreateLink(ticket, ..) => self.unanswered.push_back(Event::LinkCreated(ticket, Hash::ZERO)),
                Action::Commit(ticket, ..) => self.unanswered.push_back(Event::Committed(ticket)),
                Action::Pause => self.is_paused = true,
                Action::Resume => self.is_paused = false,
                Action::Release(_) | Action::Report(..) => {}
            }
        }
    }

    fn encode_one(&mut self) {
        if let Some((ticket, job)) = self.to_encode.pop_front() {
            let bytes = Bytes::from(encode(job.0, &job.1, &Projection::none()).unwrap());
            let sha256 = Hash::of(&bytes);
            self.step(Event::Encoded(ticket, Object { bytes, sha256 }));
        }
    }

    fn answer_all(&mut self) {
        while let Some(event) = self.unanswered.pop_front() {
            self.step(event);
        }
    }

    /// Delivers records until the machine pauses delivery, or until all are delivered.
    fn deliver(&mut self, dice: &mut Dice) {
        while !self.is_paused && self.next.iter().any(|next| *next < RECORDS_EACH) {
            let slot = dice.below(PARTITIONS);
            let offset = self.next[slot];
            if offset < RECORDS_EACH {
                self.next[slot] = offset + 1;
                let record = OwnedRecord::event(offset, offset as u64);
                let mut actions = Vec::new();
                record.lend(|record| {
                    let delivered = Delivered {
                        record,
                        leader_epoch: None,
                    };
                    self.machine.record(Slot(slot), delivered, self.now, &mut actions);
                });
                self.carry_out(actions);
            }
            if dice.permille(20) {
                self.encode_one();
            }
        }
    }
}

#[test]
fn a_thousand_partitions_stay_within_the_memory_budget_while_the_store_is_down() {
    let policy = SealPolicy {
        seal_max_bytes: 1 << 20,
        seal_max_records: 1 << 20,
        seal_max_age_ms: u64::MAX,
        seal_max_idle_ms: u64::MAX,
        memory_budget_bytes: BUDGET_BYTES,
    };
    let names: Vec<_> = (0..PARTITIONS)
        .map(|number| TopicPartition::new("payments", number as i32))
        .collect();
    let mut bench = Bench {
        machine: Machine::new(Setup::shared().author(), policy),
        now: Now {
            monotonic_ms: 0,
            wall: UtcSeconds::from_unix(1_770_000_000),
        },
        next: vec![RECORDS_EACH; PARTITIONS],
        slots: names.iter().cloned().zip(0..).collect(),
        to_encode: VecDeque::new(),
        unanswered: VecDeque::new(),
        is_paused: false,
        most_bytes: 0,
    };
    for name in names {
        bench.step(Event::Assigned(name));
    }
    bench.answer_all();
    let mut dice = Dice::new(1);
    bench.deliver(&mut dice);
    while !bench.to_encode.is_empty() {
        bench.encode_one();
        bench.deliver(&mut dice);
    }
    assert!(bench.is_paused, "the budget was never reached");
    assert!(
        bench.most_bytes <= BUDGET_BYTES + GROWTH_BYTES,
        "most_bytes={}",
        bench.most_bytes
    );
    for _ in 0..10_000 {
        bench.answer_all();
        bench.encode_one();
        bench.deliver(&mut dice);
    }
    assert!(
        bench.next.iter().all(|next| *next == RECORDS_EACH),
        "delivery did not resume"
    );
    bench.step(Event::Shutdown);
    while !bench.machine.is_idle() {
        bench.encode_one();
        bench.answer_all();
    }
    assert!(
        bench.most_bytes <= BUDGET_BYTES + GROWTH_BYTES,
        "most_bytes={}",
        bench.most_bytes
    );
    assert_eq!(bench.machine.buffered_bytes(), 0);
}

//! The fault table: every step of a seal × every fault, in the first seal and in a later one, each followed by a
//! restart and a check by the oracle. `docs/FAULTS.md` has the same rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kivend::archive::policy::SealPolicy;
use kivend::log::link::MAX_ABSENT_RANGES;
use kivend::log::object_key::Attempt;
use kivend::record::position::TopicPartition;
use kivend::store::memory::MemoryStore;
use kivend::verify::kafka::Commit;

use super::archiver::{GroupEvent, Launch, Own, Process};
use super::counts::Counts;
use super::dice::Dice;
use super::faults::{LogOdds, Odds};
use super::junk::{Outsider, next_place};
use super::kafka::Kafka;
use super::network::{COMMIT, ENCODE, Fate, Script};
use super::oracle::{self, Chains, Planted};
use super::runtime;
use super::setup::Setup;
use super::signed::Book;

const MAX_TURNS: usize = 500_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Encoded,
    SegmentCreated,
    LinkCreated,
    OffsetCommitted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost,
    LandedButErrored,
    KilledBefore,
    KilledAfter,
    RevokedMeanwhile,
    AnotherWriterFirst,
    JunkPlanted,
}

use Fault::{AnotherWriterFirst, JunkPlanted, KilledAfter, KilledBefore, LandedButErrored, Lost, RevokedMeanwhile};
use Step::{Encoded, LinkCreated, OffsetCommitted, SegmentCreated};

const STEPS: [(Step, &str); 4] = [
    (Encoded, "Parquet encoded"),
    (SegmentCreated, "segment created"),
    (LinkCreated, "link created"),
    (OffsetCommitted, "offset committed"),
];

const FAULTS: [(Fault, &str); 7] = [
    (Lost, "request lost"),
    (LandedButErrored, "landed, answered with an error"),
    (KilledBefore, "killed before"),
    (KilledAfter, "killed after"),
    (RevokedMeanwhile, "revoked meanwhile"),
    (AnotherWriterFirst, "another writer first"),
    (JunkPlanted, "junk planted at the key"),
];

/// The outcome of a fault; `None` if it cannot happen, because encoding sends no request.
fn outcome(step: Step, fault: Fault) -> Option<&'static str> {
    Some(match (step, fault) {
        (Encoded, Lost | LandedButErrored) => return None,
        (Encoded, KilledBefore | KilledAfter) => "nothing was sent: the next owner reads the records from Kafka again",
        (SegmentCreated | LinkCreated, Lost) => "retried until it is created",
        (SegmentCreated | LinkCreated, LandedButErrored) => {
            "retried; the existing object has the same bytes, which counts as created"
        }
        (SegmentCreated, KilledBefore) => "nothing was created: the next owner reads the records from Kafka again",
        (SegmentCreated, KilledAfter) | (LinkCreated, KilledBefore) => {
            "the next owner makes the same bytes and adopts the segment"
        }
        (LinkCreated, KilledAfter) => {
            "the records are archived: the next owner continues after them and commits their end"
        }
        (OffsetCommitted, Lost | LandedButErrored) => "a warning; the next commit covers it",
        (OffsetCommitted, KilledBefore | KilledAfter) => {
            "the next owner finds the head in the bucket and commits its end"
        }
        (_, RevokedMeanwhile) => "the seal is finished and committed, then the partition is released",
        (Encoded | SegmentCreated, AnotherWriterFirst) => {
            "fenced: its state is dropped, and none of it enters the chain"
        }
        (LinkCreated, AnotherWriterFirst) => {
            "the other writer adopts the segment; this one is fenced and its state is dropped"
        }
        (OffsetCommitted, AnotherWriterFirst) => {
            "Kafka refuses the commit, because the group has assigned the partition to another member"
        }
        (Encoded | SegmentCreated, JunkPlanted) => {
            "the link lists the junk as rejected; the segment takes the next free -r key"
        }
        (LinkCreated, JunkPlanted) => "skipped and logged; the link takes the next free -r key",
        (OffsetCommitted, JunkPlanted) => {
            "a commit that is not kivend's is ignored: the head is found in the bucket, and its end is committed"
        }
    })
}

fn rows() -> impl Iterator<Item = ((Step, &'static str), (Fault, &'static str), &'static str)> {
    let of_step = |step: (Step, &'static str)| {
        FAULTS
            .into_iter()
            .filter_map(move |fault| Some((step, fault, outcome(step.0, fault.0)?)))
    };
    STEPS.into_iter().flat_map(of_step)
}

struct Scenario {
    kafka: Kafka,
    bucket: MemoryStore,
    partition: TopicPartition,
    now_ms: u64,
    counts: Counts,
}

impl Scenario {
    fn new() -> Scenario {
        let partition = TopicPartition::new("payments", 0);
        let kafka = Kafka::new(std::slice::from_ref(&partition));
        let mut dice = Dice::new(1);
        kafka.log(&partition, |log| {
            (0..11).for_each(|number| log.produce(number, &mut dice));
        });
        Scenario {
            kafka,
            bucket: Setup::shared().bucket(),
            partition,
            now_ms: 0,
            counts: Counts::default(),
        }
    }

    fn start(&self, id: usize, seal_max_records: usize) -> Process {
        let policy = SealPolicy {
            seal_max_bytes: 64 << 20,
            seal_max_records,
            seal_max_age_ms: 10_000_000,
            seal_max_idle_ms: 10_000_000,
            memory_budget_bytes: 64 << 20,
        };
        let launch = Launch {
            id,
            policy,
            odds: Odds::default(),
            declared: false,
            diverged: Vec::new(),
            ends: None,
            own: Own::open((Setup::shared(), &self.bucket), 0, (&Book::default(), id)).unwrap(),
            log_odds: LogOdds::default(),
            witness: None,
        };
        let mut process = Process::new((&self.kafka, &self.bucket), launch, Dice::new(id as u64));
        self.kafka.log(&self.partition, |log| log.owner = Some(id));
        process.notify(GroupEvent::Assign(self.partition.clone()));
        process
    }

    fn until(&mut self, process: &mut Process, is_so: impl Fn(&Process) -> bool) {
        for _ in 0..MAX_TURNS {
            if is_so(process) {
                return;
            }
            self.now_ms += 1;
            process.turn(self.now_ms);
            assert_eq!(process.take_failure(), None);
            assert_eq!(*process.stops(), []);
        }
        panic!("the archiver did not reach the awaited state");
    }

    fn finish(&mut self, mut process: Process) {
        self.until(&mut process, Process::is_at_end);
        self.leave(process);
    }

    fn leave(&mut self, mut process: Process) {
        process.shut_down();
        self.until(&mut process, Process::is_done);
        self.counts += *process.counts();
    }

    /// A script that causes the fault when the step is reached after `nth` earlier times, and then sets `struck`.
    fn script(&self, step: Step, fault: Fault, nth: usize, struck: &Arc<AtomicBool>) -> Script {
        let (kafka, bucket, partition) = (self.kafka.clone(), self.bucket.clone(), self.partition.clone());
        let (struck, mut seen) = (Arc::clone(struck), 0);
        Box::new(move |of| {
            let is_step = match step {
                Encoded => of == ENCODE,
                SegmentCreated => of.starts_with("data/"),
                LinkCreated => of.starts_with("links/"),
                OffsetCommitted => of == COMMIT,
            };
            if !is_step || struck.load(Ordering::Relaxed) {
                return Fate::Fine;
            }
            seen += 1;
            if seen <= nth {
                return Fate::Fine;
            }
            struck.store(true, Ordering::Relaxed);
            match fault {
                Lost | KilledBefore | AnotherWriterFirst => Fate::Lost,
                KilledAfter if step == Encoded => Fate::Fine,
                LandedButErrored | KilledAfter => Fate::Unanswered,
                RevokedMeanwhile => Fate::Fine,
                JunkPlanted => {
                    match step {
                        OffsetCommitted => kafka.log(&partition, |log| {
                            log.commit = Some(Commit {
                                next_offset: 2,
                                metadata: "junk".to_owned(),
                            });
                        }),
                        Encoded => bucket.plant(
                            &next_place(&bucket, &partition).segment(Attempt::PLAIN).to_string(),
                            "junk",
                        ),
                        SegmentCreated | LinkCreated => bucket.plant(of, "junk"),
                    }
                    Fate::Fine
                }
            }
        })
    }

    fn run(&mut self, step: Step, fault: Fault, nth: usize) {
        let struck = Arc::new(AtomicBool::new(false));
        let mut process = self.start(1, 3);
        process.network.follow(self.script(step, fault, nth, &struck));
        self.until(&mut process, |_| struck.load(Ordering::Relaxed));
        match fault {
            KilledBefore | KilledAfter => {
                drop(process.network.disconnect());
                self.counts += *process.counts();
            }
            Lost | LandedButErrored | JunkPlanted => self.finish(process),
            RevokedMeanwhile => {
                process.notify(GroupEvent::Revoke(self.partition.clone()));
                self.until(&mut process, Process::has_released);
                self.leave(process);
            }
            AnotherWriterFirst => {
                let other = self.start(2, 4);
                self.finish(other);
                // The first writer continues for a while before it learns that it lost its partition.
                for _ in 0..500 {
                    self.now_ms += 1;
                    process.turn(self.now_ms);
                }
                process.notify(GroupEvent::Lost(self.partition.clone()));
                self.until(&mut process, Process::has_received_all);
                self.leave(process);
            }
        }
        let last = self.start(3, 5);
        self.finish(last);
    }

    /// Adds more holes than one link can list, and some after the last record.
    fn make_holes(&self) {
        let mut dice = Dice::new(2);
        self.kafka.log(&self.partition, |log| {
            for number in 0..MAX_ABSENT_RANGES as u64 {
                log.skip(1);
                log.produce(number, &mut dice);
            }
            log.skip(3);
        });
    }

    fn check(&self) -> Result<(), String> {
        self.bucket.check_unchanged().map_err(|error| error.to_string())?;
        let chains = Chains::new(&self.bucket, Setup::shared());
        oracle::check_partition(&chains, &self.partition, &self.kafka.logs()[&self.partition])?;
        match oracle::check_verdict(&runtime(), &chains, &self.kafka, &Planted::default())?.orphans {
            0 => Ok(()),
            orphans => Err(format!("segments that no link names: {orphans}")),
        }
    }
}

#[test]
fn every_fault_at_every_step_of_a_seal_ends_in_an_intact_archive() {
    for ((step, step_name), (fault, fault_name), _) in rows() {
        for nth in [0, 1] {
            let mut scenario = Scenario::new();
            scenario.run(step, fault, nth);
            let told = format!("{step_name} × {fault_name}, seal {nth}: {:?}", scenario.counts);
            scenario.check().unwrap_or_else(|why| panic!("{told}: {why}"));
            let adopts = matches!(
                (step, fault),
                (SegmentCreated, KilledAfter) | (LinkCreated, KilledBefore | AnotherWriterFirst)
            );
            assert_eq!(scenario.counts.adopted, u64::from(adopts), "{told}");
            let fences = fault == AnotherWriterFirst && matches!(step, SegmentCreated | LinkCreated);
            assert!(scenario.counts.fenced > 0 || !fences, "{told}");
            let rejects = fault == JunkPlanted && matches!(step, Encoded | SegmentCreated);
            assert_eq!(scenario.counts.rejected, u64::from(rejects), "{told}");
        }
    }
}

#[test]
fn more_holes_than_a_link_can_list_are_split_over_links_with_or_without_a_found_segment() {
    for found_ends in [None, Some(20_005), Some(20_014)] {
        let mut scenario = Scenario::new();
        scenario.make_holes();
        if let Some(end) = found_ends {
            let outsider = Outsider {
                bucket: &scenario.bucket,
                kafka: &scenario.kafka,
                setup: Setup::shared(),
                chains: &Chains::new(&scenario.bucket, Setup::shared()),
                partition: &scenario.partition,
            };
            outsider.put_segment(None, end, |_| {});
        }
        let process = scenario.start(1, 1 << 20);
        scenario.finish(process);
        scenario.check().unwrap_or_else(|why| panic!("{found_ends:?}: {why}"));
    }
}

#[test]
fn the_documented_fault_table_is_the_one_that_is_tested() {
    let mut table = "| step of a seal | fault | outcome |\n|---|---|---|\n".to_owned();
    for ((_, step), (_, fault), outcome) in rows() {
        table.push_str(&format!("| {step} | {fault} | {outcome} |\n"));
    }
    let documented = include_str!("../../docs/FAULTS.md");
    assert!(
        documented.contains(&table),
        "docs/FAULTS.md must hold this table:\n{table}"
    );
}

//! Brokers that crash and return: acknowledged records are kept, and the archive catches up.

use super::servers::Mine;
use super::shop::Chaos;
use super::{PARTITIONS, until};

#[test]
fn a_broker_that_dies_and_returns_costs_no_record() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut archiver = chaos.archiver("archiver");
    let feed = chaos.feed(1_500);
    archiver.until_said("segment_sealed", 10);
    let victim = (1 + chaos.dice.below(3)).to_string();
    eprintln!("broker {victim} dies");
    mine.kill(&[&victim]);
    let linked = archiver.said("segment_sealed");
    archiver.until_said("segment_sealed", linked + 20);
    let records = feed.all_acked();
    mine.start(&[&victim]);
    archiver.terminate();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn an_archiver_that_has_nothing_to_do_is_not_ready_while_no_broker_answers() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut archiver = chaos.archiver("archiver");
    until("it has everything", || archiver.holds().len() == PARTITIONS);
    archiver.until_ready();
    mine.kill(&["1", "2", "3"]);
    archiver.until_unready_for("reach Kafka: no Kafka broker answered");
    mine.start(&["1", "2", "3"]);
    archiver.until_ready();
    let feed = chaos.feed(1_000);
    archiver.until_said("segment_sealed", 10);
    let records = feed.all_acked();
    archiver.terminate();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn with_two_brokers_dead_ingest_waits_or_fails_and_loses_nothing_that_was_acknowledged() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut archiver = chaos.archiver("archiver");
    let feed = chaos.feed(1_500);
    archiver.until_said("segment_sealed", 10);
    let alive = 1 + chaos.dice.below(3);
    let dead: Vec<String> = (1..=3).filter(|n| *n != alive).map(|n| n.to_string()).collect();
    let dead: Vec<&str> = dead.iter().map(String::as_str).collect();
    eprintln!("brokers {dead:?} die");
    mine.kill(&dead);
    archiver.until_unready_for("Kafka");
    mine.start(&dead);
    archiver.until_ready();
    let report = feed.report();
    let acked = report["acked"].as_u64().unwrap();
    eprintln!("acknowledged: {acked}");
    archiver.terminate();
    // An event that was sent but never acknowledged may be in Kafka all the same.
    let records = chaos.reckon();
    assert!(records >= acked, "{records} records, {acked} acknowledged");
}

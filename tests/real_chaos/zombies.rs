//! An archiver that resumes after its session expired and others took over: it is fenced and does no harm.

use std::collections::BTreeSet;

use super::process::partition_of;
use super::proxy::{Proxy, Weather};
use super::servers::Whole;
use super::shop::Chaos;
use super::{PARTITIONS, until};

/// Checks the log: between "lost" and "archiving" nothing of the partition is linked or committed.
fn stays_off_what_it_lost(log: &str) {
    let mut lost = BTreeSet::new();
    for line in log.lines() {
        let Some(partition) = partition_of(line) else {
            continue;
        };
        if line.contains("partition_lost") {
            assert!(lost.insert(partition), "logged twice: {line}");
        } else if line.contains("partition_started") {
            lost.remove(&partition);
        } else {
            assert!(!lost.contains(&partition) || !line.contains("segment_sealed"), "{line}");
        }
    }
}

#[test]
fn a_zombie_that_wakes_after_its_partitions_moved_is_fenced_and_joins_again() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let mut records = 0;
    for round in 0..chaos.rounds.div_ceil(5) {
        let mut zombie = chaos.archiver(&format!("zombie-{round}"));
        let feed = chaos.feed(1_000);
        zombie.until_said("segment_sealed", 10 + chaos.dice.below(30));
        zombie.pause();
        // Its session expires while it is stopped, and another archiver takes all partitions.
        let mut heir = chaos.archiver(&format!("heir-{round}"));
        until("the other archiver has all partitions", || {
            heir.holds().len() == PARTITIONS
        });
        heir.until_said("segment_sealed", 5);
        zombie.wake();
        zombie.until_said("partition_lost", PARTITIONS);
        let before = zombie.said("partition_started");
        until("the zombie archives again", || {
            zombie.said("partition_started") > before
        });
        stays_off_what_it_lost(&zombie.log());
        records += feed.all_acked();
        zombie.terminate();
        heir.terminate();
    }
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_zombies_request_that_reaches_the_store_after_its_partitions_moved_is_refused() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let proxy = Proxy::start(chaos.dice.split());
    let mut records = 0;
    for round in 0..chaos.rounds.div_ceil(5) {
        let mut zombie = chaos.archiver_with(&format!("zombie-{round}"), |command| proxy.lead(command));
        let feed = chaos.feed(1_000);
        zombie.until_said("segment_sealed", 10 + chaos.dice.below(30));
        // The proxy holds its requests until the other archiver has taken over.
        let harmed = proxy.harmed();
        proxy.change(Weather::Holding);
        until("requests are held", || proxy.harmed() >= harmed + 3);
        zombie.pause();
        let mut heir = chaos.archiver(&format!("heir-{round}"));
        until("the other archiver has all partitions", || {
            heir.holds().len() == PARTITIONS
        });
        heir.until_said("segment_sealed", PARTITIONS);
        proxy.change(Weather::Fair);
        heir.until_said("segment_sealed", 2 * PARTITIONS);
        zombie.wake();
        zombie.until_said("partition_lost", PARTITIONS);
        stays_off_what_it_lost(&zombie.log());
        records += feed.all_acked();
        zombie.terminate();
        heir.terminate();
    }
    assert_eq!(chaos.reckon(), records);
}

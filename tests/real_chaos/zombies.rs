//! An archiver that was thought dead, and wakes after others took over: fenced, and harmless.

use std::collections::BTreeSet;

use super::servers::Whole;
use super::shop::Chaos;
use super::until;

/// The partitions of a shop's four topics.
const PARTITIONS: usize = 14;

/// Between "lost" and "archiving" nothing of the partition may be linked or committed.
fn stays_off_what_it_lost(log: &str) {
    let mut lost = BTreeSet::new();
    for line in log.lines() {
        let Some(partition) = field(line, "partition=") else {
            continue;
        };
        if line.contains(" lost: another member has it already") {
            assert!(lost.insert(partition), "told twice: {line}");
        } else if line.contains(" archiving ") {
            lost.remove(partition);
        } else {
            assert!(!lost.contains(partition) || !line.contains(" linked "), "{line}");
        }
    }
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = line.split_once(name)?;
    after.split_whitespace().next()
}

#[test]
fn a_zombie_that_wakes_after_its_partitions_moved_is_fenced_and_joins_again() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let mut records = 0;
    for round in 0..chaos.rounds.div_ceil(5) {
        let mut zombie = chaos.archiver(&format!("zombie-{round}"));
        let feed = chaos.feed(20_000, 1_000);
        zombie.until_said(" linked ", 10 + chaos.dice.below(30));
        zombie.pause();
        // Its session ends while it sleeps, and another takes everything.
        let mut heir = chaos.archiver(&format!("heir-{round}"));
        heir.until_said(" archiving ", PARTITIONS);
        heir.until_said(" linked ", 5);
        zombie.wake();
        zombie.until_said(" lost: another member has it already", PARTITIONS);
        let before = zombie.said(" archiving ");
        until("the zombie archives again", || zombie.said(" archiving ") > before);
        stays_off_what_it_lost(&zombie.log());
        records += feed.all_acked();
        zombie.terminate();
        heir.terminate();
    }
    assert_eq!(chaos.reckon(), records);
}

//! Archivers that join and leave regularly, with every group protocol.

use super::process::Archiver;
use super::servers::Whole;
use super::shop::Chaos;
use super::{PARTITIONS, until};

const INSTANCE: &str = "KIVEND_KAFKA__PROPERTIES__GROUP__INSTANCE__ID";

fn one_becomes_three_becomes_one(mut chaos: Chaos) {
    let mut first = chaos.archiver("first");
    let feed = chaos.feed(1_500);
    first.until_said("segment_sealed", 10);
    let mut others = ["second", "third"].map(|name| chaos.archiver(name));
    for other in &mut others {
        other.until_said("partition_started", 1);
    }
    others.into_iter().for_each(Archiver::terminate);
    until("the first has everything again", || first.holds().len() == PARTITIONS);
    let linked = first.said("segment_sealed");
    first.until_said("segment_sealed", linked + PARTITIONS);
    let records = feed.all_acked();
    let log = first.log();
    assert!(!log.contains("partition_lost"), "a partition was lost: {log}");
    first.terminate();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn one_archiver_becomes_three_and_one_again_eagerly() {
    let Some(_whole) = Whole::share() else { return };
    one_becomes_three_becomes_one(Chaos::with_properties(&[("partition.assignment.strategy", "range")]));
}

#[test]
fn one_archiver_becomes_three_and_one_again_cooperatively() {
    let Some(_whole) = Whole::share() else { return };
    one_becomes_three_becomes_one(Chaos::begin());
}

#[test]
fn one_archiver_becomes_three_and_one_again_by_kafka_4s_own_protocol() {
    let Some(_whole) = Whole::share() else { return };
    one_becomes_three_becomes_one(Chaos::with_properties(&[("group.protocol", "consumer")]));
}

/// A static member, whose partitions are kept for it while it restarts.
fn named(chaos: &Chaos, name: &str) -> Archiver {
    chaos.archiver_with(name, |command| {
        command.env(INSTANCE, name);
    })
}

#[test]
fn a_rolling_restart_of_named_members_moves_no_partition() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::with_properties(&[("session.timeout.ms", "45000")]);
    let mut members = vec![named(&chaos, "one"), named(&chaos, "two")];
    let feed = chaos.feed(1_000);
    until("all partitions are shared", || {
        let held = members.iter().map(Archiver::holds);
        held.clone().map(|held| held.len()).sum::<usize>() == PARTITIONS && held.clone().all(|held| !held.is_empty())
    });
    for name in ["one", "two"] {
        let (leaving, staying) = (members.remove(0), members.remove(0));
        let (had, kept, moves) = (leaving.holds(), staying.holds(), staying.said("partitions_assigned"));
        leaving.terminate();
        let returned = named(&chaos, name);
        until("it has what it had", || returned.holds() == had);
        assert_eq!(staying.holds(), kept);
        assert_eq!(staying.said("partitions_assigned"), moves, "{}", staying.log());
        members.extend([staying, returned]);
    }
    let records = feed.all_acked();
    members.into_iter().for_each(Archiver::terminate);
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_member_whose_name_another_took_ends_and_says_why() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let mut older = named(&chaos, "one");
    let feed = chaos.feed(1_000);
    older.until_said("segment_sealed", 10);
    let newer = chaos.archiver_with("newer", |command| {
        command.env(INSTANCE, "one");
    });
    assert_eq!(older.ended().code(), Some(1));
    let log = older.log();
    assert!(log.contains("error: ") && log.contains("fix: "), "{log}");
    until("the newer one has everything", || newer.holds().len() == PARTITIONS);
    let records = feed.all_acked();
    newer.terminate();
    assert_eq!(chaos.reckon(), records);
}

//! A store that crashes, stalls, refuses or is full: the archiver waits where waiting helps, stops where it does not,
//! and commits nothing meanwhile.

use kivend::clock::Clock;

use super::disk::Disk;
use super::proxy::{Proxy, Weather};
use super::servers::{Mine, Whole};
use super::shop::Chaos;
use super::{PARTITIONS, until};

/// Lets events arrive while the store is down, and checks that none of them is committed.
fn commits_rest(chaos: &Chaos) {
    // Segments may have been stored and not committed when the store went down.
    events_arrive(chaos);
    let before = chaos.committed();
    events_arrive(chaos);
    assert_eq!(chaos.committed(), before, "committed without a store");
}

fn events_arrive(chaos: &Chaos) {
    let records = chaos.records_in_kafka();
    until("events arrive", || chaos.records_in_kafka() >= records + 2_000);
}

#[test]
fn a_store_that_dies_in_the_middle_of_uploads_is_waited_for_and_nothing_is_committed_meanwhile() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut records = 0;
    for round in 0..chaos.rounds.div_ceil(5) {
        let mut archiver = chaos.archiver(&format!("archiver-{round}"));
        let feed = chaos.feed(1_000);
        archiver.until_ready();
        archiver.until_said("segment_sealed", 1 + chaos.dice.below(40));
        mine.kill(&["minio"]);
        let reason = archiver.until_unready();
        assert!(reason.contains("the store cannot be reached"), "{reason}");
        commits_rest(&chaos);
        mine.start(&["minio"]);
        archiver.until_ready();
        records += feed.all_acked();
        archiver.terminate();
    }
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_stop_while_the_store_is_away_ends_in_time_and_leaves_the_rest_to_the_next_owner() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut archiver = chaos.archiver_with("stopped", |command| {
        command.env("KIVEND_ARCHIVE__SHUTDOWN_TIMEOUT", "10s");
    });
    let feed = chaos.feed(1_000);
    archiver.until_said("segment_sealed", 5);
    mine.kill(&["minio"]);
    archiver.until_unready();
    let stopped_at = Clock::start();
    archiver.stop();
    let status = archiver.ended();
    assert!(stopped_at.elapsed_s() < 10.0, "{} s", stopped_at.elapsed_s());
    assert!(status.success(), "{status}: {}", archiver.log());
    assert_eq!(archiver.said("they are still in Kafka"), 1, "{}", archiver.log());
    mine.start(&["minio"]);
    let records = feed.all_acked();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn credentials_that_are_withdrawn_stop_the_archiver_with_a_remedy_and_a_restart_goes_on() {
    let Some(mine) = Mine::take() else { return };
    let mut chaos = Chaos::begin();
    let mut archiver = chaos.archiver("refused");
    let feed = chaos.feed(1_000);
    archiver.until_said("segment_sealed", 1 + chaos.dice.below(40));
    mine.kill(&["minio"]);
    mine.start_store_of_a_stranger();
    assert_eq!(archiver.ended().code(), Some(1));
    let log = archiver.log();
    assert!(
        log.contains("error: the store does not know these credentials"),
        "{log}"
    );
    assert!(
        log.contains("fix: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
        "{log}"
    );

    mine.kill(&["minio"]);
    mine.start(&["minio"]);
    let archiver = chaos.archiver("allowed");
    until("the archiver goes on", || archiver.holds().len() == PARTITIONS);
    let records = feed.all_acked();
    archiver.terminate();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_policy_that_denies_stops_the_archiver_with_a_remedy() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let proxy = Proxy::start(chaos.dice.split());
    let mut archiver = chaos.archiver_with("denied", |command| proxy.lead(command));
    let feed = chaos.feed(1_000);
    archiver.until_said("segment_sealed", 5);
    proxy.change(Weather::Refusing(403, "AccessDenied"));
    assert_eq!(archiver.ended().code(), Some(1));
    let log = archiver.log();
    assert!(log.contains("error: the store refuses access"), "{log}");
    assert!(log.contains("fix: allow s3:GetObject, s3:PutObject"), "{log}");
    let records = feed.all_acked();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_full_store_is_waited_for_and_nothing_is_committed_meanwhile() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let proxy = Proxy::start(chaos.dice.split());
    let mut archiver = chaos.archiver_with("archiver", |command| proxy.lead(command));
    let feed = chaos.feed(1_000);
    archiver.until_said("segment_sealed", 1 + chaos.dice.below(20));
    proxy.change(Weather::Refusing(507, "XMinioStorageFull"));
    let reason = archiver.until_unready();
    assert!(reason.contains("the store is full"), "{reason}");
    commits_rest(&chaos);
    proxy.change(Weather::Fair);
    archiver.until_ready();
    let records = feed.all_acked();
    archiver.terminate();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_disk_that_is_really_full_is_waited_for_and_nothing_is_committed_meanwhile() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let disk = Disk::mount(chaos.shop.folder().join("disk"), "2m");
    chaos.shop.add_settings("\n[store]\ndirectory = \"disk\"\n");
    let mut archiver = chaos.archiver("archiver");
    let feed = chaos.feed(2_000);
    archiver.until_said("segment_sealed", 5);
    let reason = archiver.until_unready();
    assert!(reason.contains("the disk is full"), "{reason}");
    // Where a large segment found no room, a small one may.
    disk.fill();
    commits_rest(&chaos);
    disk.empty();
    disk.grow("1g");
    archiver.until_ready();
    let records = feed.all_acked();
    archiver.terminate();
    assert_eq!(chaos.reckon(), records);
}

#[test]
fn a_network_that_is_slow_and_cuts_connections_anywhere_costs_no_record() {
    let Some(_whole) = Whole::share() else { return };
    let mut chaos = Chaos::begin();
    let proxy = Proxy::start(chaos.dice.split());
    let mut records = 0;
    for round in 0..chaos.rounds.div_ceil(5) {
        proxy.change(Weather::Fair);
        let mut archiver = chaos.archiver_with(&format!("archiver-{round}"), |command| proxy.lead(command));
        let feed = chaos.feed(1_000);
        archiver.until_said("segment_sealed", 5);
        for (weather, harm) in [(Weather::Cutting, 60), (Weather::Slow, 200)] {
            proxy.change(weather);
            let harmed = proxy.harmed();
            until("the network disturbs requests", || proxy.harmed() >= harmed + harm);
        }
        proxy.change(Weather::Fair);
        archiver.until_ready();
        records += feed.all_acked();
        archiver.terminate();
    }
    assert_eq!(chaos.reckon(), records);
}

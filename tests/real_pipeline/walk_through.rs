//! The README's walk-through, and archivers that share the work.

use super::shop::{Shop, terminate, topic};

#[test]
fn the_walk_through_ends_intact_with_the_documented_counts() {
    let Some(shop) = Shop::open() else { return };
    let first = shop.ingest_named("original", 71_694, 42);
    assert_eq!(
        (first["acked"].as_u64(), first["rejected"].as_u64()),
        (Some(71_694), Some(0))
    );
    let second = shop.json(&["ingest", "events.jsonl", "--only", "user-events", "--max", "51710"]);
    assert_eq!(second["acked"], 51_710);

    let listed = shop.json(&["topics", "list"]);
    let archived = shop.json(&["archive"]);
    assert_eq!(archived["records"], 123_404);
    let report = shop.json(&["verify", "--at-rest"]);
    assert_eq!(report["verdict"], "intact", "{report:#}");
    for (name, records) in [
        ("user-events", 115_841),
        ("payments", 7_563),
        ("orders", 0),
        ("fraud-alerts", 0),
    ] {
        let name = shop.topic(name);
        assert_eq!(topic(&listed, &name)["records"], records, "{name}");
        assert_eq!(topic(&report, &name)["records"], records, "{name}");
        assert_eq!(topic(&report, &name)["compared_with_kafka"], records, "{name}");
    }
    let events = topic(&report, &shop.topic("user-events")).clone();
    assert_eq!(
        (&events["distinct_events"], &events["repeated_events"]),
        (&64_131.into(), &51_710.into())
    );

    assert_eq!(shop.json(&["archive"])["records"], 0);
    assert_eq!(shop.json(&["consume", "payments", "100"])["records"], 100);
    assert_eq!(shop.json(&["consume", "orders"])["records"], 0);
}

#[test]
fn two_archivers_share_the_partitions_and_a_third_run_archives_nothing_anew() {
    let Some(shop) = Shop::open() else { return };
    shop.ingest_generated(20_000, 1);
    shop.json(&["init"]);
    let mut both = [shop.start_archiver(), shop.start_archiver()];
    // Each round adds records to every partition, so that both archivers have something to archive.
    for seed in 2..5 {
        shop.ingest_generated(20_000, seed);
    }
    for archiver in &mut both {
        terminate(archiver);
    }
    for archiver in both {
        assert!(archiver.wait_with_output().unwrap().status.success());
    }
    shop.verify_intact(80_000);
    assert_eq!(shop.json(&["archive"])["records"], 0);
}

#[test]
fn a_terminated_archiver_leaves_nothing_unarchived_that_it_had_taken() {
    let Some(shop) = Shop::open() else { return };
    shop.json(&["init"]);
    let mut archiver = shop.start_archiver();
    shop.ingest_generated(5_000, 7);
    terminate(&mut archiver);
    let output = archiver.wait_with_output().unwrap();
    assert!(output.status.success());
    shop.verify_intact(5_000);
}

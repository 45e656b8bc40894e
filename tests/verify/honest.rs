//! Honest archives in every state: none is reported as tampered.

use std::sync::Arc;

use kivend::app::verify::facts::KafkaFacts;
use kivend::app::verify::{Depth, Losses, Request, Since};
use kivend::config::TopicSelection;
use kivend::log::link::SealReason;
use kivend::log::object_key::{Attempt, Place};
use kivend::record::position::{Epoch, FirstOffset, TopicPartition};
use kivend::record::utc::UtcSeconds;
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::kafka::LagPolicy;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, Log};

#[test]
fn an_honest_archive_is_intact_offline_and_against_kafka() {
    let archive = Archive::usual();
    let report = archive.verify_bucket();
    expect_intact(&report, &[]);
    assert!(report.summary.contains("not compared with Kafka"), "{}", report.summary);
    let report = archive.verify_all();
    expect_intact(&report, &[]);
    assert_eq!(report.scope.records_compared, 260);
    assert!(report.scope.whole);
    let payments = &report.topics[0];
    assert_eq!(
        (payments.topic.as_str(), payments.records, payments.segments),
        ("payments", 100, 4)
    );
    assert_eq!(
        (payments.distinct_events, payments.repeated_events),
        (Some(100), Some(0))
    );
    assert!(
        report
            .anchored
            .iter()
            .all(|anchored| anchored.unanchored == 0 && anchored.by.commit.is_some())
    );
}

#[test]
fn what_the_newest_checkpoint_does_not_cover_is_named() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 5);
    let report = archive.verify_bucket();
    expect_intact(&report, &[Code::Unanchored]);
    assert!(
        report.summary.contains("1 newest links unanchored"),
        "{}",
        report.summary
    );
    archive.commit();
    expect_intact(&archive.verify_all(), &[]);
}

#[test]
fn without_a_given_key_the_archives_keys_are_trusted_on_first_use() {
    let archive = Archive::usual();
    let report = archive.verify(
        None,
        Request {
            given: Given::default(),
            ..archive.request()
        },
    );
    expect_intact(&report, &[]);
    assert!(
        report.summary.contains("keys trusted on first use"),
        "{}",
        report.summary
    );
}

#[test]
fn an_empty_archive_is_not_intact() {
    let archive = Archive::new();
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::NothingArchived);
    let nothing = Request {
        topic: Some("orders".into()),
        ..archive.request()
    };
    expect(
        &Archive::usual().verify(None, nothing),
        Verdict::Incomplete,
        Code::NothingInScope,
    );
}

#[test]
fn a_topic_that_kafka_says_was_never_used_is_nothing_to_verify() {
    let archive = Archive::usual();
    let orders = TopicPartition::new("orders", 0);
    archive.broker.logs().insert(orders.clone(), Log::default());
    let of_orders = || Request {
        topics: TopicSelection::of_names(&["orders"]),
        topic: Some("orders".into()),
        ..archive.request()
    };
    let broker = || Some(Arc::new(archive.broker.copy()) as Arc<dyn KafkaFacts>);
    expect_intact(&archive.verify(broker(), of_orders()), &[Code::NothingProduced]);
    // Retention has deleted what was produced.
    {
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&orders).unwrap();
        (log.low, log.high) = (5, 5);
    }
    let report = archive.verify(broker(), of_orders());
    expect(&report, Verdict::Incomplete, Code::PartitionNotArchived);
}

#[test]
fn no_archive_at_all_is_not_intact() {
    let archive = Archive::new();
    archive.store.vanish("archive.json");
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::IdentityMissing);
}

#[test]
fn transactions_leave_absent_offsets_and_that_is_fine() {
    let mut archive = Archive::new();
    let partition = TopicPartition::new("payments", 0);
    let mut records = archive.produce(&partition, 20);
    records.retain(|record| ![3, 4, 11, 19].contains(&record.offset));
    archive.broker.logs().get_mut(&partition).unwrap().records = records.clone();
    archive.archive(&partition, &records, 20);
    archive.archive(&partition, &[], 21);
    archive.broker.logs().get_mut(&partition).unwrap().high = 21;
    archive.checkpoint();
    archive.commit();
    expect_intact(&archive.verify_all(), &[]);
}

#[test]
fn a_declared_loss_stands_beside_the_verdict_unless_it_is_refused() {
    let mut archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    archive.produce(&partition, 10);
    archive.broker.delete_below(&partition, 110);
    archive.append_loss(&partition, 110);
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    archive.commit();
    let report = archive.verify_all();
    expect_intact(&report, &[Code::LossDeclared]);
    assert_eq!(report.topics[0].lost, 10);
    let strict = Request {
        losses: Losses::Refused,
        ..archive.request()
    };
    expect(
        &archive.verify(None, strict),
        Verdict::Incomplete,
        Code::LossNotAccepted,
    );
}

#[test]
fn lag_is_stated_and_incomplete_only_where_rest_was_asked() {
    let mut archive = Archive::usual();
    archive.produce(&TopicPartition::new("payments", 0), 3);
    let report = archive.verify_all();
    expect_intact(&report, &[Code::Lag]);
    assert_eq!(report.topics[0].lag, Some(3));
    let at_rest = Request {
        lag: LagPolicy::Refused,
        ..archive.request()
    };
    expect(
        &archive.verify(Some(archive.broker.clone()), at_rest),
        Verdict::Incomplete,
        Code::NotAtRest,
    );
}

#[test]
fn retention_of_archived_records_is_not_tampering() {
    let archive = Archive::usual();
    archive.broker.delete_below(&TopicPartition::new("payments", 0), 30);
    let report = archive.verify_all();
    expect_intact(&report, &[]);
    assert_eq!(report.topics[0].compared_with_kafka, Some(50));
}

/// A lifecycle rule of a bucket with versions hides an object first, and removes its version days later.
#[test]
fn a_delete_marker_over_a_segment_that_retention_lets_go_is_not_tampering() {
    let mut archive = Archive::usual();
    archive.remove_below("payments", 0, 1);
    let (gone, kept) = (
        archive.segment_key("payments", 0, 0),
        archive.segment_key("payments", 0, 1),
    );
    archive.store.delete(&gone);
    expect_intact(&archive.verify_bucket(), &[]);
    archive.store.delete(&kept);
    let report = archive.verify_bucket();
    let hidden: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.code == Code::HiddenVersion)
        .map(|finding| finding.object.as_deref())
        .collect();
    assert_eq!(hidden, [Some(kept.as_str())]);
}

#[test]
fn a_narrowed_scope_says_so_in_the_first_line() {
    let archive = Archive::usual();
    let links = Request {
        depth: Depth::Links,
        ..archive.request()
    };
    let report = archive.verify(None, links);
    expect_intact(&report, &[]);
    assert!(report.summary.contains("rows of 0 segments read"), "{}", report.summary);
    let one = Request {
        topic: Some("payments".into()),
        partition: Some(0),
        ..archive.request()
    };
    let report = archive.verify(None, one);
    assert!(
        report.summary.contains("only payments partition 0"),
        "{}",
        report.summary
    );
    let future = Since(UtcSeconds::from_unix(4_000_000_000));
    let none_new = Request {
        since: Some(future),
        ..archive.request()
    };
    let report = archive.verify(None, none_new);
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    assert!(report.summary.contains("nothing new since 2096-"), "{}", report.summary);
}

#[test]
fn a_segment_left_by_an_interrupted_writer_is_only_a_note() {
    let mut archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    let records = archive.produce(&partition, 4);
    let link = archive.next_link(&partition, 104);
    let (segment, _) = archive.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    expect_intact(&archive.verify_bucket(), &[Code::PendingSegment]);
}

#[test]
fn a_recreated_topic_begins_a_new_epoch() {
    let mut archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    *archive.broker.logs().get_mut(&partition).unwrap() = Default::default();
    archive.end_epoch(&partition, SealReason::Recreated, 0);
    let records = archive.produce(&partition, 6);
    let link = archive.next_link(&partition, 6);
    let (segment, link) = archive.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    archive.append(link);
    archive.checkpoint();
    archive.commit();
    let report = archive.verify_all();
    expect_intact(&report, &[]);
    assert_eq!(report.topics[0].compared_with_kafka, Some(6));
}

#[test]
fn junk_at_the_next_keys_is_passed_over_and_named() {
    let mut archive = Archive::usual();
    let next = archive.next_link(&TopicPartition::new("payments", 0), 101).place();
    archive.store.plant(&next.link(Attempt::PLAIN).to_string(), "junk");
    archive.store.plant("checkpoints/0000000002.note", "junk");
    let report = archive.verify_all();
    expect_intact(&report, &[Code::LinkPassedOver, Code::CheckpointPassedOver]);
    // The writer ignores them too, and both stay reported.
    archive.store.vanish("checkpoints/0000000002.note");
    let records = archive.produce(&next.partition, 3);
    let link = archive.next_link(&next.partition, 103);
    let (segment, link) = archive.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    let object = link.seal(&archive.key).unwrap().object;
    archive.store.plant(&next.link(Attempt(1)).to_string(), object);
    expect_intact(&archive.verify_bucket(), &[Code::LinkPassedOver, Code::Unanchored]);
}

#[test]
fn junk_at_the_key_of_a_first_link_needs_no_commit() {
    let archive = Archive::usual();
    let untouched = TopicPartition::new("payments", 9);
    archive.broker.logs().entry(untouched.clone()).or_default();
    let first = Place {
        partition: untouched,
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
    };
    archive
        .store
        .plant(&first.link(Attempt::PLAIN).to_string(), b"junk".to_vec());
    expect_intact(&archive.verify_all(), &[Code::LinkPassedOver]);
}

#[test]
fn kafka_that_does_not_answer_is_unverifiable() {
    let archive = Archive::usual();
    archive.broker.down.store(true, std::sync::atomic::Ordering::Relaxed);
    expect(&archive.verify_all(), Verdict::Unverifiable, Code::KafkaUnreadable);
    let broker: Arc<_> = archive.broker.clone();
    broker.down.store(false, std::sync::atomic::Ordering::Relaxed);
    broker.logs().values_mut().for_each(|log| log.commit = None);
    expect(&archive.verify_all(), Verdict::Unverifiable, Code::CommitMissing);
}

#[test]
fn a_topic_that_kafka_no_longer_has_is_a_note_and_a_cluster_that_has_none_is_unverifiable() {
    let archive = Archive::usual();
    archive
        .broker
        .logs()
        .retain(|partition, _| &*partition.topic == "payments");
    expect_intact(&archive.verify_all(), &[Code::TopicNotInKafka]);
    archive.broker.logs().clear();
    expect(&archive.verify_all(), Verdict::Unverifiable, Code::CommitMissing);
}

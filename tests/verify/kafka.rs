//! What a comparison with Kafka shows, and where Kafka itself is wrong.

use std::sync::atomic::Ordering;

use kivend::app::verify::Request;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::verify::findings::Code;
use kivend::verify::kafka::{Commit, LagPolicy};
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact, offsets};
use crate::fixture::Archive;

fn payments() -> TopicPartition {
    TopicPartition::new("payments", 0)
}

#[test]
fn a_forged_loss_is_false_while_kafka_still_has_the_records() {
    let mut archive = Archive::usual();
    archive.produce(&payments(), 10);
    archive.append_loss(&payments(), 110);
    archive.checkpoint();
    archive.commit();
    expect_intact(&archive.verify_bucket(), &[Code::LossDeclared]);
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::LossFalse);
    assert_eq!(offsets(&report, Code::LossFalse), Some((100, 110)));
}

#[test]
fn records_that_an_insider_left_out_are_named() {
    let mut archive = Archive::usual();
    let mut records = archive.produce(&payments(), 10);
    records.remove(4);
    archive.archive(&payments(), &records, 110);
    archive.checkpoint();
    archive.commit();
    expect_intact(&archive.verify_bucket(), &[]);
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::RecordsNotArchived);
    assert_eq!(offsets(&report, Code::RecordsNotArchived), Some((104, 105)));
}

#[test]
fn records_that_an_insider_added_are_named() {
    let mut archive = Archive::usual();
    let records = archive.produce(&payments(), 10);
    archive
        .broker
        .logs()
        .get_mut(&payments())
        .unwrap()
        .records
        .retain(|record| record.offset != 104);
    archive.archive(&payments(), &records, 110);
    archive.checkpoint();
    archive.commit();
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::RecordsNotInKafka);
    assert_eq!(offsets(&report, Code::RecordsNotInKafka), Some((104, 105)));
}

#[test]
fn a_commit_may_lag_behind_the_bucket_but_never_contradict_it() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    expect_intact(&archive.verify_all(), &[]);
    let link = archive.chains[&payments()][3].clone();
    let mut metadata = link.commit_metadata();
    metadata.link = Hash::ZERO;
    let commit = |next_offset: i64, metadata: String| {
        archive.broker.logs().get_mut(&payments()).unwrap().commit = Some(Commit { next_offset, metadata });
    };
    commit(100, metadata.to_string());
    expect(&archive.verify_all(), Verdict::Tampered, Code::CommitDiffers);
    commit(99, link.commit_metadata().to_string());
    expect(&archive.verify_all(), Verdict::Tampered, Code::CommitDiffers);
    commit(100, String::new());
    expect(&archive.verify_all(), Verdict::Unverifiable, Code::CommitForeign);
}

#[test]
fn a_partition_that_was_never_archived_is_in_scope() {
    let mut archive = Archive::usual();
    archive.produce(&TopicPartition::new("payments", 2), 3);
    let report = archive.verify_all();
    expect(&report, Verdict::Incomplete, Code::PartitionNotArchived);
    assert_eq!(offsets(&report, Code::PartitionNotArchived), Some((0, 3)));
}

#[test]
fn a_partition_without_a_link_is_lag_while_an_archiver_runs_and_not_at_rest() {
    let mut archive = Archive::usual();
    archive.produce(&TopicPartition::new("payments", 2), 3);
    archive.broker.members.store(1, Ordering::Relaxed);
    let report = archive.verify_all();
    expect_intact(&report, &[Code::Lag]);
    assert_eq!(offsets(&report, Code::Lag), Some((0, 3)));
    let at_rest = Request {
        lag: LagPolicy::Refused,
        ..archive.request()
    };
    let report = archive.verify(Some(archive.broker.clone()), at_rest);
    expect(&report, Verdict::Incomplete, Code::PartitionNotArchived);
}

#[test]
fn a_new_archive_whose_archiver_has_sealed_nothing_yet_only_lags() {
    let mut archive = Archive::new();
    archive.produce(&payments(), 3);
    expect(&archive.verify_all(), Verdict::Incomplete, Code::NothingArchived);
    archive.broker.members.store(1, Ordering::Relaxed);
    expect_intact(&archive.verify_all(), &[Code::Lag]);
}

#[test]
fn a_wiped_partition_is_not_excused_by_an_archiver_that_runs() {
    let archive = Archive::usual();
    archive.broker.members.store(1, Ordering::Relaxed);
    for key in archive.store.keys() {
        if key.contains("/payments/0/") {
            archive.store.vanish(&key);
        }
    }
    expect(&archive.verify_all(), Verdict::Incomplete, Code::HeadCut);
}

#[test]
fn a_log_that_ends_before_the_archive_contradicts_it() {
    let archive = Archive::usual();
    let mut logs = archive.broker.logs();
    let log = logs.get_mut(&payments()).unwrap();
    log.high = 90;
    log.records.retain(|record| record.offset < 90);
    drop(logs);
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::KafkaEndsBeforeHead);
    assert_eq!(offsets(&report, Code::KafkaEndsBeforeHead), Some((90, 100)));
}

#[test]
fn a_record_changed_in_kafka_is_named_too() {
    let archive = Archive::usual();
    archive.broker.logs().get_mut(&payments()).unwrap().records[60].key = None;
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::RecordsDifferFromKafka);
    assert_eq!(offsets(&report, Code::RecordsDifferFromKafka), Some((60, 61)));
}

#[test]
fn what_kafka_compacted_away_is_explained_by_a_later_record_with_its_key() {
    let compacted = |offset: i64| {
        let archive = Archive::usual();
        archive
            .broker
            .compacts
            .store(true, std::sync::atomic::Ordering::Relaxed);
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&payments()).unwrap();
        log.records.retain(|record| record.offset != offset);
        drop(logs);
        archive
    };
    expect_intact(&compacted(30).verify_all(), &[Code::CompactedAway]);
    // No later record has the key of the last one.
    expect(&compacted(99).verify_all(), Verdict::Tampered, Code::RecordsNotInKafka);
    let archive = compacted(30);
    archive
        .broker
        .compacts
        .store(false, std::sync::atomic::Ordering::Relaxed);
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsNotInKafka);
}

#[test]
fn records_behind_an_open_transaction_are_a_note_and_at_rest_they_are_missing() {
    let mut archive = Archive::usual();
    archive.checkpoint();
    archive.commit();
    archive.broker.logs().get_mut(&payments()).unwrap().unstable = 101;
    let report = archive.verify_all();
    expect_intact(&report, &[Code::OpenTransaction]);
    let end = archive.broker.logs()[&payments()].high;
    assert_eq!(offsets(&report, Code::OpenTransaction), Some((end, end + 101)));
    let at_rest = Request {
        lag: LagPolicy::Refused,
        ..archive.request()
    };
    let report = archive.verify(Some(archive.broker.clone()), at_rest);
    expect(&report, Verdict::Incomplete, Code::OpenTransactionNotAtRest);
    let lag: u64 = report.topics.iter().filter_map(|topic| topic.lag).sum();
    assert_eq!(lag, 101);
}

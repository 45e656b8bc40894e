//! Epochs that end: topics created again, logs that an unclean leader election cut back, and false claims of either.

use std::collections::BTreeMap;

use kivend::log::link::{Link, SealReason};
use kivend::log::object_key::Attempt;
use kivend::record::position::TopicPartition;
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact, offsets};
use crate::fixture::{Archive, OwnedRecord};

fn payments() -> TopicPartition {
    TopicPartition::new("payments", 0)
}

/// An archive of 100 records in links of 25, whose log was cut back to `begins`, and that many records after it.
fn cut_back(begins: i64, count: usize) -> Archive {
    let mut archive = Archive::usual();
    {
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&payments()).unwrap();
        log.records.retain(|record| record.offset < begins);
        log.high = begins;
    }
    archive.produce(&payments(), count);
    archive
}

/// Declares the divergence and archives what Kafka has from there on.
fn declare(archive: &mut Archive, begins: i64) {
    archive.end_epoch(&payments(), SealReason::Diverged, begins);
    let (records, high) = {
        let logs = archive.broker.logs();
        let log = &logs[&payments()];
        let records = log.records.iter().filter(|record| record.offset >= begins);
        (records.cloned().collect::<Vec<_>>(), log.high)
    };
    archive.archive(&payments(), &records, high);
    archive.checkpoint();
    archive.commit();
}

#[test]
fn a_log_that_was_cut_back_is_intact_once_it_is_declared() {
    for (begins, count) in [(60, 20), (60, 70), (75, 10), (99, 1), (0, 5)] {
        let mut archive = cut_back(begins, count);
        expect(
            &archive.verify_all(),
            Verdict::Tampered,
            if begins + (count as i64) < 100 {
                Code::KafkaEndsBeforeHead
            } else {
                Code::RecordsDifferFromKafka
            },
        );
        declare(&mut archive, begins);
        expect_intact(&archive.verify_bucket(), &[Code::RecordsSuperseded]);
        let report = archive.verify_all();
        expect_intact(&report, &[Code::RecordsSuperseded]);
        assert_eq!(offsets(&report, Code::RecordsSuperseded), Some((begins, 100)));
        assert_eq!(report.topics[0].compared_with_kafka, Some(begins as u64 + count as u64));
    }
}

#[test]
fn the_note_counts_what_kafka_lost() {
    let mut archive = cut_back(60, 20);
    declare(&mut archive, 60);
    let report = archive.verify_all();
    let note = report
        .findings
        .iter()
        .find(|finding| finding.code == Code::RecordsSuperseded);
    let detail = &note.unwrap().detail;
    assert!(
        detail.contains("epoch 0 keeps 25 records and those at offsets 60 to 74"),
        "{detail}"
    );
}

#[test]
fn below_a_divergence_kafka_must_equal_the_current_records() {
    for (begins, changed) in [(60, 55), (60, 10)] {
        let mut archive = cut_back(begins, 20);
        declare(&mut archive, begins);
        archive.broker.logs().get_mut(&payments()).unwrap().records[changed].key = None;
        let report = archive.verify_all();
        expect(&report, Verdict::Tampered, Code::RecordsDifferFromKafka);
        let changed = changed as i64;
        assert_eq!(
            offsets(&report, Code::RecordsDifferFromKafka),
            Some((changed, changed + 1))
        );
    }
    let mut archive = cut_back(60, 20);
    declare(&mut archive, 62);
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsDifferFromKafka);
}

#[test]
fn a_divergence_is_false_while_kafka_holds_every_record() {
    for begins in [60, 75, 0] {
        let mut archive = Archive::usual();
        declare(&mut archive, begins);
        expect_intact(&archive.verify_bucket(), &[Code::RecordsSuperseded]);
        expect(&archive.verify_all(), Verdict::Tampered, Code::DivergenceFalse);
    }
}

#[test]
fn a_divergence_is_true_if_kafka_lacks_one_record_or_has_one_more() {
    let mut archive = Archive::usual();
    archive.broker.logs().get_mut(&payments()).unwrap().records.remove(80);
    declare(&mut archive, 60);
    expect_intact(&archive.verify_all(), &[Code::RecordsSuperseded, Code::SupersededHeld]);
    let mut archive = Archive::new();
    let mut records = archive.produce(&payments(), 10);
    records.remove(4);
    archive.archive(&payments(), &records, 10);
    declare(&mut archive, 4);
    expect_intact(&archive.verify_all(), &[Code::RecordsSuperseded, Code::SupersededHeld]);
    let mut archive = Archive::new();
    let records = archive.produce(&payments(), 10);
    archive.archive(&payments(), &records[..4], 4);
    archive.archive(&payments(), &[], 6);
    archive.archive(&payments(), &records[6..], 10);
    declare(&mut archive, 4);
    expect_intact(&archive.verify_all(), &[Code::RecordsSuperseded, Code::SupersededHeld]);
}

#[test]
fn a_log_may_be_cut_back_below_the_beginning_of_its_epoch() {
    let mut archive = cut_back(60, 20);
    declare(&mut archive, 60);
    {
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&payments()).unwrap();
        log.records.truncate(30);
        log.high = 30;
    }
    archive.produce(&payments(), 5);
    declare(&mut archive, 30);
    expect_intact(&archive.verify_all(), &[Code::RecordsSuperseded]);
    // Cut back again before anything was archived in the newest epoch.
    archive.end_epoch(&payments(), SealReason::Diverged, 33);
    {
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&payments()).unwrap();
        log.records.truncate(20);
        log.high = 20;
    }
    archive.produce(&payments(), 50);
    declare(&mut archive, 20);
    expect_intact(&archive.verify_all(), &[Code::RecordsSuperseded]);
}

#[test]
fn a_commit_after_a_closing_link_stands_where_the_next_epoch_begins() {
    let mut archive = cut_back(60, 20);
    archive.end_epoch(&payments(), SealReason::Diverged, 60);
    archive.checkpoint();
    archive.commit();
    let report = archive.verify_all();
    expect_intact(&report, &[Code::RecordsSuperseded, Code::Lag]);
    assert_eq!(report.topics[0].lag, Some(20));
    archive
        .broker
        .logs()
        .get_mut(&payments())
        .unwrap()
        .commit
        .as_mut()
        .unwrap()
        .next_offset = 100;
    expect(&archive.verify_all(), Verdict::Tampered, Code::CommitDiffers);
}

/// A segment at the place of the next link, as a writer leaves it that is stopped before its link.
fn leave_segment(archive: &mut Archive) {
    let records = archive.produce(&payments(), 3);
    let first = archive.next_link(&payments(), 1).first_offset.0;
    let records: Vec<_> = (first..)
        .zip(records)
        .map(|(offset, record)| OwnedRecord { offset, ..record })
        .collect();
    let link = archive.next_link(&payments(), first + 3);
    let (key, bytes) = archive.fill(link, &records).0.unwrap();
    archive.store.plant(&key, bytes);
}

#[test]
fn segments_may_stay_where_an_epoch_ended_and_be_where_the_next_begins() {
    let mut archive = cut_back(60, 20);
    leave_segment(&mut archive);
    archive.end_epoch(&payments(), SealReason::Diverged, 60);
    archive.checkpoint();
    expect_intact(
        &archive.verify_bucket(),
        &[Code::PendingSegment, Code::RecordsSuperseded],
    );
    leave_segment(&mut archive);
    let report = archive.verify_bucket();
    expect_intact(&report, &[Code::PendingSegment, Code::RecordsSuperseded]);
    assert_eq!(report.finding_counts["KV103"], 2);
}

#[test]
fn nothing_stands_in_a_later_epoch_before_its_closing_link() {
    for begins in [0, 60, 100] {
        let archive = Archive::usual();
        let mut place = archive.next_link(&payments(), 101).place();
        place.epoch = place.epoch.next();
        place.first_offset.0 = begins;
        archive
            .store
            .plant(&place.segment(Attempt::PLAIN).to_string(), b"junk".to_vec());
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::UnnamedSegment);
        let archive = Archive::usual();
        archive
            .store
            .plant(&place.link(Attempt::PLAIN).to_string(), b"junk".to_vec());
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::StrayLink);
    }
}

/// Archives five new records of this leader epoch.
fn with_epoch(archive: &mut Archive, leader_epoch: Option<i32>) {
    let next = archive.next_link(&payments(), 0).first_offset.0 + 5;
    let records = archive.produce(&payments(), 5);
    let (segment, link) = archive.fill(archive.next_link(&payments(), next), &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    archive.append(Link { leader_epoch, ..link });
}

/// An archive of 50 records in links of 5, of leader epoch 3. The log was cut back to `ends`, and has that many other records after it; the
/// broker says where leader epoch 4 begins if it `knows`.
fn lost_after(ends: i64, count: usize, knows: Option<i64>) -> Archive {
    let mut archive = Archive::new();
    for _ in 0..10 {
        with_epoch(&mut archive, Some(3));
    }
    archive.checkpoint();
    archive.commit();
    {
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&payments()).unwrap();
        log.records.retain(|record| record.offset < ends);
        log.high = ends;
        log.leader_epochs = knows.map_or_else(BTreeMap::new, |later| BTreeMap::from([(3, 0), (4, later)]));
    }
    archive.produce(&payments(), count);
    archive
}

#[test]
fn a_log_that_the_broker_says_was_cut_back_is_incomplete_and_not_tampered_before_it_is_declared() {
    for (ends, count) in [
        (30, 10),
        (30, 20),
        (30, 40),
        (33, 10),
        (49, 30),
        (0, 5),
        (0, 80),
        (42, 0),
    ] {
        let mut archive = lost_after(ends, count, Some(ends));
        let report = archive.verify_all();
        expect(&report, Verdict::Incomplete, Code::LogCutBack);
        assert_eq!(offsets(&report, Code::LogCutBack), Some((ends, 50)));
        // A link holds at least one offset.
        if count > 0 {
            declare(&mut archive, ends);
            expect_intact(&archive.verify_all(), &[Code::RecordsSuperseded]);
        }
    }
}

#[test]
fn what_a_cut_log_does_not_explain_is_tampering() {
    let archive = lost_after(30, 40, None);
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsDifferFromKafka);
    let archive = lost_after(30, 40, Some(50));
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsDifferFromKafka);

    let archive = lost_after(30, 40, Some(30));
    archive.broker.logs().get_mut(&payments()).unwrap().records.remove(12);
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::RecordsNotInKafka);
    assert_eq!(offsets(&report, Code::RecordsNotInKafka), Some((12, 13)));
    assert_eq!(offsets(&report, Code::LogCutBack), Some((30, 50)));
}

#[test]
fn leader_epochs_never_fall_within_an_epoch_nor_below_a_divergence() {
    let mut archive = Archive::new();
    for epoch in [Some(3), None, Some(3), Some(5)] {
        with_epoch(&mut archive, epoch);
    }
    archive.checkpoint();
    expect_intact(&archive.verify_bucket(), &[]);
    with_epoch(&mut archive, None);
    with_epoch(&mut archive, Some(4));
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkBreaksRule);

    for (begins, leader_epoch, holds) in [
        (20, 5, true),
        (20, 4, false),
        (18, 3, true),
        (15, 2, false),
        (3, 0, true),
    ] {
        let mut archive = Archive::new();
        for epoch in [Some(3), None, Some(3), Some(5), Some(6)] {
            with_epoch(&mut archive, epoch);
        }
        archive.end_epoch(&payments(), SealReason::Diverged, begins);
        archive.broker.logs().get_mut(&payments()).unwrap().high = begins;
        with_epoch(&mut archive, Some(leader_epoch));
        archive.checkpoint();
        let report = archive.verify_bucket();
        if holds {
            expect_intact(&report, &[Code::RecordsSuperseded]);
        } else {
            expect(&report, Verdict::Tampered, Code::LinkBreaksRule);
        }
    }
}

#[test]
fn records_of_an_unknown_encoding_are_unverifiable_and_the_chain_is_judged() {
    let mut archive = Archive::usual();
    let records = archive.produce(&payments(), 5);
    let (segment, link) = archive.fill(archive.next_link(&payments(), 105), &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    archive.append(Link { encoding: 2, ..link });
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    archive.commit();
    let report = archive.verify_all();
    expect(&report, Verdict::Unverifiable, Code::EncodingUnknown);
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
    archive.tamper(&archive.link_key("payments", 0, 5), |bytes| bytes[500] ^= 1);
    expect(&archive.verify_all(), Verdict::Tampered, Code::LinkAltered);
}

//! Topics that were deleted and created again, and not declared so yet: no comparison with Kafka is possible, and none is made.

use kivend::app::verify::Request;
use kivend::log::link::SealReason;
use kivend::record::position::TopicPartition;
use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, OwnedRecord};

const FIRST: &str = "AAAAAAAAAAAAAAAAAAAAAQ";
const SECOND: &str = "AAAAAAAAAAAAAAAAAAAAAg";

fn payments() -> TopicPartition {
    TopicPartition::new("payments", 0)
}

/// An archive whose links name the id of their topic.
fn identified() -> Archive {
    let archive = Archive::new();
    archive.broker.identify("payments", FIRST);
    archive.broker.identify("user-events", FIRST);
    archive.filled()
}

/// The records of a new topic: as many as asked, none of them equal to one of the old topic at its offset.
fn records_of_another_topic(count: usize) -> Vec<OwnedRecord> {
    let mut other = Archive::new();
    let mut records = other.produce(&payments(), count);
    records.iter_mut().for_each(|record| record.key = None);
    records
}

fn codes(report: &Report) -> Vec<Code> {
    let mut codes: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn a_topic_that_was_created_again_is_not_tampering_however_much_it_holds() {
    for count in [0, 10, 60, 100, 250] {
        let archive = identified();
        expect_intact(&archive.verify_all(), &[]);
        archive
            .broker
            .create_again("payments", SECOND, records_of_another_topic(count));
        let report = archive.verify_all();
        expect(&report, Verdict::Incomplete, Code::TopicRecreated);
        assert_eq!(codes(&report), [Code::TopicRecreated], "{:#?}", report.findings);
        let finding = &report.findings[0];
        assert_eq!(
            (finding.topic.as_deref(), finding.partition),
            (Some("payments"), Some(0))
        );
        for named in [FIRST, SECOND, "kivend archive --new-epoch payments"] {
            assert!(finding.detail.contains(named), "{}", finding.detail);
        }
        let of_topic = |topic: &str| {
            report
                .topics
                .iter()
                .find(|of| of.topic == topic)
                .unwrap()
                .compared_with_kafka
        };
        assert_eq!(of_topic("payments"), Some(0));
        assert!(of_topic("user-events") > Some(0));
    }
}

#[test]
fn a_new_topic_with_fewer_partitions_is_another_topic_for_the_others_too() {
    let archive = identified();
    let last = archive
        .chains
        .keys()
        .filter(|partition| &*partition.topic == "user-events")
        .max();
    assert!(last.unwrap().partition > 0);
    archive.broker.create_again("user-events", SECOND, Vec::new());
    let report = archive.verify_all();
    let chains = archive
        .chains
        .keys()
        .filter(|partition| &*partition.topic == "user-events");
    let found = report
        .findings
        .iter()
        .filter(|finding| finding.code == Code::TopicRecreated);
    assert_eq!(found.count(), chains.count());
    assert_eq!(report.verdict, Verdict::Incomplete);
}

#[test]
fn a_declared_loss_is_not_false_because_a_new_topic_has_the_offsets() {
    let mut archive = identified();
    archive.produce(&payments(), 10);
    archive.append_loss(&payments(), 110);
    archive.checkpoint();
    archive.commit();
    archive
        .broker
        .create_again("payments", SECOND, records_of_another_topic(200));
    let report = archive.verify_all();
    expect(&report, Verdict::Incomplete, Code::TopicRecreated);
    assert_eq!(codes(&report), [Code::LossDeclared, Code::TopicRecreated]);
}

#[test]
fn a_divergence_is_not_judged_by_another_topic() {
    let mut archive = identified();
    archive.end_epoch(&payments(), SealReason::Diverged, 60);
    archive.checkpoint();
    let records = archive.broker.logs()[&payments()].records.clone();
    archive.broker.create_again("payments", SECOND, records);
    let report = archive.verify_all();
    expect(&report, Verdict::Incomplete, Code::TopicRecreated);
    assert_eq!(codes(&report), [Code::RecordsSuperseded, Code::TopicRecreated]);
}

#[test]
fn a_changed_object_is_tampering_also_where_the_topic_was_created_again() {
    let archive = identified();
    archive
        .broker
        .create_again("payments", SECOND, records_of_another_topic(100));
    let key = archive.segment_key("payments", 0, 1);
    archive.tamper(&key, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    assert_eq!(archive.verify_all().verdict, Verdict::Tampered);
}

#[test]
fn records_that_differ_in_the_same_topic_are_tampering_as_ever() {
    let archive = identified();
    archive.broker.logs().get_mut(&payments()).unwrap().records[60].key = None;
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsDifferFromKafka);
}

#[test]
fn without_an_id_in_the_archive_a_new_topic_excuses_nothing() {
    let archive = Archive::usual();
    archive
        .broker
        .create_again("payments", SECOND, records_of_another_topic(100));
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsDifferFromKafka);
}

#[test]
fn a_false_end_of_the_epoch_excuses_no_changed_record() {
    let mut archive = identified();
    let mut records: Vec<OwnedRecord> = archive.broker.logs()[&payments()].records[..20].to_vec();
    records[3].key = Some(b"other".to_vec());
    archive.end_epoch(&payments(), SealReason::Recreated, 0);
    let mut link = archive.next_link(&payments(), 20);
    link.topic_id = Some(SECOND.to_owned());
    let (segment, link) = archive.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    archive.append(link);
    archive.checkpoint();
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::RecordsDifferFromKafka);
}

#[test]
fn once_it_is_declared_the_new_topic_is_compared() {
    let mut archive = identified();
    let records = records_of_another_topic(20);
    archive.broker.create_again("payments", SECOND, records.clone());
    archive.end_epoch(&payments(), SealReason::Recreated, 0);
    archive.archive(&payments(), &records, 20);
    archive.checkpoint();
    archive.commit();
    let report = archive.verify_all();
    expect_intact(&report, &[]);
    assert_eq!(report.topics[0].compared_with_kafka, Some(20));
    archive.broker.logs().get_mut(&payments()).unwrap().records[3].key = Some(b"other".to_vec());
    expect(&archive.verify_all(), Verdict::Tampered, Code::RecordsDifferFromKafka);
}

#[test]
fn an_incremental_verification_knows_the_topic_of_the_checkpoint_it_starts_from() {
    let mut archive = identified();
    let since = archive.saved(1);
    let request = |archive: &Archive| Request {
        base: Some(kivend::app::verify::Base::Saved(since.clone())),
        ..archive.request()
    };
    archive.seal("user-events", 1, 4);
    archive.checkpoint();
    archive.commit();
    let intact = archive.verify(Some(archive.broker.clone()), request(&archive));
    assert_eq!(intact.verdict, Verdict::Intact, "{:#?}", intact.findings);
    archive
        .broker
        .create_again("payments", SECOND, records_of_another_topic(10));
    let report = archive.verify(Some(archive.broker.clone()), request(&archive));
    expect(&report, Verdict::Incomplete, Code::TopicRecreated);
}

//! Tampering with a segment's bytes, rows and typed columns under an honest link: the segment is always named, and then
//! what was changed.

use kivend::log::object_key::Attempt;
use kivend::record::record::Timestamp;
use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use super::{expect, offsets};
use crate::fixture::{Archive, OwnedRecord, step_offsets, with_false_columns};

/// Rewrites the segment at height 1 with these records and a matching footer.
fn with_records(change: impl FnOnce(&mut Vec<OwnedRecord>)) -> Archive {
    let archive = Archive::usual();
    let mut records = archive.records("payments", 0, 1);
    change(&mut records);
    let link = archive.link("payments", 0, 1).clone();
    let (segment, _) = archive.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    archive.store.tamper(&key, bytes);
    archive
}

/// Checks that the bucket shows the change and that Kafka's records show its offset.
#[track_caller]
fn expect_offsets(archive: &Archive, code: Code, range: (i64, i64)) -> Report {
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::SegmentAltered);
    expect(&report, Verdict::Tampered, Code::RecordsDiffer);
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, code);
    assert_eq!(offsets(&report, code), Some(range), "{:#?}", report.findings);
    report
}

#[test]
fn flipped_bits_are_named() {
    for part in 1..8 {
        let archive = Archive::usual();
        archive.tamper(&archive.segment_key("payments", 0, 1), |bytes| {
            let at = bytes.len() * part / 8;
            bytes[at] ^= 0x10;
        });
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::SegmentAltered);
    }
}

#[test]
fn truncated_emptied_and_swapped_segments_are_named() {
    let archive = Archive::usual();
    archive.tamper(&archive.segment_key("payments", 0, 1), |bytes| {
        bytes.truncate(bytes.len() / 2);
    });
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::SegmentMalformed);
    assert!(report.summary.contains("rows of 7 segments read"), "{}", report.summary);
    let archive = Archive::usual();
    archive.tamper(&archive.segment_key("payments", 0, 1), Vec::clear);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::SegmentMalformed);
    let archive = Archive::usual();
    let other = archive.store.bytes(&archive.segment_key("payments", 0, 2)).unwrap();
    archive.store.tamper(&archive.segment_key("payments", 0, 1), other);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::FooterDiffers);
}

#[test]
fn a_missing_segment_is_incomplete() {
    let archive = Archive::usual();
    archive.store.vanish(&archive.segment_key("payments", 0, 1));
    let report = archive.verify_bucket();
    expect(&report, Verdict::Incomplete, Code::SegmentMissing);
    assert_eq!(offsets(&report, Code::SegmentMissing), Some((25, 50)));
}

#[test]
fn a_changed_value_key_header_or_time_is_named_by_its_offset() {
    let changes: [fn(&mut OwnedRecord); 6] = [
        |record| record.value = Some(b"{\"cart_value\":0.5}".to_vec()),
        |record| record.key = Some(b"C99999".to_vec()),
        |record| record.key = None,
        |record| record.headers[0].1 = None,
        |record| record.headers[1].1 = Some(vec![]),
        |record| record.timestamp = Timestamp::create_ms(5),
    ];
    for change in changes {
        let archive = with_records(|records| change(&mut records[7]));
        expect_offsets(&archive, Code::RecordsDifferFromKafka, (32, 33));
    }
}

#[test]
fn null_made_empty_is_another_record() {
    let archive = with_records(|records| records[7].headers[1].1 = Some(Vec::new()));
    expect_offsets(&archive, Code::RecordsDifferFromKafka, (32, 33));
}

#[test]
fn swapped_records_are_named() {
    let archive = with_records(|records| {
        let (a, b) = (records[4].value.clone(), records[9].value.clone());
        (records[4].value, records[9].value) = (b, a);
    });
    let report = expect_offsets(&archive, Code::RecordsDifferFromKafka, (29, 35));
    let named = report
        .findings
        .iter()
        .find(|finding| finding.code == Code::RecordsDifferFromKafka)
        .unwrap();
    assert!(named.detail.contains("29, 34"), "{}", named.detail);
}

#[test]
fn a_dropped_record_is_named() {
    let archive = with_records(|records| {
        records.remove(7);
    });
    let report = expect_offsets(&archive, Code::RecordsNotArchived, (32, 33));
    expect(&report, Verdict::Tampered, Code::RangeDiffers);
}

#[test]
fn rows_that_repeat_an_offset_do_not_keep_the_order() {
    let archive = Archive::usual();
    archive.tamper(&archive.segment_key("payments", 0, 1), |bytes| {
        step_offsets(bytes, 0);
    });
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::SegmentMalformed);
}

#[test]
fn a_typed_column_altered_while_the_raw_value_stays_is_named() {
    let archive = Archive::usual();
    let mut altered = (0, 0);
    archive.tamper(&archive.segment_key("payments", 0, 1), |bytes| {
        (*bytes, altered) = with_false_columns(bytes);
    });
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::TypedColumnDiffers);
    assert_eq!(
        offsets(&report, Code::TypedColumnDiffers),
        Some((altered.0, altered.1 + 1))
    );
}

#[test]
fn planted_rows_of_the_next_range_are_only_pending() {
    let mut archive = Archive::usual();
    let partition = archive.link("payments", 0, 0).topic_partition();
    let mut records = archive.produce(&partition, 5);
    records[0].value = Some(b"forged".to_vec());
    let (segment, link) = archive.fill(archive.next_link(&partition, 105), &records);
    archive
        .store
        .plant(&link.place().segment(Attempt::PLAIN).to_string(), segment.unwrap().1);
    let report = archive.verify_bucket();
    super::expect_intact(&report, &[Code::PendingSegment]);
    assert_eq!(report.topics[0].records, 100);
}

//! A segment that no link names is an orphan, and harmless, only if links have every record of it (FORMAT.md section 6.2;
//! docs/decisions/0006). Any other such segment is tampering.

use kivend::record::position::{NextOffset, TopicPartition};
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, OwnedRecord};

/// Plants a valid segment beside that of payments/0 at this height, with these rows and a footer that ends at `next`.
fn beside(archive: &Archive, height: usize, next: i64, records: &[OwnedRecord]) {
    let mut link = archive.link("payments", 0, height).clone();
    link.next_offset = NextOffset(next);
    let (key, bytes) = archive.fill(link, records).0.unwrap();
    archive.store.plant(&key.replace(".parquet", "-r1.parquet"), bytes);
}

/// The archived records of payments/0 from this height on.
fn records(archive: &Archive, from: usize) -> Vec<OwnedRecord> {
    (from..4)
        .flat_map(|height| archive.records("payments", 0, height))
        .collect()
}

#[test]
fn the_same_records_in_other_ranges_are_an_orphan() {
    for (next, count) in [(50, 25), (40, 15), (60, 35), (100, 75)] {
        let archive = Archive::usual();
        beside(&archive, 1, next, &records(&archive, 1)[..count]);
        expect_intact(&archive.verify_bucket(), &[Code::OrphanSegment]);
    }
}

#[test]
fn an_orphan_may_lack_records_that_compaction_removed() {
    let archive = Archive::usual();
    let mut held = records(&archive, 1);
    held.remove(30);
    held.remove(3);
    beside(&archive, 1, 100, &held);
    expect_intact(&archive.verify_bucket(), &[Code::OrphanSegment]);
}

#[test]
fn one_record_that_links_do_not_hold_makes_it_tampering() {
    let archive = Archive::usual();
    let mut held = records(&archive, 1);
    held[30].value = Some(b"{}".to_vec());
    beside(&archive, 1, 100, &held);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::UnnamedSegment);
}

#[test]
fn a_segment_beyond_the_chain_is_not_an_orphan() {
    let mut archive = Archive::usual();
    let more = archive.produce(&TopicPartition::new("payments", 0), 5);
    let held = [records(&archive, 3), more].concat();
    beside(&archive, 3, 105, &held);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::UnnamedSegment);
}

#[test]
fn a_record_of_a_lost_range_is_not_in_an_orphan() {
    let mut archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    let gone = archive.produce(&partition, 5);
    archive.append_loss(&partition, 105);
    let held = [records(&archive, 3), gone].concat();
    beside(&archive, 3, 105, &held[..25]);
    expect_intact(
        &archive.verify_bucket(),
        &[Code::OrphanSegment, Code::LossDeclared, Code::Unanchored],
    );
    let key = archive.segment_key("payments", 0, 3).replace(".parquet", "-r1.parquet");
    archive.store.vanish(&key);
    beside(&archive, 3, 105, &held);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::UnnamedSegment);
}

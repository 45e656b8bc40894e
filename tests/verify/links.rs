//! Tampering with links, by an outsider without the key and by an insider with it.

use kivend::log::checkpoint::CheckpointRef;
use kivend::log::link::Link;
use kivend::log::object_key::Attempt;
use kivend::log::signed_note::SigningKey;
use kivend::log::signer::Signer as _;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact, offsets};
use crate::fixture::Archive;

#[test]
fn a_flipped_bit_in_a_middle_link_is_named() {
    for at in [0, 40, 400, 700] {
        let archive = Archive::usual();
        archive.tamper(&archive.link_key("payments", 0, 1), |bytes| bytes[at] ^= 1);
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
    }
}

#[test]
fn a_flipped_bit_in_the_newest_link_is_named_where_a_checkpoint_or_a_commit_vouches() {
    let archive = Archive::usual();
    archive.tamper(&archive.link_key("payments", 0, 3), |bytes| bytes[500] ^= 1);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
    let mut fresh = Archive::usual();
    fresh.seal("payments", 0, 4);
    fresh.commit();
    fresh.tamper(&fresh.link_key("payments", 0, 4), |bytes| bytes[500] ^= 1);
    // From the bucket alone it could be junk at the next link's key beside the segment of an interrupted writer.
    expect_intact(&fresh.verify_bucket(), &[Code::PendingSegment, Code::LinkPassedOver]);
    expect(&fresh.verify_all(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn a_middle_link_gone_is_incomplete_and_its_segment_unnamed() {
    let archive = Archive::usual();
    archive.store.vanish(&archive.link_key("payments", 0, 1));
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::UnnamedSegment);
    expect(&report, Verdict::Tampered, Code::LinkMissing);
    assert_eq!(offsets(&report, Code::LinkMissing), Some((25, 50)));
    archive.store.vanish(&archive.segment_key("payments", 0, 1));
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::LinkMissing);
}

#[test]
fn the_first_link_gone_is_incomplete() {
    let archive = Archive::usual();
    archive.store.vanish(&archive.link_key("payments", 0, 0));
    archive.store.vanish(&archive.segment_key("payments", 0, 0));
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::LinkMissing);
}

#[test]
fn the_newest_link_cut_off_shows_only_by_commit_or_checkpoint() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 4);
    archive.commit();
    archive.store.vanish(&archive.link_key("payments", 0, 4));
    expect_intact(&archive.verify_bucket(), &[Code::PendingSegment]);
    let report = archive.verify_all();
    expect(&report, Verdict::Incomplete, Code::HeadCut);
    assert_eq!(offsets(&report, Code::HeadCut), Some((100, 104)));
}

#[test]
fn the_newest_three_cut_off_with_their_segments_is_incomplete() {
    let archive = Archive::usual();
    for height in 1..4 {
        archive.store.vanish(&archive.link_key("payments", 0, height));
        archive.store.vanish(&archive.segment_key("payments", 0, height));
    }
    let report = archive.verify_bucket();
    expect(&report, Verdict::Incomplete, Code::ChainCut);
    assert_eq!(offsets(&report, Code::ChainCut), Some((25, 100)));
}

#[test]
fn a_link_by_a_foreign_key_is_no_link() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 4);
    let foreign = SigningKey::from_seed("kivend", &[8; 32]).unwrap();
    let object = archive.link("payments", 0, 1).seal(&foreign).unwrap().object;
    archive.store.tamper(&archive.link_key("payments", 0, 1), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn a_link_appended_without_the_key_does_not_enter_the_chain() {
    let archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    let foreign = SigningKey::from_seed("outsider", &[8; 32]).unwrap();
    let mut link = archive.next_link(&partition, 110);
    link.absent = vec![(100, 110)];
    let object = link.seal(&foreign).unwrap().object;
    archive
        .store
        .plant(&link.place().link(Attempt::PLAIN).to_string(), object);
    let report = archive.verify_bucket();
    expect_intact(&report, &[Code::LinkPassedOver]);
    assert_eq!(report.topics[0].records, 100);
}

#[test]
fn an_unsigned_link_is_no_link() {
    let archive = Archive::usual();
    archive.tamper(&archive.link_key("payments", 0, 2), |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.split("\n\n").next().unwrap().as_bytes().to_vec();
    });
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn links_swapped_are_at_places_that_they_do_not_name() {
    let archive = Archive::usual();
    let (one, two) = (archive.link_key("payments", 0, 1), archive.link_key("payments", 0, 2));
    let (a, b) = (archive.store.bytes(&one).unwrap(), archive.store.bytes(&two).unwrap());
    archive.store.tamper(&one, b);
    archive.store.tamper(&two, a);
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::UnnamedSegment);
    expect(&report, Verdict::Tampered, Code::LinkMissing);
    expect(&report, Verdict::Tampered, Code::Replay);
}

#[test]
fn a_stray_link_far_beyond_the_head_is_named() {
    let archive = Archive::usual();
    let mut place = archive.link("payments", 0, 3).place();
    place.first_offset.0 = 5000;
    archive.store.plant(&place.link(Attempt::PLAIN).to_string(), "junk");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::StrayLink);
    let archive = Archive::usual();
    place.first_offset.0 = 30;
    archive.store.plant(&place.link(Attempt::PLAIN).to_string(), "junk");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::StrayLink);
}

#[test]
fn an_insiders_branch_beside_the_chain_is_named() {
    let archive = Archive::usual();
    let mut link = archive.link("payments", 0, 2).clone();
    link.sealed_by = "somebody".into();
    let object = link.seal(&archive.key).unwrap().object;
    archive.store.plant(&link.place().link(Attempt(1)).to_string(), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkDoubled);
    let archive = Archive::usual();
    let mut branch = link;
    (branch.first_offset.0, branch.record_count, branch.segment) = (60, 0, None);
    (branch.absent, branch.records_root) = (vec![(60, 75)], Hash::of(b""));
    (branch.min_timestamp_ms, branch.max_timestamp_ms) = (None, None);
    let object = branch.seal(&archive.key).unwrap().object;
    archive
        .store
        .plant(&branch.place().link(Attempt::PLAIN).to_string(), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkBreaksRule);
}

#[test]
fn a_chain_that_an_insider_rewrote_contradicts_the_checkpoint() {
    let mut archive = Archive::usual();
    let mut records = archive.records("payments", 0, 1);
    records[3].value = Some(b"{\"cart_value\":1}".to_vec());
    archive.rewrite_from("payments", 0, 1, &records);
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::ChainDiffers);
    let beside = report
        .findings
        .iter()
        .filter(|finding| finding.code != Code::ChainDiffers);
    assert!(
        beside.into_iter().all(|finding| finding.code == Code::Unanchored),
        "{:#?}",
        report.findings
    );
    let report = archive.verify_all();
    expect(&report, Verdict::Tampered, Code::CommitDiffers);
    expect(&report, Verdict::Tampered, Code::RecordsDifferFromKafka);
    assert_eq!(offsets(&report, Code::RecordsDifferFromKafka), Some((28, 29)));
}

#[test]
fn an_insider_who_rewrites_one_link_breaks_the_next() {
    let archive = Archive::usual();
    let mut link = archive.link("payments", 0, 1).clone();
    link.sealed_by = "somebody".into();
    archive.store.tamper(
        &archive.link_key("payments", 0, 1),
        link.seal(&archive.key).unwrap().object,
    );
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkBreaksRule);
}

#[test]
fn a_link_that_names_a_checkpoint_with_another_hash_is_named() {
    let mut archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    let mut link = archive.next_link(&partition, 101);
    link.absent = vec![(100, 101)];
    link.checkpoint = CheckpointRef {
        number: 1,
        root: Hash::ZERO,
    };
    archive.append(link);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkCheckpointDiffers);
}

/// Replaces a link by one of a newer type, signed by the archive's own key.
fn renew(archive: &Archive, height: usize) {
    let key = archive.link_key("payments", 0, height);
    let text = String::from_utf8(archive.store.bytes(&key).unwrap().to_vec()).unwrap();
    let (text, _) = text.split_once("\n\n").unwrap();
    let newer = text.replacen("kivend.link/v1", "kivend.link/v2", 1) + "\n";
    archive.store.tamper(&key, archive.key.sign(newer).unwrap().to_bytes());
}

#[test]
fn a_note_of_a_newer_version_is_unverifiable() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 1);
    renew(&archive, 4);
    expect(&archive.verify_bucket(), Verdict::Unverifiable, Code::LinkUnknownType);
}

#[test]
fn links_after_a_note_of_a_newer_version_are_not_judged() {
    let archive = Archive::usual();
    renew(&archive, 1);
    archive
        .store
        .tamper(&archive.link_key("payments", 0, 2), b"junk".to_vec());
    archive.store.vanish(&archive.segment_key("payments", 0, 3));
    expect(&archive.verify_bucket(), Verdict::Unverifiable, Code::LinkUnknownType);
}

#[test]
fn a_gap_below_the_name_that_counts_is_incomplete() {
    let archive = Archive::usual();
    let key = archive.link_key("payments", 0, 3);
    let object = archive.store.bytes(&key).unwrap();
    archive.store.vanish(&key);
    archive.store.plant(&key.replace(".note", "-r1.note"), object);
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::LinkAttemptMissing);
}

#[test]
fn rejected_objects_are_looked_at_but_are_no_part_of_the_archive() {
    let mut archive = Archive::usual();
    let plain = archive.seal_beside_junk(&TopicPartition::new("payments", 0), 5);
    archive.checkpoint();
    expect_intact(&archive.verify_bucket(), &[Code::RejectedPresent]);
    archive.store.tamper(&plain, "other junk");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::RejectedAltered);
    archive.store.vanish(&plain);
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::RejectedMissing);
}

#[test]
fn a_retimed_link_does_not_say_what_its_records_say() {
    let mut archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    let records = archive.produce(&partition, 5);
    let (segment, link) = archive.fill(archive.next_link(&partition, 105), &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    archive.append(Link {
        min_timestamp_ms: Some(0),
        ..link
    });
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::TimestampsDiffer);
}

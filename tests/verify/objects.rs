//! Stray, overwritten, replaced and missing objects.

use kivend::app::verify::{Request, VerifyError, verify};
use kivend::log::checkpoint::Checkpoint;
use kivend::log::link::Link;
use kivend::log::object_key::{Attempt, Key};
use kivend::log::signed_note::SigningKey;
use kivend::record::hash::Hash;
use kivend::record::position::{FirstOffset, Height, TopicPartition};
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::Archive;

fn checkpoint_key(number: u64) -> String {
    Key::Checkpoint(number, Attempt::PLAIN).to_string()
}

#[test]
fn a_stray_object_is_tampering_except_among_the_probes() {
    let archive = Archive::usual();
    archive.store.plant("probes/left", "by a start-up check");
    expect_intact(&archive.verify_bucket(), &[]);
    archive.store.plant("data/topic=payments/partition=0/_SUCCESS", "");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::StrayObject);
}

#[test]
fn another_identity_breaks_every_signature_and_genesis() {
    let archive = Archive::usual();
    let other = SigningKey::from_seed("kivend", &[8; 32]).unwrap();
    let identity = kivend::log::identity::Identity::new(
        "kivend",
        [0xcd; 16],
        archive.identity.created_at(),
        other.verifying_key(),
    );
    archive
        .store
        .tamper("archive.json", identity.unwrap().to_bytes().unwrap());
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyNotOfArchive);
    let first_use = Request {
        keys: vec![],
        ..archive.request()
    };
    expect(&archive.verify(None, first_use), Verdict::Tampered, Code::StrayLink);
}

#[test]
fn an_invalid_identity_is_tampering() {
    let archive = Archive::usual();
    archive.tamper("archive.json", |bytes| bytes.insert(0, b' '));
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::IdentityMalformed);
}

#[test]
fn a_key_that_is_not_the_archives_vouches_for_nothing() {
    let archive = Archive::usual();
    let other = SigningKey::from_seed("auditor", &[9; 32]).unwrap();
    let request = Request {
        keys: vec![other.verifying_key().clone()],
        ..archive.request()
    };
    expect(&archive.verify(None, request), Verdict::Tampered, Code::KeyNotOfArchive);
}

#[test]
fn a_missing_checkpoint_is_incomplete() {
    for number in [0, 1] {
        let mut archive = Archive::usual();
        archive.checkpoint();
        archive.store.vanish(&checkpoint_key(number));
        expect(&archive.verify_bucket(), Verdict::Incomplete, Code::CheckpointMissing);
    }
    let archive = Archive::usual();
    archive.store.vanish(&checkpoint_key(0));
    archive.store.vanish(&checkpoint_key(1));
    let report = archive.verify_bucket();
    expect(&report, Verdict::Incomplete, Code::LinkCheckpointMissing);
    expect(&report, Verdict::Incomplete, Code::CheckpointMissing);
}

#[test]
fn the_newest_checkpoint_cut_off_shows_where_a_link_names_it() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    archive.store.vanish(&checkpoint_key(1));
    expect(
        &archive.verify_bucket(),
        Verdict::Incomplete,
        Code::LinkCheckpointMissing,
    );
}

#[test]
fn a_flipped_bit_in_a_checkpoint_is_tampering_where_others_vouch_for_it() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    archive.tamper(&checkpoint_key(1), |bytes| bytes[80] ^= 1);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::CheckpointAltered);
}

#[test]
fn a_replayed_checkpoint_is_no_checkpoint_of_that_number() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    archive.checkpoint();
    let old = archive.store.bytes(&checkpoint_key(1)).unwrap();
    archive.store.tamper(&checkpoint_key(2), old);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::CheckpointBreaksRule);
}

#[test]
fn an_insiders_second_checkpoint_of_a_number_is_named() {
    let archive = Archive::usual();
    let checkpoint = insiders_checkpoint(&archive, 1);
    let object = checkpoint.seal(&archive.key).unwrap().object;
    archive.store.plant(&Key::Checkpoint(1, Attempt(1)).to_string(), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::CheckpointDoubled);
}

#[test]
fn an_insiders_checkpoint_over_a_rewritten_chain_differs_from_the_saved_one() {
    let archive = Archive::usual();
    let saved = archive.store.bytes(&checkpoint_key(1)).unwrap().to_vec();
    let forged = insiders_checkpoint(&archive, 1).seal(&archive.key).unwrap().object;
    archive.store.tamper(&checkpoint_key(1), forged);
    let request = Request {
        saved_checkpoints: vec![saved],
        ..archive.request()
    };
    expect(
        &archive.verify(None, request),
        Verdict::Tampered,
        Code::SavedCheckpointDiffers,
    );
}

#[test]
fn a_saved_checkpoint_shows_that_the_newest_part_was_cut_off() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    let saved = archive.checkpoint();
    for key in [
        archive.link_key("payments", 0, 4),
        archive.segment_key("payments", 0, 4),
        checkpoint_key(2),
    ] {
        archive.store.vanish(&key);
    }
    expect_intact(&archive.verify_bucket(), &[]);
    let request = Request {
        saved_checkpoints: vec![saved],
        ..archive.request()
    };
    let report = archive.verify(None, request);
    expect(&report, Verdict::Incomplete, Code::ChainCut);
    expect(&report, Verdict::Incomplete, Code::SavedCheckpointMissing);
}

#[test]
fn a_saved_file_that_is_no_checkpoint_is_refused() {
    let archive = Archive::usual();
    let request = Request {
        saved_checkpoints: vec![b"junk".to_vec()],
        ..archive.request()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = std::sync::Arc::new(archive.store.clone());
    let silent = std::sync::Arc::new(kivend::task::progress::Silent);
    let outcome = runtime.block_on(verify(store, None, request, silent));
    assert!(matches!(outcome, Err(VerifyError::SavedCheckpoint(_))));
}

#[test]
fn a_checkpoint_whose_heights_go_back_is_named() {
    let mut archive = Archive::usual();
    let lower = insiders_checkpoint(&archive, 2);
    archive.checkpoint();
    archive
        .store
        .tamper(&checkpoint_key(2), lower.seal(&archive.key).unwrap().object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::CheckpointBreaksRule);
}

/// Signs a checkpoint that leaves out the newest link of every chain.
fn insiders_checkpoint(archive: &Archive, number: u64) -> Checkpoint {
    let mut heads = archive.heads();
    for head in &mut heads {
        head.height = Height(head.height.0 - 1);
        let before = &archive.chains[&head.partition][usize::try_from(head.height.0).unwrap()];
        (head.link, head.next_offset) = (before.hash, before.link.next_offset);
        head.log_root = Hash::ZERO;
    }
    Checkpoint {
        archive: "kivend".into(),
        archive_id: archive.identity.id().to_owned(),
        number,
        previous: Hash::of(&archive.store.bytes(&checkpoint_key(number - 1)).unwrap()),
        key_change_number: 0,
        key_change: archive.identity_hash(),
        at: archive.identity.created_at(),
        heads,
    }
}

#[test]
fn a_log_root_that_is_not_that_of_the_links_is_named() {
    let archive = Archive::usual();
    let mut checkpoint = insiders_checkpoint(&archive, 1);
    checkpoint.heads = archive.heads();
    checkpoint.heads[0].log_root = Hash::ZERO;
    archive
        .store
        .tamper(&checkpoint_key(1), checkpoint.seal(&archive.key).unwrap().object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::ChainDiffers);
}

#[test]
fn a_whole_partition_gone_is_shown_by_the_checkpoint() {
    let archive = Archive::usual();
    for key in archive.store.keys() {
        if key.contains("payments") {
            archive.store.vanish(&key);
        }
    }
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::ChainCut);
    expect(&archive.verify_all(), Verdict::Incomplete, Code::HeadCut);
}

#[test]
fn everything_gone_but_the_identity_is_shown_by_kafka() {
    let archive = Archive::usual();
    for key in archive.store.keys() {
        if key != "archive.json" && key != checkpoint_key(0) {
            archive.store.vanish(&key);
        }
    }
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::NothingArchived);
    expect(&archive.verify_all(), Verdict::Incomplete, Code::PartitionNotArchived);
}

#[test]
fn a_delete_marker_or_a_second_version_is_named_and_the_first_version_is_read() {
    let archive = Archive::usual();
    let key = archive.link_key("payments", 0, 2);
    archive.store.delete(&key);
    let report = archive.verify_bucket();
    expect(&report, Verdict::Tampered, Code::HiddenVersion);
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
    archive.store.plant(&key, "another link");
    let report = archive.verify_bucket();
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
}

#[test]
fn a_planted_segment_is_tampering_except_at_the_next_offset() {
    let archive = Archive::usual();
    let partition = TopicPartition::new("payments", 0);
    let mut place = archive.next_link(&partition, 101).place();
    archive.store.plant(&place.segment(Attempt(1)).to_string(), "junk");
    expect_intact(&archive.verify_bucket(), &[Code::PendingSegment]);
    place.first_offset = FirstOffset(7);
    archive.store.plant(&place.segment(Attempt::PLAIN).to_string(), "junk");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::UnnamedSegment);
    let archive = Archive::usual();
    let key = archive.segment_key("payments", 0, 1).replace(".parquet", "-r1.parquet");
    archive.store.plant(&key, "junk");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::UnnamedSegment);
}

#[test]
fn a_chain_of_another_archive_is_not_taken() {
    let archive = Archive::usual();
    let mut other = Archive::usual();
    other.identity = kivend::log::identity::Identity::new(
        "other",
        [0xcd; 16],
        archive.identity.created_at(),
        archive.key.verifying_key(),
    )
    .unwrap();
    let partition = TopicPartition::new("orders", 0);
    let records = other.produce(&partition, 3);
    let link = other.next_link(&partition, 3);
    let (segment, link) = other.fill(link, &records);
    let (key, bytes) = segment.unwrap();
    archive.store.plant(&key, bytes);
    let object = Link { ..link.clone() }.seal(&archive.key).unwrap().object;
    archive
        .store
        .plant(&link.place().link(Attempt::PLAIN).to_string(), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkBreaksRule);
}

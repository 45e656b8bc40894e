//! Stray, overwritten, replaced and missing objects.

use kivend::app::verify::{Request, SavedFiles, VerifyError, verify};
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::entry::Entry;
use kivend::log::head::Head;
use kivend::log::identity::{FirstKeys, Identity};
use kivend::log::link::Link;
use kivend::log::object_key::{Attempt, Key};
use kivend::log::signed_note::SigningKey;
use kivend::record::hash::Hash;
use kivend::record::position::{FirstOffset, Height, TopicPartition};
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, key};

fn checkpoint_key(number: u64) -> String {
    Key::Checkpoint(number, Attempt::PLAIN).to_string()
}

fn entry_key(number: u64) -> String {
    Key::Entry(number, Attempt::PLAIN).to_string()
}

#[test]
fn a_stray_object_is_tampering_except_among_the_probes() {
    let archive = Archive::usual();
    archive.store.plant("probes/left", "by a start-up check");
    expect_intact(&archive.verify_bucket(), &[]);
    archive.store.plant("data/payments/0/_SUCCESS", "");
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::StrayObject);
}

#[test]
fn another_identity_breaks_every_signature_and_genesis() {
    let archive = Archive::usual();
    let other = SigningKey::from_seed("kivend/cdcdcdcdcdcdcdcd", &[8; 32]).unwrap();
    let keys = FirstKeys {
        signing: other.verifying_key(),
        change: &[],
    };
    let identity = Identity::new("kivend", [0xcd; 16], archive.identity.created_at(), &keys);
    archive
        .store
        .tamper("archive.json", identity.unwrap().to_bytes().unwrap());
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyNotOfArchive);
    let first_use = Request {
        given: Given::default(),
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
        given: Given::keys(&[other.verifying_key().clone()]),
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
    // The newest entry may be without its checkpoint.
    let archive = Archive::usual();
    archive.store.vanish(&checkpoint_key(1));
    assert_eq!(archive.verify(None, first_use(&archive)).verdict, Verdict::Intact);
}

#[test]
fn a_missing_entry_is_incomplete() {
    for number in [0, 1, 2] {
        let mut archive = Archive::usual();
        archive.checkpoint();
        archive.checkpoint();
        archive.store.vanish(&entry_key(number));
        expect(&archive.verify_bucket(), Verdict::Incomplete, Code::EntryMissing);
    }
}

#[test]
fn the_newest_checkpoint_cut_off_shows_where_a_link_names_it() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    archive.store.vanish(&checkpoint_key(1));
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::CheckpointMissing);
    archive.store.vanish(&entry_key(1));
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
fn a_flipped_bit_in_an_entry_is_tampering_where_others_vouch_for_it() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    for at in [0, 90, 700] {
        let archive = archive.copy();
        archive.tamper(&entry_key(1), |bytes| bytes[at] ^= 1);
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::EntryAltered);
    }
}

#[test]
fn a_replayed_checkpoint_or_entry_is_passed_over_and_the_one_below_it_missing() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 3);
    archive.checkpoint();
    archive.seal("payments", 0, 3);
    for key in [checkpoint_key, entry_key] {
        let archive = archive.copy();
        let old = archive.store.bytes(&key(1)).unwrap();
        archive.store.tamper(&key(2), old);
        let report = archive.verify_bucket();
        assert_eq!(report.verdict, Verdict::Incomplete, "{:#?}", report.findings);
        assert!(report.findings.iter().any(|finding| finding.code == Code::Replay));
    }
}

#[test]
fn an_insiders_second_note_of_a_number_is_named() {
    let archive = Archive::usual();
    archive.forge_entry(
        &insiders_entry(&archive),
        &archive.key,
        &Key::Entry(1, Attempt(1)).to_string(),
    );
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::EntryDoubled);
    let archive = Archive::usual();
    let root = Hash::ZERO;
    archive.forge_checkpoint(
        CheckpointRef { number: 1, root },
        &archive.key,
        &Key::Checkpoint(1, Attempt(1)).to_string(),
    );
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::CheckpointBreaksRule);
}

#[test]
fn an_insiders_entry_over_a_rewritten_chain_differs_from_the_saved_one() {
    let archive = Archive::usual();
    let saved = archive.saved(1);
    let forged = insiders_entry(&archive);
    archive.forge_entry(&forged, &archive.key, &entry_key(1));
    archive.forge_checkpoint(forged.checkpoint().unwrap(), &archive.key, &checkpoint_key(1));
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
    archive.checkpoint();
    let saved = archive.saved(2);
    for key in [
        archive.link_key("payments", 0, 4),
        archive.segment_key("payments", 0, 4),
        entry_key(2),
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
        saved_checkpoints: vec![SavedFiles {
            checkpoint: b"junk".to_vec(),
            entry: None,
        }],
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
fn an_entry_whose_heights_go_back_or_that_leaves_a_partition_out_is_named() {
    let mut archive = Archive::usual();
    let lower = insiders_entry(&archive).heads;
    let fewer = archive.heads().split_off(1);
    let mut other = archive.heads();
    other[0].next_offset.0 += 1;
    for heads in [lower, fewer, other] {
        let mut archive = archive.copy();
        let entry = Entry {
            heads,
            ..archive.next_entry()
        };
        archive.write_entry(entry, &key(7));
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::EntryHeadsFalse);
    }
    archive.checkpoint();
    expect_intact(&archive.verify_bucket(), &[]);
}

/// The newest entry with the newest link of every chain left out.
fn insiders_entry(archive: &Archive) -> Entry {
    let mut heads = archive.heads();
    for head in &mut heads {
        head.height = Height(head.height.0 - 1);
        let before = &archive.chains[&head.partition][usize::try_from(head.height.0).unwrap()];
        (head.link, head.next_offset) = (before.hash, before.link.next_offset);
        head.log_root = archive.log_root(&head.partition, head.height);
    }
    let newest = archive.entry(archive.next_entry().number - 1);
    Entry { heads, ..newest }
}

#[test]
fn heads_that_are_not_those_of_the_links_are_named() {
    let changes: [fn(&mut Head); 4] = [
        |head| head.log_root = Hash::ZERO,
        |head| head.link = Hash::ZERO,
        |head| head.next_offset.0 -= 1,
        |head| head.epoch.0 += 1,
    ];
    for change in changes {
        let mut archive = Archive::usual();
        archive.seal("payments", 0, 3);
        let mut entry = archive.next_entry();
        change(&mut entry.heads[0]);
        archive.write_entry(entry, &key(7));
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::ChainDiffers);
    }
}

fn first_use(archive: &Archive) -> Request {
    Request {
        given: Given::default(),
        ..archive.request()
    }
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
        if key != "archive.json" && key != entry_key(0) && key != checkpoint_key(0) {
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
fn a_chain_of_another_archive_is_a_replay() {
    let archive = Archive::usual();
    let mut other = Archive::usual();
    let keys = FirstKeys {
        signing: archive.key.verifying_key(),
        change: &[],
    };
    other.identity = Identity::new("other", [0xcd; 16], archive.identity.created_at(), &keys).unwrap();
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
    expect_intact(&archive.verify_bucket(), &[Code::PendingSegment, Code::Replay]);
}

//! Key changes: a note counts only if its key was in force. A public key given to the verifier vouches only for keys
//! that it signed for.

use kivend::app::verify::Request;
use kivend::log::key_change::KeyChange;
use kivend::log::signed_note::{SigningKey, VerifyingKey};
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, key};

const FIRST: &str = "keys/000001.note";

fn with_keys(archive: &Archive, keys: &[&SigningKey]) -> Request {
    let keys = keys
        .iter()
        .map(|key| VerifyingKey::clone(key.verifying_key()))
        .collect();
    Request {
        keys,
        ..archive.request()
    }
}

#[test]
fn a_rotation_is_intact_with_the_old_key_the_new_one_or_none() {
    let archive = Archive::rotated();
    for keys in [&[][..], &[&key(7)], &[&key(8)], &[&key(7), &key(8)]] {
        let report = archive.verify(Some(archive.broker.clone()), with_keys(&archive, keys));
        expect_intact(&report, &[]);
        assert_eq!(report.trust.keys.len(), 2);
    }
}

#[test]
fn what_a_retired_key_signs_afterwards_does_not_count() {
    let mut archive = Archive::rotated();
    archive.key = key(7);
    archive.seal("payments", 0, 3);
    // Junk at the next key, signed by a retired key.
    expect_intact(&archive.verify_bucket(), &[Code::PendingSegment, Code::LinkPassedOver]);
    archive.checkpoint();
    let request = with_keys(&archive, &[&key(8)]);
    expect_intact(
        &archive.verify(None, request),
        &[Code::PendingSegment, Code::LinkPassedOver, Code::CheckpointPassedOver],
    );
}

#[test]
fn a_link_that_the_retired_key_signs_into_the_chain_is_altered() {
    let mut archive = Archive::rotated();
    archive.seal("payments", 0, 3);
    let object = archive.link("payments", 0, 5).seal(&key(7)).unwrap().object;
    archive.store.tamper(&archive.link_key("payments", 0, 5), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn what_a_new_key_signs_before_it_was_added_does_not_count() {
    let archive = Archive::rotated();
    let object = archive.link("payments", 0, 1).seal(&key(8)).unwrap().object;
    archive.store.tamper(&archive.link_key("payments", 0, 1), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn a_key_change_by_an_outsider_is_no_key_change() {
    let mut archive = Archive::usual();
    let change = KeyChange {
        add: vec![key(9).verifying_key().to_string()],
        ..archive.next_key_change()
    };
    archive.change_keys(&change, &key(9), &[&key(9)]);
    expect_intact(&archive.verify_bucket(), &[Code::KeyPassedOver]);
}

#[test]
fn a_key_change_altered_is_tampering_where_a_checkpoint_names_it() {
    let archive = Archive::rotated();
    archive.tamper(FIRST, |bytes| bytes[60] ^= 1);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyChangeInvalid);
}

#[test]
fn a_key_change_gone_is_incomplete() {
    let mut archive = Archive::usual();
    archive.rotate(&key(8));
    archive.key = key(7);
    archive.checkpoint();
    archive.store.vanish(FIRST);
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::KeyChangeMissing);
}

#[test]
fn the_checkpoint_that_a_key_change_names_must_be_there() {
    let archive = Archive::rotated();
    archive.store.vanish("checkpoints/0000000001.note");
    expect(
        &archive.verify_bucket(),
        Verdict::Incomplete,
        Code::KeyCheckpointMissing,
    );
}

#[test]
fn changes_that_break_a_rule_are_named() {
    let add_twice = |archive: &Archive| KeyChange {
        add: vec![archive.key.verifying_key().to_string()],
        ..archive.next_key_change()
    };
    let mut archive = Archive::usual();
    let change = add_twice(&archive);
    archive.change_keys(&change, &key(7), &[&key(7)]);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyChangeInvalid);

    let mut archive = Archive::usual();
    let last = KeyChange {
        retire: vec![archive.key.verifying_key().to_string()],
        ..archive.next_key_change()
    };
    archive.change_keys(&last, &key(7), &[]);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyChangeInvalid);

    let mut archive = Archive::usual();
    archive.rotate(&key(8));
    let itself = KeyChange {
        retire: vec![key(8).verifying_key().to_string()],
        ..archive.next_key_change()
    };
    archive.change_keys(&itself, &key(8), &[]);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyChangeInvalid);

    let archive = Archive::rotated();
    let second = archive.store.bytes("keys/000002.note").unwrap();
    archive.store.plant("keys/000003.note", second);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::KeyChangeInvalid);
}

#[test]
fn a_key_that_was_added_by_a_key_that_was_not_given_is_not_trusted() {
    let mut archive = Archive::usual();
    archive.rotate(&key(8));
    archive.rotate(&key(9));
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    // Key 7 added 8, and 8 added 9: a verifier with key 7 trusts all three.
    expect_intact(&archive.verify(None, with_keys(&archive, &[&key(7)])), &[]);
    let stranger = with_keys(&archive, &[&key(66)]);
    expect(
        &archive.verify(None, stranger),
        Verdict::Tampered,
        Code::KeyNotOfArchive,
    );
}

#[test]
fn a_key_of_the_archive_that_was_not_given_neither_adds_nor_retires() {
    let retiring = |archive: &Archive, retired: &SigningKey| KeyChange {
        retire: vec![retired.verifying_key().to_string()],
        ..archive.next_key_change()
    };
    // Key 6 retires key 7, which goes on signing: this is valid only for a verifier that was given key 7.
    let mut archive = Archive::of_two_keys(&key(6));
    let change = retiring(&archive, &key(7));
    archive.change_keys(&change, &key(6), &[]);
    archive.seal("payments", 0, 5);
    archive.seal("payments", 0, 5);
    expect_intact(
        &archive.verify(None, with_keys(&archive, &[&key(7)])),
        &[Code::KeyPassedOver, Code::Unanchored],
    );
    let first_use = archive.verify(None, with_keys(&archive, &[]));
    assert_eq!(first_use.verdict, Verdict::Tampered, "{:?}", first_use.findings);

    // Key 6 adds key 8, which goes on signing: nothing that it signs counts.
    let mut archive = Archive::of_two_keys(&key(6));
    let change = KeyChange {
        add: vec![key(8).verifying_key().to_string()],
        ..archive.next_key_change()
    };
    archive.change_keys(&change, &key(6), &[&key(8)]);
    archive.key = key(8);
    archive.seal("payments", 0, 5);
    let passed_over = [Code::KeyPassedOver, Code::PendingSegment, Code::LinkPassedOver];
    expect_intact(&archive.verify(None, with_keys(&archive, &[&key(7)])), &passed_over);
    for vouching in [&[&key(7), &key(6)][..], &[&key(8)]] {
        expect_intact(
            &archive.verify(None, with_keys(&archive, vouching)),
            &[Code::Unanchored],
        );
    }

    // A change by a given key retires one that was not given.
    let mut archive = Archive::of_two_keys(&key(6));
    let change = retiring(&archive, &key(6));
    archive.change_keys(&change, &key(7), &[]);
    let report = archive.verify(None, with_keys(&archive, &[&key(7)]));
    expect_intact(&report, &[]);
    assert_eq!(report.trust.keys.len(), 1);
}

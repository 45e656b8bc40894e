//! Changes of keys: a note counts only if its key was in force. A public key given to the verifier vouches only for keys
//! that descend from it, and for what their checkpoints cover.

use kivend::app::verify::Request;
use kivend::log::change::{Change, KeysChange, KeysOf};
use kivend::log::entry::Entry;
use kivend::log::object_key::{Attempt, Key};
use kivend::log::signed_note::{SigningKey, VerifyingKey};
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, key};

fn with_keys(archive: &Archive, keys: &[&SigningKey]) -> Request {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| VerifyingKey::clone(key.verifying_key()))
        .collect();
    Request {
        given: Given::keys(&keys),
        ..archive.request()
    }
}

fn entry(number: u64) -> String {
    Key::Entry(number, Attempt::PLAIN).to_string()
}

fn adding(archive: &Archive, key: &SigningKey) -> KeysChange {
    KeysChange {
        add: vec![key.verifying_key().to_string()],
        ..archive.next_change(KeysOf::Keys)
    }
}

fn retiring(archive: &Archive, key: &SigningKey) -> KeysChange {
    KeysChange {
        retire: vec![key.verifying_key().to_string()],
        ..archive.next_change(KeysOf::Keys)
    }
}

/// Puts an entry that carries this change at the next number, whether it is valid or not.
fn force(archive: &Archive, change: KeysChange, signers: &[&SigningKey]) {
    let change = archive.signed_change(&Change::Keys(change), signers);
    let entry = Entry {
        change: Some(change),
        ..archive.next_entry()
    };
    archive.forge_entry(&entry, &archive.key, &self::entry(entry.number));
}

#[test]
fn a_rotation_is_intact_with_the_old_key_the_new_one_or_none() {
    let archive = Archive::rotated();
    for (keys, counting) in [(&[][..], 2), (&[&key(7)], 2), (&[&key(8)], 1), (&[&key(7), &key(8)], 2)] {
        let report = archive.verify(Some(archive.broker.clone()), with_keys(&archive, keys));
        expect_intact(&report, &[]);
        assert_eq!(report.trust.keys.len(), counting);
    }
}

#[test]
fn a_link_that_a_retired_key_signs_afterwards_does_not_count() {
    let mut archive = Archive::rotated();
    archive.key = key(7);
    archive.seal("payments", 0, 3);
    // Junk at the next key, signed by a retired key.
    let request = with_keys(&archive, &[&key(8)]);
    expect_intact(
        &archive.verify(None, request),
        &[Code::PendingSegment, Code::LinkPassedOver],
    );
}

#[test]
fn an_entry_that_a_retired_key_signs_afterwards_is_tampering() {
    let archive = Archive::rotated();
    let next = archive.next_entry();
    for number in [next.number, next.number + 2] {
        let archive = Archive::rotated();
        let entry = Entry {
            number,
            ..archive.next_entry()
        };
        archive.forge_entry(&entry, &key(7), &self::entry(number));
        expect(&archive.verify_bucket(), Verdict::Tampered, Code::EntryBreaksRule);
    }
}

#[test]
fn a_link_that_the_retired_key_signs_into_the_chain_is_altered() {
    let mut archive = Archive::rotated();
    archive.seal("payments", 0, 3);
    archive.checkpoint();
    let object = archive.link("payments", 0, 6).seal(&key(7)).unwrap().object;
    archive.store.tamper(&archive.link_key("payments", 0, 6), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn a_link_of_a_retired_key_counts_up_to_the_entry_after_its_retirement() {
    let mut archive = Archive::usual();
    archive.rotate(&key(8));
    let change = retiring(&archive, &key(7));
    let note = archive.signed_change(&Change::Keys(change), &[&key(8)]);
    archive.enter(note);
    // It was created between the listing and the retirement.
    archive.key = key(7);
    archive.seal("payments", 0, 3);
    archive.key = key(8);
    let judged = |archive: &Archive| archive.verify(None, with_keys(archive, &[&key(7)]));
    expect_intact(&judged(&archive), &[Code::LinkUndecided, Code::Unanchored]);
    // The new key did not add the old one.
    expect(&archive.verify_bucket(), Verdict::Unverifiable, Code::LinkNotProved);
    archive.checkpoint();
    expect_intact(&archive.verify_bucket(), &[]);
    archive.key = key(7);
    archive.seal("payments", 0, 3);
    archive.key = key(8);
    expect_intact(&archive.verify_bucket(), &[Code::PendingSegment, Code::LinkPassedOver]);
}

#[test]
fn what_a_new_key_signs_before_it_was_added_does_not_count() {
    let archive = Archive::rotated();
    let object = archive.link("payments", 0, 1).seal(&key(8)).unwrap().object;
    archive.store.tamper(&archive.link_key("payments", 0, 1), object);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::LinkAltered);
}

#[test]
fn a_change_by_an_outsider_in_an_entry_of_his_is_passed_over() {
    let mut archive = Archive::usual();
    let change = adding(&archive, &key(9));
    archive.key = key(9);
    force(&archive, change, &[&key(9), &key(9)]);
    archive.key = key(7);
    expect_intact(&archive.verify_bucket(), &[Code::EntryPassedOver]);
}

#[test]
fn an_entry_altered_that_carries_a_change_is_tampering() {
    let archive = Archive::rotated();
    archive.tamper(&entry(2), |bytes| bytes[60] ^= 1);
    expect(&archive.verify_bucket(), Verdict::Tampered, Code::EntryAltered);
}

#[test]
fn without_the_entry_that_carries_a_change_the_notes_of_the_added_key_are_nobodys() {
    let archive = Archive::rotated();
    archive.store.vanish(&entry(2));
    let report = archive.verify(None, with_keys(&archive, &[&key(7)]));
    expect(&report, Verdict::Tampered, Code::EntryMissing);
    expect(&report, Verdict::Tampered, Code::StrayEntry);
}

#[test]
fn the_checkpoint_over_a_change_must_be_there() {
    let archive = Archive::rotated();
    archive.store.vanish("checkpoints/0000000002.note");
    expect(&archive.verify_bucket(), Verdict::Incomplete, Code::CheckpointMissing);
}

#[test]
fn changes_that_break_a_rule_are_named() {
    type Case = (&'static str, fn() -> Archive, fn(&Archive) -> KeysChange, &'static [u8]);
    let rotated = || {
        let mut archive = Archive::usual();
        archive.rotate(&key(8));
        archive
    };
    let cases: [Case; 8] = [
        ("a key in force added", Archive::usual, |a| adding(a, &key(7)), &[7, 7]),
        ("a retired key added", Archive::rotated, |a| adding(a, &key(7)), &[8, 7]),
        ("the only key retired", Archive::usual, |a| retiring(a, &key(7)), &[7]),
        ("the signer retired", rotated, |a| retiring(a, &key(8)), &[8]),
        (
            "a key without its own signature",
            Archive::usual,
            |a| adding(a, &key(9)),
            &[7],
        ),
        ("by a retired key", Archive::rotated, |a| adding(a, &key(9)), &[7, 9]),
        (
            "a sequence that leaves one out",
            Archive::usual,
            |a| KeysChange {
                sequence: 2,
                ..adding(a, &key(9))
            },
            &[7, 9],
        ),
        (
            "another change before",
            Archive::rotated,
            |a| KeysChange {
                previous: a.identity_hash(),
                ..adding(a, &key(9))
            },
            &[8, 9],
        ),
    ];
    for (name, archive, change, signers) in cases {
        let archive = archive();
        let change = change(&archive);
        let signers: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
        force(&archive, change, &signers.iter().collect::<Vec<_>>());
        let report = archive.verify_bucket();
        assert_eq!(report.verdict, Verdict::Tampered, "{name}");
        expect(&report, Verdict::Tampered, Code::EntryBreaksRule);
    }
}

#[test]
fn an_entry_copied_to_the_next_number_is_a_replay() {
    let archive = Archive::rotated();
    let second = archive.store.bytes(&entry(2)).unwrap();
    archive.store.plant(&entry(archive.next_entry().number), second);
    expect_intact(&archive.verify_bucket(), &[Code::Replay]);
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
fn what_a_key_that_was_not_given_signed_is_not_proved() {
    // Key 6 retires key 7 and goes on signing: only what key 7 signed before is proved by it.
    let mut archive = Archive::of_two_keys(&key(6));
    archive.key = key(6);
    archive.retire(&key(7));
    archive.seal("payments", 0, 5);
    let report = archive.verify(None, with_keys(&archive, &[&key(7)]));
    expect(&report, Verdict::Unverifiable, Code::EntryNotProved);
    expect(&report, Verdict::Unverifiable, Code::LinkNotProved);
    expect_intact(&archive.verify(None, with_keys(&archive, &[])), &[Code::Unanchored]);

    // Key 6 adds key 8, which goes on signing.
    let mut archive = Archive::of_two_keys(&key(6));
    let note = archive.signed_change(&Change::Keys(adding(&archive, &key(8))), &[&key(6), &key(8)]);
    archive.key = key(6);
    archive.enter(note);
    archive.key = key(8);
    archive.seal("payments", 0, 5);
    let report = archive.verify(None, with_keys(&archive, &[&key(7)]));
    expect(&report, Verdict::Unverifiable, Code::LinkNotProved);
    expect_intact(
        &archive.verify(None, with_keys(&archive, &[&key(7), &key(6)])),
        &[Code::Unanchored],
    );

    // A checkpoint by key 7 covers all of it.
    archive.key = key(8);
    let next = archive.next_entry();
    archive.write_entry(next, &key(7));
    expect_intact(&archive.verify(None, with_keys(&archive, &[&key(7)])), &[]);
}

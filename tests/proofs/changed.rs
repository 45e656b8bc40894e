//! A proof file with any change proves nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kivend::log::checkpoint::Checkpoint;
use kivend::log::proof::{Proof, RecordProof};
use kivend::log::signed_note::Note;
use kivend::verify::findings::Code;
use kivend::verify::given::Given;
use kivend::verify::proof::check;
use kivend::verify::verdict::Verdict;

use super::{expect, key, made, public, record};
use crate::fixture::Archive;

fn proof(archive: &Archive, offset: i64) -> RecordProof {
    let text = made(archive, &record("payments", 0, offset)).unwrap().text;
    match Proof::from_bytes(text.as_bytes()).unwrap() {
        Proof::Record(proof) => *proof,
        _ => unreachable!(),
    }
}

#[track_caller]
fn expect_changed(proof: &RecordProof, code: Code, change: impl FnOnce(&mut RecordProof)) {
    let mut changed = proof.clone();
    change(&mut changed);
    let text = Proof::Record(Box::new(changed)).to_text().unwrap();
    expect(&check(text.as_bytes(), &public(&[7])), Verdict::Tampered, code);
}

#[test]
fn a_changed_part_makes_the_proof_invalid() {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 25);
    archive.checkpoint();
    let (first, second, later) = (proof(&archive, 30), proof(&archive, 31), proof(&archive, 110));
    let text = Proof::Record(Box::new(first.clone())).to_text().unwrap();
    assert_eq!(check(text.as_bytes(), &public(&[7])).verdict, Verdict::Intact);

    expect_changed(&first, Code::ProofContradicts, |proof| {
        proof.record = second.record.clone();
    });
    expect_changed(&first, Code::ProofMalformed, |proof| proof.record.push('='));
    expect_changed(&first, Code::ProofMalformed, |proof| proof.record.clear());
    expect_changed(&first, Code::ProofPathDiffers, |proof| {
        let mut encoding = STANDARD.decode(&proof.record).unwrap();
        let length = encoding.len();
        encoding[length - 70] ^= 1;
        proof.record = STANDARD.encode(encoding);
    });
    expect_changed(&first, Code::ProofContradicts, |proof| proof.record_index += 1);
    expect_changed(&first, Code::ProofPathDiffers, |proof| proof.record_path[0].0[0] ^= 1);
    expect_changed(&first, Code::ProofPathDiffers, |proof| {
        proof.record_path.push(proof.record_path[0]);
    });
    expect_changed(&first, Code::ProofPathDiffers, |proof| proof.record_path.truncate(1));
    expect_changed(&first, Code::ProofContradicts, |proof| proof.link = later.link.clone());
    expect_changed(&first, Code::ProofNoteInvalid, |proof| {
        proof.link = proof.link.replacen("25", "26", 1);
    });
    expect_changed(&first, Code::ProofPathDiffers, |proof| proof.link_path.reverse());
    expect_changed(&first, Code::ProofPathDiffers, |proof| proof.head_index ^= 1);
    expect_changed(&first, Code::ProofPathDiffers, |proof| proof.head.next_offset.0 += 1);
    expect_changed(&first, Code::ProofPathDiffers, |proof| proof.head_path.clear());
    expect_changed(&first, Code::ProofPathDiffers, |proof| {
        proof.leaf_path.push(proof.leaf_path[0]);
    });
    expect_changed(&first, Code::ProofPathDiffers, |proof| {
        proof.leaf = proof.leaf.replacen("2026", "2027", 1);
    });
    expect_changed(&first, Code::ProofPathDiffers, |proof| {
        proof.checkpoint = later.checkpoint.clone();
    });
    expect_changed(&later, Code::ProofContradicts, |proof| {
        proof.checkpoint = first.checkpoint.clone();
    });
    expect_changed(&first, Code::ProofNoteInvalid, |proof| {
        proof.checkpoint = proof.checkpoint.replacen("\n2\n", "\n3\n", 1);
    });
    expect_changed(&first, Code::IdentityMalformed, |proof| proof.archive.push('\n'));
    expect_changed(&first, Code::ProofNoteInvalid, |proof| {
        proof.changes.push("x".into());
    });
}

#[test]
fn a_proof_from_another_archive_of_the_same_key_is_refused() {
    let ours = proof(&Archive::usual(), 30);
    let foreign = ours.archive.replacen("2026", "2025", 1);
    expect_changed(&ours, Code::ProofContradicts, |proof| proof.archive = foreign);
    let renamed = ours.archive.replacen("abab", "acac", 1);
    expect_changed(&ours, Code::ProofContradicts, |proof| proof.archive = renamed);
}

#[test]
fn a_checkpoint_by_a_retired_key_proves_nothing() {
    let archive = Archive::rotated();
    let mut forged = proof(&archive, 105);
    let checkpoint: Checkpoint = Note::parse(forged.checkpoint.as_bytes())
        .unwrap()
        .text()
        .parse()
        .unwrap();
    let sealed = checkpoint.seal(&key(7)).unwrap();
    forged.checkpoint = String::from_utf8(sealed.object).unwrap();
    expect_changed(&forged, Code::ProofNoteInvalid, |_| ());
    let mut without = proof(&archive, 105);
    without.changes.clear();
    let text = Proof::Record(Box::new(without)).to_text().unwrap();
    assert_ne!(check(text.as_bytes(), &public(&[7])).verdict, Verdict::Intact);
}

#[test]
fn a_flipped_bit_anywhere_makes_a_proof_invalid() {
    let archive = Archive::usual();
    let text = made(&archive, &record("payments", 0, 30)).unwrap().text.into_bytes();
    // A prime step, so that every part of the file is covered and the test stays fast.
    for (turn, at) in (0..text.len()).step_by(37).enumerate() {
        let mut changed = text.clone();
        changed[at] ^= 1 << (turn % 8);
        let report = check(&changed, &public(&[7]));
        assert_ne!(report.verdict, Verdict::Intact, "{at}");
    }
    for end in (0..text.len()).step_by(101) {
        assert_eq!(
            check(&text[..end], &Given::default()).verdict,
            Verdict::Tampered,
            "{end}"
        );
    }
}

#[test]
fn a_newer_type_of_proof_is_unverifiable() {
    let archive = Archive::usual();
    let text = made(&archive, &record("payments", 0, 30)).unwrap().text;
    let newer = text.replacen("proof/v1", "proof/v2", 1);
    expect(
        &check(newer.as_bytes(), &Given::default()),
        Verdict::Unverifiable,
        Code::ProofUnknownType,
    );
    let foreign = text.replacen("proof/v1", "receipt/v1", 1);
    expect(
        &check(foreign.as_bytes(), &Given::default()),
        Verdict::Tampered,
        Code::ProofMalformed,
    );
}

//! Consistency proofs: they exist where the archive only grew between two checkpoints, and only there.

use kivend::app::prove::{Wanted, WantedCheckpoint};
use kivend::log::checkpoint::Checkpoint;
use kivend::log::proof::{ConsistencyProof, Proof};
use kivend::log::signed_note::Note;
use kivend::verify::findings::Code;
use kivend::verify::proof::check;
use kivend::verify::proof_report::Proved;
use kivend::verify::verdict::Verdict;

use super::{expect, made, public};
use crate::attacks::given::rewritten;
use crate::fixture::{Archive, TestWitness};

fn between(from: u64, to: u64) -> Wanted {
    Wanted::Consistency {
        from: WantedCheckpoint::Number(from),
        to: WantedCheckpoint::Number(to),
    }
}

/// An archive with checkpoints 0 to 5, each over more links than the one before.
pub fn grown() -> Archive {
    let mut archive = Archive::usual();
    for (count, topic, number) in [
        (3, "payments", 0),
        (5, "orders", 2),
        (7, "user-events", 1),
        (1, "payments", 0),
    ] {
        archive.seal(topic, number, count);
        archive.checkpoint();
    }
    archive
}

fn proof(archive: &Archive, from: u64, to: u64) -> ConsistencyProof {
    let text = made(archive, &between(from, to)).unwrap().text;
    match Proof::from_bytes(text.as_bytes()).unwrap() {
        Proof::Consistency(proof) => proof,
        _ => unreachable!(),
    }
}

#[test]
fn cosignatures_on_a_saved_checkpoint_stay_in_the_proof() {
    let archive = grown();
    let object = archive.store.bytes("checkpoints/0000000002.note").unwrap();
    let witness = TestWitness::new("witness.example", 9);
    let head = Note::parse(&object).unwrap().text().parse::<Checkpoint>().unwrap();
    let line = witness.cosign(&head, 1_770_113_800);
    let cosigned = [object.to_vec(), line.to_object()].concat();
    let wanted = Wanted::Consistency {
        from: WantedCheckpoint::Saved(cosigned),
        to: WantedCheckpoint::Number(4),
    };
    let proof = made(&archive, &wanted).unwrap();
    assert_eq!(check(proof.text.as_bytes(), &public(&[7])).verdict, Verdict::Intact);
    assert!(proof.text.contains("witness.example"));
}

#[test]
fn any_checkpoint_continues_any_earlier_one() {
    let archive = grown();
    for from in 0..=5 {
        for to in from..=5 {
            let made = made(&archive, &between(from, to)).unwrap();
            let report = check(made.text.as_bytes(), &public(&[7]));
            assert_eq!(report.verdict, Verdict::Intact, "{from} {to} {:?}", report.findings);
            let Some(Proved::Consistency { from: a, to: b, .. }) = report.proved else {
                panic!()
            };
            assert_eq!((a.number, b.number), (from, to));
        }
        if from > 0 {
            assert!(made(&archive, &between(from, 0)).is_err());
        }
    }
    assert_eq!(
        check(
            made(&Archive::rotated(), &between(0, 3)).unwrap().text.as_bytes(),
            &public(&[7])
        )
        .verdict,
        Verdict::Intact
    );
}

#[test]
fn a_saved_checkpoint_is_as_good_as_one_in_the_bucket() {
    let archive = grown();
    let saved = archive.store.bytes("checkpoints/0000000001.note").unwrap().to_vec();
    let wanted = Wanted::Consistency {
        from: WantedCheckpoint::Saved(saved),
        to: WantedCheckpoint::Number(5),
    };
    assert_eq!(
        made(&archive, &wanted).unwrap().text,
        made(&archive, &between(1, 5)).unwrap().text
    );
}

#[test]
fn an_archive_that_was_rewritten_does_not_continue_what_was_saved_before() {
    let saved = Archive::usual().saved(1).checkpoint;
    let mut archive = rewritten();
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    let wanted = Wanted::Consistency {
        from: WantedCheckpoint::Saved(saved),
        to: WantedCheckpoint::Number(2),
    };
    let error = made(&archive, &wanted).unwrap_err().to_string();
    assert!(error.contains("not one of this archive"), "{error}");
}

#[test]
fn a_changed_part_makes_the_proof_invalid() {
    let archive = grown();
    let good = proof(&archive, 1, 5);
    let earlier = proof(&archive, 0, 2);
    let expect_changed = |code: Code, change: &dyn Fn(&mut ConsistencyProof)| {
        let mut changed = good.clone();
        change(&mut changed);
        let text = Proof::Consistency(changed).to_text().unwrap();
        expect(&check(text.as_bytes(), &public(&[7])), Verdict::Tampered, code);
    };
    expect_changed(Code::ProofPathDiffers, &|proof| proof.path[0].0[5] ^= 1);
    expect_changed(Code::ProofPathDiffers, &|proof| proof.path.clear());
    expect_changed(Code::ProofPathDiffers, &|proof| {
        proof.path.pop();
    });
    expect_changed(Code::ProofPathDiffers, &|proof| proof.path.push(proof.path[0]));
    expect_changed(Code::ProofPathDiffers, &|proof| proof.from = earlier.from.clone());
    expect_changed(Code::ProofPathDiffers, &|proof| proof.to = earlier.to.clone());
    expect_changed(Code::ProofContradicts, &|proof| {
        std::mem::swap(&mut proof.from, &mut proof.to);
    });
    expect_changed(Code::ProofNoteInvalid, &|proof| {
        proof.to = proof.to.replacen("\n6\n", "\n7\n", 1);
    });
}

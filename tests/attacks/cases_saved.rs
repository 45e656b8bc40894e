//! The attacks of [`super::given`] on what somebody saved or a witness cosigned.

use kivend::app::verify::SavedFiles;
use kivend::log::checkpoint::{Checkpoint, CheckpointRef};
use kivend::log::signer::Signer as _;
use kivend::log::witness::Cosignature;
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::cases::case;
use super::given::{Case, With, rewritten, with_line};
use super::scene::{checkpoint, entry};
use crate::fixture::{Archive, ORIGIN, TestWitness, key};

pub const CASES: &[Case] = &[
    // Saved checkpoints.
    case("a saved checkpoint alone", None, || {
        let archive = Archive::usual();
        let saved = archive.saved(1);
        (archive, With::saved(saved))
    }),
    case(
        "the log rewritten after a checkpoint was saved",
        Some(Code::SavedCheckpointDiffers),
        || (rewritten(), With::saved(Archive::usual().saved(1))),
    ),
    case(
        "the log rewritten and longer than the saved checkpoint",
        Some(Code::SavedCheckpointDiffers),
        || {
            let mut archive = rewritten();
            archive.checkpoint();
            archive.checkpoint();
            let saved = Archive::usual().saved(1);
            (
                archive,
                With {
                    saved: vec![saved],
                    ..With::keys(&[7])
                },
            )
        },
    ),
    case(
        "the log cut below the saved checkpoint",
        Some(Code::SavedCheckpointMissing),
        || {
            let archive = Archive::usual();
            let saved = archive.saved(1);
            archive.store.vanish(&entry(1));
            archive.store.vanish(&checkpoint(1));
            (
                archive,
                With {
                    saved: vec![saved],
                    ..With::keys(&[7])
                },
            )
        },
    ),
    case(
        "junk in place of the saved checkpoint",
        Some(Code::CheckpointAltered),
        || {
            let archive = Archive::usual();
            let saved = archive.saved(1);
            archive.put(&checkpoint(1), b"junk".to_vec());
            (archive, With::saved(saved))
        },
    ),
    case(
        "a saved checkpoint with another root",
        Some(Code::SavedCheckpointDiffers),
        || {
            let archive = Archive::usual();
            let forged = CheckpointRef {
                number: 1,
                root: Hash::ZERO,
            };
            let sealed = Checkpoint::of(ORIGIN, forged).seal(&archive.key).unwrap();
            let saved = SavedFiles {
                checkpoint: sealed.object,
                entry: None,
            };
            (
                archive,
                With {
                    saved: vec![saved],
                    ..With::keys(&[7])
                },
            )
        },
    ),
    case("keys added above the saved checkpoint", None, || {
        let mut archive = Archive::usual();
        let saved = archive.saved(1);
        archive.rotate(&key(8));
        archive.seal("payments", 0, 3);
        archive.checkpoint();
        (archive, With::saved(saved))
    }),
    // Witnesses.
    case("a given key where nobody cosigned", Some(Code::PolicyNotMet), || {
        let keys = With::keys(&[7]).keys;
        let with = With {
            keys,
            ..With::witness(witness().key(), ORIGIN)
        };
        (Archive::usual(), with)
    }),
    case("a checkpoint cosigned as the policy asks", None, || {
        let archive = Archive::usual();
        store_line(&archive, &cosigned(&archive, &witness()));
        (archive, With::witness(witness().key(), ORIGIN))
    }),
    case("a checkpoint that nobody cosigned", Some(Code::EntryNotProved), || {
        (Archive::usual(), With::witness(witness().key(), ORIGIN))
    }),
    case(
        "a checkpoint cosigned by another witness",
        Some(Code::EntryNotProved),
        || {
            let archive = Archive::usual();
            let other = TestWitness::new("witness.example", 4);
            store_line(&archive, &cosigned(&archive, &other));
            (archive, With::witness(witness().key(), ORIGIN))
        },
    ),
    case(
        "another origin is meant than the cosigned one",
        Some(Code::EntryNotProved),
        || {
            let archive = Archive::usual();
            store_line(&archive, &cosigned(&archive, &witness()));
            (archive, With::witness(witness().key(), "elsewhere"))
        },
    ),
    case(
        "the log rewritten after its checkpoint was cosigned",
        Some(Code::EntryNotProved),
        || {
            let archive = rewritten();
            store_line(&archive, &cosigned(&Archive::usual(), &witness()));
            (archive, With::witness(witness().key(), ORIGIN))
        },
    ),
    case(
        "the log rewritten after its cosigned checkpoint was saved",
        Some(Code::SavedCheckpointDiffers),
        || {
            let honest = Archive::usual();
            let saved = with_line(&honest.saved(1), &cosigned(&honest, &witness()));
            let with = With::witness(witness().key(), ORIGIN);
            (
                rewritten(),
                With {
                    saved: vec![saved],
                    ..with
                },
            )
        },
    ),
    case(
        "a stored cosignature under another name",
        Some(Code::CosignatureInvalid),
        || {
            let archive = Archive::usual();
            let key = format!("cosignatures/0000000001/{}.txt", Hash::of(b"another"));
            archive.put(&key, cosigned(&archive, &witness()).to_object());
            let keys = With::keys(&[7]).keys;
            (
                archive,
                With {
                    keys,
                    ..With::witness(witness().key(), ORIGIN)
                },
            )
        },
    ),
    case("junk for a cosignature", Some(Code::CosignatureInvalid), || {
        let archive = Archive::usual();
        let key = format!("cosignatures/0000000001/{}.txt", Hash::of(b"junk"));
        archive.put(&key, b"junk".to_vec());
        let keys = With::keys(&[7]).keys;
        (
            archive,
            With {
                keys,
                ..With::witness(witness().key(), ORIGIN)
            },
        )
    }),
    case(
        "a checkpoint of a cosigned log with a fourth line",
        Some(Code::CheckpointUnreadable),
        || {
            let archive = Archive::usual();
            store_line(&archive, &cosigned(&archive, &witness()));
            let text = format!("{}more\n", Checkpoint::of(ORIGIN, archive.checkpoint_named(1)));
            archive.put(&checkpoint(1), key(7).sign(text).unwrap().to_bytes());
            (archive, With::keys(&[7]))
        },
    ),
];

fn witness() -> TestWitness {
    TestWitness::new("witness.example", 3)
}

/// The line of a witness over the archive's checkpoint 1.
fn cosigned(archive: &Archive, witness: &TestWitness) -> Cosignature {
    let named = archive.checkpoint_named(1);
    let head = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: named.number + 1,
        root: named.root,
    };
    witness.cosign(&head, 1_770_113_700)
}

fn store_line(archive: &Archive, line: &Cosignature) {
    archive.put(&line.object_key(1), line.to_object());
}

//! Attacks on checkpoints: damaged, removed, replayed, renumbered or forged.

use kivend::log::checkpoint::{Checkpoint, CheckpointRef};
use kivend::log::signer::Signer as _;
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator, KeyHolder};
use super::links::stranger;
use super::scene::{EARLY, NEWEST, again, checkpoint};
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("a bit flipped in a checkpoint", BucketAdmin, |scene| {
        scene.flip(&checkpoint(EARLY), 3);
    })
    .always(Code::CheckpointAltered),
    attack("a bit flipped in the newest checkpoint", BucketAdmin, |scene| {
        scene.flip(&checkpoint(NEWEST), 3);
    })
    .always(Code::CheckpointPassedOver)
    .saved(Code::CheckpointAltered),
    attack("the first checkpoint deleted", BucketAdmin, |scene| {
        scene.vanish(&checkpoint(0));
    })
    .always(Code::CheckpointMissing),
    attack("a checkpoint in the middle deleted", BucketAdmin, |scene| {
        scene.vanish(&checkpoint(EARLY));
    })
    .always(Code::CheckpointMissing),
    attack("the newest checkpoint deleted", BucketAdmin, |scene| {
        scene.vanish(&checkpoint(NEWEST));
    })
    .always(Code::Unanchored)
    .saved(Code::SavedCheckpointMissing),
    attack("every checkpoint deleted", BucketAdmin, |scene| {
        for number in 0..=NEWEST {
            scene.vanish(&checkpoint(number));
        }
    })
    .always(Code::CheckpointMissing),
    attack(
        "the newest checkpoint overwritten with an early one",
        BucketAdmin,
        |scene| {
            let early = scene.archive.store.bytes(&checkpoint(EARLY)).unwrap();
            scene.archive.store.tamper(&checkpoint(NEWEST), early);
        },
    )
    .always(Code::Replay)
    .saved(Code::SavedCheckpointMissing),
    attack("the newest checkpoint moved to the next number", BucketAdmin, |scene| {
        scene.copy_to(&checkpoint(NEWEST), &checkpoint(NEWEST + 1));
        scene.vanish(&checkpoint(NEWEST));
    })
    .always(Code::Replay)
    .saved(Code::SavedCheckpointMissing),
    attack("a checkpoint moved to its -r1 key", BucketAdmin, |scene| {
        scene.copy_to(&checkpoint(EARLY), &again(&checkpoint(EARLY)));
        scene.vanish(&checkpoint(EARLY));
    })
    .always(Code::CheckpointAttemptMissing),
    attack("junk created at the -r1 key of a checkpoint", Creator, |scene| {
        scene.archive.store.plant(&again(&checkpoint(EARLY)), "junk");
    })
    .always(Code::StrayCheckpoint),
    attack("junk created at the key of the next checkpoint", Creator, |scene| {
        scene.archive.store.plant(&checkpoint(NEWEST + 1), "junk");
    })
    .always(Code::CheckpointPassedOver),
    attack("the next checkpoint signed with an unknown key", Creator, |scene| {
        let other = stranger(scene);
        let forged = reference(NEWEST + 1);
        scene.archive.forge_checkpoint(forged, &other, &checkpoint(NEWEST + 1));
    })
    .always(Code::CheckpointPassedOver),
    attack("a checkpoint signed again with an unknown key", BucketAdmin, |scene| {
        let other = stranger(scene);
        let same = scene.archive.checkpoint_named(EARLY);
        scene.archive.forge_checkpoint(same, &other, &checkpoint(EARLY));
    })
    .always(Code::CheckpointAltered),
    attack("a stray object under checkpoints/", Creator, |scene| {
        scene.archive.store.plant(&checkpoint(NEWEST + 7), "junk");
    })
    .always(Code::StrayCheckpoint),
    attack(
        "a second checkpoint with another root signed for one number",
        KeyHolder,
        |scene| sign(scene, reference(NEWEST), &again(&checkpoint(NEWEST))),
    )
    .always(Code::CheckpointBreaksRule),
    attack(
        "a checkpoint in the middle signed with another root",
        KeyHolder,
        |scene| {
            sign(scene, reference(EARLY), &checkpoint(EARLY));
        },
    )
    .always(Code::CheckpointBreaksRule),
    attack(
        "a checkpoint signed over entries that never existed",
        KeyHolder,
        |scene| {
            sign(scene, reference(NEWEST + 1), &checkpoint(NEWEST + 1));
        },
    )
    .always(Code::EntryMissing),
    attack(
        "a checkpoint signed far beyond the end of the log",
        KeyHolder,
        |scene| {
            sign(scene, reference(NEWEST + 7), &checkpoint(NEWEST + 7));
        },
    )
    .always(Code::EntryMissing),
    attack("a checkpoint signed with a fourth line", KeyHolder, |scene| {
        let text = format!("{}more\n", text(scene, scene.archive.checkpoint_named(EARLY)));
        put(scene, text, &checkpoint(EARLY));
    })
    .always(Code::CheckpointUnreadable),
    attack(
        "a checkpoint signed with a fourth line beside the one that counts",
        KeyHolder,
        |scene| {
            let text = format!("{}more\n", text(scene, scene.archive.checkpoint_named(EARLY)));
            put(scene, text, &again(&checkpoint(EARLY)));
        },
    )
    .always(Code::CheckpointUnreadable),
    attack(
        "a checkpoint signed with a size that is no number",
        KeyHolder,
        |scene| {
            let text = text(scene, scene.archive.checkpoint_named(EARLY));
            put(scene, text.replace("\n2\n", "\n02\n"), &checkpoint(EARLY));
        },
    )
    .always(Code::CheckpointBreaksRule),
    attack("a checkpoint signed whose root is no base64", KeyHolder, |scene| {
        let text = text(scene, scene.archive.checkpoint_named(EARLY));
        put(scene, text.replace("=\n", "?\n"), &checkpoint(EARLY));
    })
    .always(Code::CheckpointBreaksRule),
    attack("a checkpoint signed for another origin", KeyHolder, |scene| {
        let text = text(scene, scene.archive.checkpoint_named(NEWEST));
        let (_, rest) = text.split_once('\n').unwrap();
        put(scene, format!("elsewhere\n{rest}"), &again(&checkpoint(NEWEST)));
    })
    .always(Code::Replay),
    attack("a checkpoint replaced by another signed text", KeyHolder, |scene| {
        put(scene, "hello\n".to_owned(), &checkpoint(EARLY));
    })
    .always(Code::CheckpointBreaksRule),
];

fn reference(number: u64) -> CheckpointRef {
    CheckpointRef {
        number,
        root: Hash::ZERO,
    }
}

fn sign(scene: &Scene, forged: CheckpointRef, at: &str) {
    scene.archive.forge_checkpoint(forged, &scene.archive.key, at);
}

fn text(scene: &Scene, of: CheckpointRef) -> String {
    Checkpoint::of(scene.archive.identity.origin(), of).to_string()
}

/// Signs a text with the archive's key.
fn put(scene: &Scene, text: String, at: &str) {
    scene.archive.put(at, scene.archive.key.sign(text).unwrap().to_bytes());
}

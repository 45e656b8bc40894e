//! Attacks on checkpoints: damaged, removed, replayed, renumbered or forged.

use kivend::log::checkpoint::Checkpoint;
use kivend::log::object_key::{Attempt, Key};
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator, KeyHolder};
use super::links::stranger;
use super::scene::{EARLY, NEWEST, checkpoint};
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
    .always(Code::CheckpointBreaksRule),
    attack("an early checkpoint copied to the next number", Creator, |scene| {
        let early = scene.archive.store.bytes(&checkpoint(EARLY)).unwrap();
        scene.archive.store.plant(&checkpoint(NEWEST + 1), early);
    })
    .always(Code::CheckpointBreaksRule),
    attack("the newest checkpoint moved to the next number", BucketAdmin, |scene| {
        let newest = scene.archive.store.bytes(&checkpoint(NEWEST)).unwrap();
        scene.vanish(&checkpoint(NEWEST));
        scene.archive.store.plant(&checkpoint(NEWEST + 1), newest);
    })
    .always(Code::CheckpointBreaksRule),
    attack("the next checkpoint signed with an unknown key", Creator, |scene| {
        let forged = scene.checkpoint_below(NEWEST + 1, 1).seal(&stranger(scene)).unwrap();
        scene.archive.store.plant(&checkpoint(NEWEST + 1), forged.object);
    })
    .always(Code::CheckpointPassedOver),
    attack("a stray object under checkpoints/", Creator, |scene| {
        scene.archive.store.plant(&checkpoint(NEWEST + 7), "junk");
    })
    .always(Code::StrayCheckpoint),
    attack("a second checkpoint signed with the same number", KeyHolder, |scene| {
        let second = scene.checkpoint_below(NEWEST, 1).seal(&scene.archive.key).unwrap();
        let key = Key::Checkpoint(NEWEST, Attempt(1)).to_string();
        scene.archive.store.plant(&key, second.object);
    })
    .always(Code::CheckpointDoubled),
    attack("a checkpoint signed whose heights decrease", KeyHolder, |scene| {
        sign(scene, &scene.checkpoint_below(NEWEST + 1, 1));
    })
    .always(Code::CheckpointBreaksRule),
    attack(
        "the newest checkpoint signed again with a false log root",
        KeyHolder,
        |scene| {
            let mut forged = scene.checkpoint_below(NEWEST, 0);
            forged.heads[0].log_root = Hash::ZERO;
            let object = forged.seal(&scene.archive.key).unwrap().object;
            scene.archive.store.tamper(&checkpoint(NEWEST), object);
        },
    )
    .always(Code::ChainDiffers)
    .saved(Code::SavedCheckpointDiffers),
    attack(
        "a checkpoint signed that names links which never existed",
        KeyHolder,
        |scene| {
            let mut forged = scene.checkpoint_below(NEWEST + 1, 0);
            forged.heads[0].height.0 += 3;
            sign(scene, &forged);
        },
    )
    .always(Code::ChainCut),
];

fn sign(scene: &Scene, forged: &Checkpoint) {
    let sealed = forged.seal(&scene.archive.key).unwrap();
    scene.archive.store.plant(&checkpoint(forged.number), sealed.object);
}

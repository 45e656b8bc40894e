//! Attacks on the archive as a whole: its identity, stray objects under its prefix, and mass deletion.

use kivend::log::identity::Identity;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator};
use super::links::stranger;
use super::scene::checkpoint;
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("archive.json deleted", BucketAdmin, |scene| {
        scene.vanish("archive.json");
    })
    .always(Code::IdentityMissing),
    attack("a space added to archive.json", BucketAdmin, |scene| {
        scene.archive.tamper("archive.json", |bytes| bytes.insert(0, b' '));
    })
    .always(Code::IdentityMalformed),
    attack(
        "archive.json replaced by one with an unknown key",
        BucketAdmin,
        |scene| {
            scene.archive.store.tamper("archive.json", foreign_identity(scene));
        },
    )
    .always(Code::KeyNotOfArchive),
    attack("every object deleted", BucketAdmin, |scene| {
        for key in scene.archive.store.keys() {
            scene.vanish(&key);
        }
    })
    .always(Code::IdentityMissing),
    attack(
        "every object deleted except archive.json and the first checkpoint",
        BucketAdmin,
        |scene| {
            for key in scene.archive.store.keys() {
                if key != "archive.json" && key != checkpoint(0) {
                    scene.vanish(&key);
                }
            }
        },
    )
    .always(Code::NothingArchived)
    .commit(Code::HeadCut)
    .records(Code::PartitionNotArchived)
    .saved(Code::ChainCut),
    attack("a stray object under data/", Creator, |scene| {
        scene.archive.store.plant("data/_SUCCESS", "");
    })
    .always(Code::StrayObject),
];

fn foreign_identity(scene: &Scene) -> Vec<u8> {
    let own = &scene.archive.identity;
    let forged = Identity::new(
        own.archive(),
        [0xcd; 16],
        own.created_at(),
        stranger(scene).verifying_key(),
    );
    forged.unwrap().to_bytes().unwrap()
}

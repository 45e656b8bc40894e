//! The archive as a whole: its identity, what else stands under its prefix, and what is left of it.

use kivend::log::identity::Identity;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator};
use super::links::stranger;
use super::scene::checkpoint;
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("archive.json gone", BucketAdmin, |scene| scene.vanish("archive.json")).always(Code::IdentityMissing),
    attack("archive.json with one more blank", BucketAdmin, |scene| {
        scene.archive.tamper("archive.json", |bytes| bytes.insert(0, b' '));
    })
    .always(Code::IdentityMalformed),
    attack("archive.json with a stranger's key", BucketAdmin, |scene| {
        scene.archive.store.tamper("archive.json", foreign_identity(scene));
    })
    .always(Code::KeyNotOfArchive),
    attack("everything gone", BucketAdmin, |scene| {
        for key in scene.archive.store.keys() {
            scene.vanish(&key);
        }
    })
    .always(Code::IdentityMissing),
    attack(
        "everything gone but the identity and the first checkpoint",
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
    attack("a stray object among the data", Creator, |scene| {
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

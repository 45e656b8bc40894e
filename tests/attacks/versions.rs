//! Attacks on a bucket that keeps versions: the first version of an overwritten or deleted object remains and is read.

use kivend::verify::findings::Code;

use super::Who::BucketAdmin;
use super::scene::{EARLY, MIDDLE, NEWEST, checkpoint, entry};
use super::{Attack, attack};

pub const ATTACKS: &[Attack] = &[
    attack("versioned bucket: a link deleted", BucketAdmin, |scene| {
        scene.archive.store.delete(&scene.link(MIDDLE));
    })
    .always(Code::HiddenVersion),
    attack("versioned bucket: the newest link deleted", BucketAdmin, |scene| {
        scene.archive.store.delete(&scene.link(scene.head()));
    })
    .always(Code::HiddenVersion),
    attack("versioned bucket: a segment deleted", BucketAdmin, |scene| {
        scene.archive.store.delete(&scene.segment(MIDDLE));
    })
    .always(Code::HiddenVersion),
    attack(
        "versioned bucket: a link deleted and another created in its place",
        BucketAdmin,
        |scene| {
            let other = scene.archive.store.bytes(&scene.link(MIDDLE + 1)).unwrap();
            scene.archive.store.delete(&scene.link(MIDDLE));
            scene.archive.store.plant(&scene.link(MIDDLE), other);
        },
    )
    .always(Code::HiddenVersion),
    attack("versioned bucket: a segment overwritten", BucketAdmin, |scene| {
        let other = scene.archive.store.bytes(&scene.segment(MIDDLE + 1)).unwrap();
        scene.archive.store.plant(&scene.segment(MIDDLE), other);
    })
    .always(Code::HiddenVersion),
    attack("versioned bucket: a checkpoint overwritten", BucketAdmin, |scene| {
        scene.archive.store.plant(&checkpoint(NEWEST), "junk");
    })
    .always(Code::HiddenVersion),
    attack("versioned bucket: an entry overwritten", BucketAdmin, |scene| {
        scene.archive.store.plant(&entry(NEWEST), "junk");
    })
    .always(Code::HiddenVersion),
    attack("versioned bucket: an entry deleted", BucketAdmin, |scene| {
        scene.archive.store.delete(&entry(EARLY));
    })
    .always(Code::HiddenVersion),
    attack("versioned bucket: archive.json overwritten", BucketAdmin, |scene| {
        scene.archive.store.plant("archive.json", "junk");
    })
    .always(Code::HiddenVersion),
];

//! Attacks on the key changes: signing keys added, retired or used without the right to do so.

use kivend::log::key_change::KeyChange;
use kivend::log::signed_note::SigningKey;
use kivend::verify::findings::Code;

use super::Who::{Creator, KeyHolder};
use super::links::stranger;
use super::scene::MIDDLE;
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("a key change signed with an unknown key", Creator, |scene| {
        let own = stranger(scene);
        let change = adding(scene, &own);
        scene.archive.change_keys(&change, &own, &[&own]);
    })
    .always(Code::KeyPassedOver),
    attack("a stray object under keys/", Creator, |scene| {
        scene.archive.store.plant("keys/000007.note", "junk");
    })
    .always(Code::KeyChangeInvalid),
    attack("a signing key added that is already in force", KeyHolder, |scene| {
        let key = scene.archive.key.clone();
        let change = adding(scene, &key);
        scene.archive.change_keys(&change, &key, &[&key]);
    })
    .always(Code::KeyChangeInvalid),
    attack("the only signing key retired", KeyHolder, |scene| {
        let key = scene.archive.key.clone();
        let change = retiring(scene, &key);
        scene.archive.change_keys(&change, &key, &[]);
    })
    .always(Code::KeyChangeInvalid),
    attack("a key change deleted that a checkpoint names", KeyHolder, |scene| {
        let old = scene.archive.key.clone();
        scene.archive.rotate(&stranger(scene));
        scene.archive.key = old;
        scene.archive.checkpoint();
        scene.vanish("keys/000001.note");
    })
    .always(Code::KeyChangeMissing),
    attack("a link signed with a retired key", KeyHolder, |scene| {
        let old = rotate(scene);
        let link = scene.plant_unarchived();
        scene.archive.key = old;
        scene.archive.append(link);
    })
    .always(Code::LinkPassedOver),
    attack(
        "a link replaced by one signed with a key that was added later",
        KeyHolder,
        |scene| {
            rotate(scene);
            let link = &scene.archive.chains[&scene.victim][MIDDLE].link;
            let object = link.seal(&scene.archive.key).unwrap().object;
            scene.archive.store.tamper(&scene.link(MIDDLE), object);
        },
    )
    .always(Code::LinkAltered),
];

fn adding(scene: &Scene, key: &SigningKey) -> KeyChange {
    KeyChange {
        add: vec![key.verifying_key().to_string()],
        ..scene.archive.next_key_change()
    }
}

fn retiring(scene: &Scene, key: &SigningKey) -> KeyChange {
    KeyChange {
        retire: vec![key.verifying_key().to_string()],
        ..scene.archive.next_key_change()
    }
}

/// Rotates to a new key, which retires the old one, as an honest operator does. Returns the old key.
fn rotate(scene: &mut Scene) -> SigningKey {
    let old = scene.archive.key.clone();
    let new = stranger(scene);
    scene.archive.rotate(&new);
    scene.archive.checkpoint();
    let change = retiring(scene, &old);
    scene.archive.change_keys(&change, &new, &[]);
    old
}

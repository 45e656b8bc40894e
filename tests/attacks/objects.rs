//! Attacks on the archive as a whole: its identity, stray objects under its prefix, and mass deletion.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kivend::log::identity::{FirstKeys, Identity};
use kivend::log::signed_note::SigningKey;
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator};
use super::links::stranger;
use super::scene::{checkpoint, entry};
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
        "every object deleted except archive.json, the first entry and its checkpoint",
        BucketAdmin,
        |scene| {
            for key in scene.archive.store.keys() {
                if ![checkpoint(0), entry(0), "archive.json".to_owned()].contains(&key) {
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
        scene.archive.store.plant("data/_SUCCESS", "x");
    })
    .always(Code::StrayObject),
    attack(
        "a change of keys of older drafts created under keys/",
        Creator,
        |scene| {
            scene.archive.store.plant("keys/000001.note", "junk");
        },
    )
    .always(Code::StrayObject),
    attack("a folder marker created under data/", Creator, |scene| {
        scene.archive.store.plant("data/orders/", "");
    })
    .always(Code::FolderMarker),
    attack("an object created under tile/", Creator, |scene| {
        scene.archive.store.plant("tile/0/000", "x");
    })
    .always(Code::ReservedObject),
    attack("an object whose key has an epoch beyond 32 bits", Creator, |scene| {
        let key = scene.next_link().replace("/0000-", "/2147483648-");
        scene.archive.store.plant(&key, "x");
    })
    .always(Code::StrayObject),
    attack("an attempt of archive.json", Creator, |scene| {
        scene.copy_to("archive.json", "archive-r1.json");
    })
    .always(Code::StrayObject),
    attack("archive.json replaced by one of 65 KiB", BucketAdmin, |scene| {
        scene.archive.store.tamper("archive.json", vec![b' '; (64 << 10) + 1]);
    })
    .always(Code::IdentityMalformed),
    attack("a second key added to archive.json", BucketAdmin, |scene| {
        let other = stranger(scene);
        with_key(scene, &other.verifying_key().to_string());
    })
    .always(Code::EntryBreaksRule),
    attack("the key in archive.json named twice", BucketAdmin, |scene| {
        let own = scene.archive.key.verifying_key().to_string();
        with_key(scene, &own);
    })
    .always(Code::IdentityMalformed),
    attack("a key of small order added to archive.json", BucketAdmin, |scene| {
        let name = scene.archive.identity.origin().to_owned();
        with_key(scene, &of_small_order(&name));
    })
    .always(Code::IdentityMalformed),
    attack(
        "archive.json replaced by that of another archive with the same origin",
        BucketAdmin,
        |scene| {
            let forged = same_origin(scene);
            scene.archive.store.tamper("archive.json", forged);
        },
    )
    .always(Code::KeyNotOfArchive),
];

fn foreign_identity(scene: &Scene) -> Vec<u8> {
    let origin = "kivend/cdcdcdcdcdcdcdcd";
    let other = SigningKey::from_seed(origin, &Hash::of(b"a stranger").0).unwrap();
    identity(scene, &other)
}

fn same_origin(scene: &Scene) -> Vec<u8> {
    identity(scene, &stranger(scene))
}

fn identity(scene: &Scene, key: &SigningKey) -> Vec<u8> {
    let own = &scene.archive.identity;
    let keys = FirstKeys {
        signing: key.verifying_key(),
        change: &[],
    };
    let forged = Identity::new(own.archive(), [0xcd; 16], own.created_at(), &keys);
    forged.unwrap().to_bytes().unwrap()
}

/// Adds a key to `keys` of archive.json.
fn with_key(scene: &Scene, added: &str) {
    let own = scene.archive.key.verifying_key().to_string();
    let text = String::from_utf8(scene.archive.identity.to_bytes().unwrap()).unwrap();
    let both = text.replace(&format!("\"{own}\""), &format!("\"{own}\",\"{added}\""));
    scene.archive.store.tamper("archive.json", both);
}

/// The text of a public key of order 1: its point is the neutral element.
pub fn of_small_order(name: &str) -> String {
    let mut typed = [0; 33];
    (typed[0], typed[1]) = (1, 1);
    let id = Hash::of_parts(&[name.as_bytes(), b"\n", &typed]).to_string();
    format!("{name}+{}+{}", &id[..8], BASE64.encode(typed))
}

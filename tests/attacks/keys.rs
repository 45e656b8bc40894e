//! Attacks on the changes of keys: signing keys added, retired or used without the right to do so.

use kivend::log::change::{Change, KeysChange, KeysOf};
use kivend::log::entry::Entry;
use kivend::log::signed_note::SigningKey;
use kivend::log::signer::Signer as _;
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::Who::{Creator, KeyHolder};
use super::links::stranger;
use super::objects::of_small_order;
use super::scene::{MIDDLE, again, checkpoint, entry};
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("an entry with a change signed with an unknown key", Creator, |scene| {
        let own = scene.archive.key.clone();
        let other = stranger(scene);
        scene.archive.key = other.clone();
        force(scene, adding(scene, &other), &[&other, &other]);
        scene.archive.key = own;
    })
    .always(Code::EntryPassedOver),
    attack("an entry signed with a change by an unknown key", KeyHolder, |scene| {
        let other = stranger(scene);
        force(scene, adding(scene, &other), &[&other, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("a signing key added that is already in force", KeyHolder, |scene| {
        let key = scene.archive.key.clone();
        force(scene, adding(scene, &key), &[&key, &key]);
    })
    .always(Code::EntryBreaksRule),
    attack("a retired key added again", KeyHolder, |scene| {
        let old = rotate(scene);
        let new = scene.archive.key.clone();
        force(scene, adding(scene, &old), &[&new, &old]);
    })
    .always(Code::EntryBreaksRule),
    attack("a key added that did not sign the change", KeyHolder, |scene| {
        let own = scene.archive.key.clone();
        force(scene, adding(scene, &stranger(scene)), &[&own]);
    })
    .always(Code::EntryBreaksRule),
    attack("a key added twice in one change", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        let mut change = adding(scene, &other);
        change.add.push(other.verifying_key().to_string());
        force(scene, change, &[&own, &other, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("a key of small order added", KeyHolder, |scene| {
        let own = scene.archive.key.clone();
        let mut change = adding(scene, &own);
        change.add = vec![of_small_order(scene.archive.identity.origin())];
        force(scene, change, &[&own, &own]);
    })
    .always(Code::EntryBreaksRule),
    attack("a key under another name added", KeyHolder, |scene| {
        let own = scene.archive.key.clone();
        let other = SigningKey::from_seed("elsewhere", &[9; 32]).unwrap();
        force(scene, adding(scene, &other), &[&own, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change signed by one key more than it needs", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        let note = scene
            .archive
            .signed_change(&Change::Keys(adding(scene, &other)), &[&own, &other]);
        let third = SigningKey::from_seed(scene.archive.identity.origin(), &[3; 32]).unwrap();
        let (text, _) = note.split_once("\n\n").unwrap();
        let signed = third.sign(format!("{text}\n")).unwrap().to_bytes();
        let signed = String::from_utf8(signed).unwrap();
        let (_, line) = signed.split_once("\n\n").unwrap();
        let entry = Entry {
            change: Some(format!("{note}{line}")),
            ..scene.archive.next_entry()
        };
        scene.force(&entry);
    })
    .always(Code::EntryBreaksRule),
    attack("the only signing key retired", KeyHolder, |scene| {
        let key = scene.archive.key.clone();
        force(scene, retiring(scene, &[&key]), &[&key]);
    })
    .always(Code::EntryBreaksRule),
    attack("a key retired that was never in force", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        force(scene, retiring(scene, &[&other]), &[&own]);
    })
    .always(Code::EntryBreaksRule),
    attack("a key retired by itself", KeyHolder, |scene| {
        let new = stranger(scene);
        scene.archive.rotate(&new);
        force(scene, retiring(scene, &[&new]), &[&new]);
    })
    .always(Code::EntryBreaksRule),
    attack("all keys retired", KeyHolder, |scene| {
        let (old, new) = (scene.archive.key.clone(), stranger(scene));
        scene.archive.rotate(&new);
        force(scene, retiring(scene, &[&old, &new]), &[&new]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change that adds and retires", KeyHolder, |scene| {
        let (old, new) = (scene.archive.key.clone(), stranger(scene));
        let change = KeysChange {
            retire: vec![old.verifying_key().to_string()],
            ..adding(scene, &new)
        };
        force(scene, change, &[&old, &new]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change that does nothing", KeyHolder, |scene| {
        let own = scene.archive.key.clone();
        force(scene, retiring(scene, &[]), &[&own]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change key added where archive.json names none", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        let change = KeysChange {
            of: KeysOf::ChangeKeys,
            ..adding(scene, &other)
        };
        force(scene, change, &[&own, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change whose sequence leaves one out", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        let change = KeysChange {
            sequence: 2,
            ..adding(scene, &other)
        };
        force(scene, change, &[&own, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change after another change than the newest", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        let change = KeysChange {
            previous: Hash::ZERO,
            ..adding(scene, &other)
        };
        force(scene, change, &[&own, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("a change of another archive", KeyHolder, |scene| {
        let (own, other) = (scene.archive.key.clone(), stranger(scene));
        let change = KeysChange {
            archive_id: "cd".repeat(16),
            ..adding(scene, &other)
        };
        force(scene, change, &[&own, &other]);
    })
    .always(Code::EntryBreaksRule),
    attack("the same change carried twice", KeyHolder, |scene| {
        scene.archive.rotate(&stranger(scene));
        let carrier = scene.archive.entry(scene.archive.next_entry().number - 1);
        let entry = Entry {
            change: carrier.change,
            ..scene.archive.next_entry()
        };
        scene.force(&entry);
    })
    .always(Code::EntryBreaksRule),
    attack("a change of a newer version carried", KeyHolder, |scene| {
        let own = scene.archive.key.clone();
        let change = retiring(scene, &[&own]);
        let note = scene.archive.signed_change(&Change::Keys(change), &[&own]);
        let entry = Entry {
            change: Some(note.replace("kivend.change/v1", "kivend.change/v2")),
            ..scene.archive.next_entry()
        };
        scene.force(&entry);
    })
    .always(Code::EntryUnreadable),
    attack("an entry deleted that carries a change", KeyHolder, |scene| {
        scene.archive.rotate(&stranger(scene));
        let carrier = scene.archive.next_entry().number - 1;
        scene.archive.checkpoint();
        scene.vanish(&entry(carrier));
    })
    .always(Code::StrayEntry),
    attack("a link signed with a retired key", KeyHolder, |scene| {
        let old = rotate(scene);
        let link = scene.plant_unarchived();
        scene.archive.key = old;
        scene.archive.append(link);
    })
    .always(Code::LinkPassedOver),
    attack(
        "a link in the chain replaced by one signed with a key that was retired before",
        KeyHolder,
        |scene| {
            let old = rotate(scene);
            let link = scene.plant_unarchived();
            scene.archive.append(link.clone());
            scene.archive.checkpoint();
            let object = link.seal(&old).unwrap().object;
            scene.archive.put(&scene.link(scene.head()), object);
        },
    )
    .always(Code::LinkAltered),
    attack(
        "a link signed with a retired key before the entry that decides",
        KeyHolder,
        |scene| {
            let (old, new) = (scene.archive.key.clone(), stranger(scene));
            scene.archive.rotate(&new);
            let change = retiring(scene, &[&old]);
            let note = scene.archive.signed_change(&Change::Keys(change), &[&new]);
            scene.archive.enter(note);
            let link = scene.plant_unarchived();
            scene.archive.key = old;
            scene.archive.append(link);
        },
    )
    .always(Code::LinkUndecided),
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
    attack("an entry signed with a retired key", KeyHolder, |scene| {
        let old = rotate(scene);
        let next = scene.archive.next_entry();
        scene.archive.forge_entry(&next, &old, &entry(next.number));
    })
    .always(Code::EntryBreaksRule),
    attack(
        "an entry signed with a retired key beyond the next number",
        KeyHolder,
        |scene| {
            let old = rotate(scene);
            let next = scene.archive.next_entry();
            let number = next.number * 2; // has as many peaks
            scene
                .archive
                .forge_entry(&Entry { number, ..next }, &old, &entry(number));
        },
    )
    .always(Code::EntryBreaksRule),
    attack("a second entry signed with a retired key", KeyHolder, |scene| {
        let old = rotate(scene);
        let newest = scene.archive.next_entry().number - 1;
        let same = scene.archive.entry(newest);
        scene.archive.forge_entry(&same, &old, &again(&entry(newest)));
    })
    .always(Code::StrayEntry),
    attack("a checkpoint signed with a retired key", KeyHolder, |scene| {
        let old = rotate(scene);
        scene.archive.checkpoint();
        let newest = scene.archive.next_entry().number - 1;
        let same = scene.archive.checkpoint_named(newest);
        scene.archive.forge_checkpoint(same, &old, &checkpoint(newest));
    })
    .always(Code::CheckpointPassedOver),
    attack(
        "a checkpoint signed with a key that was added later",
        KeyHolder,
        |scene| {
            rotate(scene);
            let same = scene.archive.checkpoint_named(0);
            scene.archive.forge_checkpoint(same, &scene.archive.key, &checkpoint(0));
        },
    )
    .always(Code::CheckpointAltered),
];

fn adding(scene: &Scene, key: &SigningKey) -> KeysChange {
    KeysChange {
        add: vec![key.verifying_key().to_string()],
        ..scene.archive.next_change(KeysOf::Keys)
    }
}

fn retiring(scene: &Scene, keys: &[&SigningKey]) -> KeysChange {
    KeysChange {
        retire: keys.iter().map(|key| key.verifying_key().to_string()).collect(),
        ..scene.archive.next_change(KeysOf::Keys)
    }
}

/// Signs the next entry with this change, whether it is valid or not.
fn force(scene: &Scene, change: KeysChange, signers: &[&SigningKey]) {
    let note = scene.archive.signed_change(&Change::Keys(change), signers);
    let entry = Entry {
        change: Some(note),
        ..scene.archive.next_entry()
    };
    scene.force(&entry);
}

/// Rotates to a new key, which retires the old one, as an honest operator does. Returns the old key.
fn rotate(scene: &mut Scene) -> SigningKey {
    let old = scene.archive.key.clone();
    scene.archive.rotate(&stranger(scene));
    scene.archive.checkpoint();
    scene.archive.retire(&old);
    old
}

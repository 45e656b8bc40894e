//! Attacks on the entries of the log: damaged, removed, renumbered, or signed with false content.

use kivend::json::canonical;
use kivend::log::entry::Entry;
use kivend::log::head::Head;
use kivend::log::signer::Signer as _;
use kivend::record::hash::Hash;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator, KeyHolder};
use super::links::stranger;
use super::scene::{EARLY, NEWEST, again, checkpoint, entry};
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("a bit flipped in an entry", BucketAdmin, |scene| {
        scene.flip(&entry(EARLY), 3);
    })
    .always(Code::EntryAltered),
    attack("a bit flipped in the newest entry", BucketAdmin, |scene| {
        scene.flip(&entry(NEWEST), 3);
    })
    .always(Code::EntryAltered),
    attack(
        "a bit flipped in the newest entry, and its checkpoint deleted",
        BucketAdmin,
        |scene| {
            scene.flip(&entry(NEWEST), 3);
            scene.vanish(&checkpoint(NEWEST));
        },
    )
    .always(Code::EntryPassedOver)
    .saved(Code::EntryAltered),
    attack("the first entry deleted", BucketAdmin, |scene| scene.vanish(&entry(0))).always(Code::EntryMissing),
    attack("an entry in the middle deleted", BucketAdmin, |scene| {
        scene.vanish(&entry(EARLY));
    })
    .always(Code::EntryMissing),
    attack("the newest entry deleted", BucketAdmin, |scene| {
        scene.vanish(&entry(NEWEST));
    })
    .always(Code::EntryMissing),
    attack("the newest entry and its checkpoint deleted", BucketAdmin, |scene| {
        scene.vanish(&entry(NEWEST));
        scene.vanish(&checkpoint(NEWEST));
    })
    .always(Code::Unanchored)
    .saved(Code::SavedCheckpointMissing),
    attack(
        "every entry but the first and their checkpoints deleted",
        BucketAdmin,
        |scene| {
            for number in EARLY..=NEWEST {
                scene.vanish(&entry(number));
                scene.vanish(&checkpoint(number));
            }
        },
    )
    .always(Code::LinkCheckpointMissing),
    attack("two entries swapped", BucketAdmin, |scene| {
        scene.swap(&entry(EARLY), &entry(NEWEST));
    })
    .always(Code::EntryMissing),
    attack("an entry moved to its -r1 key", BucketAdmin, |scene| {
        scene.copy_to(&entry(EARLY), &again(&entry(EARLY)));
        scene.vanish(&entry(EARLY));
    })
    .always(Code::EntryAttemptMissing),
    attack("junk created at the -r1 key of an entry", Creator, |scene| {
        scene.archive.store.plant(&again(&entry(EARLY)), "junk");
    })
    .always(Code::StrayEntry),
    attack("junk created at the key of the next entry", Creator, |scene| {
        scene.archive.store.plant(&entry(NEWEST + 1), "junk");
    })
    .always(Code::EntryPassedOver),
    attack(
        "junk created under log/ far beyond the newest entry",
        Creator,
        |scene| {
            scene.archive.store.plant(&entry(NEWEST + 7), "junk");
        },
    )
    .always(Code::StrayEntry),
    attack("the next entry signed with an unknown key", Creator, |scene| {
        let next = scene.archive.next_entry();
        scene.archive.forge_entry(&next, &stranger(scene), &entry(NEWEST + 1));
    })
    .always(Code::EntryPassedOver),
    attack("an entry signed again with an unknown key", BucketAdmin, |scene| {
        let same = scene.archive.entry(EARLY);
        scene.archive.forge_entry(&same, &stranger(scene), &entry(EARLY));
    })
    .always(Code::EntryAltered),
    attack("an entry signed beyond the next number", KeyHolder, |scene| {
        let number = NEWEST + 3; // has as many peaks as the next number
        let next = scene.archive.next_entry();
        let key = scene.archive.key.clone();
        scene
            .archive
            .forge_entry(&Entry { number, ..next }, &key, &entry(number));
    })
    .always(Code::EntryMissing),
    attack(
        "the newest entry signed again, its checkpoint left as it was",
        KeyHolder,
        |scene| {
            let newest = scene.archive.checkpoint_named(NEWEST);
            scene.sign_newest_again(1, |_| ());
            scene
                .archive
                .forge_checkpoint(newest, &scene.archive.key, &checkpoint(NEWEST));
        },
    )
    .always(Code::CheckpointBreaksRule),
    attack(
        "an early entry signed again, the later ones left as they were",
        KeyHolder,
        |scene| {
            let mut forged = scene.archive.entry(EARLY);
            // Another second, however fast the archive was made.
            forged.at = UtcSeconds::from_unix(forged.at.unix() + 1);
            scene.archive.forge_entry(&forged, &scene.archive.key, &entry(EARLY));
        },
    )
    .always(Code::EntryBreaksRule),
    attack("a second entry signed for one number", KeyHolder, |scene| {
        let forged = Entry {
            heads: scene.entry_below(1).heads,
            ..scene.archive.entry(NEWEST)
        };
        let key = scene.archive.key.clone();
        scene.archive.forge_entry(&forged, &key, &again(&entry(NEWEST)));
    })
    .always(Code::EntryDoubled),
    attack("an entry signed over another tree", KeyHolder, |scene| {
        forced(scene, |entry| entry.tree[0] = Hash::ZERO);
    })
    .always(Code::EntryBreaksRule),
    attack("an entry signed with another newest change", KeyHolder, |scene| {
        forced(scene, |entry| entry.changes.sequence = 1);
    })
    .always(Code::EntryBreaksRule),
    attack(
        "an entry signed with another hash of archive.json",
        KeyHolder,
        |scene| {
            forced(scene, |entry| entry.archive_sha256 = Hash::ZERO);
        },
    )
    .always(Code::EntryBreaksRule),
    attack("an entry signed with a partition twice", KeyHolder, |scene| {
        forced(scene, |entry| entry.heads.push(entry.heads[1].clone()));
    })
    .always(Code::EntryBreaksRule),
    attack(
        "an entry of another archive signed at the next number",
        KeyHolder,
        |scene| {
            forced(scene, |entry| entry.archive_id = "cd".repeat(16));
        },
    )
    .always(Code::Replay),
    attack("an entry of a newer version signed", KeyHolder, |scene| {
        let text = canonical::to_text(&scene.archive.next_entry()).unwrap();
        put(scene, text.replace("kivend.entry/v1", "kivend.entry/v2"));
    })
    .always(Code::EntryUnreadable),
    attack("an entry of an unknown type signed", KeyHolder, |scene| {
        put(scene, "{\"type\":\"acme.entry/v1\"}\n".to_owned());
    })
    .always(Code::EntryUnreadable),
    attack("an entry signed with a space in its text", KeyHolder, |scene| {
        let text = canonical::to_text(&scene.archive.next_entry()).unwrap();
        put(scene, text.replacen(':', ": ", 1));
    })
    .always(Code::EntryBreaksRule),
    attack("an entry signed whose heights decrease", KeyHolder, |scene| {
        let lower = scene.entry_below(1);
        write(scene, lower);
    })
    .always(Code::EntryHeadsFalse),
    attack("an entry signed that leaves a partition out", KeyHolder, |scene| {
        let mut fewer = scene.archive.next_entry();
        fewer.heads.pop();
        write(scene, fewer);
    })
    .always(Code::EntryHeadsFalse),
    attack(
        "an entry signed with another link at the same height",
        KeyHolder,
        |scene| {
            with_head(scene, |head| head.link = Hash::ZERO);
        },
    )
    .always(Code::EntryHeadsFalse),
    attack(
        "an entry signed that names links which never existed",
        KeyHolder,
        |scene| {
            with_head(scene, |head| head.height.0 += 3);
        },
    )
    .always(Code::ChainCut),
    attack(
        "an entry signed that names a partition which never existed",
        KeyHolder,
        |scene| {
            let mut entry = scene.archive.next_entry();
            let first = entry.heads[0].clone();
            let partition = TopicPartition::new("zebra", 3);
            entry.heads.push(Head { partition, ..first });
            write(scene, entry);
        },
    )
    .always(Code::ChainCut),
    attack("an entry signed with a false link hash", KeyHolder, |scene| {
        with_new_head(scene, |head| head.link = Hash::ZERO);
    })
    .always(Code::ChainDiffers),
    attack("an entry signed with a false log root", KeyHolder, |scene| {
        with_new_head(scene, |head| head.log_root = Hash::ZERO);
    })
    .always(Code::ChainDiffers),
    attack("an entry signed with a false next offset", KeyHolder, |scene| {
        with_new_head(scene, |head| head.next_offset.0 += 1);
    })
    .always(Code::ChainDiffers),
    attack("an entry signed with a false epoch", KeyHolder, |scene| {
        with_new_head(scene, |head| head.epoch.0 += 1);
    })
    .always(Code::ChainDiffers),
    attack(
        "the newest entry and its checkpoint signed again with a false log root",
        KeyHolder,
        |scene| {
            let victim = scene.victim.clone();
            scene.sign_newest_again(0, |entry| {
                let head = entry.heads.iter_mut().find(|head| head.partition == victim);
                head.unwrap().log_root = Hash::ZERO;
            });
        },
    )
    .always(Code::ChainDiffers)
    .saved(Code::SavedCheckpointDiffers),
    attack(
        "the newest entry and its checkpoint signed again over older heads",
        KeyHolder,
        |scene| scene.sign_newest_again(1, |_| ()),
    )
    .always(Code::Unanchored)
    .saved(Code::SavedCheckpointDiffers),
];

/// Signs an entry at the next number that is valid by what stands before it, and its checkpoint.
fn write(scene: &mut Scene, entry: Entry) {
    let key = scene.archive.key.clone();
    scene.archive.write_entry(entry, &key);
}

/// Signs an entry at the next number with other content.
fn forced(scene: &mut Scene, change: impl FnOnce(&mut Entry)) {
    let mut entry = scene.archive.next_entry();
    change(&mut entry);
    scene.force(&entry);
}

/// Signs a text at the next number.
fn put(scene: &Scene, text: String) {
    let object = scene.archive.key.sign(text).unwrap().to_bytes();
    scene.archive.put(&entry(NEWEST + 1), object);
}

/// Signs the next entry with another head of the victim.
fn with_head(scene: &mut Scene, change: impl FnOnce(&mut Head)) {
    let mut entry = scene.archive.next_entry();
    let mut heads = entry.heads.iter_mut();
    change(heads.find(|head| head.partition == scene.victim).unwrap());
    write(scene, entry);
}

/// The same after one more link of the victim.
fn with_new_head(scene: &mut Scene, change: impl FnOnce(&mut Head)) {
    let link = scene.plant_unarchived();
    scene.archive.append(link);
    with_head(scene, change);
}

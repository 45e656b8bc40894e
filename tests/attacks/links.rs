//! Attacks on links without the signing key: damaged, removed, exchanged or planted.

use kivend::log::object_key::Attempt;
use kivend::log::signed_note::SigningKey;
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::Who::{BucketAdmin, Creator};
use super::scene::{EARLY, MIDDLE, NEWEST, again, checkpoint, entry};
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("a bit flipped in a link", BucketAdmin, |scene| {
        scene.flip(&scene.link(MIDDLE), 3);
    })
    .always(Code::LinkAltered),
    attack("a bit flipped in the newest link", BucketAdmin, |scene| {
        scene.flip(&scene.link(scene.head()), 3);
    })
    .always(Code::LinkAltered),
    attack(
        "a bit flipped in the newest link, and the newest entry and checkpoint deleted",
        BucketAdmin,
        |scene| {
            scene.flip(&scene.link(scene.head()), 3);
            scene.vanish(&entry(NEWEST));
            scene.vanish(&checkpoint(NEWEST));
        },
    )
    .always(Code::LinkPassedOver)
    .commit(Code::LinkAltered)
    .saved(Code::LinkAltered),
    attack("the signature of a link removed", BucketAdmin, |scene| {
        scene.archive.tamper(&scene.link(MIDDLE), |bytes| {
            let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
            bytes.truncate(end + 1);
        });
    })
    .always(Code::LinkAltered),
    attack(
        "a link signed with an unknown key of the same name",
        BucketAdmin,
        |scene| {
            let link = &scene.archive.chains[&scene.victim][MIDDLE].link;
            let object = link.seal(&stranger(scene)).unwrap().object;
            scene.archive.store.tamper(&scene.link(MIDDLE), object);
        },
    )
    .always(Code::LinkAltered),
    attack("a link deleted", BucketAdmin, |scene| scene.vanish(&scene.link(MIDDLE))).always(Code::UnnamedSegment),
    attack("a link and its segment deleted", BucketAdmin, |scene| {
        scene.cut(MIDDLE..=MIDDLE);
    })
    .always(Code::LinkMissing),
    attack("the first link and its segment deleted", BucketAdmin, |scene| {
        scene.cut(0..=0);
    })
    .always(Code::LinkMissing),
    attack("the newest link deleted", BucketAdmin, |scene| {
        scene.vanish(&scene.link(scene.head()));
    })
    .always(Code::ChainCut)
    .commit(Code::HeadCut),
    attack(
        "the newest ten links and their segments deleted",
        BucketAdmin,
        |scene| {
            scene.cut(scene.head() - 9..=scene.head());
        },
    )
    .always(Code::ChainCut)
    .commit(Code::HeadCut),
    attack(
        "the newest ten links, their segments and the newest entry and checkpoint deleted",
        BucketAdmin,
        |scene| {
            scene.cut(scene.head() - 9..=scene.head());
            scene.vanish(&entry(NEWEST));
            scene.vanish(&checkpoint(NEWEST));
        },
    )
    .commit(Code::HeadCut)
    .saved(Code::ChainCut),
    attack("all links and segments of a partition deleted", BucketAdmin, |scene| {
        scene.cut(0..=scene.head());
    })
    .always(Code::ChainCut)
    .commit(Code::HeadCut),
    attack(
        "all links and segments of a partition, and every entry that names it, deleted",
        BucketAdmin,
        |scene| {
            scene.cut(0..=scene.head());
            for number in [EARLY, NEWEST] {
                scene.vanish(&entry(number));
                scene.vanish(&checkpoint(number));
            }
        },
    )
    .always(Code::LinkCheckpointMissing),
    attack("two links swapped", BucketAdmin, |scene| {
        scene.swap(&scene.link(MIDDLE), &scene.link(MIDDLE + 1));
    })
    .always(Code::UnnamedSegment),
    attack("a link moved to its -r1 key", BucketAdmin, |scene| {
        let object = scene.archive.store.bytes(&scene.link(MIDDLE)).unwrap();
        scene.vanish(&scene.link(MIDDLE));
        let second = scene.link(MIDDLE).replace(".note", "-r1.note");
        scene.archive.store.plant(&second, object);
    })
    .always(Code::LinkAttemptMissing),
    attack("the next link signed with an unknown key", Creator, |scene| {
        let link = scene.plant_unarchived();
        let object = link.seal(&stranger(scene)).unwrap().object;
        scene
            .archive
            .store
            .plant(&link.place().link(Attempt::PLAIN).to_string(), object);
    })
    .always(Code::LinkPassedOver),
    attack("junk created at the key of the next link", Creator, |scene| {
        let next = scene.archive.next_link(&scene.victim, i64::MAX).place();
        scene
            .archive
            .store
            .plant(&next.link(Attempt::PLAIN).to_string(), "junk");
    })
    .always(Code::LinkPassedOver),
    attack(
        "an object of more than 1 MiB created at the key of the next link",
        Creator,
        |scene| {
            scene.archive.store.plant(&scene.next_link(), vec![b'x'; (1 << 20) + 1]);
        },
    )
    .always(Code::LinkPassedOver),
    attack(
        "a link replaced by an object of more than 1 MiB",
        BucketAdmin,
        |scene| {
            scene
                .archive
                .store
                .tamper(&scene.link(MIDDLE), vec![b'x'; (1 << 20) + 1]);
        },
    )
    .always(Code::LinkAltered),
    attack("junk created at the -r1 key of a link", Creator, |scene| {
        scene.archive.store.plant(&again(&scene.link(MIDDLE)), "junk");
    })
    .always(Code::StrayLink),
    attack("a second signature line added to a link", BucketAdmin, |scene| {
        scene.archive.tamper(&scene.link(MIDDLE), |bytes| {
            let at = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
            let line = bytes[at + 2..].to_vec();
            bytes.extend(line);
        });
    })
    .always(Code::LinkAltered),
    attack("junk created under links/ far beyond the head", Creator, |scene| {
        let mut place = scene.archive.next_link(&scene.victim, i64::MAX).place();
        place.first_offset.0 += 5000;
        scene
            .archive
            .store
            .plant(&place.link(Attempt::PLAIN).to_string(), "junk");
    })
    .always(Code::StrayLink),
    attack("junk created under links/ inside an archived range", Creator, |scene| {
        let mut place = scene.archive.chains[&scene.victim][MIDDLE].link.place();
        place.first_offset.0 += 1;
        scene
            .archive
            .store
            .plant(&place.link(Attempt::PLAIN).to_string(), "junk");
    })
    .always(Code::StrayLink),
];

/// A key with the name of the archive's key, but another key pair.
pub fn stranger(scene: &Scene) -> SigningKey {
    let name = scene.archive.key.verifying_key().name().to_owned();
    SigningKey::from_seed(&name, &Hash::of(b"a stranger").0).unwrap()
}

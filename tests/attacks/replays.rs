//! Attacks with copies of objects that the archive has: anybody who may create objects can copy a note to another key.

use kivend::log::object_key::Attempt;
use kivend::verify::findings::Code;

use super::Who::Creator;
use super::scene::{EARLY, MIDDLE, NEWEST, again, checkpoint, entry};
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("a link copied to its -r1 key", Creator, |scene| {
        let link = scene.link(MIDDLE);
        scene.copy_to(&link, &again(&link));
    })
    .always(Code::Replay),
    attack("an entry copied to its -r1 key", Creator, |scene| {
        scene.copy_to(&entry(EARLY), &again(&entry(EARLY)));
    })
    .always(Code::Replay),
    attack("a checkpoint copied to its -r1 key", Creator, |scene| {
        scene.copy_to(&checkpoint(EARLY), &again(&checkpoint(EARLY)));
    })
    .always(Code::Replay),
    attack("a link copied to its -r5 key", Creator, |scene| {
        let link = scene.link(MIDDLE);
        scene.copy_to(&link, &link.replace(".note", "-r5.note"));
    })
    .always(Code::Replay),
    attack("an old link copied to the key of the next link", Creator, |scene| {
        scene.copy_to(&scene.link(MIDDLE), &scene.next_link());
    })
    .always(Code::Replay),
    attack("a link copied to the -r1 key of another", Creator, |scene| {
        scene.copy_to(&scene.link(MIDDLE), &again(&scene.link(MIDDLE + 1)));
    })
    .always(Code::Replay),
    attack("a link copied into an archived range", Creator, |scene| {
        let mut place = scene.archive.chains[&scene.victim][MIDDLE].link.place();
        place.first_offset.0 += 1;
        scene.copy_to(&scene.link(MIDDLE), &place.link(Attempt::PLAIN).to_string());
    })
    .always(Code::Replay),
    attack("a link copied to a key far beyond the head", Creator, |scene| {
        let mut place = scene.archive.next_link(&scene.victim, i64::MAX).place();
        place.first_offset.0 += 5000;
        scene.copy_to(&scene.link(MIDDLE), &place.link(Attempt::PLAIN).to_string());
    })
    .always(Code::Replay),
    attack("a link copied to the next epoch", Creator, |scene| {
        let key = scene.link(MIDDLE).replace("/0000-", "/0001-");
        scene.copy_to(&scene.link(MIDDLE), &key);
    })
    .always(Code::Replay),
    attack(
        "a link copied to the key of another partition's next link",
        Creator,
        |scene| {
            let next = scene.archive.next_link(&scene.beside, i64::MAX).place();
            scene.copy_to(&scene.link(MIDDLE), &next.link(Attempt::PLAIN).to_string());
        },
    )
    .always(Code::Replay),
    attack(
        "a link copied to a partition that the archive does not have",
        Creator,
        |scene| {
            let key = "links/zebra/3/0000-00000000000000000000.note";
            scene.copy_to(&scene.link(0), key);
        },
    )
    .always(Code::Replay),
    attack("an early entry copied to the next number", Creator, |scene| {
        scene.copy_to(&entry(EARLY), &entry(NEWEST + 1));
    })
    .always(Code::Replay),
    attack("an early entry copied far beyond the newest", Creator, |scene| {
        scene.copy_to(&entry(EARLY), &entry(NEWEST + 7));
    })
    .always(Code::Replay),
    attack("an early checkpoint copied to the next number", Creator, |scene| {
        scene.copy_to(&checkpoint(EARLY), &checkpoint(NEWEST + 1));
    })
    .always(Code::Replay),
    attack("an early checkpoint copied far beyond the newest", Creator, |scene| {
        scene.copy_to(&checkpoint(EARLY), &checkpoint(NEWEST + 7));
    })
    .always(Code::Replay),
    attack("an entry copied to the -r1 key of another", Creator, |scene| {
        scene.copy_to(&entry(EARLY), &again(&entry(NEWEST)));
    })
    .always(Code::Replay),
    attack("a checkpoint copied to the -r1 key of another", Creator, |scene| {
        scene.copy_to(&checkpoint(EARLY), &again(&checkpoint(NEWEST)));
    })
    .always(Code::Replay),
    attack("a link copied to the key of the next entry", Creator, |scene| {
        scene.copy_to(&scene.link(MIDDLE), &entry(NEWEST + 1));
    })
    .always(Code::Replay),
    attack("a link copied to the key of the next checkpoint", Creator, |scene| {
        scene.copy_to(&scene.link(MIDDLE), &checkpoint(NEWEST + 1));
    })
    .always(Code::Replay),
    attack("an entry copied to the key of the next link", Creator, |scene| {
        scene.copy_to(&entry(EARLY), &scene.next_link());
    })
    .always(Code::Replay),
    attack("an entry copied to the key of the next checkpoint", Creator, |scene| {
        scene.copy_to(&entry(EARLY), &checkpoint(NEWEST + 1));
    })
    .always(Code::Replay),
    attack("a checkpoint copied to the key of the next link", Creator, |scene| {
        scene.copy_to(&checkpoint(EARLY), &scene.next_link());
    })
    .always(Code::Replay),
    attack("a checkpoint copied to the key of the next entry", Creator, |scene| {
        scene.copy_to(&checkpoint(EARLY), &entry(NEWEST + 1));
    })
    .always(Code::Replay),
    attack("archive.json copied to the key of the next link", Creator, |scene| {
        scene.copy_to("archive.json", &scene.next_link());
    })
    .always(Code::LinkPassedOver),
    attack("archive.json copied to the key of the next entry", Creator, |scene| {
        scene.copy_to("archive.json", &entry(NEWEST + 1));
    })
    .always(Code::EntryPassedOver),
    attack(
        "archive.json copied to the key of the next checkpoint",
        Creator,
        |scene| {
            scene.copy_to("archive.json", &checkpoint(NEWEST + 1));
        },
    )
    .always(Code::CheckpointPassedOver),
    attack("a segment copied to its -r1 key", Creator, |scene| {
        let segment = scene.segment(MIDDLE);
        scene.copy_to(&segment, &again(&segment));
    })
    .always(Code::OrphanSegment),
    attack("a segment copied to the key of the next segment", Creator, |scene| {
        scene.copy_to(&scene.segment(MIDDLE), &scene.next_segment());
    })
    .always(Code::PendingSegment),
    attack("a segment copied to the key of the next link", Creator, |scene| {
        scene.copy_to(&scene.segment(MIDDLE), &scene.next_link());
    })
    .always(Code::LinkPassedOver),
    attack("a change copied to the key of the next entry", Creator, |scene| {
        copied_change(scene, |scene| entry(scene.archive.next_entry().number));
    })
    .always(Code::Replay),
    attack("a change copied to the key of the next link", Creator, |scene| {
        copied_change(scene, Scene::next_link);
    })
    .always(Code::Replay),
    attack("a change copied to the key of the next checkpoint", Creator, |scene| {
        copied_change(scene, |scene| checkpoint(scene.archive.next_entry().number));
    })
    .always(Code::Replay),
];

/// After an honest change of retention, copies its note to another key.
fn copied_change(scene: &mut Scene, to: impl Fn(&Scene) -> String) {
    let (topic, partition) = (scene.victim.topic.to_string(), scene.victim.partition);
    scene.archive.remove_below(&topic, partition, 1);
    let carrier = scene.archive.entry(scene.archive.next_entry().number - 1);
    scene.archive.store.plant(&to(scene), carrier.change.unwrap());
}

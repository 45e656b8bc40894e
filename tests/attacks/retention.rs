//! Attacks on the changes of retention, and on what they let be deleted.

use kivend::log::change::{Below, Change};
use kivend::log::entry::Entry;
use kivend::record::position::Height;
use kivend::verify::findings::Code;

use super::Who::KeyHolder;
use super::scene::{MIDDLE, checkpoint};
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("a segment deleted under a change of retention", KeyHolder, |scene| {
        keep_from(scene, MIDDLE + 1);
        scene.vanish(&scene.segment(MIDDLE));
    })
    .always(Code::SegmentsRemoved),
    attack("a segment deleted above a change of retention", KeyHolder, |scene| {
        keep_from(scene, MIDDLE);
        scene.vanish(&scene.segment(MIDDLE));
    })
    .always(Code::SegmentMissing),
    attack(
        "a segment deleted of another partition than the change names",
        KeyHolder,
        |scene| {
            keep_from(scene, MIDDLE + 1);
            let (topic, number) = (&scene.beside.topic, scene.beside.partition);
            scene.vanish(&scene.archive.segment_key(topic, number, 0));
        },
    )
    .always(Code::SegmentMissing),
    attack(
        "a segment deleted before a checkpoint covers the change",
        KeyHolder,
        |scene| {
            keep_from(scene, MIDDLE + 1);
            scene.vanish(&checkpoint(scene.archive.next_entry().number - 1));
            scene.vanish(&scene.segment(MIDDLE));
        },
    )
    .always(Code::SegmentMissing),
    attack("a link deleted under a change of retention", KeyHolder, |scene| {
        keep_from(scene, MIDDLE + 1);
        scene.cut(MIDDLE..=MIDDLE);
    })
    .always(Code::LinkMissing),
    attack("a segment changed that might have been deleted", KeyHolder, |scene| {
        keep_from(scene, MIDDLE + 1);
        scene.flip(&scene.segment(MIDDLE), 2);
    })
    .always(Code::SegmentAltered),
    attack("a change of retention signed in advance", KeyHolder, |scene| {
        let height = scene.head() + 1;
        force(scene, vec![below(scene, height)], "in advance");
    })
    .always(Code::EntryBreaksRule),
    attack("a change of retention whose height goes back", KeyHolder, |scene| {
        keep_from(scene, MIDDLE + 1);
        force(scene, vec![below(scene, MIDDLE)], "back");
    })
    .always(Code::EntryBreaksRule),
    attack(
        "a change of retention of a partition without links",
        KeyHolder,
        |scene| {
            force(scene, vec![Below("zebra".to_owned(), 3, Height(0))], "absent");
        },
    )
    .always(Code::EntryBreaksRule),
    attack(
        "a change of retention that names a partition twice",
        KeyHolder,
        |scene| {
            let twice = vec![below(scene, MIDDLE), below(scene, MIDDLE)];
            force(scene, twice, "twice");
        },
    )
    .always(Code::EntryBreaksRule),
    attack("a change of retention that names nothing", KeyHolder, |scene| {
        force(scene, vec![], "nothing");
    })
    .always(Code::EntryBreaksRule),
    attack("a change of retention without a reason", KeyHolder, |scene| {
        force(scene, vec![below(scene, MIDDLE)], "");
    })
    .always(Code::EntryBreaksRule),
    attack(
        "a change of retention with a reason of 1,001 characters",
        KeyHolder,
        |scene| {
            force(scene, vec![below(scene, MIDDLE)], &"ä".repeat(1_001));
        },
    )
    .always(Code::EntryBreaksRule),
];

fn below(scene: &Scene, height: usize) -> Below {
    let (topic, partition) = (scene.victim.topic.to_string(), scene.victim.partition);
    Below(topic, partition, Height(height as u64))
}

/// Lets the victim's segments below this height be deleted, as an honest operator does.
fn keep_from(scene: &mut Scene, height: usize) {
    let (topic, partition) = (scene.victim.topic.to_string(), scene.victim.partition);
    scene.archive.remove_below(&topic, partition, height as u64);
}

/// Signs the next entry with a change of retention, whether it is valid or not.
fn force(scene: &Scene, below: Vec<Below>, reason: &str) {
    let change = scene.archive.next_removal(below, reason);
    let note = scene
        .archive
        .signed_change(&Change::Retention(change), &[&scene.archive.key]);
    let entry = Entry {
        change: Some(note),
        ..scene.archive.next_entry()
    };
    scene.force(&entry);
}

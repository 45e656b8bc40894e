//! Attacks on the ends of epochs: false claims that a topic was created again or that its log was cut back.

use kivend::log::link::{Link, SealReason};
use kivend::log::object_key::Attempt;
use kivend::log::signed_note::SigningKey;
use kivend::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use kivend::verify::findings::Code;

use super::Who::{Creator, KeyHolder};
use super::scene::MIDDLE;
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack(
        "a divergence declared while Kafka holds every record",
        KeyHolder,
        |scene| {
            let begins = scene.archive.chains[&scene.victim][MIDDLE].link.next_offset.0;
            diverge(scene, begins);
        },
    )
    .always(Code::RecordsSuperseded)
    .records(Code::DivergenceFalse),
    attack("an epoch begun without a closing link", KeyHolder, |scene| {
        let mut link = scene.plant_unarchived();
        link.epoch = Epoch(1);
        let records = scene.unarchived();
        let (segment, link) = scene.archive.fill(link, &records);
        let (key, bytes) = segment.unwrap();
        scene.vanish(&scene.next_segment());
        scene.archive.store.plant(&key, bytes);
        scene.archive.append(link);
    })
    .always(Code::LinkBreaksRule),
    attack("a segment created in the next epoch", Creator, |scene| {
        let key = scene.next_segment().replace("/0000-", "/0001-");
        scene.copy_to(&scene.segment(MIDDLE), &key);
    })
    .always(Code::UnnamedSegment),
    attack("junk created under links/ in the next epoch", Creator, |scene| {
        let key = scene.next_link().replace("/0000-", "/0001-");
        scene.archive.store.plant(&key, "junk");
    })
    .always(Code::StrayLink),
    attack("a divergence signed that begins beyond the end", KeyHolder, |scene| {
        close(scene, |link| link.next_epoch_at = Some(link.first_offset.0 + 1));
    })
    .always(Code::LinkBreaksRule),
    attack("a divergence signed that begins at the end", KeyHolder, |scene| {
        close(scene, |link| link.next_epoch_at = Some(link.first_offset.0));
    })
    .always(Code::LinkBreaksRule),
    attack(
        "a topic declared created again from an offset above 0",
        KeyHolder,
        |scene| {
            close(scene, |link| link.seal_reason = SealReason::Recreated);
        },
    )
    .always(Code::LinkBreaksRule),
    attack(
        "a closing link signed without the offset of the next epoch",
        KeyHolder,
        |scene| {
            close(scene, |link| link.next_epoch_at = None);
        },
    )
    .always(Code::LinkBreaksRule),
    attack("a closing link signed with a range", KeyHolder, |scene| {
        close(scene, |link| {
            link.next_offset = NextOffset(link.first_offset.0 + 1);
            link.absent = vec![(link.first_offset.0, link.next_offset.0)];
        });
    })
    .always(Code::LinkBreaksRule),
    attack(
        "an ordinary link signed with the offset of a next epoch",
        KeyHolder,
        |scene| {
            let mut link = scene.plant_unarchived();
            link.next_epoch_at = Some(0);
            scene.archive.append(link);
        },
    )
    .always(Code::LinkBreaksRule),
    attack("a chain signed that begins with a closing link", KeyHolder, |scene| {
        let mut link = scene.archive.next_link(&TopicPartition::new("zebra", 3), 0);
        link.seal_reason = SealReason::Recreated;
        link.next_epoch_at = Some(0);
        scene.archive.append(link);
    })
    .always(Code::LinkBreaksRule),
    attack(
        "an epoch signed that begins at another offset than its closing link says",
        KeyHolder,
        |scene| {
            let begins = scene.archive.chains[&scene.victim][MIDDLE].link.next_offset.0;
            let victim = scene.victim.clone();
            scene.archive.end_epoch(&victim, SealReason::Diverged, begins);
            let mut link = scene.archive.next_link(&victim, begins + 2);
            link.first_offset = FirstOffset(begins + 1);
            link.absent = vec![(begins + 1, begins + 2)];
            link.seal_reason = SealReason::Absent;
            scene.archive.append(link);
        },
    )
    .always(Code::LinkBreaksRule),
    attack("a second closing link signed for one epoch", KeyHolder, |scene| {
        let begins = scene.archive.chains[&scene.victim][MIDDLE].link.next_offset.0;
        let victim = scene.victim.clone();
        let key: SigningKey = scene.archive.key.clone();
        scene.archive.end_epoch(&victim, SealReason::Diverged, begins);
        let mut second = scene.archive.chains[&victim].last().unwrap().link.clone();
        second.next_epoch_at = Some(begins - 1);
        let object = second.seal(&key).unwrap().object;
        let at = second.place().link(Attempt(1)).to_string();
        scene.archive.store.plant(&at, object);
    })
    .always(Code::LinkDoubled),
];

/// Declares a divergence, and archives what Kafka has from there on.
fn diverge(scene: &mut Scene, begins: i64) {
    let victim = scene.victim.clone();
    scene.archive.end_epoch(&victim, SealReason::Diverged, begins);
    let records = {
        let logs = scene.archive.broker.logs();
        let records = &logs[&victim].records;
        let held = records.iter().filter(|record| record.offset >= begins);
        held.cloned().collect::<Vec<_>>()
    };
    let next = records.last().unwrap().offset + 1;
    scene.archive.archive(&victim, &records, next);
    scene.archive.checkpoint();
    scene.archive.commit();
}

/// Signs a closing link with other content.
fn close(scene: &mut Scene, change: impl FnOnce(&mut Link)) {
    let begins = scene.archive.chains[&scene.victim][MIDDLE].link.next_offset.0;
    let mut link = scene.archive.next_link(&scene.victim, 0);
    link.next_offset = link.first_offset.next_offset();
    link.seal_reason = SealReason::Diverged;
    link.next_epoch_at = Some(begins);
    change(&mut link);
    let object = link.seal(&scene.archive.key).unwrap().object;
    let at = link.place().link(Attempt::PLAIN).to_string();
    scene.archive.store.plant(&at, object);
}

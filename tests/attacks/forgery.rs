//! Attacks that need the signing key: signed links with false content.

use kivend::json::canonical;
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::identity::{FirstKeys, Identity};
use kivend::log::link::{Link, SealReason};
use kivend::log::object_key::Attempt;
use kivend::log::signed_note::SigningKey;
use kivend::log::signer::Signer as _;
use kivend::record::hash::Hash;
use kivend::verify::findings::Code;

use super::Who::KeyHolder;
use super::scene::{MIDDLE, NEWEST};
use super::{Attack, Scene, attack};
use crate::fixture::OwnedRecord;

pub const ATTACKS: &[Attack] = &[
    attack(
        "a link changed and signed again, the later links left as they were",
        KeyHolder,
        |scene| {
            let mut link = scene.archive.chains[&scene.victim][MIDDLE].link.clone();
            link.sealed_by = "somebody".into();
            let object = link.seal(&scene.archive.key).unwrap().object;
            scene.archive.store.tamper(&scene.link(MIDDLE), object);
        },
    )
    .always(Code::LinkBreaksRule),
    attack(
        "a value changed, and all links from there on signed again",
        KeyHolder,
        |scene| rewrite_from(scene, MIDDLE),
    )
    .always(Code::ChainDiffers)
    .records(Code::RecordsDifferFromKafka),
    attack(
        "a value after the early checkpoint changed, its links and the newest checkpoint signed again",
        KeyHolder,
        |scene| {
            rewrite_with_checkpoint(scene);
        },
    )
    .commit(Code::CommitDiffers)
    .records(Code::RecordsDifferFromKafka)
    .saved(Code::SavedCheckpointDiffers),
    attack(
        "a value after the early checkpoint changed, links, checkpoint and the group's commit forged to match",
        KeyHolder,
        |scene| {
            rewrite_with_checkpoint(scene);
            scene.archive.commit();
        },
    )
    .records(Code::RecordsDifferFromKafka)
    .saved(Code::SavedCheckpointDiffers),
    attack("a record changed before it was archived", KeyHolder, |scene| {
        let mut records = scene.unarchived();
        records[4].value = Some(b"{\"cart_value\":0.5}".to_vec());
        append(scene, &records);
    })
    .records(Code::RecordsDifferFromKafka),
    attack("a record left out before it was archived", KeyHolder, |scene| {
        let mut records = scene.unarchived();
        records.remove(4);
        append(scene, &records);
    })
    .records(Code::RecordsNotArchived),
    attack(
        "a topic falsely declared created again, and a record changed in its new epoch",
        KeyHolder,
        |scene| {
            let mut records = scene.records(0);
            records[1].value = Some(b"{\"cart_value\":0.5}".to_vec());
            let victim = scene.victim.clone();
            scene.archive.end_epoch(&victim, SealReason::Recreated, 0);
            let mut link = scene.archive.next_link(&victim, records.last().unwrap().offset + 1);
            link.topic_id = Some("AAAAAAAAAAAAAAAAAAAA_w".to_owned());
            let (segment, link) = scene.archive.fill(link, &records);
            let (key, bytes) = segment.unwrap();
            scene.archive.store.plant(&key, bytes);
            scene.archive.append(link);
            scene.archive.checkpoint();
            scene.archive.commit();
        },
    )
    .records(Code::RecordsDifferFromKafka),
    attack("a record invented after the end of Kafka's log", KeyHolder, |scene| {
        let mut records = scene.unarchived();
        let last = records.last().unwrap().clone();
        records.push(OwnedRecord {
            offset: last.offset + 1,
            ..last
        });
        append(scene, &records);
    })
    .records(Code::KafkaEndsBeforeHead),
    attack(
        "a loss declared for records that Kafka still holds",
        KeyHolder,
        |scene| {
            let next = scene.unarchived().last().unwrap().offset + 1;
            let victim = scene.victim.clone();
            scene.archive.append_loss(&victim, next);
            scene.archive.checkpoint();
            scene.archive.commit();
        },
    )
    .always(Code::LossDeclared)
    .records(Code::LossFalse),
    attack("a second link signed inside an archived range", KeyHolder, |scene| {
        let mut branch = scene.archive.chains[&scene.victim][MIDDLE].link.clone();
        branch.first_offset.0 += 1;
        (branch.record_count, branch.segment) = (0, None);
        branch.absent = vec![(branch.first_offset.0, branch.next_offset.0)];
        (branch.min_timestamp_ms, branch.max_timestamp_ms) = (None, None);
        branch.records_root = Hash::of(b"");
        let object = branch.seal(&scene.archive.key).unwrap().object;
        scene
            .archive
            .store
            .plant(&branch.place().link(Attempt::PLAIN).to_string(), object);
    })
    .always(Code::LinkBreaksRule),
    attack("a second link signed for one range", KeyHolder, |scene| {
        let mut link = scene.archive.chains[&scene.victim][MIDDLE].link.clone();
        link.sealed_by = "somebody".into();
        let object = link.seal(&scene.archive.key).unwrap().object;
        scene
            .archive
            .store
            .plant(&link.place().link(Attempt(1)).to_string(), object);
    })
    .always(Code::LinkDoubled),
    attack("a link signed with a false minimum timestamp", KeyHolder, |scene| {
        append_link(scene, |link| link.min_timestamp_ms = Some(0));
    })
    .always(Code::TimestampsDiffer),
    attack(
        "a link signed that names a checkpoint which never existed",
        KeyHolder,
        |scene| {
            append_link(scene, |link| {
                link.checkpoint = CheckpointRef {
                    number: NEWEST,
                    root: Hash::ZERO,
                };
            });
        },
    )
    .always(Code::LinkCheckpointDiffers),
    attack(
        "a link signed that names a checkpoint beyond the log",
        KeyHolder,
        |scene| {
            append_link(scene, |link| link.checkpoint.number = NEWEST + 5);
        },
    )
    .always(Code::LinkCheckpointMissing),
    attack(
        "a link signed that names an older checkpoint than the link before it",
        KeyHolder,
        |scene| {
            let oldest = scene.archive.checkpoint_named(0);
            append_link(scene, |link| link.checkpoint = oldest);
        },
    )
    .always(Code::LinkBreaksRule),
    attack(
        "a link signed with another hash of the link before it",
        KeyHolder,
        |scene| {
            append_link(scene, |link| link.previous = Hash::ZERO);
        },
    )
    .always(Code::LinkBreaksRule),
    attack("a link signed with a height that leaves one out", KeyHolder, |scene| {
        append_link(scene, |link| link.height.0 += 1);
    })
    .always(Code::LinkBreaksRule),
    attack("a link signed with another cluster", KeyHolder, |scene| {
        append_link(scene, |link| link.cluster_id = "another".into());
    })
    .always(Code::LinkBreaksRule),
    attack("a link signed with another count of records", KeyHolder, |scene| {
        append_link(scene, |link| link.record_count += 1);
    })
    .always(Code::LinkBreaksRule),
    attack(
        "a link signed with records of an unknown encoding",
        KeyHolder,
        |scene| {
            append_link(scene, |link| link.encoding = 2);
        },
    )
    .always(Code::EncodingUnknown),
    attack("a link signed with the encoding 0", KeyHolder, |scene| {
        append_link(scene, |link| link.encoding = 0);
    })
    .always(Code::LinkBreaksRule),
    attack("two links signed with falling leader epochs", KeyHolder, |scene| {
        let mut link = scene.plant_unarchived();
        link.leader_epoch = Some(7);
        scene.archive.append(link);
        scene
            .archive
            .seal(&scene.victim.topic.clone(), scene.victim.partition, 3);
        let mut next = scene.archive.chains.get_mut(&scene.victim).unwrap().pop().unwrap().link;
        next.leader_epoch = Some(6);
        scene.vanish(&next.place().link(Attempt::PLAIN).to_string());
        scene.archive.append(next);
        scene.archive.commit();
    })
    .always(Code::LinkBreaksRule),
    attack(
        "a link signed with an empty range of absent offsets",
        KeyHolder,
        |scene| {
            append_link(scene, |link| {
                link.absent = vec![(link.first_offset.0, link.first_offset.0)];
            });
        },
    )
    .always(Code::LinkBreaksRule),
    attack("a link of a newer version signed in the chain", KeyHolder, |scene| {
        let text = canonical::to_text(&scene.archive.chains[&scene.victim][MIDDLE].link).unwrap();
        let newer = text.replace("kivend.link/v1", "kivend.link/v2");
        let object = scene.archive.key.sign(newer).unwrap().to_bytes();
        scene.archive.put(&scene.link(MIDDLE), object);
    })
    .always(Code::LinkUnknownType),
    attack("a text that is no JSON signed at a link's key", KeyHolder, |scene| {
        let object = scene.archive.key.sign("hello\n".to_owned()).unwrap().to_bytes();
        scene.archive.put(&scene.next_link(), object);
    })
    .always(Code::LinkBreaksRule),
    attack("a link signed with a space in its text", KeyHolder, |scene| {
        let link = scene.plant_unarchived();
        let text = canonical::to_text(&link).unwrap().replacen(':', ": ", 1);
        let object = scene.archive.key.sign(text).unwrap().to_bytes();
        scene.archive.put(&scene.next_link(), object);
    })
    .always(Code::LinkBreaksRule),
    attack(
        "a link of another archive signed at the end of the chain",
        KeyHolder,
        graft,
    )
    .always(Code::Replay),
];

/// Changes a value in the segment at this height and signs the chain anew from there.
fn rewrite_from(scene: &mut Scene, height: usize) {
    let mut records = scene.records(height);
    records[2].value = Some(b"{\"cart_value\":0.5}".to_vec());
    let victim = scene.victim.clone();
    scene
        .archive
        .rewrite_from(&victim.topic, victim.partition, height, &records);
}

fn rewrite_with_checkpoint(scene: &mut Scene) {
    rewrite_from(scene, scene.height_of_early() + 1);
    scene.sign_newest_again(0, |_| ());
}

/// Seals these records as the victim's next link, and signs a checkpoint and commits, as the archiver does.
fn append(scene: &mut Scene, records: &[OwnedRecord]) {
    let next = records.last().unwrap().offset + 1;
    let victim = scene.victim.clone();
    scene.archive.archive(&victim, records, next);
    scene.archive.checkpoint();
    scene.archive.commit();
}

/// Seals the records that Kafka holds beyond the head, under a link with other content.
fn append_link(scene: &mut Scene, change: impl FnOnce(&mut Link)) {
    let mut link = scene.plant_unarchived();
    change(&mut link);
    scene.archive.append(link);
}

/// Appends a link for the victim that the same key signed for another archive.
fn graft(scene: &mut Scene) {
    let key: &SigningKey = &scene.archive.key;
    let made_at = scene.archive.identity.created_at();
    let keys = FirstKeys {
        signing: key.verifying_key(),
        change: &[],
    };
    let other = Identity::new("other", [0xcd; 16], made_at, &keys).unwrap();
    append_link(scene, |link| link.archive_id = other.id().to_owned());
}

//! Attacks on Kafka, which the archive is compared with.

use kivend::record::hash::Hash;
use kivend::verify::findings::Code;
use kivend::verify::kafka::Commit;

use super::Who::KafkaAdmin;
use super::scene::MIDDLE;
use super::{Attack, Scene, attack};

pub const ATTACKS: &[Attack] = &[
    attack("the group's commit changed to name another link", KafkaAdmin, |scene| {
        let head = &scene.archive.chains[&scene.victim][scene.head()];
        let mut metadata = head.commit_metadata();
        metadata.link = Hash::ZERO;
        let next_offset = head.link.next_offset.0;
        commit(scene, next_offset, metadata.to_string());
    })
    .commit(Code::CommitDiffers),
    attack("the group's commit set back to an earlier link", KafkaAdmin, |scene| {
        let earlier = &scene.archive.chains[&scene.victim][MIDDLE];
        let (next_offset, metadata) = (earlier.link.next_offset.0, earlier.commit_metadata());
        commit(scene, next_offset, metadata.to_string());
    }),
    attack("the group's offset moved with another tool", KafkaAdmin, |scene| {
        commit(scene, 1, String::new());
    })
    .commit(Code::CommitForeign),
    attack("the consumer group deleted", KafkaAdmin, |scene| {
        scene
            .archive
            .broker
            .logs()
            .values_mut()
            .for_each(|log| log.commit = None);
    })
    .commit(Code::CommitMissing),
];

fn commit(scene: &mut Scene, next_offset: i64, metadata: String) {
    let mut logs = scene.archive.broker.logs();
    logs.get_mut(&scene.victim).unwrap().commit = Some(Commit { next_offset, metadata });
}

//! Checkpoint mirrors: they show that the bucket's owner removed or rewrote notes. A mirror that was unavailable receives the
//! missing checkpoints later.

use std::path::Path;
use std::sync::Arc;

use kivend::app::verify::Request;
use kivend::config::{CheckpointCopy, KafkaSettings, Properties, StoreBackend, StoreSettings, TopicSettings};
use kivend::embedded::Embedded;
use kivend::store::Store;
use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;
use kivend::writing::checkpoint_mirror::CheckpointMirror;
use kivend::writing::mirrors::{MirrorOutcome, Mirrors};

use crate::fixture::Archive;
use crate::verify::{expect, expect_intact};

fn unreachable_kafka() -> KafkaSettings {
    KafkaSettings {
        brokers: vec!["127.0.0.1:1".to_owned()],
        group_id: "test".to_owned(),
        properties: Properties::default(),
    }
}

fn folder(path: &Path) -> CheckpointMirror {
    let mirror = StoreSettings {
        backend: StoreBackend::Directory(path.to_owned()),
        prefix: String::new(),
    };
    CheckpointMirror::new(&CheckpointCopy::Store(mirror), &unreachable_kafka())
}

fn topic(kafka: &Embedded) -> CheckpointMirror {
    let topic = TopicSettings {
        name: "kivend-checkpoints".to_owned(),
        partitions: 1,
        replication_factor: 1,
        properties: Properties::default(),
    };
    kafka.create_topic(&topic).unwrap();
    CheckpointMirror::new(&CheckpointCopy::Topic(topic), &kafka.settings("test"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

fn key(number: u64) -> String {
    format!("checkpoints/{number:010}.note")
}

fn copy(archive: &Archive, mirrors: &mut Mirrors, number: u64) -> Vec<MirrorOutcome> {
    let bucket: Arc<dyn Store> = Arc::new(archive.store.clone());
    let named = archive.checkpoint_named(number);
    runtime().block_on(mirrors.copy_missing(&bucket, &archive.history, &named))
}

fn mirrors(mirrors: &[&CheckpointMirror]) -> Mirrors {
    let mirrors = mirrors.iter().map(|mirror| (*mirror).clone()).collect();
    Mirrors::new(mirrors)
}

fn numbers(archive: &Archive, mirror: &CheckpointMirror) -> Vec<u64> {
    let numbers = runtime().block_on(mirror.numbers(archive.identity.id())).unwrap();
    numbers.into_iter().collect()
}

fn verified(archive: &Archive, mirror: &CheckpointMirror) -> Report {
    let request = Request {
        mirrors: vec![mirror.clone()],
        ..archive.request()
    };
    archive.verify(None, request)
}

/// Checkpoints 0 to 3.
fn grown() -> Archive {
    let mut archive = Archive::usual();
    for _ in 0..2 {
        archive.seal("payments", 0, 5);
        archive.checkpoint();
    }
    archive
}

#[test]
fn a_folder_gets_every_checkpoint_byte_for_byte_and_missing_ones_later() {
    let mut archive = grown();
    let base = tempfile::tempdir().unwrap();
    let mirror = folder(base.path());
    let mut running = mirrors(&[&mirror]);
    assert!(
        copy(&archive, &mut running, 1)
            .iter()
            .all(|copied| copied.outcome.is_ok())
    );
    assert_eq!(numbers(&archive, &mirror), [0, 1]);
    copy(&archive, &mut running, 3);
    assert_eq!(numbers(&archive, &mirror), [0, 1, 2, 3]);
    let file = |number: u64| base.path().join(format!("{}/{}", archive.identity.id(), key(number)));
    assert_eq!(
        std::fs::read(file(2)).unwrap(),
        archive.store.bytes(&key(2)).unwrap().to_vec()
    );

    // Two copies were removed: the next start finds the gap.
    std::fs::remove_file(file(0)).unwrap();
    std::fs::remove_file(file(2)).unwrap();
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    copy(&archive, &mut mirrors(&[&mirror]), 4);
    assert_eq!(numbers(&archive, &mirror), [0, 1, 2, 3, 4]);
}

#[test]
fn an_unavailable_mirror_is_reported_and_receives_the_missing_checkpoints_later() {
    let archive = grown();
    let base = tempfile::tempdir().unwrap();
    let (here, away) = (base.path().join("here"), base.path().join("away"));
    std::fs::create_dir(&here).unwrap();
    let (good, bad) = (folder(&here), folder(&away));
    let mut running = mirrors(&[&bad, &good]);
    let copied = copy(&archive, &mut running, 2);
    assert_eq!(
        copied.iter().map(|copied| copied.outcome.is_ok()).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(numbers(&archive, &good), [0, 1, 2]);
    std::fs::create_dir(&away).unwrap();
    assert!(
        copy(&archive, &mut running, 3)
            .iter()
            .all(|copied| copied.outcome.is_ok())
    );
    assert_eq!(numbers(&archive, &bad), [0, 1, 2, 3]);
}

#[test]
fn another_checkpoint_under_the_same_number_is_reported_and_kept() {
    let archive = grown();
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join(archive.identity.id()).join(key(1));
    let mirror = folder(base.path());
    copy(&archive, &mut mirrors(&[&mirror]), 0);
    let mut running = mirrors(&[&mirror]);
    copy(&archive, &mut running, 0);
    std::fs::write(&file, "another").unwrap();
    let copied = copy(&archive, &mut running, 1);
    let error = copied[0].outcome.as_ref().unwrap_err().to_string();
    assert!(error.contains("the checkpoint mirror holds other bytes"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"another");
}

#[test]
fn a_topic_holds_checkpoints_as_well() {
    let mut archive = grown();
    let kafka = Embedded::start(1).unwrap();
    let mirror = topic(&kafka);
    assert_eq!(numbers(&archive, &mirror), Vec::<u64>::new());
    let copied = copy(&archive, &mut mirrors(&[&mirror]), 3);
    assert!(copied[0].outcome.is_ok(), "{copied:?}");
    assert_eq!(numbers(&archive, &mirror), [0, 1, 2, 3]);
    expect_intact(&verified(&archive, &mirror), &[]);
    // The newest checkpoint in the bucket is removed, with the links that it covers.
    archive.store.vanish(&key(3));
    archive.store.vanish("log/0000000003.note");
    archive.store.vanish(&archive.link_key("payments", 0, 5));
    archive.store.vanish(&archive.segment_key("payments", 0, 5));
    expect_intact(&archive.verify_bucket(), &[]);
    expect(&verified(&archive, &mirror), Verdict::Incomplete, Code::ChainCut);
    archive.seal("payments", 0, 1);
}

#[test]
fn mirrors_show_what_was_removed_or_rewritten() {
    let base = tempfile::tempdir().unwrap();
    let mirror = folder(base.path());
    let archive = grown();
    copy(&archive, &mut mirrors(&[&mirror]), 3);
    let honest = verified(&archive, &mirror);
    expect_intact(&honest, &[]);
    assert_eq!(honest.checkpoints.mirrors[0].newest, Some(3));
    assert!(
        honest
            .anchored
            .iter()
            .all(|anchored| anchored.by.saved_checkpoint.is_some())
    );
    archive.store.vanish(&key(3));
    expect(
        &verified(&archive, &mirror),
        Verdict::Incomplete,
        Code::SavedCheckpointMissing,
    );

    // An insider rewrites the whole bucket, with matching checkpoints.
    let mut forged = Archive::new();
    for _ in 0..4 {
        forged.seal("payments", 0, 24);
        forged.seal("user-events", 1, 40);
    }
    for _ in 0..3 {
        forged.seal("payments", 0, 5);
        forged.checkpoint();
    }
    expect_intact(&forged.verify_bucket(), &[]);
    expect(
        &verified(&forged, &mirror),
        Verdict::Tampered,
        Code::SavedCheckpointDiffers,
    );
}

#[test]
fn a_mirror_that_cannot_be_read_or_is_empty_is_reported() {
    let archive = grown();
    let base = tempfile::tempdir().unwrap();
    let empty = folder(base.path());
    expect_intact(&verified(&archive, &empty), &[Code::MirrorEmpty]);
    let away = folder(&base.path().join("not mounted"));
    expect(
        &verified(&archive, &away),
        Verdict::Unverifiable,
        Code::MirrorUnreadable,
    );
    // Junk with a higher number is ignored, so that write access to the mirror cannot hide the evidence.
    let mirror = folder(base.path());
    copy(&archive, &mut mirrors(&[&mirror]), 3);
    let junk = base.path().join(archive.identity.id()).join("0000000009.note");
    std::fs::write(junk, "junk").unwrap();
    let report = verified(&archive, &mirror);
    expect_intact(&report, &[]);
    assert_eq!(report.checkpoints.mirrors[0].newest, Some(3));
}

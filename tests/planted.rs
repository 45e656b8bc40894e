//! Objects that an outsider plants at predictable keys: neither writers nor verifiers read what is too large, try each
//! attempt, or stop.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kivend::app::generate::generate;
use kivend::app::verify::{Request, verify};
use kivend::clock::Clock;
use kivend::config::Settings;
use kivend::embedded::Embedded;
use kivend::log::limits::{IDENTITY_MAX_BYTES, NOTE_MAX_BYTES, SEGMENT_MAX_BYTES};
use kivend::log::object_key::{Attempt, Key, Place};
use kivend::record::position::{Epoch, FirstOffset, TopicPartition};
use kivend::store;
use kivend::store::memory::MemoryStore;
use kivend::synthetic::Shop;
use kivend::task::progress::Silent;
use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use crate::export::{archive, ingest_file, runtime, shop};
use crate::fixture::{Archive, Watched};
use crate::verify::{expect, expect_intact};

/// Objects planted at one place.
const PLANTED: u32 = 2_000;

fn ingest_events(settings: &Settings, folder: &Path, seed: u64) {
    let file = folder.join(format!("events-{seed}.jsonl"));
    let mut lines = Vec::new();
    generate(Shop::new(2_000, seed), &mut lines, &Silent).unwrap();
    fs::write(&file, lines).unwrap();
    ingest_file(settings, &file);
}

/// The place of the next link of a partition, from the newest link in the folder.
fn next_place(bucket: &Path, partition: &TopicPartition) -> Place {
    let links = bucket.join(format!("links/{}/{}", partition.topic, partition.partition));
    let mut files: Vec<PathBuf> = fs::read_dir(links)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let newest = fs::read_to_string(files.last().unwrap()).unwrap();
    let text: serde_json::Value = serde_json::from_str(newest.lines().next().unwrap()).unwrap();
    Place {
        partition: partition.clone(),
        epoch: Epoch(0),
        first_offset: FirstOffset(text["next_offset"].as_i64().unwrap()),
    }
}

fn plant(bucket: &Path, key: &Key) -> PathBuf {
    let path = bucket.join(key.to_string());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("planted at {key}\n")).unwrap();
    path
}

fn enlarge(file: &Path, bytes: u64) {
    File::options().write(true).open(file).unwrap().set_len(bytes).unwrap();
}

fn verify_folder(settings: &Settings) -> Report {
    runtime().block_on(async {
        let store = store::open(&settings.store).await.unwrap();
        verify(store, None, Request::default(), Arc::new(Silent)).await.unwrap()
    })
}

#[test]
fn thousands_of_planted_attempts_stop_neither_the_archiver_nor_the_verifier() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Embedded::start(3).unwrap();
    let settings = shop(&kafka, folder.path());
    let bucket = folder.path().join("archive");
    ingest_events(&settings, folder.path(), 1);
    archive(&settings);
    let at_link = next_place(&bucket, &TopicPartition::new("user-events", 0));
    let at_segment = next_place(&bucket, &TopicPartition::new("user-events", 1));
    for attempt in 0..PLANTED {
        plant(&bucket, &at_link.link(Attempt(attempt)));
        plant(&bucket, &at_segment.segment(Attempt(attempt)));
    }
    for attempt in 3..19 {
        enlarge(&bucket.join(at_link.link(Attempt(attempt)).to_string()), 128 << 20);
    }
    enlarge(
        &bucket.join(at_segment.segment(Attempt(5)).to_string()),
        SEGMENT_MAX_BYTES + 1,
    );
    ingest_events(&settings, folder.path(), 2);

    // The embedded Kafka admits the next member of a group only when the session of the one before has ended.
    let mut settings = settings;
    "another-group".clone_into(&mut settings.kafka.group_id);
    let begun = Clock::start();
    assert_eq!(archive(&settings).records, 2_000);
    let archived = begun.elapsed_s();
    let own_link = bucket.join(at_link.link(Attempt(PLANTED)).to_string());
    let own_segment = bucket.join(at_segment.segment(Attempt(PLANTED)).to_string());
    assert!(own_link.is_file() && own_segment.is_file());

    let begun = Clock::start();
    let report = verify_folder(&settings);
    let verified = begun.elapsed_s();
    let notes = [Code::SegmentPassedOver, Code::LinkPassedOver, Code::RejectedPresent];
    expect_intact(&report, &notes);
    let counts = notes.map(|code| report.finding_counts[code.id()]);
    assert_eq!(counts, [u64::from(PLANTED) - 256, u64::from(PLANTED), 256]);
    println!("archived in {archived:.1} s, verified in {verified:.1} s");
    assert!(archived < 20.0, "{archived}");
    assert!(verified < 5.0, "{verified}");
}

/// A copy of the archive in a store without versions, in which reading one of these keys fails the test.
fn unread(archive: &Archive, keys: Vec<String>) -> Arc<Watched<impl Fn(&str) + Send + Sync + 'static>> {
    let bucket = MemoryStore::new();
    for key in archive.store.keys() {
        bucket.plant(&key, archive.store.bytes(&key).unwrap());
    }
    let on_request = move |key: &str| assert!(!keys.iter().any(|unread| unread == key), "{key} was read");
    Arc::new(Watched { bucket, on_request })
}

fn verify_unread(archive: &Archive, keys: Vec<String>) -> Report {
    let store = unread(archive, keys);
    let verifying = verify(store, None, archive.request(), Arc::new(Silent));
    runtime().block_on(verifying).unwrap()
}

#[test]
fn a_listed_object_above_the_limit_of_its_kind_is_junk_that_nobody_reads() {
    let mut archive = Archive::usual();
    let large = vec![b'x'; usize::try_from(NOTE_MAX_BYTES).unwrap() + 1];
    let partition = TopicPartition::new("payments", 0);
    let next = archive.next_link(&partition, 110).place();
    let checkpoint = Key::Checkpoint(2, Attempt::PLAIN).to_string();
    let mut keys = vec![checkpoint];
    keys.extend((0..16).map(|attempt| next.link(Attempt(attempt)).to_string()));
    for key in &keys {
        archive.store.plant(key, large.clone());
    }
    let report = verify_unread(&archive, keys.clone());
    expect_intact(&report, &[Code::LinkPassedOver, Code::CheckpointPassedOver]);
    assert_eq!(report.finding_counts[Code::LinkPassedOver.id()], 16);

    let link = archive.link_key("payments", 0, 1);
    archive.store.tamper(&link, large);
    keys.push(link);
    expect(&verify_unread(&archive, keys), Verdict::Tampered, Code::LinkAltered);

    archive = Archive::usual();
    let identity = vec![b'x'; usize::try_from(IDENTITY_MAX_BYTES).unwrap() + 1];
    archive.store.tamper("archive.json", identity);
    let report = verify_unread(&archive, vec!["archive.json".to_owned()]);
    expect(&report, Verdict::Tampered, Code::IdentityMalformed);
}

#[test]
fn folder_markers_and_reserved_objects_are_noted_and_hide_nothing() {
    let archive = Archive::usual();
    for marker in ["links/", "data/payments/0/"] {
        archive.store.plant(marker, "");
        archive.store.plant(marker, "");
        archive.store.delete(marker);
    }
    archive.store.plant("tile/0/x001", "a tile");
    archive.store.plant("tile/0/x001", "another tile");
    let report = archive.verify_bucket();
    expect_intact(&report, &[Code::FolderMarker, Code::ReservedObject]);
    assert_eq!(report.finding_counts[Code::FolderMarker.id()], 2);

    archive.store.plant("links/", "not empty");
    let copied = verify_unread(&archive, Vec::new());
    expect(&copied, Verdict::Tampered, Code::StrayObject);
}

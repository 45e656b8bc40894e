//! A bucket that lacks part of the log that a running writer has read or signed, as after a restore: the writer signs nothing, because
//! what it would sign forks the log. And a writer whose key was retired does not complete a checkpoint.

use std::sync::Arc;

use kivend::error::{Explain as _, Kind};
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::entry::Entry;
use kivend::record::hash::Hash;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::task::error::AppError;
use kivend::writing::entry_writer::{EntryWriter, Moment};
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::WriterLog;

use crate::fixture::{Archive, key};

const NEWEST_ENTRY: &str = "log/0000000002.note";
const NEWEST_CHECKPOINT: &str = "checkpoints/0000000002.note";

/// An archive with entry 2, and a writer that signed it.
fn archive_and_writer() -> (Archive, EntryWriter) {
    let mut archive = Archive::usual();
    archive.seal("payments", 0, 5);
    let mut writer = writer(&archive);
    let newest = run(writer.advance(&archive.store, &now())).unwrap();
    assert_eq!(newest.number, 2);
    archive.read_log();
    (archive, writer)
}

fn writer(archive: &Archive) -> EntryWriter {
    let trust = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
    let log = Arc::new(WriterLog::new(trust, archive.key.verifying_key()));
    EntryWriter::new(log, Arc::new(archive.key.clone()))
}

fn now() -> Moment {
    Moment::at(UtcSeconds::from_unix(1_770_113_800))
}

#[tokio::main(flavor = "current_thread")]
async fn run<T>(future: impl Future<Output = T>) -> T {
    future.await
}

fn log_of(store: &MemoryStore) -> Vec<String> {
    let is_of_log = |key: &String| key.starts_with("log/") || key.starts_with("checkpoints/");
    store.keys().into_iter().filter(is_of_log).collect()
}

/// A head moves, and the writer must refuse to sign it.
fn expect_refused(mut archive: Archive, mut writer: EntryWriter) -> AppError {
    archive.seal("payments", 0, 5);
    let before = log_of(&archive.store);
    let refused = run(writer.advance(&archive.store, &now())).unwrap_err();
    assert_eq!(refused.kind(), Kind::Corrupt, "{refused}");
    assert!(
        refused.to_string().contains("the bucket was cut or restored"),
        "{refused}"
    );
    assert_eq!(log_of(&archive.store), before, "something was signed");
    refused
}

#[test]
fn a_writer_signs_nothing_once_the_newest_entry_that_it_signed_is_gone() {
    let (archive, writer) = archive_and_writer();
    archive.store.vanish(NEWEST_ENTRY);
    archive.store.vanish(NEWEST_CHECKPOINT);
    let refused = expect_refused(archive, writer);
    assert!(refused.to_string().contains(NEWEST_ENTRY), "{refused}");
}

#[test]
fn a_writer_signs_nothing_once_junk_stands_in_the_place_of_its_newest_entry() {
    let (archive, writer) = archive_and_writer();
    archive.put(NEWEST_ENTRY, b"junk".to_vec());
    expect_refused(archive, writer);
}

#[test]
fn a_writer_signs_nothing_once_the_checkpoint_over_the_newest_entry_is_gone() {
    let (archive, writer) = archive_and_writer();
    archive.store.vanish(NEWEST_CHECKPOINT);
    expect_refused(archive, writer);
}

#[test]
fn a_writer_signs_nothing_once_another_log_stands_in_the_place_of_its_newest_entry() {
    let (archive, writer) = archive_and_writer();
    let other = Entry {
        at: UtcSeconds::from_unix(1_770_113_999),
        ..archive.entry(2)
    };
    archive.forge_entry(&other, &archive.key, NEWEST_ENTRY);
    let root = Hash::of(b"the other log's root");
    archive.forge_checkpoint(CheckpointRef { number: 2, root }, &archive.key, NEWEST_CHECKPOINT);
    expect_refused(archive, writer);
}

#[test]
fn no_checkpoint_is_completed_over_an_entry_whose_predecessor_is_gone() {
    let mut archive = Archive::usual();
    let mut running = writer(&archive);
    run(running.complete(&archive.store, now().at)).unwrap();
    archive.seal("payments", 0, 5);
    archive.checkpoint();
    archive.store.vanish(NEWEST_CHECKPOINT);
    archive.put("log/0000000001.note", b"junk".to_vec());
    let before = log_of(&archive.store);
    let refused = run(running.complete(&archive.store, now().at)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Corrupt, "{refused}");
    assert_eq!(log_of(&archive.store), before, "a checkpoint was signed");
}

#[test]
fn a_writer_whose_key_was_retired_completes_no_checkpoint() {
    let mut archive = Archive::usual();
    let mut retired = writer(&archive);
    archive.rotate(&key(8));
    archive.retire(&key(7));
    let newest = archive.history.next_number() - 1;
    archive.store.vanish(&format!("checkpoints/{newest:010}.note"));
    let before = archive.store.keys();
    let refused = run(retired.complete(&archive.store, now().at)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Config, "{refused}");
    assert!(refused.to_string().contains("the signing key was retired"), "{refused}");
    assert_eq!(archive.store.keys(), before, "a checkpoint was signed");

    let completed = run(writer(&archive).complete(&archive.store, now().at)).unwrap();
    assert_eq!(completed.number, newest);
}

//! Objects that cannot be read make an archive unverifiable, not tampered. Also: every code has a test that produces
//! it.

use std::sync::Arc;

use kivend::app::verify::verify;
use kivend::log::object_key::{Attempt, Key};
use kivend::segment::projection::rules::Projection;
use kivend::store::faulty::{Call, Fault, FaultyStore, Operation};
use kivend::task::progress::Silent;
use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::Archive;

/// Verifies with the right to list everything, but not to read the object at this key.
fn without(archive: &Archive, key: &str) -> Report {
    let key = key.to_owned();
    let plan = move |call: &Call| (call.operation == Operation::Get && call.key == key).then_some(Fault::Permission);
    let store = FaultyStore::new(Arc::new(archive.store.clone()), plan);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let verifying = verify(Arc::new(store), None, archive.request(), Arc::new(Silent));
    runtime.block_on(verifying).unwrap()
}

#[test]
fn an_object_that_may_not_be_read_is_unverifiable_not_tampered() {
    let archive = Archive::usual();
    for (key, code) in [
        (archive.link_key("payments", 0, 3), Code::LinkUnreadable),
        (archive.segment_key("payments", 0, 1), Code::SegmentUnreadable),
        (
            Key::Checkpoint(1, Attempt::PLAIN).to_string(),
            Code::CheckpointUnreadable,
        ),
        (Key::Entry(1, Attempt::PLAIN).to_string(), Code::EntryUnreadable),
        ("archive.json".to_owned(), Code::IdentityUnreadable),
    ] {
        expect(&without(&archive, &key), Verdict::Unverifiable, code);
    }
}

#[test]
fn a_change_of_projection_is_noted() {
    let mut archive = Archive::usual();
    archive.projection = Projection::none();
    archive.seal("payments", 0, 3);
    archive.checkpoint();
    expect_intact(&archive.verify_bucket(), &[Code::ProjectionChanged]);
}

#[test]
fn a_note_moved_to_the_name_of_a_second_try_lacks_the_first() {
    type Place = fn(Attempt) -> Key;
    let places: [(Place, Code); 2] = [
        (|attempt| Key::Checkpoint(1, attempt), Code::CheckpointAttemptMissing),
        (|attempt| Key::Entry(1, attempt), Code::EntryAttemptMissing),
    ];
    for (key, code) in places {
        let archive = Archive::usual();
        let key = |attempt| key(attempt).to_string();
        let object = archive.store.bytes(&key(Attempt::PLAIN)).unwrap();
        archive.store.vanish(&key(Attempt::PLAIN));
        archive.store.plant(&key(Attempt(1)), object);
        expect(&archive.verify_bucket(), Verdict::Incomplete, code);
    }
}

#[test]
fn what_is_reserved_and_the_markers_of_folders_are_noted() {
    let archive = Archive::usual();
    archive.store.plant("tile/0/000", "reserved");
    archive.store.plant("links/payments/", "");
    expect_intact(&archive.verify_bucket(), &[Code::FolderMarker, Code::ReservedObject]);
}

/// The text of every file below a folder that ends in `.rs`.
fn sources(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(ending) if ending == "rs" => std::fs::read_to_string(path).unwrap(),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn every_code_has_a_test_or_an_attack() {
    let tests = sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    let named = |code: &&Code| {
        let name = format!("Code::{code:?}");
        tests
            .split(&name)
            .skip(1)
            .any(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let unnamed: Vec<_> = Code::ALL.iter().filter(|code| !named(code)).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

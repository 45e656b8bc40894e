//! A place without an archive is a mistake of the user, unless something says that an archive must be there: a wiped bucket never
//! looks like a typing error.

use std::sync::Arc;

use kivend::app::verify::absent::is_expected;
use kivend::app::verify::facts::KafkaFacts;
use kivend::app::verify::{Base, Request, SavedFiles, verify};
use kivend::config::{CheckpointCopy, KafkaSettings, Sources, StoreBackend, StoreSettings, load};
use kivend::store::memory::MemoryStore;
use kivend::task::progress::Silent;
use kivend::verify::findings::Code;
use kivend::verify::verdict::Verdict;
use kivend::writing::checkpoint_mirror::CheckpointMirror;

use crate::fixture::{Archive, Broker};

fn expected(store: &MemoryStore, facts: Option<Arc<dyn KafkaFacts>>, request: &Request) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(is_expected(store, facts.as_ref(), request))
}

fn wiped() -> MemoryStore {
    let store = MemoryStore::new();
    store.plant("notes/readme.txt", "not of an archive");
    store
}

#[test]
fn nothing_that_says_so_is_no_archive() {
    let archive = Archive::usual();
    let silent: Arc<dyn KafkaFacts> = Arc::new(Broker::default());
    assert!(!expected(&wiped(), None, &archive.request()));
    assert!(!expected(&wiped(), Some(silent), &archive.request()));
}

#[test]
fn objects_of_others_in_a_place_without_an_archive_are_not_called_tampering() {
    let archive = Archive::usual();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = |store: MemoryStore| {
        let facts: Arc<dyn KafkaFacts> = archive.broker.clone();
        let verifying = verify(Arc::new(store), Some(facts), archive.request(), Arc::new(Silent));
        runtime.block_on(verifying).unwrap()
    };
    let wiped = report(wiped());
    assert_eq!(wiped.verdict, Verdict::Incomplete);
    assert_eq!(wiped.findings.len(), 1, "{:?}", wiped.findings);
    assert_eq!(wiped.findings[0].code, Code::IdentityMissing);
    // Beside anything of an archive they count.
    let partly = MemoryStore::new();
    partly.plant("notes/readme.txt", "not of an archive");
    partly.plant("log/0000000001.note", "an entry");
    assert_eq!(report(partly).verdict, Verdict::Tampered);
}

#[test]
fn any_object_of_an_archive_that_is_left_says_so() {
    for kept in ["archive.json", "links/", "data/", "log/", "checkpoints/"] {
        let archive = Archive::usual();
        for key in archive.store.keys() {
            if !key.starts_with(kept) {
                archive.store.vanish(&key);
            }
        }
        assert!(expected(&archive.store, None, &archive.request()), "{kept}");
    }
}

#[test]
fn a_deleted_identity_of_a_bucket_with_versions_says_so() {
    let archive = Archive::usual();
    for key in archive.store.keys() {
        archive.store.delete(&key);
    }
    assert!(expected(&archive.store, None, &archive.request()));
}

#[test]
fn kafkas_commit_records_or_silence_say_so() {
    let archive = Archive::usual();
    let request = archive.request();
    assert!(expected(&wiped(), Some(archive.broker.clone()), &request));
    // The records are gone, the commit stays.
    for log in archive.broker.logs().values_mut() {
        (log.low, log.high) = (0, 0);
    }
    assert!(expected(&wiped(), Some(archive.broker.clone()), &request));
    for log in archive.broker.logs().values_mut() {
        log.commit = None;
    }
    assert!(!expected(&wiped(), Some(archive.broker.clone()), &request));
    archive.broker.down.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(expected(&wiped(), Some(archive.broker.clone()), &request));
}

#[test]
fn a_saved_checkpoint_says_so() {
    let archive = Archive::usual();
    let saved = SavedFiles {
        checkpoint: archive.store.bytes("checkpoints/0000000001.note").unwrap().to_vec(),
        entry: None,
    };
    let given = Request {
        saved_checkpoints: vec![saved.clone()],
        ..archive.request()
    };
    let start = Request {
        base: Some(Base::Saved(saved)),
        ..archive.request()
    };
    assert!(expected(&wiped(), None, &given));
    assert!(expected(&wiped(), None, &start));
}

fn kafka() -> KafkaSettings {
    load(&Sources::default()).unwrap().settings.kafka
}

#[test]
fn a_mirror_says_so_if_it_holds_a_checkpoint_or_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::usual();
    let place = StoreSettings {
        backend: StoreBackend::Directory(folder.path().join("mirror")),
        prefix: String::new(),
    };
    let request = Request {
        mirrors: vec![CheckpointMirror::new(&CheckpointCopy::Store(place), &kafka())],
        ..archive.request()
    };
    assert!(expected(&wiped(), None, &request), "it is not mounted");
    let checkpoints = folder
        .path()
        .join("mirror")
        .join(archive.identity.id())
        .join("checkpoints");
    std::fs::create_dir_all(&checkpoints).unwrap();
    assert!(!expected(&wiped(), None, &request));
    std::fs::write(checkpoints.join("0000000001.note"), "x").unwrap();
    assert!(expected(&wiped(), None, &request));
}

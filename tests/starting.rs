//! An archiver is refused at its start if the prefix holds an archive with another name or of another cluster.

use kivend::archiver::preflight::require_cluster;
use kivend::error::{Explain as _, Kind};
use kivend::store::memory::MemoryStore;
use kivend::writing::init::{NewArchive, open_or_make};
use kivend::writing::key_source::KeySource;
use kivend::writing::trust::WriterTrust;

use crate::fixture::Archive;

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn an_archiver_of_another_cluster_is_refused_before_it_archives_anything() {
    let archive = Archive::usual();
    let trust = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
    run(require_cluster(&archive.store, &trust, "cluster")).unwrap();
    let refused = run(require_cluster(&archive.store, &trust, "another")).unwrap_err();
    assert_eq!(refused.kind(), Kind::Config);
    assert!(refused.to_string().contains("another cluster"), "{refused}");
    run(require_cluster(&MemoryStore::default(), &trust, "any")).unwrap();
}

#[test]
fn an_archiver_of_another_name_is_refused_before_it_archives_anything() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::default();
    let key = KeySource::of_file(folder.path().join("key"));
    let new = NewArchive::default();
    run(open_or_make(&store, "first", &key, &new)).unwrap();
    run(open_or_make(&store, "first", &key, &new)).unwrap();
    let refused = run(open_or_make(&store, "second", &key, &new)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Config);
    assert!(
        refused
            .to_string()
            .contains("the prefix holds an archive with another name"),
        "{refused}"
    );
}

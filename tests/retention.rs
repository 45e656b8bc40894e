//! Retention on record: nothing may be missing before a signed change says so, what it lets go may be removed in any number of
//! runs, and the archive stays intact.

use std::path::Path;
use std::sync::Arc;

use kivend::app::keys::{apply, sign};
use kivend::app::retention::{Before, Cutoff, plan, remove};
use kivend::app::verify::verify;
use kivend::config::{StoreBackend, StoreSettings};
use kivend::store::{self, Store};
use kivend::task::progress::Silent;
use kivend::verify::findings::Code;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;
use kivend::writing::key_source::KeySource;
use tokio::runtime::Runtime;

use crate::fixture::Archive;
use crate::rotation::write_key;
use crate::verify::{expect, expect_intact};

struct Scene {
    archive: Archive,
    settings: StoreSettings,
    source: KeySource,
    runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let (archive, folder) = (Archive::usual(), tempfile::tempdir().unwrap());
        for key in archive.store.keys() {
            let file = folder.path().join("archive").join(&key);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, archive.store.bytes(&key).unwrap()).unwrap();
        }
        let key = folder.path().join("kivend.key");
        write_key(&key, &archive.key);
        Scene {
            settings: StoreSettings {
                backend: StoreBackend::Directory(folder.path().join("archive")),
                prefix: String::new(),
            },
            source: KeySource::of_file(key),
            runtime: Runtime::new().unwrap(),
            archive,
            folder,
        }
    }

    fn file(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join("archive").join(key)
    }

    fn store(&self) -> Arc<dyn Store> {
        self.runtime.block_on(store::open(&self.settings)).unwrap()
    }

    fn verify(&self) -> Report {
        let store = self.store();
        let request = self.archive.request();
        let verified = verify(store, None, request, Arc::new(Silent));
        self.runtime.block_on(verified).unwrap()
    }

    /// The change that lets go everything of a topic below its head.
    fn proposed(&self, topic: &str) -> Vec<u8> {
        let before = Before {
            topic: Some(topic.to_owned()),
            cutoff: Cutoff::Before(i64::MAX),
        };
        let store = self.store();
        let planned = self.runtime.block_on(async {
            let removal = store::open_removal(&self.settings).await.unwrap();
            plan(
                store.as_ref(),
                removal.as_ref(),
                &before,
                Some("contract 17: 13 months"),
            )
            .await
        });
        let planned = planned.unwrap();
        assert_eq!(planned.partitions.len(), 1);
        assert_eq!((planned.partitions[0].below, planned.partitions[0].segments), (3, 3));
        assert_eq!(planned.partitions[0].records, 75);
        planned.proposal.unwrap()
    }

    fn enter(&self, topic: &str) {
        let (signed, _) = sign(&self.proposed(topic), &self.archive.key).unwrap();
        let store = self.store();
        let change = signed.to_bytes();
        let applied = apply(store.as_ref(), &self.source, &change);
        assert_eq!(self.runtime.block_on(applied).unwrap().sequence, 1);
        // A run that was interrupted after the change is repeated without a second one.
        let again = apply(store.as_ref(), &self.source, &change);
        assert_eq!(self.runtime.block_on(again).unwrap().sequence, 1);
    }

    fn remove(&self) -> (u64, u64) {
        let report = self.runtime.block_on(async {
            let store = store::open(&self.settings).await.unwrap();
            let removal = store::open_removal(&self.settings).await.unwrap();
            remove(&store, removal.as_ref(), None).await
        });
        let report = report.unwrap();
        (report.removed, report.locked)
    }
}

fn exists(path: &Path) -> bool {
    path.exists()
}

#[test]
fn copies_of_links_at_their_next_attempts_end_no_plan_and_no_removal() {
    let scene = Scene::new();
    for height in 0..4 {
        let key = scene.archive.link_key("payments", 0, height);
        let copy = key.replace(".note", "-r1.note");
        std::fs::copy(scene.file(&key), scene.file(&copy)).unwrap();
    }
    scene.enter("payments");
    assert_eq!(scene.remove(), (3, 0));
}

#[test]
fn segments_go_only_after_a_signed_change_and_links_stay() {
    let scene = Scene::new();
    scene.enter("payments");
    expect_intact(&scene.verify(), &[]);
    assert_eq!(scene.remove(), (3, 0));
    assert_eq!(scene.remove(), (0, 0));
    for height in 0..4 {
        let segment = scene.file(&scene.archive.segment_key("payments", 0, height));
        assert_eq!(exists(&segment), height == 3, "{height}");
        assert!(exists(&scene.file(&scene.archive.link_key("payments", 0, height))));
    }
    let report = scene.verify();
    expect_intact(&report, &[Code::SegmentsRemoved]);
    let removed = report
        .findings
        .iter()
        .find(|finding| finding.code == Code::SegmentsRemoved)
        .unwrap();
    assert!(removed.detail.contains("contract 17: 13 months"), "{}", removed.detail);
    // What is above the height, and a link below it, may not be missing.
    std::fs::remove_file(scene.file(&scene.archive.segment_key("payments", 0, 3))).unwrap();
    expect(&scene.verify(), Verdict::Incomplete, Code::SegmentMissing);
    std::fs::remove_file(scene.file(&scene.archive.link_key("payments", 0, 1))).unwrap();
    expect(&scene.verify(), Verdict::Incomplete, Code::LinkMissing);
}

#[test]
fn a_run_that_was_interrupted_continues_and_what_still_stands_is_checked() {
    let scene = Scene::new();
    scene.enter("payments");
    std::fs::remove_file(scene.file(&scene.archive.segment_key("payments", 0, 1))).unwrap();
    expect_intact(&scene.verify(), &[Code::SegmentsRemoved]);
    let standing = scene.file(&scene.archive.segment_key("payments", 0, 0));
    let mut bytes = std::fs::read(&standing).unwrap();
    let honest = bytes.clone();
    bytes[100] ^= 1;
    std::fs::write(&standing, bytes).unwrap();
    assert_eq!(scene.verify().verdict, Verdict::Tampered);
    std::fs::write(&standing, honest).unwrap();
    assert_eq!(scene.remove().0, 2);
    expect_intact(&scene.verify(), &[Code::SegmentsRemoved]);
}

#[test]
fn without_a_change_nothing_is_removed() {
    let scene = Scene::new();
    let refused = scene.runtime.block_on(async {
        let store = store::open(&scene.settings).await.unwrap();
        let removal = store::open_removal(&scene.settings).await.unwrap();
        remove(&store, removal.as_ref(), None).await
    });
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("no change of retention"), "{refused}");
    std::fs::remove_file(scene.file(&scene.archive.segment_key("payments", 0, 0))).unwrap();
    expect(&scene.verify(), Verdict::Incomplete, Code::SegmentMissing);
}

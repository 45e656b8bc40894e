//! An archive whose checkpoints a real witness cosigns: the archiver submits them, `verify --witness` demands them, and a history
//! that the holder of the signing key rewrites neither gets them nor passes without them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use kivend::app::verify::{Request, verify};
use kivend::config::{Settings, StoreBackend, WitnessSettings};
use kivend::embedded::Embedded;
use kivend::log::witness::Policy;
use kivend::store;
use kivend::task::progress::Silent;
use kivend::verify::given::Given;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;
use kivend::writing::init::{NewArchive, open_or_make};

use super::LocalWitness;
use crate::export::{archive, ingest_file, runtime, shop};

fn events(folder: &Path, seed: u64) -> std::path::PathBuf {
    let file = folder.join(format!("events-{seed}.jsonl"));
    let line = |number: u64| {
        format!(
            "{{\"event_type\":\"payment_authorized\",\"event_id\":\"{seed}-{number}\",\"payment_id\":\"{number}\",\"amount\":1.50}}\n"
        )
    };
    fs::write(&file, (0..50).map(line).collect::<String>()).unwrap();
    file
}

/// Verifies with nothing from elsewhere but the origin and the witness.
fn verified(settings: &Settings, origin: &str, witness: &LocalWitness) -> Report {
    let request = Request {
        given: Given {
            keys: Vec::new(),
            origin: Some(origin.to_owned()),
            policy: Some(Policy::of_keys(vec![witness.key.clone()], 1).unwrap()),
        },
        ..Request::default()
    };
    runtime().block_on(async {
        let store = store::open(&settings.store).await.unwrap();
        verify(store, None, request, Arc::new(Silent)).await.unwrap()
    })
}

#[test]
fn an_archive_is_cosigned_and_a_rewritten_one_cannot_pass() {
    let Some(witness) = LocalWitness::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let kafka = Embedded::start(1).unwrap();
    let mut settings = shop(&kafka, folder.path());
    settings.archive.witnesses = vec![WitnessSettings {
        url: witness.url.clone(),
        monitoring_url: witness.url.clone(),
        key: witness.key.to_string(),
    }];
    let own = runtime().block_on(async {
        let store = store::open(&settings.store).await.unwrap();
        let source = (&settings.archive).into();
        open_or_make(store.as_ref(), &settings.archive.name, &source, &NewArchive::default())
            .await
            .unwrap()
    });
    let origin = own.identity.origin();
    witness.run(&["add-log", origin, &own.signer.verifying_key().to_string()]);

    ingest_file(&settings, &events(folder.path(), 1));
    assert!(archive(&settings).records > 0);
    let report = verified(&settings, origin, &witness);
    assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);

    // The holder of the key and of the bucket begins the log anew: same identity, same key, another history.
    let StoreBackend::Directory(bucket) = settings.store.backend.clone() else {
        panic!()
    };
    let kept = folder.path().join("kept");
    fs::rename(&bucket, &kept).unwrap();
    fs::create_dir_all(&bucket).unwrap();
    fs::copy(kept.join("archive.json"), bucket.join("archive.json")).unwrap();
    let forged_kafka = Embedded::start(1).unwrap();
    let mut forged = shop(&forged_kafka, folder.path());
    forged.archive = settings.archive.clone();
    for seed in 2..4 {
        ingest_file(&forged, &events(folder.path(), seed));
        archive(&forged);
    }
    let report = verified(&forged, origin, &witness);
    assert_ne!(report.verdict, Verdict::Intact, "{:?}", report.findings);
    assert!(!bucket.join("cosignatures").exists(), "the witness cosigned a fork");
}

//! Change keys that are kept offline: only their holder replaces signing keys, without bucket or network, and they are what one
//! brings to a verification.

use std::sync::Arc;

use kivend::app::keys::{Asked, Idle, KeysAsked, Rotated, apply, propose, retire, rotate, sign};
use kivend::app::verify::{Request, verify};
use kivend::error::{Explain as _, Kind};
use kivend::log::change::KeysOf;
use kivend::log::keyring::Role;
use kivend::log::signed_note::VerifyingKey;
use kivend::log::signer::Signer;
use kivend::store::Store;
use kivend::store::memory::MemoryStore;
use kivend::task::progress::Silent;
use kivend::verify::given::Given;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;
use kivend::writing::init::{NewArchive, OwnArchive, open_or_make};
use kivend::writing::key_file;
use kivend::writing::key_source::KeySource;
use tokio::runtime::Runtime;

struct Scene {
    store: MemoryStore,
    source: KeySource,
    change: Arc<dyn Signer>,
    own: OwnArchive,
    runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Scene {
    /// An archive that was created with a change key.
    fn new() -> Scene {
        let (store, folder) = (MemoryStore::new(), tempfile::tempdir().unwrap());
        let source = KeySource::of_file(folder.path().join("kivend.key"));
        let new = NewArchive {
            origin: Some("shop.example/audit".to_owned()),
            change_key: Some(folder.path().join("change.key")),
        };
        let runtime = Runtime::new().unwrap();
        let own = runtime.block_on(open_or_make(&store, "shop", &source, &new)).unwrap();
        let change = KeySource::of_file(folder.path().join("change.key"))
            .read("shop.example/audit")
            .unwrap();
        Scene {
            store,
            source,
            change,
            own,
            runtime,
            folder,
        }
    }

    fn signed(&self, file: &[u8], signer: &dyn Signer) -> Vec<u8> {
        let (signed, report) = sign(file, signer).unwrap();
        assert_eq!(report.signed_by, signer.verifying_key().to_string());
        signed.to_bytes()
    }

    fn apply(&self, file: &[u8]) -> Result<u64, kivend::task::error::AppError> {
        let applied = self.runtime.block_on(apply(&self.store, &self.source, file));
        applied.map(|report| report.sequence)
    }

    fn verified(&self, keys: &[VerifyingKey]) -> Report {
        let request = Request {
            given: Given::keys(keys),
            ..Request::default()
        };
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        self.runtime
            .block_on(verify(store, None, request, Arc::new(Silent)))
            .unwrap()
    }

    fn in_force(&self) -> Vec<VerifyingKey> {
        let trust = self.runtime.block_on(self.own.log.refresh(&self.store)).unwrap();
        trust.keyring().in_force(Role::Signing).cloned().collect()
    }
}

#[test]
fn a_new_archive_keeps_its_change_key_apart_and_opens_without_it() {
    let scene = Scene::new();
    assert_eq!(
        scene.own.identity.change_keys().unwrap(),
        [scene.change.verifying_key().clone()]
    );
    assert_eq!(scene.own.identity.origin(), "shop.example/audit");
    std::fs::remove_file(scene.folder.path().join("change.key")).unwrap();
    let defaults = NewArchive::default();
    let again = open_or_make(&scene.store, "shop", &scene.source, &defaults);
    let again = scene.runtime.block_on(again).unwrap();
    assert_eq!(again.checkpoint, scene.own.checkpoint);
    // Nothing is archived yet, which is no finding about keys.
    for keys in [vec![], vec![scene.change.verifying_key().clone()]] {
        let codes: Vec<_> = scene
            .verified(&keys)
            .findings
            .iter()
            .map(|finding| finding.code.id())
            .collect();
        assert!(!codes.contains(&"KV003"), "{codes:?}");
    }
}

#[test]
fn a_signing_key_is_replaced_by_a_change_that_is_signed_offline() {
    let scene = Scene::new();
    let rotated = scene
        .runtime
        .block_on(rotate(&scene.store, &scene.source, None))
        .unwrap();
    assert_eq!(rotated.done, Rotated::Proposed);
    let proposal = rotated.proposal.unwrap();
    let refused = scene.apply(&proposal).unwrap_err();
    assert!(
        refused.to_string().contains("no key in force that signs changes"),
        "{refused}"
    );
    // The key that signs the archive cannot sign changes.
    assert!(
        scene
            .apply(&scene.signed(&proposal, scene.own.signer.as_ref()))
            .is_err()
    );
    let signed = scene.signed(&proposal, scene.change.as_ref());
    assert_eq!(scene.apply(&signed).unwrap(), 1);
    assert_eq!(scene.apply(&signed).unwrap(), 1);
    let rotated = scene
        .runtime
        .block_on(rotate(&scene.store, &scene.source, None))
        .unwrap();
    assert_eq!(rotated.done, Rotated::Added);
    assert_eq!(scene.in_force().len(), 2);

    let retired = scene
        .runtime
        .block_on(retire(&scene.store, &scene.source, None, Idle::Refused))
        .unwrap();
    let signed = scene.signed(&retired.proposal.unwrap(), scene.change.as_ref());
    assert_eq!(scene.apply(&signed).unwrap(), 2);
    let next = key_file::read(scene.source.key_file().unwrap()).unwrap();
    assert_eq!(scene.in_force(), [next.verifying_key().clone()]);
    scene.store.check_unchanged().unwrap();
    let report = scene.verified(&[scene.change.verifying_key().clone()]);
    assert_ne!(report.verdict, Verdict::Tampered, "{:?}", report.findings);
}

#[test]
fn a_change_is_void_once_another_took_its_sequence() {
    let scene = Scene::new();
    let asked = |seed: u8| KeysAsked {
        of: KeysOf::ChangeKeys,
        asked: Asked::Add(vec![other(seed).verifying_key().clone()]),
    };
    let made = |seed: u8| {
        let (proposal, report) = scene.runtime.block_on(propose(&scene.store, &asked(seed))).unwrap();
        assert_eq!((report.sequence, report.added.len()), (1, 1));
        let signed = scene.signed(&proposal.to_bytes(), scene.change.as_ref());
        scene.signed(&signed, &other(seed))
    };
    let (first, second) = (made(1), made(2));
    assert_eq!(scene.apply(&second).unwrap(), 1);
    let refused = scene.apply(&first).unwrap_err();
    assert_eq!(refused.kind(), Kind::Input);
    assert!(refused.to_string().contains("does not continue"), "{refused}");
}

fn other(seed: u8) -> kivend::log::signed_note::SigningKey {
    kivend::log::signed_note::SigningKey::from_seed("shop.example/audit", &[seed; 32]).unwrap()
}

#[test]
fn a_change_that_no_signature_makes_valid_is_not_proposed() {
    let scene = Scene::new();
    let proposed = |of: KeysOf, asked: Asked| {
        let asked = KeysAsked { of, asked };
        scene.runtime.block_on(propose(&scene.store, &asked))
    };
    let refused = |of: KeysOf, asked: Asked| {
        let error = proposed(of, asked).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        (error.to_string(), error.remedy().unwrap())
    };
    let change = scene.change.verifying_key().clone();
    let (why, remedy) = refused(KeysOf::ChangeKeys, Asked::Retire(vec![change.clone()]));
    assert!(why.contains("leaves no key in force"), "{why}");
    assert!(remedy.contains("keys propose --change-keys --add"), "{remedy}");
    let own = scene.own.signer.verifying_key().clone();
    let (why, remedy) = refused(KeysOf::Keys, Asked::Retire(vec![own.clone()]));
    assert!(why.contains("leaves no key in force"), "{why}");
    assert!(remedy.contains("kivend keys rotate"), "{remedy}");
    for (of, asked) in [
        (KeysOf::Keys, Asked::Add(vec![own.clone()])),
        (KeysOf::ChangeKeys, Asked::Retire(vec![own])),
        (KeysOf::Keys, Asked::Retire(vec![change.clone()])),
    ] {
        let (_, remedy) = refused(of, asked);
        assert!(remedy.contains("kivend keys show"), "{remedy}");
    }

    // With a second change key, the first can be retired, by the second.
    let second = other(9);
    let added = proposed(KeysOf::ChangeKeys, Asked::Add(vec![second.verifying_key().clone()])).unwrap();
    let signed = scene.signed(&added.0.to_bytes(), scene.change.as_ref());
    scene.apply(&scene.signed(&signed, &second)).unwrap();
    let (retiring, report) = proposed(KeysOf::ChangeKeys, Asked::Retire(vec![change])).unwrap();
    assert_eq!(report.first_signers, [second.verifying_key().to_string()]);
    scene.apply(&scene.signed(&retiring.to_bytes(), &second)).unwrap();
}

//! The contract of `kivend::store::Store` on every backend: memory, directory and, where the servers run, S3. Each test
//! has a prefix or a folder of its own, and removes no object.

mod listing;
mod real_lock;
mod real_s3;

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use bytes::Bytes;
use futures::future::join_all;
use kivend::config::{Addressing, S3Settings};
use kivend::error::Kind;
use kivend::record::hash::Hash;
use kivend::store::directory::DirectoryStore;
use kivend::store::memory::MemoryStore;
use kivend::store::probe::{Probe, probe};
use kivend::store::s3::S3Store;
use kivend::store::{Creation, Digest, OBJECT_MAX_BYTES, Store, Tail};
use tempfile::TempDir;

use crate::fixture::servers;

/// The settings of the local servers with a bucket for tests; `None` where they do not run.
pub fn cluster_settings() -> Option<S3Settings> {
    servers::running()?;
    Some(S3Settings {
        endpoint: Some(servers::variable("KIVEND_STORE__ENDPOINT")),
        ca_file: None,
        bucket: "kivend-tests".to_owned(),
        region: servers::variable("KIVEND_STORE__REGION"),
        addressing: Addressing::Path,
        profile: None,
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(60),
        operation_timeout: Duration::from_secs(120),
        attempts: 4,
        lock: kivend::config::ObjectLock::default(),
        objects: kivend::config::ObjectSettings::default(),
        expected_owner: None,
    })
}

/// An S3 client with all rights, which overwrites and deletes as kivend never does.
pub async fn stranger(settings: &S3Settings) -> Client {
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .http_client(kivend::store::s3::http_client(None).unwrap())
        .region(Region::new(settings.region.clone()))
        .endpoint_url(settings.endpoint.clone().unwrap());
    Client::from_conf(
        aws_sdk_s3::config::Builder::from(&shared.load().await)
            .force_path_style(true)
            .build(),
    )
}

/// A store in the bucket for tests, which is created if missing.
async fn s3_store(settings: &S3Settings, prefix: &str) -> S3Store {
    // One at a time, because a server may report that a bucket exists before it can be used.
    static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let making = MAKING.lock().await;
    let made = stranger(settings)
        .await
        .create_bucket()
        .bucket(&settings.bucket)
        .send()
        .await;
    match made {
        Err(error) if error.code() != Some("BucketAlreadyOwnedByYou") => panic!("{error:?}"),
        _ => drop(making),
    }
    S3Store::open(settings, prefix).await.unwrap()
}

/// A unique name: that of a temporary folder.
fn unique_name(folder: &TempDir) -> String {
    folder
        .path()
        .file_name()
        .unwrap()
        .to_string_lossy()
        .trim_start_matches('.')
        .to_owned()
}

/// Runs `test` on an empty store of each kind.
async fn on_every_store(test: impl AsyncFn(Arc<dyn Store>)) {
    test(Arc::new(MemoryStore::new())).await;
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(
        DirectoryStore::open(&folder.path().join("not/yet/there")).unwrap(),
    ))
    .await;
    if let Some(settings) = cluster_settings() {
        let prefix = unique_name(&folder);
        test(Arc::new(s3_store(&settings, &prefix).await)).await;
    }
}

fn pattern(bytes: usize, salt: u8) -> Bytes {
    (0..bytes).map(|index| (index % 251) as u8 ^ salt).collect()
}

const SIZES: [usize; 4] = [0, 1, 64 << 10, 20 << 20];

#[tokio::test]
async fn what_was_created_is_read_back_byte_for_byte() {
    on_every_store(async |store| {
        for bytes in SIZES {
            let key = format!("objects/{bytes}");
            let object = pattern(bytes, 0);
            assert_eq!(
                store.create(&key, object.clone()).await.unwrap(),
                Creation::Created,
                "{store:?}"
            );
            assert!(
                store.get(&key, OBJECT_MAX_BYTES).await.unwrap().unwrap() == object,
                "{bytes} bytes {store:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_object_is_read_up_to_the_limit_and_refused_above_it() {
    on_every_store(async |store| {
        for bytes in [1, 1000, 20 << 20] {
            let key = format!("objects/{bytes}");
            store.create(&key, pattern(bytes, 0)).await.unwrap();
            let limit = bytes as u64;
            assert!(
                store.get(&key, limit).await.unwrap().unwrap() == pattern(bytes, 0),
                "{store:?}"
            );
            for max_bytes in [limit - 1, 0] {
                let error = store.get(&key, max_bytes).await.unwrap_err();
                assert!(error.is_too_large(), "{error:?} {store:?}");
                assert_eq!(error.kind(), Kind::Corrupt, "{store:?}");
                assert_eq!(
                    error.to_string(),
                    format!(
                        "the object is larger than the limit of its kind (key `{key}`, bytes {bytes}, max {max_bytes})"
                    )
                );
            }
            for version in store.versions(&key).await.unwrap().unwrap_or_default() {
                let read = store.get_version(&key, &version.version, limit).await.unwrap();
                assert!(read.unwrap() == pattern(bytes, 0), "{store:?}");
                let error = store.get_version(&key, &version.version, limit - 1).await.unwrap_err();
                assert!(error.is_too_large(), "{error:?} {store:?}");
            }
        }
        assert_eq!(store.get("nothing", 0).await.unwrap(), None, "{store:?}");
        store.create("empty", Bytes::new()).await.unwrap();
        assert_eq!(store.get("empty", 0).await.unwrap(), Some(Bytes::new()), "{store:?}");
    })
    .await;
}

#[tokio::test]
async fn an_object_larger_than_any_segment_is_not_created() {
    let larger = usize::try_from(OBJECT_MAX_BYTES + 1).unwrap();
    let object = Bytes::from(vec![0; larger]);
    let hash = Hash::of(b"not computed");
    on_every_store(async |store| {
        let refused = store.create_hashed("a", object.clone(), &hash).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Input, "{store:?}");
    })
    .await;
}

#[tokio::test]
async fn the_end_of_an_object_is_read_alone() {
    on_every_store(async |store| {
        for length in [0, 1, 1000, 3 << 20] {
            let key = format!("objects/{length}");
            let object = pattern(length, 0);
            store.create(&key, object.clone()).await.unwrap();
            for bytes in [1, 8, 1000, 4 << 20] {
                let end = object.slice(length - bytes.min(length)..);
                let expected = Tail {
                    object_bytes: length as u64,
                    end,
                };
                let tail = store.tail(&key, bytes as u64).await.unwrap();
                assert!(tail == Some(expected), "{bytes} of {length} bytes {store:?}");
            }
        }
        assert_eq!(store.tail("nothing", 8).await.unwrap(), None, "{store:?}");
        assert_eq!(
            store.tail("../a", 8).await.unwrap_err().kind(),
            Kind::Input,
            "{store:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_digest_of_an_object_has_its_length_and_up_to_the_limit_its_hash() {
    on_every_store(async |store| {
        for length in [0, 1, 1000, 3 << 20] {
            let key = format!("objects/{length}");
            let object = pattern(length, 0);
            store.create(&key, object.clone()).await.unwrap();
            let object_bytes = length as u64;
            let whole = Digest {
                object_bytes,
                sha256: Some(Hash::of(&object)),
            };
            for max_bytes in [object_bytes, u64::MAX] {
                assert_eq!(store.digest(&key, max_bytes).await.unwrap(), Some(whole), "{store:?}");
            }
            if let Some(less) = object_bytes.checked_sub(1) {
                let unread = Digest {
                    object_bytes,
                    sha256: None,
                };
                assert_eq!(store.digest(&key, less).await.unwrap(), Some(unread), "{store:?}");
            }
        }
        assert_eq!(store.digest("nothing", 8).await.unwrap(), None, "{store:?}");
        assert_eq!(
            store.digest("../a", 8).await.unwrap_err().kind(),
            Kind::Input,
            "{store:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_second_create_says_exists_and_changes_nothing() {
    on_every_store(async |store| {
        for bytes in [0, 1, 8 << 20] {
            let key = format!("objects/{bytes}");
            store.create(&key, pattern(bytes, 0)).await.unwrap();
            for other in [pattern(bytes, 0), pattern(bytes, 7), Bytes::new()] {
                assert_eq!(
                    store.create(&key, other).await.unwrap(),
                    Creation::Exists,
                    "{bytes} bytes {store:?}"
                );
            }
            assert!(
                store.get(&key, OBJECT_MAX_BYTES).await.unwrap().unwrap() == pattern(bytes, 0),
                "{store:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_concurrent_creates_exactly_one_wins() {
    on_every_store(async |store| {
        for round in 0..5 {
            let key = format!("contended/{round}");
            let creates = (0u8..32).map(|salt| store.create(&key, pattern(10_000, salt)));
            let outcomes: Vec<Creation> = join_all(creates).await.into_iter().map(Result::unwrap).collect();
            let winners: Vec<usize> = (0..outcomes.len())
                .filter(|&index| outcomes[index] == Creation::Created)
                .collect();
            assert_eq!(winners.len(), 1, "{store:?}");
            let read = store.get(&key, OBJECT_MAX_BYTES).await.unwrap().unwrap();
            assert!(read == pattern(10_000, winners[0] as u8), "{store:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_hash_is_refused_and_creates_nothing() {
    on_every_store(async |store| {
        let refused = store
            .create_hashed("a", pattern(1000, 0), &Hash::of(b"other bytes"))
            .await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Corrupt, "{store:?}");
        assert_eq!(store.get("a", OBJECT_MAX_BYTES).await.unwrap(), None, "{store:?}");
        assert_eq!(
            store.create("a", pattern(1000, 0)).await.unwrap(),
            Creation::Created,
            "{store:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_object_that_is_not_there_is_none() {
    on_every_store(async |store| {
        assert_eq!(
            store.get("nothing/here", OBJECT_MAX_BYTES).await.unwrap(),
            None,
            "{store:?}"
        );
        store.create("nothing", Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(
            store.get("nothing/here", OBJECT_MAX_BYTES).await.unwrap(),
            None,
            "{store:?}"
        );
        assert_eq!(store.get("nothin", OBJECT_MAX_BYTES).await.unwrap(), None, "{store:?}");
        assert_eq!(store.list("elsewhere/", None, 10).await.unwrap(), [], "{store:?}");
    })
    .await;
}

#[tokio::test]
async fn an_invalid_key_is_refused_by_every_store() {
    on_every_store(async |store| {
        for key in [
            "",
            "/a",
            "a/",
            "../a",
            "a/../b",
            "a//b",
            "a\0b",
            ".tmp/a",
            &"a".repeat(1025),
        ] {
            assert_eq!(
                store.create(key, Bytes::new()).await.unwrap_err().kind(),
                Kind::Input,
                "{key:?} {store:?}"
            );
            assert_eq!(
                store.get(key, OBJECT_MAX_BYTES).await.unwrap_err().kind(),
                Kind::Input,
                "{key:?} {store:?}"
            );
        }
        assert_eq!(
            store.list("../", None, 1).await.unwrap_err().kind(),
            Kind::Input,
            "{store:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn every_store_passes_the_probe_and_refuses_a_wrong_hash() {
    on_every_store(async |store| {
        let found = probe(&store, "0123456789abcdef").await.unwrap();
        assert_eq!(
            found,
            Probe {
                refuses_wrong_hash: true
            },
            "{store:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_offline_copy_of_a_directory_store_is_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    store
        .create("links/payments/0/0000-00000000000000000000.note", pattern(100, 1))
        .await
        .unwrap();
    let copy = DirectoryStore::open(folder.path()).unwrap();
    assert_eq!(
        copy.list("", None, 10).await.unwrap(),
        store.list("", None, 10).await.unwrap()
    );
}

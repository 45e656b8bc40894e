//! Object Lock on a real server: every object gets the lock in the settings, and the server enforces it.

use std::sync::Arc;

use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockMode};
use bytes::Bytes;
use kivend::config::{LockMode, ObjectLock, Retention, S3Settings};
use kivend::error::Kind;
use kivend::store::probe::probe;
use kivend::store::removal::{Lock, Removal as _, Removed};
use kivend::store::s3::S3Store;
use kivend::store::{OBJECT_MAX_BYTES, Store};

use super::{cluster_settings, stranger, unique_name};

fn locked(mode: LockMode) -> ObjectLock {
    ObjectLock {
        retention: Some(Retention { mode, days: 2 }),
        legal_hold: false,
    }
}

/// A store with this lock setting, in a bucket of its own that was created with or without Object Lock.
async fn store(lock: ObjectLock, enabled: bool) -> Option<(S3Settings, Arc<dyn Store>)> {
    let mut settings = cluster_settings()?;
    settings.bucket = format!("locks-{}", unique_name(&tempfile::tempdir().unwrap()).to_lowercase());
    settings.lock = lock;
    let making = stranger(&settings).await.create_bucket().bucket(&settings.bucket);
    making.object_lock_enabled_for_bucket(enabled).send().await.unwrap();
    let store = S3Store::open(&settings, "p").await.unwrap();
    Some((settings, Arc::new(store)))
}

/// Whether the server lets the bucket's owner delete the first version of `p/a`.
async fn is_deletable(settings: &S3Settings) -> bool {
    let owner = stranger(settings).await;
    let versions = owner.list_object_versions().bucket(&settings.bucket).prefix("p/a");
    let versions = versions.send().await.unwrap();
    let version = versions.versions().last().unwrap().version_id().unwrap();
    let deleting = owner.delete_object().bucket(&settings.bucket).key("p/a");
    deleting.version_id(version).send().await.is_ok()
}

#[tokio::test]
async fn a_retention_is_set_on_each_create_and_its_owner_cannot_delete() {
    for mode in [LockMode::Compliance, LockMode::Governance] {
        let Some((settings, store)) = store(locked(mode), true).await else {
            return;
        };
        probe(&store, "n1").await.unwrap();
        store.create("a", Bytes::from_static(b"first")).await.unwrap();
        let owner = stranger(&settings).await;
        let head = owner
            .head_object()
            .bucket(&settings.bucket)
            .key("p/a")
            .send()
            .await
            .unwrap();
        let expected = match mode {
            LockMode::Compliance => ObjectLockMode::Compliance,
            LockMode::Governance => ObjectLockMode::Governance,
        };
        assert_eq!(head.object_lock_mode(), Some(&expected));
        assert!(!is_deletable(&settings).await);
        // An overwrite hides the first version and does not remove it.
        let putting = owner.put_object().bucket(&settings.bucket).key("p/a");
        putting.body(Bytes::from_static(b"second").into()).send().await.unwrap();
        let versions = store.versions("a").await.unwrap().unwrap();
        let first = store
            .get_version("a", &versions[0].version, OBJECT_MAX_BYTES)
            .await
            .unwrap();
        assert_eq!((versions.len(), first), (2, Some(Bytes::from_static(b"first"))));
    }
}

#[tokio::test]
async fn a_legal_hold_locks_without_an_end() {
    let hold = ObjectLock {
        retention: None,
        legal_hold: true,
    };
    let Some((settings, store)) = store(hold, true).await else {
        return;
    };
    probe(&store, "n1").await.unwrap();
    store.create("a", Bytes::from_static(b"first")).await.unwrap();
    assert!(!is_deletable(&settings).await);
}

#[tokio::test]
async fn a_bucket_without_object_lock_is_refused_at_start_where_a_lock_is_asked_for() {
    let Some((_, store)) = store(locked(LockMode::Compliance), false).await else {
        return;
    };
    let error = probe(&store, "n1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
    assert!(error.remedy().contains("Object Lock"), "{error}: {}", error.remedy());
}

#[tokio::test]
async fn an_object_that_was_created_without_the_lock_is_reported() {
    let Some((settings, plain)) = store(ObjectLock::default(), true).await else {
        return;
    };
    plain.create("a", Bytes::from_static(b"first")).await.unwrap();
    let asking = S3Settings {
        lock: locked(LockMode::Governance),
        ..settings
    };
    let store = S3Store::open(&asking, "p").await.unwrap();
    assert_eq!(store.check_lock("a").await.unwrap_err().kind(), Kind::Config);
}

#[tokio::test]
async fn a_removal_leaves_locked_objects_and_removes_every_version_of_others() {
    let Some((settings, retained)) = store(locked(LockMode::Governance), true).await else {
        return;
    };
    retained.create("retained", Bytes::from_static(b"1")).await.unwrap();
    let plain = S3Settings {
        lock: ObjectLock::default(),
        ..settings.clone()
    };
    let plain = S3Store::open(&plain, "p").await.unwrap();
    assert!(matches!(plain.lock_of("retained").await.unwrap(), Lock::Until(_)));
    assert!(matches!(
        plain.remove("retained").await.unwrap(),
        Removed::Locked(Lock::Until(_))
    ));
    assert_eq!(plain.get("retained", 10).await.unwrap(), Some(Bytes::from_static(b"1")));

    plain.create("held", Bytes::from_static(b"1")).await.unwrap();
    let owner = stranger(&settings).await;
    let hold = async |status: ObjectLockLegalHoldStatus| {
        let hold = ObjectLockLegalHold::builder().status(status).build();
        let putting = owner.put_object_legal_hold().bucket(&settings.bucket).key("p/held");
        putting.legal_hold(hold).send().await.unwrap();
    };
    hold(ObjectLockLegalHoldStatus::On).await;
    assert_eq!(plain.remove("held").await.unwrap(), Removed::Locked(Lock::Held));
    hold(ObjectLockLegalHoldStatus::Off).await;
    let putting = owner.put_object().bucket(&settings.bucket).key("p/held");
    putting.body(Bytes::from_static(b"2").into()).send().await.unwrap();
    assert_eq!(plain.lock_of("held").await.unwrap(), Lock::None);
    assert_eq!(plain.remove("held").await.unwrap(), Removed::Gone);
    assert_eq!(plain.versions("held").await.unwrap().unwrap(), []);
    assert_eq!(
        plain.remove("held").await.unwrap(),
        Removed::Gone,
        "again, after a crash"
    );
}

//! The S3 store against a real server: kinds of errors, versions and delete markers, planted keys.

use std::process::Command;
use std::sync::Arc;

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use kivend::config::S3Settings;
use kivend::error::Kind;
use kivend::store::probe::probe;
use kivend::store::s3::S3Store;
use kivend::store::{Creation, OBJECT_MAX_BYTES, Store, StoreError, VersionKind};

use super::{cluster_settings, s3_store, stranger, unique_name};

async fn probed(settings: &S3Settings) -> Result<(), StoreError> {
    let store: Arc<dyn Store> = Arc::new(S3Store::open(settings, "probed").await?);
    probe(&store, &unique_name(&tempfile::tempdir().unwrap()))
        .await
        .map(drop)
}

#[tokio::test]
async fn an_unknown_bucket_is_an_error_of_configuration_with_its_remedy() {
    let Some(settings) = cluster_settings() else { return };
    let error = probed(&S3Settings {
        bucket: "no-such-bucket".to_owned(),
        ..settings.clone()
    })
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
    assert!(
        error.to_string().starts_with("the bucket does not exist (status "),
        "{error}"
    );
    assert_eq!(error.remedy(), "create it, or set store.bucket to one that does");
    let store = S3Store::open(
        &S3Settings {
            bucket: "no-such-bucket".to_owned(),
            ..settings
        },
        "",
    )
    .await
    .unwrap();
    assert_eq!(store.get("a", OBJECT_MAX_BYTES).await.unwrap_err().kind(), Kind::Config);
    assert_eq!(store.list("", None, 1).await.unwrap_err().kind(), Kind::Config);
    assert_eq!(store.versions("").await.unwrap_err().kind(), Kind::Config);
}

#[tokio::test]
async fn a_refused_connection_is_transient_and_says_so() {
    let Some(settings) = cluster_settings() else { return };
    let endpoint = Some("http://127.0.0.1:1".to_owned());
    let error = probed(&S3Settings {
        endpoint,
        attempts: 2,
        ..settings
    })
    .await
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    assert!(
        error.to_string().starts_with("the store cannot be reached (cause "),
        "{error}"
    );
    assert!(
        error
            .remedy()
            .starts_with("start the store, or correct the host and the port of store.endpoint"),
        "{error}"
    );
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

/// Probes the store in a child process whose environment `change` sets, because credentials come from the environment
/// of the whole process. Returns the output, which names the kind of the error.
fn kind_in_environment(change: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "store_contract::real_s3::the_probe_of_a_child",
        "--nocapture",
    ]);
    let output = change(child.env("KIVEND_TEST_CHILD", "1")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn the_probe_of_a_child() {
    if std::env::var_os("KIVEND_TEST_CHILD").is_none() {
        return;
    }
    let error = probed(&cluster_settings().unwrap()).await.unwrap_err();
    println!("kind={:?} {error}: {}", error.kind(), error.remedy());
}

#[test]
fn wrong_credentials_are_a_matter_of_permission_and_name_their_variables() {
    if cluster_settings().is_none() {
        return;
    }
    for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let output = kind_in_environment(|child| child.env(variable, "wrong-but-long-enough"));
        assert!(
            output.contains("kind=Permission the store does not know these credentials "),
            "{output}"
        );
        assert!(
            output.contains(": check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
            "{output}"
        );
        assert!(!output.contains("wrong-but"), "no credential is printed: {output}");
    }
}

#[test]
fn missing_credentials_are_reported_before_anything_is_sent() {
    if cluster_settings().is_none() {
        return;
    }
    let output = kind_in_environment(|child| {
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"] {
            child.env_remove(variable);
        }
        child.env("HOME", "/nowhere").env("AWS_EC2_METADATA_DISABLED", "true")
    });
    assert!(output.contains("kind=Config no AWS credentials are found "), "{output}");
    assert!(
        output.contains(": set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        "{output}"
    );
}

#[tokio::test]
async fn a_planted_key_with_control_characters_does_not_hide_the_others() {
    let Some(settings) = cluster_settings() else { return };
    let prefix = unique_name(&tempfile::tempdir().unwrap());
    let store = s3_store(&settings, &prefix).await;
    store.create("links/a", Bytes::from_static(b"x")).await.unwrap();
    let planted = stranger(&settings)
        .await
        .put_object()
        .bucket(&settings.bucket)
        .key(format!("{prefix}/links/\u{1}+ %41"));
    planted.body(Bytes::from_static(b"junk").into()).send().await.unwrap();
    let keys: Vec<String> = store
        .list("", None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    assert_eq!(keys, ["links/\u{1}+ %41", "links/a"]);
}

#[tokio::test]
async fn a_neighbouring_prefix_is_another_store() {
    let Some(settings) = cluster_settings() else { return };
    let prefix = unique_name(&tempfile::tempdir().unwrap());
    let store = s3_store(&settings, &prefix).await;
    let neighbour = s3_store(&settings, &format!("{prefix}x")).await;
    neighbour.create("a", Bytes::from_static(b"theirs")).await.unwrap();
    assert_eq!(store.list("", None, 10).await.unwrap(), []);
    assert_eq!(
        store.create("a", Bytes::from_static(b"ours")).await.unwrap(),
        Creation::Created
    );
}

#[tokio::test]
async fn a_versioned_bucket_lists_all_versions_the_oldest_first_and_another_says_that_it_has_none() {
    let Some(settings) = cluster_settings() else { return };
    let client = stranger(&settings).await;
    let bucket = format!("kivend-{}", unique_name(&tempfile::tempdir().unwrap()).to_lowercase());
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    let store = S3Store::open(
        &S3Settings {
            bucket: bucket.clone(),
            ..settings
        },
        "p",
    )
    .await
    .unwrap();
    assert_eq!(store.versions("").await.unwrap(), None);

    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket(&bucket)
        .versioning_configuration(enabled)
        .send()
        .await
        .unwrap();
    store.create("a", Bytes::from_static(b"first")).await.unwrap();
    client.delete_object().bucket(&bucket).key("p/a").send().await.unwrap();
    assert_eq!(store.get("a", OBJECT_MAX_BYTES).await.unwrap(), None);
    // A delete marker hides the object, and a create succeeds again.
    assert_eq!(
        store.create("a", Bytes::from_static(b"second!")).await.unwrap(),
        Creation::Created
    );
    client
        .put_object()
        .bucket(&bucket)
        .key("p/a")
        .body(Bytes::new().into())
        .send()
        .await
        .unwrap();
    store.create("b", Bytes::new()).await.unwrap();

    let versions = store.versions("").await.unwrap().unwrap();
    let listed: Vec<_> = versions
        .iter()
        .map(|v| (v.key.as_str(), v.kind, v.latest, v.bytes))
        .collect();
    let (object, marker) = (VersionKind::Object, VersionKind::DeleteMarker);
    let expected = [
        ("a", object, false, 5),
        ("a", marker, false, 0),
        ("a", object, false, 7),
        ("a", object, true, 0),
        ("b", object, true, 0),
    ];
    assert_eq!(listed, expected);
    assert_eq!(
        store
            .get_version("a", &versions[0].version, OBJECT_MAX_BYTES)
            .await
            .unwrap()
            .unwrap(),
        "first"
    );
    assert_eq!(
        store
            .get_version("a", &versions[1].version, OBJECT_MAX_BYTES)
            .await
            .unwrap(),
        None,
        "a delete marker"
    );
    assert_eq!(store.versions("b").await.unwrap().unwrap().len(), 1);
}

//! Each policy in deploy/policies allows what its role needs and nothing else. Tested on a real MinIO with credentials
//! that the policy restricts.

pub mod sts;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use serde_json::Value;

use crate::real_pipeline::shop::Shop;
use crate::store_contract::{cluster_settings, stranger};

const ARCHIVER: &str = include_str!("../../deploy/policies/archiver.json");
const ARCHIVER_MINIO: &str = include_str!("../../deploy/policies/archiver-minio.json");
const VERIFIER: &str = include_str!("../../deploy/policies/verifier.json");
const AUDITOR: &str = include_str!("../../deploy/policies/auditor.json");

/// A versioned bucket, and the shop that archives to it.
struct Corner {
    shop: Shop,
    bucket: String,
}

impl Corner {
    async fn open() -> Option<Corner> {
        let shop = Shop::open()?;
        let bucket = format!("policies-{}", shop.name());
        let owner = stranger(&cluster_settings().unwrap()).await;
        owner.create_bucket().bucket(&bucket).send().await.unwrap();
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let enabling = owner.put_bucket_versioning().bucket(&bucket);
        enabling.versioning_configuration(enabled.build()).send().await.unwrap();
        Some(Corner { shop, bucket })
    }

    fn role(&self, policy: &str) -> Credentials {
        sts::assume(&policy.replace("kivend-audit", &self.bucket)).unwrap()
    }

    /// Runs a command as this role; returns its exit code and output.
    fn run(&self, role: &Credentials, arguments: &[&str]) -> (i32, Value) {
        let mut command = self.shop.kivend(arguments);
        command
            .args(["--format", "json"])
            .env("KIVEND_STORE__BUCKET", &self.bucket)
            .env("AWS_ACCESS_KEY_ID", role.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", role.secret_access_key())
            .env("AWS_SESSION_TOKEN", role.session_token().unwrap());
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| Value::String(stderr.into_owned()));
        (output.status.code().unwrap(), printed)
    }

    async fn client(&self, role: Credentials) -> Client {
        let settings = cluster_settings().unwrap();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(kivend::store::s3::http_client(None).unwrap())
            .region(Region::new(settings.region))
            .endpoint_url(settings.endpoint.unwrap())
            .credentials_provider(role);
        let config = aws_sdk_s3::config::Builder::from(&shared.load().await);
        Client::from_conf(config.force_path_style(true).build())
    }

    /// Archives some records and returns the archiver's credentials.
    fn archived(&self) -> Credentials {
        let archiver = self.role(ARCHIVER_MINIO);
        self.shop.ingest_generated(500, 1);
        let (code, report) = self.run(&archiver, &["archive"]);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(report["records"], 500, "{report:#}");
        archiver
    }

    fn identity(&self) -> String {
        format!("{}/archive.json", self.shop.name())
    }
}

#[track_caller]
fn refused<T, E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(answer: Result<T, SdkError<E, R>>) {
    match answer {
        Ok(_) => panic!("the server allowed it"),
        Err(error) => assert_eq!(error.code(), Some("AccessDenied"), "{error:?}"),
    }
}

#[tokio::test]
async fn the_archivers_rights_archive_and_delete_nothing() {
    let Some(corner) = Corner::open().await else { return };
    let archiver = corner.archived();
    // A second run finds the head and continues from there.
    assert_eq!(corner.run(&archiver, &["archive"]).0, 0);
    let (client, key) = (corner.client(archiver).await, corner.identity());
    refused(client.delete_object().bucket(&corner.bucket).key(&key).send().await);
    let owner = stranger(&cluster_settings().unwrap()).await;
    let versions = owner
        .list_object_versions()
        .bucket(&corner.bucket)
        .prefix(&key)
        .send()
        .await;
    let version = versions.unwrap().versions()[0].version_id().unwrap().to_owned();
    let deleting = client.delete_object().bucket(&corner.bucket).key(&key);
    refused(deleting.version_id(version).send().await);
    refused(client.delete_bucket().bucket(&corner.bucket).send().await);
    refused(client.list_objects_v2().bucket("kivend-audit").send().await);
}

#[tokio::test]
async fn on_minio_the_archivers_rights_can_overwrite_and_verification_reports_it() {
    let Some(corner) = Corner::open().await else { return };
    let archiver = corner.archived();
    let putting = corner.client(archiver).await.put_object().bucket(&corner.bucket);
    let putting = putting.key(corner.identity()).body(Bytes::from_static(b"junk").into());
    putting.send().await.unwrap();
    let (code, report) = corner.run(&corner.role(VERIFIER), &["verify"]);
    assert_eq!(code, 10, "{report:#}");
    assert_eq!(report["findings"][0]["code"], "KV104", "{report:#}");
    assert_eq!(
        report["scope"]["records"], 500,
        "the first version was read: {report:#}"
    );
}

#[tokio::test]
async fn minio_does_not_know_the_condition_that_keeps_aws_credentials_from_overwriting() {
    let Some(corner) = Corner::open().await else { return };
    let refusal = sts::assume(&ARCHIVER.replace("kivend-audit", &corner.bucket)).unwrap_err();
    assert!(refusal.contains("if-none-match"), "{refusal}");
}

#[tokio::test]
async fn the_verifiers_and_the_auditors_rights_verify_and_write_nothing() {
    let Some(corner) = Corner::open().await else { return };
    corner.archived();
    for policy in [VERIFIER, AUDITOR] {
        let role = corner.role(policy);
        let (code, report) = corner.run(&role, &["verify", "--at-rest"]);
        assert_eq!((code, &report["verdict"]), (0, &"intact".into()), "{report:#}");
        let (client, key) = (corner.client(role).await, corner.identity());
        refused(client.delete_object().bucket(&corner.bucket).key(&key).send().await);
        let putting = client.put_object().bucket(&corner.bucket).key("p/new");
        refused(putting.body(Bytes::new().into()).send().await);
        let overwriting = client.put_object().bucket(&corner.bucket).key(&key);
        refused(overwriting.body(Bytes::new().into()).send().await);
    }
}

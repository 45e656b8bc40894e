//! Copies of checkpoints on real servers, as a user sets them up: in a compacted topic, and in a bucket with other
//! credentials. They alone show what the owner of the archive's bucket cut off.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_sdk_s3::Client;
use serde_json::Value;

use crate::fixture::servers;
use crate::real_pipeline::shop::Shop;
use crate::real_policies::sts;
use crate::store_contract::{cluster_settings, stranger};

/// A policy that allows everything in one bucket only.
const ONE_BUCKET: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*",
    "Resource": ["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"]}]}"#;

/// A shop with checkpoint copies, whose commands run with these additional variables.
struct Watched {
    shop: Shop,
    variables: Vec<(&'static str, String)>,
}

impl Watched {
    /// With this second place for checkpoints; `None` where the servers do not run.
    fn open(place: impl Fn(&Shop) -> String) -> Option<Watched> {
        let shop = Shop::open()?;
        shop.add_settings(&format!("[archive]\ncheckpoint_copies = [{}]\n", place(&shop)));
        let variables = Vec::new();
        Some(Watched { shop, variables })
    }

    /// Runs a command; returns its exit code and report.
    fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let mut command = self.shop.kivend(arguments);
        let output = command
            .args(["--format", "json"])
            .envs(self.variables.clone())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let report =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {stderr}"));
        (output.status.code().unwrap(), report)
    }

    fn archive(&self, seed: u32) {
        self.shop.ingest_generated(500, seed);
        let (code, report) = self.run(&["archive"]);
        assert_eq!((code, &report["records"]), (0, &500.into()), "{report:#}");
    }

    async fn keys(&self) -> BTreeSet<String> {
        keys_in(&bucket(), self.shop.name()).await
    }

    /// Deletes everything that a second run wrote, as the bucket's owner can, and verifies with and without the copies.
    async fn the_place_tells_of_a_cut(&self) {
        self.archive(1);
        let before = self.keys().await;
        self.archive(2);
        let (code, report) = self.run(&["verify", "--against", "rows,links,copies"]);
        assert_eq!((code, &report["verdict"]), (0, &"intact".into()), "{report:#}");
        let newest = &report["checkpoints"]["second_places"][0]["newest"];
        assert!(newest.as_u64() > Some(0), "{report:#}");
        for anchored in report["anchored"].as_array().unwrap() {
            assert!(anchored["saved_checkpoint"].is_u64(), "{anchored:#}");
        }

        let owner = owner().await;
        for key in self.keys().await.difference(&before) {
            owner.delete_object().bucket(bucket()).key(key).send().await.unwrap();
        }
        let (code, report) = self.run(&["verify", "--against", "rows,links"]);
        assert_eq!(code, 0, "the bucket alone shows nothing: {report:#}");
        let (code, report) = self.run(&["verify", "--against", "rows,links,copies"]);
        assert_eq!((code, &report["verdict"]), (11, &"incomplete".into()), "{report:#}");
        let codes = codes(&report);
        assert!(codes.contains("KV404") && codes.contains("KV410"), "{report:#}");
    }
}

fn bucket() -> String {
    servers::variable("KIVEND_STORE__BUCKET")
}

async fn owner() -> Client {
    stranger(&cluster_settings().unwrap()).await
}

async fn keys_in(bucket: &str, prefix: &str) -> BTreeSet<String> {
    let listing = owner().await.list_objects_v2().bucket(bucket).prefix(prefix);
    let listed = listing.send().await.unwrap();
    assert_ne!(listed.is_truncated(), Some(true), "a test's archive fits a page");
    let keys = listed.contents().iter().filter_map(|object| object.key());
    keys.map(str::to_owned).collect()
}

fn codes(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter_map(|finding| finding["code"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_compacted_topic_shows_what_the_buckets_owner_cut_off() {
    let place = |shop: &Shop| format!("{{ topic = \"{}\" }}", shop.topic("checkpoints"));
    let Some(watched) = Watched::open(place) else { return };
    watched.the_place_tells_of_a_cut().await;
}

#[tokio::test]
async fn a_bucket_with_other_credentials_shows_what_the_buckets_owner_cut_off() {
    let witness = |shop: &Shop| format!("witness-{}", shop.name());
    let place = |shop: &Shop| format!("{{ bucket = \"{}\", profile = \"witness\" }}", witness(shop));
    let Some(mut watched) = Watched::open(place) else {
        return;
    };
    let elsewhere = witness(&watched.shop);
    owner().await.create_bucket().bucket(&elsewhere).send().await.unwrap();
    let role = |bucket: &str| sts::assume(&ONE_BUCKET.replace("BUCKET", bucket)).unwrap();
    let (own, other) = (role(&bucket()), role(&elsewhere));
    let file = watched.shop.folder().join("credentials");
    let mut profile = String::from("[witness]\n");
    for (name, value) in [
        ("aws_access_key_id", other.access_key_id()),
        ("aws_secret_access_key", other.secret_access_key()),
        ("aws_session_token", other.session_token().unwrap()),
    ] {
        writeln!(profile, "{name} = {value}").unwrap();
    }
    std::fs::write(&file, profile).unwrap();
    watched.variables = vec![
        ("AWS_ACCESS_KEY_ID", own.access_key_id().to_owned()),
        ("AWS_SECRET_ACCESS_KEY", own.secret_access_key().to_owned()),
        ("AWS_SESSION_TOKEN", own.session_token().unwrap().to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string()),
    ];
    watched.the_place_tells_of_a_cut().await;
    assert!(keys_in(&elsewhere, "").await.len() >= 2);

    // The archive's own credentials have no access to it.
    let settings = format!("[archive]\ncheckpoint_copies = [{{ bucket = \"{elsewhere}\" }}]\n");
    std::fs::write(watched.shop.folder().join("own.toml"), settings).unwrap();
    let (code, report) = watched.run(&["--config", "own.toml", "verify", "--against", "rows,links,copies"]);
    assert_eq!(code, 12, "{report:#}");
    assert!(codes(&report).contains("KV414"), "{report:#}");
}

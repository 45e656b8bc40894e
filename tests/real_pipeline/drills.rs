//! Drills on real servers: what they restore and compare, how they leave the cluster, and who believes their reports.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kivend::kafka::sender::Sender;
use kivend::record::record::{Record, Timestamp};
use serde_json::Value;

use super::replaced::Operator;
use super::shop::{Shop, terminate};
use crate::fixture::patience::{PATIENCE, until};
use crate::fixture::servers;
use crate::store_contract::{cluster_settings, stranger};

/// A shop with an archive.
fn archived(events: u32) -> Option<Shop> {
    let shop = Shop::open()?;
    shop.ingest_generated(events, 7);
    shop.json(&["archive"]);
    Some(shop)
}

fn key(shop: &Shop) -> String {
    let keys = shop.json(&["keys", "show"]);
    keys["keys"][0]["key"].as_str().unwrap().to_owned()
}

/// The throw-away topics of the shop's archive.
fn throw_away(shop: &Shop) -> Vec<String> {
    let id = shop.json(&["keys", "show"])["archive_id"].as_str().unwrap().to_owned();
    let metadata = Operator::new().0.inner().fetch_metadata(None, PATIENCE).unwrap();
    let beginning = format!("__kivend-drill.{id}.");
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    names.filter(|name| name.starts_with(&beginning)).collect()
}

fn until_all_are_gone(shop: &Shop) {
    until("the throw-away topics are gone", || throw_away(shop).is_empty());
}

/// Starts a drill that takes some seconds, and waits until its topics exist.
fn started(shop: &Shop, arguments: &[&str]) -> (Child, Vec<String>) {
    let slowly = ["drill", "--topic", "payments", "--partition", "0", "--rate", "10"];
    let child = shop
        .kivend(&[&slowly[..], arguments].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut found = Vec::new();
    until("the throw-away topics are there", || {
        found = throw_away(shop);
        found.iter().any(|topic| topic.ends_with("ledger")) && found.len() > 1
    });
    (child, found)
}

/// A report, and the exit code, of `kivend drill`.
fn drill(shop: &Shop, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = shop.run(&[&["drill", "--format", "json"], arguments].concat());
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (told["report"].clone(), output.status.code())
}

/// What both verifiers say of a report: the exit code, which must be one.
fn verified(shop: &Shop, file: &Path, key: &str) -> Option<i32> {
    let file = file.to_str().unwrap();
    let first = shop.run(&["verify-drill", file, "--key", key]);
    let script = format!(
        "source '{0}/tests/independent/environment.sh' && exec python '{0}/tools/verify_drill.py' \"$@\"",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut second = Command::new("bash");
    let second = second
        .args(["-c", &script, "verify_drill", file, "--key", key])
        .output()
        .unwrap();
    let said = |output: &std::process::Output| {
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    assert_eq!(
        first.status.code(),
        second.status.code(),
        "{}\n{}",
        said(&first),
        said(&second)
    );
    first.status.code()
}

fn changed(shop: &Shop, file: &Path, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    let changed = shop.folder().join("changed.note");
    std::fs::write(&changed, text.replacen(from, to, 1)).unwrap();
    changed
}

#[test]
fn a_drill_restores_everything_as_it_was_and_leaves_a_report_that_both_verifiers_believe_and_no_topic() {
    let Some(shop) = archived(3_000) else { return };
    let (report, code) = drill(&shop, &["-o", "drill.note"]);
    assert_eq!((&report["result"], code), (&"equal".into(), Some(0)), "{report:#}");
    assert_eq!(report["records"], 3_000, "{report:#}");
    let topics = report["topics"].as_array().unwrap();
    let sum = |member: &str| topics.iter().map(|topic| topic[member].as_u64().unwrap()).sum::<u64>();
    assert_eq!(
        (sum("archived"), sum("equal"), sum("kafka_compared")),
        (3_000, 3_000, 3_000)
    );
    assert!(report["checkpoint"]["number"].is_u64(), "{report:#}");
    until_all_are_gone(&shop);

    let (file, key) = (shop.folder().join("drill.note"), key(&shop));
    assert_eq!(verified(&shop, &file, &key), Some(0));
    let altered = changed(&shop, &file, "\"restore_ms\":", "\"restore_ms\":1");
    assert_eq!(verified(&shop, &altered, &key), Some(10));
    let other = Shop::open().unwrap();
    other.json(&["init"]);
    assert_eq!(verified(&shop, &file, &self::key(&other)), Some(12));

    let nothing = shop.run(&["drill", "--topic", "pay*", "--until", "2020-01-01"]);
    let told = String::from_utf8_lossy(&nothing.stderr);
    assert!(told.contains("no record in the range"), "{told}");
    assert_eq!(nothing.status.code(), Some(1));
    until_all_are_gone(&shop);
}

#[test]
fn a_damaged_segment_and_a_record_that_somebody_else_sends_are_named_in_the_report() {
    let Some(shop) = archived(3_000) else { return };
    let (mut child, topics) = started(&shop, &["-o", "drill.note"]);
    let target = topics.iter().find(|topic| !topic.ends_with("ledger")).unwrap();
    let sender = Sender::connect(&shop.kafka_settings()).unwrap();
    let record = Record {
        offset: 0,
        timestamp: Timestamp::create_ms(1_770_113_700_000),
        key: None,
        value: Some(b"from somebody else"),
        headers: &[],
    };
    sender.send(target, Some(0), &record).unwrap();
    sender.finish().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(10));
    let file = shop.folder().join("drill.note");
    let note = std::fs::read_to_string(&file).unwrap();
    let report: Value = serde_json::from_str(note.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&report["result"], &report["differences"]["added"]),
        (&"differs".into(), &1.into())
    );
    assert_eq!(report["named"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["named"][0]["what"], "added", "{report:#}");
    assert_eq!(verified(&shop, &file, &key(&shop)), Some(10));

    let damaged = damage_a_segment(&shop, "payments", 1);
    let (report, code) = drill(&shop, &["-o", "drill.note"]);
    assert_eq!(
        (&report["result"], code),
        (&"incomplete".into(), Some(11)),
        "{report:#}"
    );
    let named = &report["named"][0];
    assert_eq!(
        (&named["topic"], &named["partition"], &named["offset"], &named["what"]),
        (
            &shop.topic("payments").into(),
            &1.into(),
            &0.into(),
            &"unreadable".into()
        )
    );
    assert!(named["detail"].as_str().unwrap().contains(&damaged), "{named:#}");
    // All other records are restored and equal.
    let topics = report["topics"].as_array().unwrap();
    let equal: u64 = topics.iter().map(|topic| topic["equal"].as_u64().unwrap()).sum();
    assert_eq!(report["records"], equal, "{report:#}");
    assert!(equal > 2_000 && equal < 3_000, "{equal}");
    assert_eq!(verified(&shop, &file, &key(&shop)), Some(11));
    until_all_are_gone(&shop);
}

/// Changes a byte in the first segment of a partition. Returns its key.
fn damage_a_segment(shop: &Shop, topic: &str, partition: i32) -> String {
    let key = format!("data/{}/{partition}/0000-{:020}.parquet", shop.topic(topic), 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = stranger(&cluster_settings().unwrap()).await;
        let (bucket, object) = (
            servers::variable("KIVEND_STORE__BUCKET"),
            format!("{}/{key}", shop.name()),
        );
        let got = client.get_object().bucket(&bucket).key(&object).send().await.unwrap();
        let mut bytes = got.body.collect().await.unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let put = client.put_object().bucket(&bucket).key(&object).body(bytes.into());
        put.send().await.unwrap();
    });
    key
}

#[test]
fn a_drill_that_is_stopped_removes_its_topics_and_those_of_a_killed_one_are_removed_by_the_next() {
    let Some(shop) = archived(3_000) else { return };
    let (mut child, _) = started(&shop, &["-o", "drill.note"]);
    terminate(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!shop.folder().join("drill.note").exists());
    until_all_are_gone(&shop);

    let (mut child, topics) = started(&shop, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(throw_away(&shop), topics);
    let (report, code) = drill(&shop, &["--topic", "payments"]);
    assert_eq!((&report["result"], code), (&"equal".into(), Some(0)), "{report:#}");
    until_all_are_gone(&shop);
}

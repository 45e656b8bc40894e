//! What the status page and its data say.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{Vitals, serve};
use crate::clock::Clock;
use crate::record::position::TopicPartition;
use crate::record::utc::UtcSeconds;

/// The head and the body of an answer.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: kivend\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn status(address: SocketAddr, query: &str) -> Value {
    let (head, body) = get(address, &format!("/status.json{query}")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(&body).unwrap()
}

async fn served() -> (Vitals, SocketAddr) {
    let vitals = Vitals {
        metrics: Arc::default(),
        health: Arc::default(),
        clock: Clock::start(),
    };
    let address = serve(([127, 0, 0, 1], 0).into(), vitals.clone()).await.unwrap();
    (vitals, address)
}

fn names(status: &Value) -> Vec<String> {
    let rows = status["partitions"]["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| format!("{}/{}", row["topic"].as_str().unwrap(), row["partition"]))
        .collect()
}

#[tokio::test]
async fn without_any_data_every_part_is_there_and_what_is_not_known_is_null() {
    let (_, address) = served().await;
    let status = status(address, "").await;
    assert_eq!(status["ready"], false);
    assert_eq!(status["level"], "critical");
    assert_eq!(status["reasons"], json!(["starting"]));
    assert_eq!(status["archive"]["archived_until"], Value::Null);
    assert_eq!(status["witnesses"], json!([]));
    assert_eq!(status["store"], json!({"requests": 0, "errors": 0, "codes": []}));
    assert_eq!(status["partitions"]["rows"], json!([]));
    assert_eq!(
        (&status["partitions"]["page"], &status["partitions"]["pages"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn the_data_has_what_the_archiver_reported() {
    let (vitals, address) = served().await;
    let (metrics, now) = (&vitals.metrics, vitals.clock.utc_seconds());
    let in_s = |seconds: i64| UtcSeconds::from_unix(now.unix() + seconds);
    metrics.begin(&[], in_s(-60));
    let payments = metrics.partition(&TopicPartition::new("payments", 1), in_s(-60));
    payments.linked(147, Some(81_234));
    payments.archived(1_000, Some(now.unix() - 45));
    payments.lagging(9);
    payments.buffered(512);
    payments.seal_due(Some(now.unix() + 1_000));
    payments.deletion_due(Some(in_s(90_000)));
    metrics.memory(512, 1_024);
    metrics.covered(14, in_s(-5));
    metrics.mirror_behind("folder /mnt/checkpoints", 3);
    metrics.witness("witness.example", in_s(-60)).cosigned(12, in_s(-4_000));
    for (code, times) in [("ok", 5), ("SlowDown", 1), ("no_answer", 2)] {
        for _ in 0..times {
            metrics.store_answered("create", code, 0.1);
        }
    }
    vitals.health.ready();
    let status = status(address, "").await;
    assert_eq!(
        (&status["ready"], &status["alive"], &status["level"]),
        (&json!(true), &json!(true), &json!("warning"))
    );
    let row = &status["partitions"]["rows"][0];
    for (field, value) in [
        ("topic", json!("payments")),
        ("partition", json!(1)),
        ("level", json!("ok")),
        ("stopped", Value::Null),
        ("next_offset", json!(1_000)),
        ("lag", json!(9)),
        ("archived_until", json!(now.unix() - 45)),
        ("buffered_bytes", json!(512)),
        ("records", json!(147)),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    let near = |value: &Value, seconds: i64| (value.as_i64().unwrap() - seconds).abs() <= 2;
    assert!(
        near(&row["seal_in_s"], 1_000) && near(&row["until_deletion_s"], 90_000),
        "{row}"
    );
    assert!(near(&row["since_commit_s"], 60), "{row}");
    assert_eq!(status["archive"]["archived_until"], now.unix() - 45);
    assert_eq!(
        (&status["archive"]["lag"], &status["archive"]["stored_bytes"]),
        (&json!(9), &json!(81_234))
    );
    assert_eq!(
        (&status["checkpoint"]["size"], &status["checkpoint"]["level"]),
        (&json!(14), &json!("ok"))
    );
    let witness = &status["witnesses"][0];
    assert_eq!(
        (&witness["name"], &witness["behind"], &witness["level"]),
        (&json!("witness.example"), &json!(2), &json!("warning"))
    );
    assert_eq!(
        status["mirrors"],
        json!([{"name": "folder /mnt/checkpoints", "behind": 3, "level": "warning"}])
    );
    assert_eq!(
        status["store"],
        json!({"requests": 8, "errors": 3, "codes": [["no_answer", 2], ["SlowDown", 1]]})
    );
    // The first sample is from the start.
    assert_eq!(status["history"]["every_s"], 10);
    assert_eq!(status["history"]["samples"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_needs_attention_is_first_and_a_page_is_bounded_at_ten_thousand_partitions() {
    let (vitals, address) = served().await;
    let now = vitals.clock.utc_seconds();
    let in_s = |seconds: i64| UtcSeconds::from_unix(now.unix() + seconds);
    for number in 0..10_000 {
        let partition = vitals.metrics.partition(&TopicPartition::new("orders", number), now);
        partition.archived(5, None);
        partition.lagging(i64::from(number % 100));
        match number {
            7 => partition.deletion_due(Some(in_s(50_000))),
            8 => partition.deletion_due(Some(in_s(100))),
            9 => partition.deletion_due(Some(in_s(40_000))),
            _ => {}
        }
    }
    vitals.metrics.stopped("orders", Some(4_321), Some("truncated"));
    let (_, body) = get(address, "/status.json").await;
    assert!(body.len() < 30_000, "{} bytes", body.len());
    let first = status(address, "").await;
    assert_eq!(
        names(&first)[..6],
        [
            "orders/8",
            "orders/4321",
            "orders/9",
            "orders/7",
            "orders/99",
            "orders/199"
        ]
    );
    let partitions = &first["partitions"];
    for (field, value) in [
        ("total", 10_000),
        ("matching", 10_000),
        ("critical", 2),
        ("warning", 2),
        ("pages", 200),
    ] {
        assert_eq!(partitions[field], value, "{field}");
    }
    assert_eq!(names(&first).len(), 50);
    assert_eq!(
        first["stopped"],
        json!([{"topic": "orders", "partition": "4321", "reason": "truncated"}])
    );
    // A page behind the last is the last, and the filter takes what a browser encodes.
    assert_eq!(status(address, "?page=999999").await["partitions"]["page"], 199);
    assert_eq!(status(address, "?page=x&other").await["partitions"]["page"], 0);
    let filtered = status(address, "?filter=+ORDERS%2F432&page=0").await;
    assert_eq!(filtered["partitions"]["matching"], 11);
    assert_eq!(names(&filtered)[0], "orders/4321");
}

#[tokio::test]
async fn a_partition_is_archived_up_to_the_time_at_which_it_had_caught_up() {
    let (vitals, address) = served().await;
    let now = vitals.clock.utc_seconds();
    let [one, other] = [0, 1].map(|number| vitals.metrics.partition(&TopicPartition::new("orders", number), now));
    one.archived(5, Some(1_000));
    assert_eq!(status(address, "").await["archive"]["archived_until"], Value::Null);
    other.caught_up(3_000);
    assert_eq!(status(address, "").await["archive"]["archived_until"], 1_000);
    one.caught_up(2_000);
    // An older record, as after a restart of a producer whose clock is behind, takes nothing back.
    one.archived(6, Some(1_500));
    assert_eq!(status(address, "").await["archive"]["archived_until"], 2_000);
}

#[tokio::test]
async fn names_of_topics_are_data_and_the_page_may_run_no_script_but_its_own() {
    let (vitals, address) = served().await;
    let name = "<img src=x onerror=alert(1)>\"\u{2028}";
    drop(
        vitals
            .metrics
            .partition(&TopicPartition::new(name, 0), vitals.clock.utc_seconds()),
    );
    let (head, _) = get(address, "/status.json").await;
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert_eq!(status(address, "").await["partitions"]["rows"][0]["topic"], name);
    for (path, content_type) in [
        ("/", "text/html"),
        ("/status.css", "text/css"),
        ("/status.js", "text/javascript"),
        ("/format.js", "text/javascript"),
        ("/plot.js", "text/javascript"),
    ] {
        let (head, body) = get(address, path).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        assert!(
            head.contains(&format!("content-type: {content_type}; charset=utf-8")),
            "{path}: {head}"
        );
        assert!(
            head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{path}: {head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {head}");
        for means in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "https://",
        ] {
            assert!(!body.contains(means), "{path} has {means}");
        }
    }
}

//! `ingest --exactly-once`: after repeated kills a file is in Kafka once, as readers of committed records see it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use kivend::clock::random_bytes;

use super::shop::Shop;

/// How often ingest is killed by default; `KIVEND_TEST_KILLS` sets another number.
const KILLS: u32 = 5;
const EVENTS: u32 = 20_000;
const ONCE: [&str; 3] = ["ingest", "events.jsonl", "--exactly-once"];

fn generate(shop: &Shop) {
    let made = shop.run(&["generate", "--events", &EVENTS.to_string(), "-o", "events.jsonl"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn a_file_whose_ingest_is_killed_repeatedly_is_in_kafka_once() {
    let Some(shop) = Shop::open() else { return };
    generate(&shop);
    let asked = std::env::var("KIVEND_TEST_KILLS").ok();
    let kills = asked.and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    // The whole file takes about as long as all kills together.
    let rate = (EVENTS / (2 * kills)).to_string();
    for round in 0..kills {
        let mut command = shop.kivend(&ONCE);
        let mut ingest = command
            .args(["--rate", &rate])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The kill comes at a random moment between connecting and the last commit.
        let pause_ms = 2_000 + u64::from(u16::from_be_bytes(random_bytes().unwrap())) % 4_000;
        eprintln!("round {round}: killed after {pause_ms} ms");
        std::thread::sleep(Duration::from_millis(pause_ms));
        ingest.kill().unwrap();
        ingest.wait().unwrap();
    }
    let last = shop.json(&ONCE);
    let (skipped, acked) = (last["skipped"].as_u64().unwrap(), last["acked"].as_u64().unwrap());
    eprintln!("{skipped} lines were in Kafka already, {acked} were left");
    assert_eq!(skipped + acked, u64::from(EVENTS), "{last}");
    assert!(skipped > 0, "no transaction was ever committed before a kill");
    assert_eq!(shop.json(&ONCE)["acked"], 0, "sent twice");

    let report = shop.verify_intact(u64::from(EVENTS));
    let counted = |field: &str| -> u64 {
        let topics = report["topics"].as_array().unwrap();
        topics.iter().filter_map(|topic| topic[field].as_u64()).sum()
    };
    assert_eq!(
        (counted("distinct_events"), counted("repeated_events")),
        (u64::from(EVENTS), 0)
    );
}

#[test]
fn what_is_added_to_a_file_is_sent_and_a_file_that_changed_is_refused() {
    let Some(shop) = Shop::open() else { return };
    generate(&shop);
    assert_eq!(
        shop.json(&["ingest", "events.jsonl", "--exactly-once", "--max", "1500"])["acked"],
        1500
    );
    assert_eq!(shop.json(&ONCE)["acked"], EVENTS - 1500);

    let file = shop.folder().join("events.jsonl");
    let mut grown = OpenOptions::new().append(true).open(&file).unwrap();
    writeln!(
        grown,
        "{{\"event_type\":\"page_view\",\"user_id\":\"u1\",\"event_id\":\"added\"}}"
    )
    .unwrap();
    let added = shop.json(&ONCE);
    assert_eq!(
        (added["acked"].as_u64(), added["skipped"].as_u64()),
        (Some(1), Some(u64::from(EVENTS)))
    );

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"event_id\": \"", "\"event_id\": \"x", 1)).unwrap();
    let refused = shop.run(&ONCE);
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && stderr.contains("not those that an earlier run sent"),
        "{stderr}"
    );

    let from_stdin = shop.run(&["ingest", "-", "--exactly-once"]);
    let stderr = String::from_utf8_lossy(&from_stdin.stderr).into_owned();
    assert_eq!(from_stdin.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("standard input"), "{stderr}");
    shop.verify_intact(u64::from(EVENTS) + 1);
}

#[test]
fn a_second_ingest_of_a_file_shuts_out_the_first() {
    let Some(shop) = Shop::open() else { return };
    generate(&shop);
    let mut command = shop.kivend(&ONCE);
    let slow = command
        .args(["--rate", "1000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let second = shop.json(&ONCE);
    let first = slow.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&first.stderr).into_owned();
    assert_eq!(first.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("taken over") || stderr.contains("not delivered"),
        "{stderr}"
    );
    let all = second["acked"].as_u64().unwrap() + second["skipped"].as_u64().unwrap();
    assert_eq!(all, u64::from(EVENTS), "{second}");
    shop.verify_intact(u64::from(EVENTS));
}

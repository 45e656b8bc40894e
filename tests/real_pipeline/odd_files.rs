//! `ingest --exactly-once` of files as people have them: while they are written, and after they were rotated.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use serde_json::Value;

use super::shop::Shop;

fn event(number: u32) -> String {
    format!("{{\"event_type\":\"page_view\",\"event_id\":\"e{number}\",\"customer_id\":\"C{number}\"}}\n")
}

fn events(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(event).collect()
}

fn append(shop: &Shop, file: &str, text: &str) {
    let path = shop.folder().join(file);
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn once(shop: &Shop, file: &str) -> Value {
    shop.json(&["ingest", file, "--exactly-once"])
}

#[test]
fn a_line_that_is_half_written_is_left_for_the_next_run() {
    let Some(shop) = Shop::open() else { return };
    let half = event(2);
    let (start, end) = half.split_at(30);
    append(&shop, "app.log", &(event(1) + start));
    let report = once(&shop, "app.log");
    assert_eq!(
        (&report["acked"], &report["rejected"]),
        (&1.into(), &0.into()),
        "{report}"
    );
    assert_eq!(report["unfinished"][0]["bytes"], 30);
    append(&shop, "app.log", &(end.to_owned() + &event(3)));
    let report = once(&shop, "app.log");
    assert_eq!(
        (&report["acked"], &report["skipped"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    // The last event of a file may lack its newline for good.
    append(&shop, "app.log", event(4).trim_end());
    assert_eq!(once(&shop, "app.log")["acked"], 1);
    append(&shop, "app.log", &("\n".to_owned() + &event(5)));
    assert_eq!(once(&shop, "app.log")["acked"], 1);
    shop.verify_intact(5);
}

#[test]
fn a_log_that_is_rotated_is_in_kafka_once() {
    let Some(shop) = Shop::open() else { return };
    let path = |name: &str| shop.folder().join(name);
    append(&shop, "app.log", &events(1..=100));
    assert_eq!(once(&shop, "app.log")["acked"], 100);

    // By renaming.
    append(&shop, "app.log", &events(101..=150));
    fs::rename(path("app.log"), path("app.log.1")).unwrap();
    append(&shop, "app.log", &events(151..=160));
    let report = once(&shop, "app.log");
    assert_eq!(
        (&report["acked"], &report["skipped"]),
        (&60.into(), &100.into()),
        "{report}"
    );
    assert!(
        report["rotated"][0]["found"].as_str().unwrap().ends_with("app.log.1"),
        "{report}"
    );
    assert_eq!(once(&shop, "app.log.1")["acked"], 0);

    // By copying and truncating, and once more by renaming the copies.
    append(&shop, "app.log", &events(161..=170));
    fs::rename(path("app.log.1"), path("app.log.2")).unwrap();
    fs::copy(path("app.log"), path("app.log.1")).unwrap();
    fs::write(path("app.log"), events(171..=400)).unwrap();
    let report = once(&shop, "app.log");
    assert_eq!(
        (&report["acked"], &report["skipped"]),
        (&240.into(), &10.into()),
        "{report}"
    );
    let all = shop.json(&["ingest", "app.log.2", "app.log.1", "app.log", "--exactly-once"]);
    assert_eq!((&all["acked"], &all["skipped"]), (&0.into(), &400.into()), "{all}");
    shop.verify_intact(400);
}

#[test]
fn the_whole_lines_of_a_truncated_file_are_sent_once() {
    let Some(shop) = Shop::open() else { return };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(events(1..=5_000).as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    fs::write(shop.folder().join("app.log"), &whole[..whole.len() / 2]).unwrap();
    let run = |code: i32| -> Value {
        let output = shop.run(&["ingest", "app.log", "--exactly-once", "--format", "json"]);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let cut = run(1);
    let sent = cut["acked"].as_u64().unwrap();
    assert!(
        sent > 100 && cut["broken_inputs"][0]["reason"].as_str().unwrap().contains("app.log"),
        "{cut}"
    );
    fs::write(shop.folder().join("app.log"), whole).unwrap();
    assert_eq!(run(0)["acked"], 5_000 - sent);
    shop.verify_intact(5_000);
}

#[test]
fn a_line_whose_carriage_return_is_not_written_yet_is_left_for_the_next_run() {
    let Some(shop) = Shop::open() else { return };
    let line = |number: u32| event(number).replace('\n', "\r\n");
    append(&shop, "app.log", &(line(1) + line(2).trim_end()));
    let report = once(&shop, "app.log");
    assert_eq!((&report["acked"], &report["read"]), (&1.into(), &1.into()), "{report}");
    append(&shop, "app.log", &("\r\n".to_owned() + &line(3)));
    assert_eq!(once(&shop, "app.log")["acked"], 2);
    shop.verify_intact(3);
}

#[test]
fn a_log_that_is_truncated_while_its_writer_keeps_its_place_is_sent_whole() {
    let Some(shop) = Shop::open() else { return };
    let path = |name: &str| shop.folder().join(name);
    let mut writer = fs::File::create(path("app.log")).unwrap();
    writer.write_all(events(1..=50_000).as_bytes()).unwrap();
    assert_eq!(once(&shop, "app.log")["acked"], 50_000);
    fs::copy(path("app.log"), path("app.log.1")).unwrap();
    writer.set_len(0).unwrap();
    // The file is a hole of several megabytes before this.
    writer.write_all(events(50_001..=50_100).as_bytes()).unwrap();
    let report = once(&shop, "app.log");
    assert_eq!(
        (&report["acked"], &report["rejected"], &report["skipped"]),
        (&100.into(), &0.into(), &50_000.into()),
        "{report}"
    );
    shop.verify_intact(50_100);
}

#[test]
fn a_file_that_was_changed_does_not_keep_the_others_from_being_sent() {
    let Some(shop) = Shop::open() else { return };
    append(&shop, "changed.log", &events(1..=3));
    append(&shop, "other.log", &event(4));
    once(&shop, "changed.log");
    fs::write(shop.folder().join("changed.log"), events(2..=3)).unwrap();
    let output = shop.run(&[
        "ingest",
        "changed.log",
        "other.log",
        "--exactly-once",
        "--format",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["acked"], 1, "{report}");
    let reason = report["broken_inputs"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("was changed") && reason.contains("changed.log"),
        "{reason}"
    );
    shop.verify_intact(4);
}

#[test]
fn a_log_that_was_rotated_twice_is_told_as_not_sent_in_whole() {
    let Some(shop) = Shop::open() else { return };
    let path = |name: &str| shop.folder().join(name);
    append(&shop, "app.log", &events(1..=10));
    once(&shop, "app.log");
    fs::rename(path("app.log"), path("app.log.2")).unwrap();
    append(&shop, "app.log.1", &events(11..=20));
    append(&shop, "app.log", &events(21..=30));
    let run = |code: i32, files: &[&str]| -> Value {
        let output = shop.run(&[&["ingest", "--exactly-once", "--format", "json"], files].concat());
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let report = run(1, &["app.log"]);
    assert_eq!(report["acked"], 10, "{report}");
    assert!(
        report["rotated"][0]["unsent"][0]
            .as_str()
            .unwrap()
            .ends_with("app.log.1"),
        "{report}"
    );
    assert_eq!(run(0, &["app.log.1", "app.log"])["acked"], 10);
    shop.verify_intact(30);
}

#[test]
fn rejected_lines_that_cannot_be_written_end_the_run_before_their_mark() {
    let Some(shop) = Shop::open() else { return };
    append(&shop, "app.log", &(event(1) + "bad\n" + &event(2)));
    let run = |rejects: &str| {
        let output = shop.run(&[
            "ingest",
            "app.log",
            "--exactly-once",
            "--rejects",
            rejects,
            "--format",
            "json",
        ]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report
    };
    let full = run("/dev/full");
    assert_eq!((&full["acked"], &full["failed"]), (&0.into(), &2.into()), "{full}");
    assert!(full["lost_rejects"]["reason"].is_string(), "{full}");
    let again = run("rejects");
    assert_eq!((&again["acked"], &again["rejected"]), (&2.into(), &1.into()), "{again}");
    shop.verify_intact(2);
}

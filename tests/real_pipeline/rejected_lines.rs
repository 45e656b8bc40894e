//! `ingest --rejects` across runs: a line that is not sent is in the file of rejected lines, whatever happens to the run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::shop::Shop;

const ONCE: [&str; 5] = ["ingest", "mixed.jsonl", "--exactly-once", "--rejects", "rejects"];

/// A file in which every other line is no event.
fn mixed(shop: &Shop, pairs: u32) {
    let mut lines = String::new();
    for number in 0..pairs {
        let event =
            format!("{{\"event_type\":\"page_view\",\"event_id\":\"e{number}\",\"customer_id\":\"C{number}\"}}");
        writeln!(lines, "{event}\nbad {number}").unwrap();
    }
    std::fs::write(shop.folder().join("mixed.jsonl"), lines).unwrap();
}

/// The numbers of the rejected lines.
fn rejected(shop: &Shop) -> Vec<u64> {
    let text = std::fs::read_to_string(shop.folder().join("rejects")).unwrap();
    let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap();
    text.lines().map(number).collect()
}

#[test]
fn a_second_run_appends_its_rejected_lines_to_those_of_the_first() {
    let Some(shop) = Shop::open() else { return };
    mixed(&shop, 300);
    let first = shop.run(&[&ONCE[..], &["--max", "100"]].concat());
    assert_eq!(first.status.code(), Some(1));
    let second = shop.run(&ONCE);
    assert_eq!(second.status.code(), Some(1));
    let expected: Vec<u64> = (1..=300).map(|pair| 2 * pair).collect();
    assert_eq!(rejected(&shop), expected);
}

#[test]
fn the_rejected_lines_that_a_mark_covers_survive_a_kill() {
    let Some(shop) = Shop::open() else { return };
    mixed(&shop, 4_000);
    for _ in 0..3 {
        let mut command = shop.kivend(&[&ONCE[..], &["--rate", "200"]].concat());
        let mut ingest = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Long enough for several commits, and not for a buffer of rejected lines to fill.
        std::thread::sleep(Duration::from_millis(4_300));
        ingest.kill().unwrap();
        ingest.wait().unwrap();
    }
    let last = shop.run(&ONCE);
    assert_eq!(last.status.code(), Some(1));
    let found = rejected(&shop);
    let expected: BTreeSet<u64> = (1..=4_000).map(|pair| 2 * pair).collect();
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected);
    assert_eq!(found.len(), expected.len(), "a line is there twice");
}

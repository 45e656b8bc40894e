//! Topics that take smaller batches than the producer makes, and events that are larger than their topic takes.

use std::fmt::Write as _;

use serde_json::Value;

use super::shop::Shop;

/// A shop whose topics take batches of 20 kB.
fn narrow() -> Option<Shop> {
    // Created so: brokers learn of an alteration one after the other.
    Shop::with_settings("[topic_defaults.properties]\nmax.message.bytes = 20000\n")
}

/// Small events, with one of 40 kB after each thousand that cannot be compressed below what the topic takes.
fn events(shop: &Shop, large: u32) -> u64 {
    let (mut lines, mut state) = (String::new(), 1u64);
    for round in 0..=large {
        for number in 0..1_000 {
            let line = "{\"event_type\":\"page_view\",\"customer_id\":\"C1\",\"event_id\":";
            writeln!(lines, "{line}\"{round}-{number}\"}}").unwrap();
        }
        if round < large {
            let mut noise = String::new();
            while noise.len() < 60_000 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                write!(noise, "{state:016x}").unwrap();
            }
            writeln!(lines, "{{\"event_type\":\"page_view\",\"noise\":\"{noise}\"}}").unwrap();
        }
    }
    std::fs::write(shop.folder().join("narrow.jsonl"), lines).unwrap();
    u64::from(large + 1) * 1_000
}

fn run(shop: &Shop, arguments: &[&str]) -> Value {
    let output = shop.run(
        &[
            &["ingest", "narrow.jsonl", "--rejects", "rejects", "--format", "json"],
            arguments,
        ]
        .concat(),
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn rejected(shop: &Shop) -> Vec<Value> {
    let text = std::fs::read_to_string(shop.folder().join("rejects")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn small_events_arrive_in_a_topic_that_takes_small_batches_only() {
    let Some(shop) = narrow() else { return };
    let small = events(&shop, 0);
    assert_eq!(run(&shop, &[])["acked"], small);
    let once = run(&shop, &["--exactly-once"]);
    assert_eq!((&once["acked"], &once["failed"]), (&small.into(), &0.into()));
    shop.verify_intact(2 * small);
}

#[test]
fn large_events_among_small_ones_are_rejected_alone() {
    for mode in [&[][..], &["--exactly-once"]] {
        let Some(shop) = narrow() else { return };
        let small = events(&shop, 3);
        let report = run(&shop, mode);
        assert_eq!(
            (&report["acked"], &report["failed"]),
            (&small.into(), &3.into()),
            "{report}"
        );
        let reject = |row: &Value| {
            (
                row["line"].as_u64().unwrap(),
                row["reason"].as_str().unwrap().to_owned(),
            )
        };
        let mut places: Vec<_> = rejected(&shop).iter().map(reject).collect();
        places.sort();
        let refused = |line| (line, "refused".to_owned());
        assert_eq!(places, [1_001, 2_002, 3_003].map(refused));
        shop.verify_intact(small);
        if !mode.is_empty() {
            assert_eq!(run(&shop, mode)["skipped"], small + 3);
        }
    }
}

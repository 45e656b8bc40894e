//! The generated events as a whole: their counts, their order, and their bytes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use crate::event::routing::Routing;
use crate::record::hash::Hash;
use crate::synthetic::{EVENTS_DEFAULT, Naming, Shop};

fn generate(events: u64, seed: u64) -> Vec<u8> {
    lines_of(Shop::new(events, seed))
}

fn original(events: u64, seed: u64) -> Vec<u8> {
    lines_of(Shop::new(events, seed).named(Naming::Original))
}

fn lines_of(mut shop: Shop) -> Vec<u8> {
    let mut lines = Vec::new();
    while shop.write_session(&mut lines).is_some() {}
    lines
}

fn parsed(lines: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(lines).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn counts(events: &[Value]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(event["event_type"].as_str().unwrap()).or_default() += 1;
    }
    counts
}

fn by_topic<'a>(routing: &'a Routing, events: &[Value]) -> BTreeMap<&'a str, u64> {
    let mut topics: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        let topic = routing.topic_of(event["event_type"].as_str().unwrap());
        *topics.entry(&routing.topics()[topic]).or_default() += 1;
    }
    topics
}

/// With the names of the data set after which the shop is modelled.
#[test]
fn the_original_run_has_exactly_the_known_counts() {
    let lines = original(EVENTS_DEFAULT, 42);
    let events = parsed(&lines);
    let expected = BTreeMap::from([
        ("page_view", 15_726),
        ("product_view", 12_907),
        ("add_to_cart", 8_597),
        ("search", 8_581),
        ("view_cart", 5_745),
        ("payment_attempt", 4_337),
        ("checkout_start", 3_613),
        ("remove_from_cart", 3_589),
        ("payment_success", 3_226),
        ("add_payment_method", 2_811),
        ("payment_failed", 2_562),
    ]);
    assert_eq!(counts(&events), expected);
    let routing = Routing::of_the_shop();
    assert_eq!(
        by_topic(&routing, &events),
        BTreeMap::from([("user-events", 64_131), ("payments", 7_563)])
    );
    let distinct = |field: &str| {
        events
            .iter()
            .map(|e| e[field].to_string())
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(distinct("event_id"), 71_694);
    assert_eq!(distinct("session_id"), 6_000);
    assert_eq!(distinct("product_id"), 201, "200 products and null");
    assert!((2_200..2_350).contains(&distinct("customer_id")));
}

#[test]
fn the_default_run_fills_the_topics_of_the_shipped_routing() {
    let events = parsed(&generate(EVENTS_DEFAULT, 42));
    let routing = Routing::of_the_shop();
    let expected = [("user-events", 57_956), ("payments", 10_125), ("orders", 3_613)];
    assert_eq!(by_topic(&routing, &events), BTreeMap::from(expected));
    for event_type in counts(&events).keys() {
        assert_eq!(routing.resembled(event_type), None, "{event_type}");
    }
    // Nothing but the names of two types differs.
    let others = parsed(&original(EVENTS_DEFAULT, 42));
    for (event, mut other) in events.into_iter().zip(others) {
        if other["event_type"] == "checkout_start" {
            other["event_type"] = "checkout".into();
        } else if other["event_type"] == "payment_failed" {
            other["event_type"] = "payment_failure".into();
        }
        assert_eq!(event, other);
    }
}

/// Users rely on these bytes: a seed must give the same events in every version.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let lines = original(EVENTS_DEFAULT, 42);
    assert_eq!(lines.len(), 25_338_561);
    let start = Hash::of(&lines[..1_000_000]).to_string();
    assert_eq!(
        start,
        "383c973dd290c21175de6e0181beac9b6b102d4897354bd52b5f01ffd86e7014"
    );
    let all = Hash::of(&lines).to_string();
    assert_eq!(all, "89a3655729290704bcb779574cfd91965d1623b4cb4cc3f08ef66e0db96c6ef1");
    let routed = generate(EVENTS_DEFAULT, 42);
    // checkout is six bytes shorter than checkout_start, payment_failure is one byte longer than payment_failed.
    assert_eq!(routed.len(), 25_338_561 - 6 * 3_613 + 2_562);
    let all = Hash::of(&routed).to_string();
    assert_eq!(all, "474b90f659e6aff6467e6b0ced0eb308be71e0e3256ad6419267de8c84196c3c");
    assert_ne!(generate(100, 42), generate(100, 43));
}

#[test]
fn a_line_has_the_members_of_the_reference_data_with_the_spacing_of_python() {
    let lines = generate(1_000, 7);
    let first = std::str::from_utf8(&lines).unwrap().lines().next().unwrap();
    let names: Vec<&str> = first.split('"').filter(|part| !part.starts_with([':', ','])).collect();
    assert!(first.starts_with("{\"event_id\": \""), "{first}");
    assert_eq!(names[3], "ts");
    for event in parsed(&lines) {
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        assert_eq!(text("event_id").len(), 32);
        assert_eq!(text("ts").len(), "2025-11-19 14:31:02.594554442".len());
        assert_eq!(text("ip_hash").len(), 16);
        assert_eq!(event.as_object().unwrap().len(), 13);
    }
}

/// What `kivend generate --fraud` documents, and tests/flink expects.
#[test]
fn planted_sessions_follow_the_others_and_their_counts_are_exact() {
    let ordinary = generate(5_000, 3);
    let shop = Shop::new(5_000, 3).with_fraud();
    assert_eq!(shop.events(), 5_000 + 1_235);
    let lines = lines_of(shop);
    assert!(lines.starts_with(&ordinary), "the same seed gives the same bytes first");
    let events = parsed(&lines[ordinary.len()..]);
    assert_plausible(&events);
    let expected = BTreeMap::from([
        ("page_view", 155),
        ("product_view", 195),
        ("add_to_cart", 195),
        ("view_cart", 155),
        ("checkout", 155),
        ("payment_attempt", 190),
        ("payment_success", 130),
        ("payment_failure", 60),
    ]);
    assert_eq!(counts(&events), expected);
    let customers: BTreeSet<&str> = events
        .iter()
        .map(|event| event["customer_id"].as_str().unwrap())
        .collect();
    assert_eq!(customers.len(), 40);
    assert!(
        customers
            .iter()
            .all(|id| id.starts_with("planted-") || id.starts_with("nearly-"))
    );
}

/// Sessions are contiguous and in order of time, and no step comes before the step that it needs.
fn assert_plausible(events: &[Value]) {
    let mut seen = BTreeSet::new();
    for session in events.chunk_by(|one, next| one["session_id"] == next["session_id"]) {
        assert!(
            seen.insert(session[0]["session_id"].to_string()),
            "a session in two pieces"
        );
        assert!(session.is_sorted_by_key(|event| event["ts"].as_str()));
        let (mut cart, mut last) = (Vec::new(), "");
        for event in session {
            let event_type = event["event_type"].as_str().unwrap();
            let product = &event["product_id"];
            match event_type {
                "add_to_cart" => cart.push(product.clone()),
                "remove_from_cart" => {
                    let place = cart.iter().position(|item| item == product);
                    cart.swap_remove(place.expect("what is put back was taken"));
                }
                "checkout" => assert!(last == "view_cart" && !cart.is_empty()),
                "payment_failure" => assert_eq!(last, "payment_attempt"),
                "payment_success" => assert!(last == "payment_attempt" || last == "payment_failure"),
                _ => {}
            }
            assert_eq!(
                product.is_string(),
                matches!(event_type, "product_view" | "add_to_cart" | "remove_from_cart")
            );
            last = event_type;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_number_of_events_is_exact_and_plausible(count in 0u64..1_500, seed: u64) {
        let lines = generate(count, seed);
        let events = parsed(&lines);
        prop_assert_eq!(events.len() as u64, count);
        assert_plausible(&events);
    }
}

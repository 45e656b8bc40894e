//! The golden vectors of forged segments, which tools/make_forged_segments.py writes: both verifiers must refuse each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

use crate::product::record::position::TopicPartition;
use crate::product::segment::check::examine;

fn vectors() -> Value {
    let path = format!("{}/tests/vectors/forged_segments.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether the case is a segment of the signed records in which no reader sees anything else.
fn is_accepted(case: &Value, root: &str) -> Result<(), String> {
    let object = Bytes::from(BASE64.decode(case["object_base64"].as_str().unwrap()).unwrap());
    let examined = examine(object, &TopicPartition::new("payments", 1), &mut |_, _| {});
    let examined = examined.map_err(|unreadable| unreadable.to_string())?;
    match examined.mismatches.first() {
        Some(mismatch) => Err(format!("{mismatch:?}")),
        None if examined.root.to_string() != root => Err("another root".to_owned()),
        None => Ok(()),
    }
}

#[test]
fn no_forged_segment_of_the_vectors_is_accepted() {
    let vectors = vectors();
    let root = vectors["records_root"].as_str().unwrap();
    for case in vectors["valid"].as_array().unwrap() {
        assert_eq!(is_accepted(case, root), Ok(()), "{}", case["name"]);
    }
    let forged = vectors["forged"].as_array().unwrap();
    let accepted = forged.iter().filter(|case| is_accepted(case, root).is_ok());
    let accepted: Vec<&Value> = accepted.map(|case| &case["name"]).collect();
    assert!(accepted.is_empty(), "{accepted:?}");
}

//! Typed columns are what `docs/FORMAT.md` says, also for values that two JSON readers interpret differently. The
//! vectors come from a script that shares no code with the crate.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kivend::segment::projection::cell::{Cell, Projector};
use kivend::segment::projection::rules::Projection;
use serde_json::{Map, Value, json};

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/projection.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn cell(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Int64(number) | Cell::Decimal(number) | Cell::TimestampUs(number) => json!(number),
        Cell::Float64(number) => json!(format!("{:016x}", number.to_bits())),
        Cell::Bool(bool) => json!(bool),
    }
}

#[test]
fn every_value_gives_the_columns_of_the_vectors() {
    let mut wrong = Vec::new();
    for group in vectors()["groups"].as_array().unwrap() {
        let projection = Projection::from_text(group["projection"].as_str().unwrap()).unwrap();
        let mut projector = Projector::new(&projection);
        for case in group["cases"].as_array().unwrap() {
            let value = case["value_base64"]
                .as_str()
                .map(|coded| STANDARD.decode(coded).unwrap());
            let mut columns = Map::new();
            let error = projector.project(value.as_deref(), |index, found| {
                columns.insert(projection.rules()[index].column.clone(), cell(found));
            });
            let error = json!(error.map(kivend::segment::projection::cell::ParseError::name));
            if Value::Object(columns.clone()) != case["columns"] || error != case["parse_error"] {
                wrong.push(format!("{}: {columns:?} {error}", case["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_taken_and_refused_as_the_vectors_say() {
    let vectors = vectors();
    for text in vectors["valid_rules"].as_array().unwrap() {
        let text = text.as_str().unwrap();
        assert_eq!(Projection::from_text(text).unwrap().to_text().unwrap(), text);
    }
    for case in vectors["invalid_rules"].as_array().unwrap() {
        let text = case["projection"].as_str().unwrap();
        assert!(Projection::from_text(text).is_err(), "{}", case["why"]);
    }
}

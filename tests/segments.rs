//! Later versions read segments of earlier ones. Every file in `tests/segments` holds the same records, written by
//! versions of this crate and by another Parquet writer; the files are never rewritten.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use kivend::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use kivend::record::record::{Header, LeafHasher, Record, Timestamp};
use kivend::segment::check::examine;
use kivend::segment::encode::encode;
use kivend::segment::footer::Footer;
use kivend::segment::projection::cell::{Cell, Projector};
use kivend::segment::projection::rules::Projection;
use kivend::segment::rows::Rows;
use serde_json::{Map, Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/segments")
}

fn golden() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("records.json")).unwrap()).unwrap()
}

/// A field of the footer. All of them are strings.
fn field<'a>(golden: &'a Value, key: &str) -> &'a str {
    golden["footer"][key].as_str().unwrap()
}

fn partition(golden: &Value) -> TopicPartition {
    TopicPartition::new(field(golden, "topic"), field(golden, "partition").parse().unwrap())
}

fn projection(golden: &Value) -> Projection {
    Projection::from_text(field(golden, "projection")).unwrap()
}

fn footer(golden: &Value) -> Footer {
    Footer {
        topic_partition: partition(golden),
        epoch: Epoch(field(golden, "epoch").parse().unwrap()),
        first_offset: FirstOffset(field(golden, "first_offset").parse().unwrap()),
        next_offset: NextOffset(field(golden, "next_offset").parse().unwrap()),
        record_count: field(golden, "record_count").parse().unwrap(),
        records_root: field(golden, "records_root").parse().unwrap(),
        previous: field(golden, "previous").parse().unwrap(),
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str().map(|coded| STANDARD.decode(coded).unwrap())
}

/// Calls `take` with each golden record and its case.
fn for_each_record(golden: &Value, mut take: impl FnMut(&Record<'_>, &Value)) {
    for case in golden["records"].as_array().unwrap() {
        let (key, value) = (bytes(&case["key_base64"]), bytes(&case["value_base64"]));
        let headers = case["headers"].as_array().unwrap().iter();
        let headers: Vec<_> = headers
            .map(|header| (bytes(&header[0]).unwrap(), bytes(&header[1])))
            .collect();
        let headers: Vec<Header<'_>> = headers
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_deref(),
            })
            .collect();
        let type_code = u8::try_from(case["timestamp_type"].as_u64().unwrap()).unwrap();
        let record = Record {
            offset: case["offset"].as_i64().unwrap(),
            timestamp: Timestamp::from_stored(type_code, case["timestamp_ms"].as_i64()).unwrap(),
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
        };
        take(&record, case);
    }
}

/// A record as text, so that a failure shows the difference.
fn shown(record: &Record<'_>) -> String {
    format!("{record:?}")
}

#[test]
fn every_golden_file_holds_the_golden_records() {
    let golden = golden();
    let mut expected = Vec::new();
    for_each_record(&golden, |record, _| expected.push(shown(record)));
    let mut files = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let object = Bytes::from(std::fs::read(&path).unwrap());
        let mut records = Vec::new();
        let examined = examine(object, &partition(&golden), &mut |record, _| {
            records.push(shown(record));
        })
        .unwrap();
        assert_eq!(records, expected, "{}", path.display());
        assert_eq!(examined.mismatches, [], "{}", path.display());
        assert_eq!(examined.root, footer(&golden).records_root, "{}", path.display());
        assert_eq!(examined.footer, footer(&golden), "{}", path.display());
        assert_eq!(examined.projection, projection(&golden), "{}", path.display());
        files += 1;
    }
    assert!(files >= 2);
}

#[test]
fn every_golden_record_has_its_leaf_and_its_typed_columns() {
    let golden = golden();
    let projection = projection(&golden);
    let mut projector = Projector::new(&projection);
    let mut hasher = LeafHasher::new(&partition(&golden));
    for_each_record(&golden, |record, case| {
        assert_eq!(json!(hasher.leaf(record)), case["leaf"]);
        let mut columns = Map::new();
        let error = projector.project(record.value, |index, cell| {
            let cell = match cell {
                Cell::Null => Value::Null,
                Cell::Text(text) => json!(text),
                Cell::Int64(number) | Cell::Decimal(number) | Cell::TimestampUs(number) => json!(number),
                Cell::Float64(number) => json!(number),
                Cell::Bool(bool) => json!(bool),
            };
            columns.insert(projection.rules()[index].column.clone(), cell);
        });
        assert_eq!(Value::Object(columns), case["columns"]);
        assert_eq!(
            json!(error.map(kivend::segment::projection::cell::ParseError::name)),
            case["parse_error"]
        );
    });
}

/// Run with `KIVEND_TEST_WRITE_GOLDEN` for a version whose bytes differ from those of all earlier ones.
#[test]
fn the_golden_file_of_this_version_is_written_when_asked_for() {
    if std::env::var_os("KIVEND_TEST_WRITE_GOLDEN").is_none() {
        return;
    }
    let golden = golden();
    let mut rows = Rows::new(&partition(&golden));
    for_each_record(&golden, |record, _| rows.push(record));
    let bytes = encode(rows, &footer(&golden), &projection(&golden)).unwrap();
    let name = format!("kivend-{}.parquet", env!("CARGO_PKG_VERSION"));
    std::fs::write(folder().join(name), bytes).unwrap();
}

//! Columns of the files of known sinks are found.

use crate::audit::columns::{CellKind, Columns, Leaf, Request, Role, Unit, resolve};
use crate::audit::name_pattern::Named;

fn leaves(columns: &[(&str, CellKind)]) -> Vec<Leaf> {
    let leaf = |(path, kind): &(&str, CellKind)| Leaf {
        path: (*path).to_owned(),
        kind: *kind,
    };
    columns.iter().map(leaf).collect()
}

fn resolved(columns: &[(&str, CellKind)], key: &str, request: &Request) -> Result<(String, Columns), String> {
    let leaves = leaves(columns);
    resolve(&leaves, key, &[], request).map(|columns| (columns.describe(&leaves), columns))
}

const PARSED: [(&str, CellKind); 2] = [("id", CellKind::Bytes), ("value", CellKind::Bytes)];
const PLACE: [(&str, CellKind); 3] = [
    ("topic", CellKind::Bytes),
    ("partition", CellKind::Integer),
    ("offset", CellKind::Integer),
];

#[test]
fn sparks_columns_are_found_with_value_key_and_time() {
    let more = [
        ("timestamp", CellKind::Time(Unit::Nanos)),
        ("timestampType", CellKind::Integer),
        ("key", CellKind::Bytes),
        ("value", CellKind::Bytes),
    ];
    let (told, columns) = resolved(&[&PLACE[..], &more].concat(), "part-0-1.parquet", &Request::default()).unwrap();
    assert_eq!(told, "Spark: topic, partition, offset, value, key, timestamp");
    assert_eq!(columns.named, Named::default());
}

#[test]
fn parsed_columns_beside_icebergs_metadata_are_no_raw_value() {
    let place = [
        ("_kafka_metadata.topic", CellKind::Bytes),
        ("_kafka_metadata.partition", CellKind::Integer),
        ("_kafka_metadata.offset", CellKind::Integer),
    ];
    let (told, columns) = resolved(&[&PARSED[..], &place].concat(), "data/0-1.parquet", &Request::default()).unwrap();
    assert!(
        told.starts_with("Iceberg's sink: topic (_kafka_metadata.topic)"),
        "{told}"
    );
    assert_eq!(columns.of(Role::Value), None);
}

#[test]
fn confluents_names_say_the_place_whatever_its_columns_are_named() {
    let columns = [&PARSED[..], &[("offset", CellKind::Integer)]].concat();
    let (told, columns) = resolved(&columns, "t/orders+1+0000000042.snappy.parquet", &Request::default()).unwrap();
    assert_eq!(
        told,
        "Confluent's S3 sink: topic (object name), partition (object name), offset (object name)"
    );
    assert_eq!((columns.named.partition, columns.named.offset), (Some(1), Some(42)));
}

#[test]
fn aivens_offset_is_a_column_and_its_partition_the_name() {
    let columns = [("offset", CellKind::Integer), ("value", CellKind::Bytes)];
    let (told, _) = resolved(&columns, "orders-1-42.parquet", &Request::default()).unwrap();
    assert_eq!(
        told,
        "Aiven's S3 sink: topic (object name), partition (object name), offset, value"
    );
}

#[test]
fn what_the_user_names_wins_and_must_be_there() {
    let mut request = Request::default();
    request.columns[Role::Value as usize] = Some("id".to_owned());
    let (_, columns) = resolved(&[&PARSED[..], &PLACE].concat(), "x.parquet", &request).unwrap();
    assert_eq!(columns.of(Role::Value), Some(0));
    request.columns[Role::Value as usize] = Some("payload".to_owned());
    let error = resolved(&PARSED, "x.parquet", &request).unwrap_err();
    assert_eq!(error, "it has no column payload; its columns are id, value");
    request.columns[Role::Value as usize] = None;
    let error = resolved(&PARSED, "x.parquet", &request).unwrap_err();
    assert!(error.starts_with("no column has the partition"), "{error}");
}

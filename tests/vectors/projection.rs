//! Typed columns as an ordinary Parquet reader sees them.

use super::{Disagreements, bytes, list, text, vectors};
use arrow_array::{
    Array, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use kivend::record::{
    hash::Hash,
    position::{Epoch, FirstOffset, NextOffset, TopicPartition},
    record::{Record, Timestamp},
};
use kivend::segment::{encode::encode, footer::Footer, projection::rules::Projection, rows::Rows};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

/// A segment of records with these values, as Parquet bytes.
fn segment(projection: &Projection, values: &[Option<Vec<u8>>]) -> Vec<u8> {
    let topic_partition = TopicPartition::new("payments", 1);
    let mut rows = Rows::new(&topic_partition);
    for (offset, value) in (0i64..).zip(values) {
        rows.push(&Record {
            offset,
            timestamp: Timestamp::create_ms(1),
            key: None,
            value: value.as_deref(),
            headers: &[],
        });
    }
    let footer = Footer {
        topic_partition,
        epoch: Epoch(0),
        first_offset: FirstOffset(0),
        next_offset: NextOffset(i64::try_from(values.len()).unwrap()),
        record_count: values.len() as u64,
        records_root: rows.root(),
        previous: Hash::ZERO,
    };
    encode(rows, &footer, projection).unwrap()
}

/// A cell of a typed column as the vectors write it: a double as its bits in hex, a decimal without its point.
fn cell(batch: &RecordBatch, column: &str, row: usize) -> Value {
    let array = batch.column_by_name(column).unwrap();
    if array.is_null(row) {
        return Value::Null;
    }
    let any = array.as_any();
    if let Some(strings) = any.downcast_ref::<StringArray>() {
        return json!(strings.value(row));
    }
    if let Some(integers) = any.downcast_ref::<Int64Array>() {
        return json!(integers.value(row));
    }
    if let Some(decimals) = any.downcast_ref::<Decimal128Array>() {
        return json!(i64::try_from(decimals.value(row)).unwrap());
    }
    if let Some(doubles) = any.downcast_ref::<Float64Array>() {
        return json!(format!("{:016x}", doubles.value(row).to_bits()));
    }
    if let Some(booleans) = any.downcast_ref::<BooleanArray>() {
        return json!(booleans.value(row));
    }
    json!(any.downcast_ref::<TimestampMicrosecondArray>().unwrap().value(row))
}

#[test]
fn values_project_to_the_typed_columns_of_the_format() {
    let mut disagreements = Disagreements::default();
    for group in list(&vectors("projection"), "groups") {
        let projection = Projection::from_text(text(group, "projection")).unwrap();
        let cases = list(group, "cases");
        let values: Vec<_> = cases.iter().map(|case| bytes(case, "value_base64")).collect();
        let file = segment(&projection, &values);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file))
            .unwrap()
            .with_batch_size(cases.len())
            .build()
            .unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(batches.len(), 1, "one row group holds all cases of a group");
        for (row, case) in cases.iter().enumerate() {
            let mut got = serde_json::Map::new();
            for column in case["columns"].as_object().unwrap().keys() {
                got.insert(column.clone(), cell(&batches[0], column, row));
            }
            let got = (Value::Object(got), cell(&batches[0], "parse_error", row));
            let holds = got == (case["columns"].clone(), case["parse_error"].clone());
            disagreements.unless(
                holds,
                format!(
                    "{}: {}: {} {}, got {got:?}",
                    group["projection"], case["name"], case["columns"], case["parse_error"]
                ),
            );
        }
    }
    disagreements.none();
}

#[test]
fn rules_are_taken_or_refused_as_the_format_says() {
    let file = vectors("projection");
    let mut disagreements = Disagreements::default();
    for rules in list(&file, "valid_rules") {
        let text = rules.as_str().unwrap();
        let again = Projection::from_text(text).map(|projection| projection.to_text().unwrap());
        disagreements.unless(
            again.as_deref().ok() == Some(text),
            format!("valid, but refused: {text}"),
        );
    }
    for case in list(&file, "invalid_rules") {
        disagreements.unless(Projection::from_text(text(case, "projection")).is_err(), &case["why"]);
    }
    disagreements.none();
}

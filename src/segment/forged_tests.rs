//! Forged segments in which some reader would see other rows than the verifier. Each must be detected.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};

use crate::segment::check::{Examined, examine};
use crate::segment::decode::Segment;
use crate::segment::encode::{batch, properties};
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::projection::cell::Projector;
use crate::segment::round_trip_tests::{Owned, event, footer_of, partition, projection, rows_of};
use crate::segment::schema::{Side, arrow_schema};

fn records() -> Vec<Owned> {
    (0..200).map(event).collect()
}

fn footer() -> Footer {
    footer_of(&rows_of(&records()))
}

fn honest_batch() -> RecordBatch {
    let projection = projection();
    let chunk = rows_of(&records()).into_chunks().next().unwrap();
    let schema = arrow_schema(&projection, Side::Writer);
    batch(
        chunk,
        &partition(),
        &mut Projector::new(&projection),
        &projection,
        &schema,
    )
    .unwrap()
}

fn honest_properties() -> WriterPropertiesBuilder {
    properties(&footer(), &projection()).unwrap().into_builder()
}

fn write(batch: &RecordBatch, properties: WriterProperties) -> Bytes {
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    Bytes::from(writer.into_inner().unwrap())
}

fn read(bytes: Bytes) -> Result<Examined, Unreadable> {
    examine(bytes, &partition(), &mut |_, _| {})
}

/// The honest batch with one column replaced.
fn with_column(name: &str, column: ArrayRef) -> RecordBatch {
    let batch = honest_batch();
    let index = batch.schema().index_of(name).unwrap();
    let mut fields: Vec<Field> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    fields[index] = fields[index].clone().with_data_type(column.data_type().clone());
    let mut columns = batch.columns().to_vec();
    columns[index] = column;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The bytes with every occurrence of `from` replaced by `to`, which has the same length.
fn patched(bytes: &Bytes, from: &[u8], to: &[u8]) -> Bytes {
    let mut patched = bytes.to_vec();
    let places: Vec<usize> = (0..=bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        patched[at..at + to.len()].copy_from_slice(to);
    }
    Bytes::from(patched)
}

#[test]
fn honest_segments_pass_with_any_allowed_writer_settings() {
    let plain = |encoding| honest_properties().set_column_encoding("value".into(), encoding);
    for properties in [
        honest_properties(),
        plain(Encoding::PLAIN),
        honest_properties()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_encoding(Encoding::PLAIN),
        honest_properties().set_compression(Compression::ZSTD(ZstdLevel::try_new(9).unwrap())),
        honest_properties()
            .set_data_page_row_count_limit(7)
            .set_write_batch_size(7),
        honest_properties().set_max_row_group_row_count(Some(30)),
        honest_properties().set_statistics_enabled(EnabledStatistics::Chunk),
        honest_properties()
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_write_page_header_statistics(true)
            .set_statistics_truncate_length(Some(3))
            .set_data_page_row_count_limit(7)
            .set_write_batch_size(7),
    ] {
        let examined = read(write(&honest_batch(), properties.build())).unwrap();
        assert_eq!(examined.root, footer().records_root);
        assert_eq!(examined.mismatches, []);
    }
}

#[test]
fn an_index_that_could_hide_rows_is_refused() {
    let with_index = honest_properties().set_offset_index_disabled(false);
    let with_column_index = honest_properties()
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_offset_index_disabled(false);
    let with_bloom_filter = honest_properties().set_bloom_filter_enabled(true);
    let sorted = honest_properties().set_sorting_columns(Some(vec![SortingColumn {
        column_idx: 2,
        descending: false,
        nulls_first: false,
    }]));
    let unpacked = honest_properties().set_column_compression("key".into(), Compression::UNCOMPRESSED);
    let unbounded = honest_properties().set_column_encoding("value".into(), Encoding::DELTA_BYTE_ARRAY);
    let all = [
        with_index,
        with_column_index,
        with_bloom_filter,
        sorted,
        unpacked,
        unbounded,
    ];
    for (index, properties) in all.into_iter().enumerate() {
        let read = read(write(&honest_batch(), properties.build()));
        assert!(matches!(read, Err(Unreadable::Layout(_))), "{index}");
    }
}

#[test]
fn a_false_statistic_of_a_chunk_or_page_is_detected() {
    // The offsets are 0, 2, … 398; the greatest is claimed to be 396.
    let (last, other) = (398i64.to_le_bytes(), 396i64.to_le_bytes());
    let honest = write(&honest_batch(), honest_properties().build());
    let in_pages = honest_properties().set_write_page_header_statistics(true).build();
    for segment in [honest, write(&honest_batch(), in_pages)] {
        let examined = read(patched(&segment, &last, &other)).unwrap();
        assert_eq!(examined.root, footer().records_root);
        assert!(examined.mismatch_count > 0);
        let mismatch = &examined.mismatches[0];
        assert_eq!((mismatch.offset, mismatch.column.as_str()), (398, "offset"));
        assert_eq!(mismatch.what, "a statistic hides an existing row");
    }
}

#[test]
fn a_typed_column_that_differs_from_the_value_is_detected() {
    let mut counts: Vec<i64> = (0..200).collect();
    counts[70] = 71;
    let forged = with_column("count", Arc::new(Int64Array::from(counts)));
    let examined = read(write(&forged, honest_properties().build())).unwrap();
    assert_eq!(examined.root, footer().records_root);
    assert_eq!(examined.mismatch_count, 1);
    assert_eq!(
        (examined.mismatches[0].offset, examined.mismatches[0].column.as_str()),
        (140, "count")
    );
    let errors: StringArray = (0..200).map(|index| (index == 9).then_some("not_json")).collect();
    let examined = read(write(
        &with_column("parse_error", Arc::new(errors)),
        honest_properties().build(),
    ))
    .unwrap();
    assert_eq!(
        (examined.mismatches[0].offset, examined.mismatches[0].column.as_str()),
        (18, "parse_error")
    );
}

#[test]
fn a_row_that_names_another_partition_is_detected() {
    let topics: StringArray = (0..200)
        .map(|index| Some(if index == 3 { "payments" } else { "user-events" }))
        .collect();
    let partitions: Int32Array = (0..200).map(|index| Some(if index == 3 { 5 } else { 4 })).collect();
    for forged in [
        with_column("topic", Arc::new(topics)),
        with_column("partition", Arc::new(partitions)),
    ] {
        let examined = read(write(&forged, honest_properties().build())).unwrap();
        assert_eq!((examined.mismatch_count, examined.mismatches[0].offset), (1, 6));
    }
}

#[test]
fn rows_that_are_no_records_are_refused() {
    let disorder = with_column(
        "offset",
        Arc::new((0..200i64).map(|index| index / 2).collect::<Int64Array>()),
    );
    assert!(matches!(
        read(write(&disorder, honest_properties().build())),
        Err(Unreadable::Row { row: 1, .. })
    ));
    for code in [1i64, 2, 255] {
        let types =
            arrow_array::UInt8Array::from_iter_values((0..200).map(|index| if index == 5 { code as u8 } else { 0 }));
        let examined = read(write(
            &with_column("timestamp_type", Arc::new(types)),
            honest_properties().build(),
        ));
        match examined {
            // With log append time it is a valid but different record.
            Ok(examined) => assert!(code == 1 && examined.root != footer().records_root),
            Err(error) => assert!(matches!(error, Unreadable::Row { row: 5, .. }), "{error}"),
        }
    }
}

#[test]
fn a_timestamp_type_of_more_than_eight_bits_is_refused() {
    // Plain encoding, so that values can be patched. A reader that keeps only the lowest byte takes 256 for 0.
    let types = arrow_array::UInt8Array::from_iter_values((0..200).map(|index| if index % 2 == 0 { 0 } else { 1 }));
    let plain = honest_properties()
        .set_column_dictionary_enabled("timestamp_type".into(), false)
        .set_column_compression(
            "timestamp_type".into(),
            Compression::ZSTD(ZstdLevel::try_new(-7).unwrap()),
        );
    let segment = write(&with_column("timestamp_type", Arc::new(types)), plain.build());
    let forged = patched(&segment, &[0, 0, 0, 0, 1, 0, 0, 0], &[0, 0, 0, 0, 0, 1, 0, 0]);
    assert!(Segment::open(segment).is_ok());
    assert!(matches!(read(forged), Err(Unreadable::Row { .. })));
}

#[test]
fn a_footer_with_missing_repeated_or_invalid_fields_is_refused() {
    let pairs = footer().to_key_values(&projection()).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<KeyValue>)| {
        let mut pairs = pairs.clone();
        change(&mut pairs);
        let properties = honest_properties().set_key_value_metadata(Some(pairs)).build();
        read(write(&honest_batch(), properties))
    };
    let set = |key: &'static str, value: &'static str| {
        changed(&|pairs| {
            let pair = pairs.iter_mut().find(|pair| pair.key == key).unwrap();
            pair.value = Some(value.to_owned());
        })
    };
    assert!(changed(&|pairs| pairs.push(KeyValue::new("note".into(), "of no concern".to_owned()))).is_ok());
    for pair in &pairs {
        assert!(
            changed(&|pairs| pairs.retain(|other| other.key != pair.key)).is_err(),
            "without {}",
            pair.key
        );
        assert!(
            changed(&|pairs| pairs.push(pair.clone())).is_err(),
            "{} twice",
            pair.key
        );
        let without_value = KeyValue::new(pair.key.clone(), None);
        assert!(
            changed(&|pairs| pairs.iter_mut().for_each(|other| if other.key == pair.key {
                *other = without_value.clone();
            }))
            .is_err()
        );
    }
    for (key, value) in [
        ("topic", ".."),
        ("topic", ""),
        ("partition", "-1"),
        ("partition", "04"),
        ("epoch", "+2"),
        ("epoch", "4294967296"),
        ("first_offset", "-1"),
        ("first_offset", "399"),
        ("next_offset", "0"),
        ("next_offset", "9223372036854775808"),
        ("record_count", "0"),
        ("record_count", "199"),
        ("record_count", "400"),
        ("records_root", "00"),
        ("previous", "X"),
        ("projection", "[]"),
        ("projection", "[] "),
    ] {
        assert!(set(key, value).is_err(), "{key}={value}");
    }
}

#[test]
fn columns_other_than_the_formats_are_refused() {
    let batch = honest_batch();
    let schema = batch.schema();
    let with_fields = |order: &[usize], rename: Option<(usize, &str)>, nullable: Option<usize>| {
        let fields: Vec<Field> = order
            .iter()
            .map(|index| {
                let mut field = schema.field(*index).clone();
                if let Some((renamed, name)) = rename.filter(|(renamed, _)| renamed == index) {
                    field = Field::new(name, schema.field(renamed).data_type().clone(), field.is_nullable());
                }
                if nullable == Some(*index) {
                    field = field.clone().with_nullable(!field.is_nullable());
                }
                field
            })
            .collect();
        let columns = order.iter().map(|index| batch.column(*index).clone()).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        read(write(&batch, honest_properties().build()))
    };
    let all: Vec<usize> = (0..batch.num_columns()).collect();
    assert!(with_fields(&all, None, None).is_ok());
    let mut swapped = all.clone();
    swapped.swap(5, 6);
    let mut doubled = all.clone();
    doubled.push(6);
    for (order, rename, nullable) in [
        (&all[1..], None, None),
        (&all[..all.len() - 1], None, None),
        (&swapped, None, None),
        (&doubled, None, None),
        (&all, Some((6, "Value")), None),
        (&all, Some((9, "event_typ")), None),
        (&all, None, Some(2)),
        (&all, None, Some(3)),
        (&all, None, Some(7)),
    ] {
        assert!(
            with_fields(order, rename, nullable).is_err(),
            "{order:?} {rename:?} {nullable:?}"
        );
    }
    let other_type = with_column("partition", Arc::new(Int64Array::from_value(4, 200)));
    assert!(read(write(&other_type, honest_properties().build())).is_err());
}

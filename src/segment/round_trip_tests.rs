//! Encoding and decoding any records.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::record::hash::Hash;
use crate::record::merkle::Tree;
use crate::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};
use crate::record::record::{Header, LeafHasher, Record, Timestamp};
use crate::segment::check::{Examined, examine};
use crate::segment::decode::{Segment, read_footer};
use crate::segment::encode::encode;
use crate::segment::error::SegmentError;
use crate::segment::footer::Footer;
use crate::segment::projection::rules::{ColumnType, Projection, Rule};
use crate::segment::rows::Rows;

/// A header that owns its bytes.
type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

/// A record that owns its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Owned {
    pub(super) offset: i64,
    pub(super) timestamp: Timestamp,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<OwnedHeader>,
}

impl Owned {
    pub(super) fn of(record: &Record<'_>) -> Owned {
        let headers = record.headers.iter();
        Owned {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }

    pub(super) fn lend<T>(&self, take: impl FnOnce(&Record<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_deref(),
            })
            .collect();
        take(&Record {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        })
    }
}

pub(super) fn partition() -> TopicPartition {
    TopicPartition::new("user-events", 4)
}

pub(super) fn projection() -> Projection {
    Projection::new(vec![
        Rule::new("event_ts", "/ts", ColumnType::TimestampUs),
        Rule::new("event_type", "/event_type", ColumnType::String),
        Rule::new("count", "/count", ColumnType::Int64),
        Rule::new(
            "cart_value",
            "/cart_value",
            ColumnType::Decimal {
                precision: 18,
                scale: 2,
            },
        ),
        Rule::new("ratio", "/cart_value", ColumnType::Float64),
        Rule::new("new", "/new", ColumnType::Bool),
        Rule::new("cart", "/cart", ColumnType::Json),
    ])
    .unwrap()
}

pub(super) fn rows_of(records: &[Owned]) -> Rows {
    let mut rows = Rows::new(&partition());
    for record in records {
        record.lend(|record| rows.push(record));
    }
    rows
}

pub(super) fn footer_of(rows: &Rows) -> Footer {
    Footer {
        topic_partition: partition(),
        epoch: Epoch(2),
        first_offset: FirstOffset(rows.first_offset().unwrap()),
        next_offset: NextOffset(rows.last_offset().unwrap() + 1),
        record_count: rows.len() as u64,
        records_root: rows.root(),
        previous: Hash::of(b"previous"),
    }
}

pub(super) fn segment_of(records: &[Owned]) -> Bytes {
    let rows = rows_of(records);
    let footer = footer_of(&rows);
    Bytes::from(encode(rows, &footer, &projection()).unwrap())
}

/// Examines a segment, and checks that `for_each_record` gives the same records.
fn read(bytes: &Bytes) -> (Vec<Owned>, Examined) {
    let mut records = Vec::new();
    let examined = examine(bytes.clone(), &partition(), &mut |record, _| {
        records.push(Owned::of(record));
    })
    .unwrap();
    let mut again = Vec::new();
    Segment::open(bytes.clone())
        .unwrap()
        .for_each_record(|record| again.push(Owned::of(record)))
        .unwrap();
    assert_eq!(records, again);
    (records, examined)
}

/// An event with members for all typed columns.
pub(super) fn event(index: i64) -> Owned {
    let value = format!(
        "{{\"ts\":\"2026-01-02 03:04:{:02}.5\",\"event_type\":\"{}\",\"count\":{index},\"cart_value\":{}.25,\"new\":{},\"cart\":[{index}]}}",
        index % 60,
        ["page_view", "search", "payment_attempt"][index as usize % 3],
        index * 3,
        index % 2 == 0,
    );
    Owned {
        offset: index * 2,
        timestamp: Timestamp::create_ms(1_770_000_000_000 + index * 7 % 1000),
        key: Some(format!("C{:05}", index % 50).into_bytes()),
        value: Some(value.into_bytes()),
        headers: if index % 10 == 0 {
            vec![(b"trace".to_vec(), Some(vec![7; 3]))]
        } else {
            Vec::new()
        },
    }
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..max),
        "[ -~]{0,20}".prop_map(String::into_bytes),
        Just(
            br#"{"ts":"2026-01-02T03:04:05Z","event_type":"a","count":1,"cart_value":1.5,"new":true,"cart":{}}"#
                .to_vec()
        ),
        Just(br#"{"ts":7,"event_type":null,"count":1.5,"cart_value":"x","new":0}"#.to_vec()),
    ]
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let ms = prop_oneof![
        any::<i64>(),
        -10i64..10,
        Just(i64::MIN),
        Just(i64::MAX),
        Just(253_402_300_800_000),
        Just(253_402_300_799_999),
        Just(-2_208_988_800_000),
        Just(-2_208_988_800_001)
    ];
    (ms, any::<bool>()).prop_map(|(ms, create)| {
        if create {
            Timestamp::create_ms(ms)
        } else {
            Timestamp::log_append_ms(ms)
        }
    })
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let header = (bytes(12), prop::option::of(bytes(12)));
    let record = (
        1i64..4,
        timestamp(),
        prop::option::of(bytes(16)),
        prop::option::of(bytes(200)),
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(header, 0..4)],
    );
    (0i64..1_000_000, prop::collection::vec(record, 1..40)).prop_map(|(first, records)| {
        let mut offset = first;
        let with_offset = records.into_iter().map(|(gap, timestamp, key, value, headers)| {
            offset += gap;
            Owned {
                offset,
                timestamp,
                key,
                value,
                headers,
            }
        });
        with_offset.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_records_are_decoded_unchanged(records in records()) {
        let rows = rows_of(&records);
        let mut tree = Tree::default();
        let mut hasher = LeafHasher::new(&partition());
        tree.extend(records.iter().map(|record| record.lend(|record| hasher.leaf(record))));
        prop_assert_eq!(rows.root(), tree.root());
        let footer = footer_of(&rows);
        let bytes = segment_of(&records);
        prop_assert_eq!(&read_footer(&bytes).unwrap(), &footer);
        let (read, examined) = read(&bytes);
        prop_assert_eq!(&read, &records);
        prop_assert_eq!(examined.root, tree.root());
        prop_assert_eq!(examined.rows, records.len() as u64);
        prop_assert_eq!(examined.mismatches, Vec::new());
        let times: Vec<i64> = records.iter().filter_map(|record| record.timestamp.ms()).collect();
        let expected = times.iter().min().copied().zip(times.iter().max().copied());
        prop_assert_eq!(examined.timestamps_ms, expected);
        prop_assert_eq!(examined.footer, footer);
        // The same records make the same bytes.
        prop_assert_eq!(bytes, segment_of(&records));
    }
}

#[test]
fn a_segment_of_many_chunks_and_uneven_records_is_decoded_unchanged() {
    let records: Vec<Owned> = (0..20_000)
        .map(|index| {
            let mut record = event(index);
            match index {
                9_000 => record.value = Some(vec![b'x'; 3 << 20]),
                _ if index % 97 == 0 => record.value = None,
                _ if index % 89 == 0 => record.value = Some(vec![0xff; 5000]),
                _ => {}
            }
            record
        })
        .collect();
    let (read, examined) = read(&segment_of(&records));
    assert!(read == records);
    assert_eq!((examined.rows, examined.mismatch_count), (20_000, 0));
}

/// The column of integers at `index`, as an ordinary Parquet reader sees it.
fn integers(segment: &Bytes, index: usize) -> Vec<Option<i64>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(segment.clone()).unwrap();
    let batches = reader.build().unwrap().map(Result::unwrap);
    let of = |batch: RecordBatch| {
        let integers = cast(batch.column(index));
        integers.iter().collect::<Vec<_>>()
    };
    batches.flat_map(of).collect()
}

/// Integers, or timestamps as the integers that are stored.
fn cast(column: &ArrayRef) -> Int64Array {
    match column.as_primitive_opt::<TimestampMillisecondType>() {
        Some(timestamps) => timestamps.reinterpret_cast(),
        None => column.as_primitive::<Int64Type>().clone(),
    }
}

#[test]
fn a_record_stamped_in_nanoseconds_leaves_the_timestamps_readable() {
    let (nanoseconds, milliseconds) = (1_763_559_062_594_000_000, 1_763_559_062_594);
    let mut records = [event(0), event(1)];
    records[0].timestamp = Timestamp::create_ms(nanoseconds);
    records[1].timestamp = Timestamp::create_ms(milliseconds);
    let segment = segment_of(&records);
    assert_eq!(integers(&segment, 4), [None, Some(milliseconds)]);
    assert_eq!(integers(&segment, 9), [Some(nanoseconds), None]);
    let (read, examined) = read(&segment);
    assert_eq!(read, records);
    assert_eq!(examined.timestamps_ms, Some((milliseconds, nanoseconds)));
}

#[test]
fn rows_report_their_range_size_and_timestamps() {
    let mut rows = Rows::new(&partition());
    assert!(rows.is_empty());
    assert!(rows.buffered_bytes() < 1000, "{}", rows.buffered_bytes());
    assert_eq!(
        (rows.first_offset(), rows.last_offset(), rows.min_timestamp_ms()),
        (None, None, None)
    );
    assert_eq!(rows.root(), Hash::of(b""));
    let mut held = 0;
    for index in 0..30_000 {
        let record = event(index);
        held += record.value.as_ref().map_or(0, Vec::len);
        record.lend(|record| rows.push(record));
        assert!(rows.buffered_bytes() >= held);
    }
    assert!(
        rows.buffered_bytes() < held * 2 + (4 << 20),
        "{} for {held}",
        rows.buffered_bytes()
    );
    assert_eq!((rows.len(), rows.value_bytes()), (30_000, held as u64));
    assert_eq!((rows.first_offset(), rows.last_offset()), (Some(0), Some(59_998)));
    assert_eq!(
        (rows.min_timestamp_ms(), rows.max_timestamp_ms()),
        (Some(1_770_000_000_000), Some(1_770_000_000_999))
    );
}

#[test]
fn a_footer_that_does_not_match_the_rows_is_refused() {
    let records: Vec<Owned> = (0..3).map(event).collect();
    let footer = footer_of(&rows_of(&records));
    let wrong = [
        Footer {
            topic_partition: TopicPartition::new("user-events", 5),
            ..footer.clone()
        },
        Footer {
            first_offset: FirstOffset(1),
            ..footer.clone()
        },
        Footer {
            next_offset: NextOffset(4),
            ..footer.clone()
        },
        Footer {
            record_count: 2,
            ..footer.clone()
        },
        Footer {
            records_root: Hash::ZERO,
            ..footer.clone()
        },
    ];
    for footer in wrong {
        let error = encode(rows_of(&records), &footer, &projection()).unwrap_err();
        assert!(matches!(error, SegmentError::Footer(_)), "{footer:?}");
    }
    let disorder = [event(2), event(1)];
    let rows = rows_of(&disorder);
    let footer = Footer {
        first_offset: FirstOffset(0),
        next_offset: NextOffset(9),
        ..footer_of(&rows_of(&records))
    };
    let footer = Footer {
        record_count: 2,
        records_root: rows.root(),
        ..footer
    };
    assert!(matches!(
        encode(rows, &footer, &projection()),
        Err(SegmentError::Footer(_) | SegmentError::Order(_))
    ));
}

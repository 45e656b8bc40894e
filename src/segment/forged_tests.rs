//! Forged segments in which some reader would see other rows than the verifier. Each must be detected.

use bytes::Bytes;

use crate::segment::check::{Examined, examine};
use crate::segment::error::Unreadable;
use crate::segment::footer::Footer;
use crate::segment::forgery::{Forgery, Node, with_footer};
use crate::segment::page_encoding::values::{ByteStrings, Numbers};
use crate::segment::projection::typed::TypedColumn;
use crate::segment::round_trip_tests::{Owned, event, footer_of, partition, rows_of, segment_of};
use crate::segment::schema::{Element, Physical, Repetition};

fn records() -> Vec<Owned> {
    (0..200).map(event).collect()
}

fn footer() -> Footer {
    footer_of(&rows_of(&records()))
}

fn honest() -> Forgery {
    Forgery::of(&records())
}

fn forged(change: impl FnOnce(&mut Forgery)) -> Bytes {
    let mut forgery = honest();
    change(&mut forgery);
    forgery.write()
}

fn read(bytes: Bytes) -> Result<Examined, Unreadable> {
    examine(bytes, &partition(), &mut |_, _| {})
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
fn an_honest_segment_passes() {
    let examined = read(segment_of(&records())).unwrap();
    assert_eq!(examined.root, footer().records_root);
    assert_eq!(examined.mismatches, []);
}

#[test]
fn an_index_that_could_hide_rows_is_refused() {
    let segment = segment_of(&records());
    let with_chunk = |id, value| with_footer(&segment, |footer| footer.chunk(2).set(id, value));
    let with_metadata = |id, value| with_footer(&segment, |footer| footer.chunk(2).field(3).set(id, value));
    let sorted = with_footer(&segment, |footer| {
        let order = Node::Struct(vec![
            (1, Node::Int(Node::I32, 3)),
            (2, Node::Bool(false)),
            (3, Node::Bool(false)),
        ]);
        footer.field(4).elements()[0].set(4, Node::List(12, vec![order]));
    });
    let (i32, i64) = (|value| Node::Int(Node::I32, value), |value| Node::Int(Node::I64, value));
    let all = [
        with_chunk(1, Node::Binary(b"other.parquet".to_vec())),
        with_chunk(4, i64(4)),
        with_chunk(5, i32(9)),
        with_chunk(6, i64(4)),
        with_chunk(7, i32(9)),
        with_chunk(9, Node::Binary(vec![1])),
        with_metadata(4, i32(0)),
        with_metadata(10, i64(4)),
        with_metadata(14, i64(4)),
        with_metadata(15, i32(9)),
        sorted,
    ];
    for (index, forged) in all.into_iter().enumerate() {
        assert!(matches!(read(forged), Err(Unreadable::Layout(_))), "{index}");
    }
}

#[test]
fn a_false_statistic_of_a_chunk_is_detected() {
    // The offsets are 0, 2, … 398; the greatest is claimed to be 396.
    let (last, other) = (398i64.to_le_bytes(), 396i64.to_le_bytes());
    let examined = read(patched(&segment_of(&records()), &last, &other)).unwrap();
    assert_eq!(examined.root, footer().records_root);
    assert!(examined.mismatch_count > 0);
    let mismatch = &examined.mismatches[0];
    assert_eq!((mismatch.offset, mismatch.column.as_str()), (398, "offset"));
    assert_eq!(mismatch.what, "a statistic hides an existing row");
}

#[test]
fn a_typed_column_that_differs_from_the_value_is_detected() {
    let count = forged(|forgery| match &mut forgery.typed[2] {
        TypedColumn::Int64(counts) => counts.values[70] = 71,
        _ => panic!("the column `count` is the third"),
    });
    let error = forged(|forgery| {
        let mut errors = ByteStrings::default();
        (0..200).for_each(|row| errors.push((row == 9).then_some(&b"not_json"[..])));
        *forgery.typed.last_mut().unwrap() = TypedColumn::Text(errors);
    });
    let amount = forged(|forgery| match &mut forgery.typed[3] {
        TypedColumn::Int64(amounts) => amounts.values[70] += 1,
        _ => panic!("the column `cart_value` is the fourth"),
    });
    for (forged, offset, column) in [
        (count, 140, "count"),
        (error, 18, "parse_error"),
        (amount, 140, "cart_value"),
    ] {
        let examined = read(forged).unwrap();
        assert_eq!(examined.root, footer().records_root);
        assert_eq!(examined.mismatch_count, 1);
        let mismatch = &examined.mismatches[0];
        assert_eq!((mismatch.offset, mismatch.column.as_str()), (offset, column));
    }
}

#[test]
fn rows_that_name_another_partition_or_epoch_are_detected() {
    for forged in [
        forged(|forgery| forgery.topic = "payments".into()),
        forged(|forgery| forgery.partition = 5),
        forged(|forgery| forgery.epoch = 1),
    ] {
        let examined = read(forged).unwrap();
        assert!(examined.mismatch_count >= 200);
        assert_eq!(examined.mismatches[0].offset, 0);
    }
}

#[test]
fn rows_that_are_no_records_are_refused() {
    let disorder = forged(|forgery| (0..200).for_each(|row| forgery.chunk.offsets[row] = row as i64 / 2));
    assert!(matches!(read(disorder), Err(Unreadable::Row { row: 1, .. })));
    for code in [1, 2, 255, 256, -1] {
        match read(forged(|forgery| forgery.chunk.timestamp_types[5] = code)) {
            // With log append time it is a valid but different record.
            Ok(examined) => assert!(code == 1 && examined.root != footer().records_root),
            Err(error) => assert!(matches!(error, Unreadable::Row { row: 5, .. }), "{error}"),
        }
    }
}

#[test]
fn a_timestamp_in_the_column_of_another_range_is_refused() {
    let all = |ms: Option<i64>| {
        let mut numbers = Numbers::default();
        (0..200).for_each(|_| numbers.push(ms));
        numbers
    };
    let times = |queried, other| {
        read(forged(|forgery| {
            forgery.chunk.timestamps_ms = all(queried);
            forgery.chunk.timestamps_out_of_range_ms = all(other);
        }))
    };
    let (first, last) = (-2_208_988_800_000, 253_402_300_799_999);
    for queried in [first, last, 0] {
        assert!(times(Some(queried), None).is_ok());
        assert!(matches!(
            times(None, Some(queried)),
            Err(Unreadable::Row { row: 0, .. })
        ));
    }
    for other in [first - 1, last + 1, i64::MIN, i64::MAX] {
        assert!(times(None, Some(other)).is_ok());
        assert!(matches!(times(Some(other), None), Err(Unreadable::Row { row: 0, .. })));
        assert!(matches!(
            times(Some(0), Some(other)),
            Err(Unreadable::Row { row: 0, .. })
        ));
    }
    assert!(times(None, None).is_err());
    assert!(times(Some(-1), None).is_err());
}

/// The keys and values of a footer.
type Pairs = Vec<(&'static str, String)>;
/// A change of the schema.
type Change = &'static dyn Fn(&mut Vec<Element>);

#[test]
fn a_footer_with_missing_repeated_or_invalid_fields_is_refused() {
    let changed = |change: &dyn Fn(&mut Pairs)| read(forged(|forgery| change(&mut forgery.pairs)));
    let set = |key: &'static str, value: &'static str| {
        changed(&|pairs| {
            pairs
                .iter_mut()
                .filter(|pair| pair.0 == key)
                .for_each(|pair| pair.1 = value.to_owned());
        })
    };
    for (key, value) in honest().pairs {
        assert!(
            changed(&|pairs| pairs.retain(|pair| pair.0 != key)).is_err(),
            "without {key}"
        );
        assert!(
            changed(&|pairs| pairs.push((key, value.clone()))).is_err(),
            "{key} twice"
        );
        let without_value = with_footer(&segment_of(&records()), |footer| {
            let pairs = footer.field(5).elements();
            pairs.iter_mut().for_each(|pair| {
                if *pair.field(1) == Node::Binary(key.as_bytes().to_vec()) {
                    pair.fields().truncate(1);
                }
            });
        });
        assert!(read(without_value).is_err());
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
    let with_columns = |change: &dyn Fn(&mut Vec<Element>)| read(forged(|forgery| change(&mut forgery.elements)));
    assert!(with_columns(&|_| {}).is_ok());
    let all: [Change; 9] = [
        &|columns| columns.swap(6, 7),
        &|columns| columns[7].name = "Value".into(),
        &|columns| columns[12].name = "event_typ".into(),
        &|columns| columns[3].repetition = Repetition::Optional,
        &|columns| columns[4].repetition = Repetition::Required,
        &|columns| columns[8].repetition = Repetition::Optional,
        &|columns| columns[1].physical = Some(Physical::Int64),
        &|columns| columns[5].annotation = columns[0].annotation,
        &|columns| columns[14].annotation = columns[13].annotation,
    ];
    for (index, change) in all.into_iter().enumerate() {
        assert!(with_columns(change).is_err(), "{index}");
    }
    let segment = segment_of(&records());
    for leaf in [0, 6, 20] {
        let without = with_footer(&segment, |footer| {
            let chunks = footer.field(4).elements()[0].field(1).elements();
            chunks.remove(leaf.min(chunks.len() - 1));
        });
        assert!(read(without).is_err(), "{leaf}");
    }
}

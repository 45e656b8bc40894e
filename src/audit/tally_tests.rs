//! A model of a sink: whatever is lost, doubled, altered or added, and however its rows come in files and groups, the tally
//! names exactly that.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;

use crate::audit::offsets::OffsetSet;
use crate::audit::row::{Compared, Fingerprint, Row, SourceRecord};
use crate::audit::tally::{Completeness, Lag, Merge, Tally, Window};

/// What happened to a record in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    Doubled,
    Altered,
    /// One row of the value and one of another.
    AlteredOnce,
    /// Kafka has no record at this offset, and the sink has none.
    Hole,
    /// Kafka has no record at this offset, and the sink has one.
    Added,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Kept),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Doubled),
        1 => Just(Fate::Altered),
        1 => Just(Fate::AlteredOnce),
        1 => Just(Fate::Hole),
        1 => Just(Fate::Added),
    ];
    prop::collection::vec(fate, 1..60)
}

fn record(offset: i64) -> SourceRecord {
    SourceRecord {
        offset,
        value: Fingerprint::of(Some(&offset.to_le_bytes())),
        key: Fingerprint::of(None),
        timestamp_ms: Some(1000 + offset),
        is_tombstone: false,
    }
}

fn row(offset: i64, value: &[u8]) -> Row {
    Row {
        partition: 0,
        file: 0,
        offset,
        value: Fingerprint::of(Some(value)),
        key: Fingerprint::of(None),
        timestamp_ms: Some(1000 + offset),
    }
}

fn rows(fates: &[Fate]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (offset, fate) in (0i64..).zip(fates) {
        let (same, other) = (row(offset, &offset.to_le_bytes()), row(offset, b"other"));
        match fate {
            Fate::Kept | Fate::Added => rows.push(same),
            Fate::Lost | Fate::Hole => {}
            Fate::Doubled => rows.extend([same, same]),
            Fate::Altered => rows.push(other),
            Fate::AlteredOnce => rows.extend([same, other]),
        }
    }
    rows
}

fn records(fates: &[Fate]) -> Vec<SourceRecord> {
    let is_record = |fate: &Fate| !matches!(fate, Fate::Hole | Fate::Added);
    (0i64..)
        .zip(fates)
        .filter(|(_, fate)| is_record(fate))
        .map(|(offset, _)| record(offset))
        .collect()
}

const FILES: [Compared; 1] = [Compared {
    value: true,
    key: true,
    timestamp: true,
}];

/// Gives a group of rows and then the records of the ranges that its rows span, cut at `cuts`.
fn settle(tally: &mut Tally, mut group: Vec<Row>, records: &[SourceRecord], cut: i64) {
    group.sort_unstable_by_key(|row| row.offset);
    tally.rows(&group);
    if let (Some(first), Some(last)) = (group.first(), group.last()) {
        let (start, end) = (first.offset, last.offset + 1);
        let middle = cut.clamp(start, end);
        for range in [start..middle, middle..end] {
            let inside: Vec<Row> = group
                .iter()
                .copied()
                .filter(|row| range.contains(&row.offset))
                .collect();
            read(tally, &inside, records, range);
        }
    }
}

fn read(tally: &mut Tally, rows: &[Row], records: &[SourceRecord], range: Range<i64>) {
    let mut merge = Merge::new(tally, rows, &FILES, Window::default(), range.clone());
    records
        .iter()
        .filter(|record| range.contains(&record.offset))
        .for_each(|record| merge.record(record));
    merge.finish(Completeness::Complete, i64::MIN);
}

fn offsets(set: &OffsetSet) -> BTreeSet<i64> {
    set.iter().flatten().collect()
}

proptest! {
    #[test]
    fn every_loss_double_alteration_and_addition_is_named_and_nothing_else(
        fates in fates(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 120),
        groups in 1usize..6,
        cut in 0i64..60,
    ) {
        let (records, mut left) = (records(&fates), rows(&fates));
        let mut grouped = vec![Vec::new(); groups];
        for (number, index) in order.iter().enumerate().take(left.len()) {
            grouped[number % groups].push(left.swap_remove(index.index(left.len())));
        }
        let mut tally = Tally::default();
        for group in grouped {
            settle(&mut tally, group, &records, cut);
        }
        let all: OffsetSet = std::iter::once(0..i64::try_from(fates.len()).unwrap()).collect();
        for range in all.minus(&tally.read).iter() {
            read(&mut tally, &[], &records, range);
        }
        let of = |wanted: &[Fate]| -> BTreeSet<i64> {
            (0i64..).zip(&fates).filter(|(_, fate)| wanted.contains(fate)).map(|(offset, _)| offset).collect()
        };
        prop_assert_eq!(offsets(&tally.missing(Lag::Refused)), of(&[Fate::Lost]));
        prop_assert_eq!(offsets(&tally.doubled), of(&[Fate::Doubled, Fate::AlteredOnce]));
        prop_assert_eq!(offsets(&tally.altered), of(&[Fate::Altered, Fate::AlteredOnce]));
        prop_assert_eq!(offsets(&tally.unexpected), of(&[Fate::Added]));
        prop_assert_eq!(tally.source_records, records.len() as u64);
        for missing in tally.missing(Lag::Refused).iter() {
            prop_assert_eq!(tally.times(&missing), Some((1000 + missing.start, 999 + missing.end)));
        }
    }
}

#[test]
fn records_after_the_last_row_are_missing_only_where_the_sink_may_not_lag() {
    let records: Vec<SourceRecord> = (0..10).map(record).collect();
    let mut tally = Tally::default();
    settle(
        &mut tally,
        vec![row(0, &0i64.to_le_bytes()), row(2, &2i64.to_le_bytes())],
        &records,
        0,
    );
    read(&mut tally, &[], &records, 3..10);
    assert_eq!(offsets(&tally.missing(Lag::Allowed)), BTreeSet::from([1]));
    assert_eq!(tally.missing(Lag::Refused).len(), 8);
}

#[test]
fn a_row_below_what_the_source_still_holds_is_not_unexpected() {
    let mut tally = Tally::default();
    let rows = [row(3, b"a"), row(6, b"b")];
    tally.rows(&rows);
    let merge = Merge::new(&mut tally, &rows, &FILES, Window::default(), 3..7);
    merge.finish(Completeness::Complete, 5);
    assert_eq!(offsets(&tally.unexpected), BTreeSet::from([6]));
    assert_eq!(offsets(&tally.read), BTreeSet::from([5, 6]));
}

#[test]
fn a_row_without_a_record_of_a_compacted_topic_is_not_unexpected() {
    let mut tally = Tally::default();
    let rows = [row(3, b"a")];
    tally.rows(&rows);
    Merge::new(&mut tally, &rows, &FILES, Window::default(), 0..7).finish(Completeness::Compacted, 0);
    assert!(tally.unexpected.is_empty());
}

#[test]
fn records_outside_of_the_window_may_be_absent() {
    let window = Window {
        since_ms: Some(1002),
        until_ms: Some(1005),
    };
    let mut tally = Tally::default();
    let mut merge = Merge::new(&mut tally, &[], &FILES, window, 0..10);
    (0..10).for_each(|offset| merge.record(&record(offset)));
    merge.finish(Completeness::Complete, 0);
    assert_eq!(offsets(&tally.missing(Lag::Refused)), BTreeSet::from([2, 3, 4]));
}

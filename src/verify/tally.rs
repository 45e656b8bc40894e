//! Exact counts of events by id. An id becomes 128 bits: the number itself if it is 32 hex digits, else half of its SHA-256.
//! This file makes ids and merges sorted runs of them; the caller stores the runs, so that memory stays bounded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::json::scan_member::string_member;
use crate::json::{Reader, Value};
use crate::record::hash::Hash;
use crate::record::record::Record;
use crate::segment::projection::cell::ParseError;

/// The member of an event that holds its id.
const EVENT_ID: &str = "event_id";

/// How many events there are, by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The number of different event ids.
    pub distinct_events: u64,
    /// The number of records with an event id that an earlier record had.
    pub repeated_events: u64,
}

/// Counts records, and collects the ids of their events.
#[derive(Debug, Default)]
pub struct Tally {
    /// The number of records.
    pub records: u64,
    /// One id for each record that has one, in the order of the records.
    pub ids: Vec<u128>,
    reader: Reader<bool>,
}

impl Tally {
    /// Counts one record. `parse_error` is that of its value (FORMAT.md section 7.4).
    pub fn add(&mut self, record: &Record<'_>, parse_error: Option<ParseError>) {
        self.records += 1;
        let is_object = matches!(parse_error, None | Some(ParseError::FieldType));
        let value = record.value.filter(|_| is_object);
        if let Some(id) = value.and_then(|value| event_id(&mut self.reader, value)) {
            self.ids.push(id);
        }
    }
}

/// Merges sorted runs of ids, and counts different and repeated ones.
///
/// # Errors
/// The first error of a run.
pub fn merge<E>(runs: Vec<impl Iterator<Item = Result<u128, E>>>) -> Result<Counted, E> {
    let mut runs = runs;
    let mut next: BinaryHeap<Reverse<(u128, usize)>> = BinaryHeap::with_capacity(runs.len());
    for (index, run) in runs.iter_mut().enumerate() {
        if let Some(id) = run.next() {
            next.push(Reverse((id?, index)));
        }
    }
    let mut counted = Counted::default();
    let mut last = None;
    while let Some(Reverse((id, index))) = next.pop() {
        if last == Some(id) {
            counted.repeated_events += 1;
        } else {
            counted.distinct_events += 1;
        }
        last = Some(id);
        if let Some(id) = runs[index].next() {
            next.push(Reverse((id?, index)));
        }
    }
    Ok(counted)
}

/// The event id in a value that is known to be a JSON object without repeated names. A scan finds the member; the value is
/// parsed only if the scan finds none, because the id or its name may be written with escapes.
fn event_id(reader: &mut Reader<bool>, value: &[u8]) -> Option<u128> {
    if let Some(id) = string_member(value, EVENT_ID) {
        return std::str::from_utf8(id).ok().map(fold);
    }
    let text = std::str::from_utf8(value).ok()?;
    let mut id = None;
    reader
        .read(
            text,
            |name| name == EVENT_ID,
            |is_id, member| {
                if let (true, Value::String(text)) = (is_id, member) {
                    id = Some(fold(&text.decoded()));
                }
            },
        )
        .ok()?;
    id
}

/// An id as 128 bits: 32 lower-case hex digits are taken as a number, anything else is hashed.
fn fold(id: &str) -> u128 {
    let is_hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match u128::from_str_radix(id, 16) {
        Ok(number) if is_hex => number,
        _ => {
            let mut half = [0; 16];
            half.copy_from_slice(&Hash::of(id.as_bytes()).0[..16]);
            u128::from_be_bytes(half)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::record::record::Timestamp;

    #[test]
    fn an_event_has_the_id_that_its_outermost_object_names() {
        let hex = "00ff00ff00ff00ff00ff00ff00ff00ff";
        let mut tally = Tally::default();
        let not_json = Some(ParseError::NotJson);
        let values = [
            (Some(format!("{{\"event_id\":\"{hex}\"}}")), None),
            (
                Some(format!("{{\"a\":{{\"event_id\":\"b\"}},\"event_id\":\"{hex}\"}}")),
                None,
            ),
            (
                Some("{\"event_id\":\"plain\",\"a\":1}".to_owned()),
                Some(ParseError::FieldType),
            ),
            (Some("{\"event\\u005fid\":\"p\\u006cain\"}".to_owned()), None),
            (None, None),
            (Some("{\"event_id\":null}".to_owned()), None),
            (Some("{\"event_id\":7}".to_owned()), None),
            (Some("{\"event_id\":\"x\"".to_owned()), not_json),
            (Some("{\"event_id\":\"x\",\"event_id\":\"x\"}".to_owned()), not_json),
            (Some("[\"event_id\"]".to_owned()), Some(ParseError::NotObject)),
        ];
        for (value, parse_error) in &values {
            let record = Record {
                offset: 0,
                timestamp: Timestamp::Absent,
                key: None,
                value: value.as_ref().map(String::as_bytes),
                headers: &[],
            };
            tally.add(&record, *parse_error);
        }
        assert_eq!(tally.records, 10);
        assert_eq!(tally.ids.len(), 4);
        assert_eq!(tally.ids[0], tally.ids[1]);
        assert_eq!(tally.ids[0], 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff);
        assert_eq!(tally.ids[2], tally.ids[3]);
    }

    proptest! {
        #[test]
        fn however_ids_are_spread_over_runs_they_are_counted_exactly(runs in proptest::collection::vec(proptest::collection::vec(0u128..40, 0..30), 0..8)) {
            let all: Vec<u128> = runs.iter().flatten().copied().collect();
            let distinct: std::collections::BTreeSet<u128> = all.iter().copied().collect();
            let sorted = runs.into_iter().map(|mut run| { run.sort_unstable(); run.into_iter().map(Ok::<u128, Infallible>) }).collect();
            let counted = merge(sorted).unwrap();
            prop_assert_eq!(counted.distinct_events, distinct.len() as u64);
            prop_assert_eq!(counted.repeated_events, (all.len() - distinct.len()) as u64);
        }
    }
}

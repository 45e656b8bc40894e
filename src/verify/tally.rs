//! Counting: records, distinct event ids and repeated ones. Exact, not estimated: an id is 128 bits, either the 32 hex
//! digits that it is written with or, for another text, half of its SHA-256. Never reads more of an event than its id.

use crate::model::hash::Hash;
use crate::model::json::{Reader, Value};
use crate::model::record::Record;

/// The member of an event that names it.
const EVENT_ID: &str = "event_id";

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records.
    pub records: u64,
    /// Event ids that differ from each other.
    pub distinct_events: u64,
    /// Records whose event id another record had before.
    pub repeated_events: u64,
    /// Records that have no event id.
    pub without_id: u64,
}

/// A count in progress. Parts counted apart are joined with [`Tally::absorb`].
#[derive(Debug, Default)]
pub struct Tally {
    records: u64,
    ids: Vec<u128>,
    reader: Reader,
}

impl Tally {
    /// Counts one record.
    pub fn add(&mut self, record: &Record<'_>) {
        self.records += 1;
        if let Some(id) = record.value.and_then(|value| event_id(&mut self.reader, value)) {
            self.ids.push(id);
        }
    }

    /// Adds what another part counted.
    pub fn absorb(&mut self, other: Tally) {
        self.records += other.records;
        self.ids.extend(other.ids);
    }

    /// How many records were counted.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The ids of the records counted so far, out of order; they are not kept any longer.
    pub fn take_ids(&mut self) -> Vec<u128> {
        std::mem::take(&mut self.ids)
    }

    /// What it comes to.
    #[must_use]
    pub fn finish(mut self) -> Counted {
        let with_id = self.ids.len() as u64;
        self.ids.sort_unstable();
        self.ids.dedup();
        let distinct_events = self.ids.len() as u64;
        Counted {
            records: self.records,
            distinct_events,
            repeated_events: with_id - distinct_events,
            without_id: self.records - with_id,
        }
    }
}

fn event_id(reader: &mut Reader, value: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(value).ok()?;
    let mut id = None;
    reader
        .read(text, |name, member| {
            if let (true, Value::String(text)) = (name.is(EVENT_ID), member) {
                id = Some(fold(&text.decoded()));
            }
        })
        .ok()?;
    id
}

/// 32 lower-case hex digits are a number of their own; anything else is hashed.
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
    use super::*;
    use crate::model::record::Timestamp;

    fn add(tally: &mut Tally, value: Option<&str>) {
        tally.add(&Record {
            offset: 0,
            timestamp: Timestamp::Absent,
            key: None,
            value: value.map(str::as_bytes),
            headers: &[],
        });
    }

    #[test]
    fn repeated_events_are_counted_across_parts() {
        let hex = "00ff00ff00ff00ff00ff00ff00ff00ff";
        let (mut one, mut other) = (Tally::default(), Tally::default());
        add(&mut one, Some(&format!("{{\"event_id\":\"{hex}\"}}")));
        add(&mut one, Some("{\"event_id\":\"plain\",\"a\":1}"));
        add(
            &mut other,
            Some(&format!("{{\"a\":{{\"event_id\":\"b\"}},\"event_id\":\"{hex}\"}}")),
        );
        for none in [
            None,
            Some("{\"event_id\":null}"),
            Some("{\"event_id\":7}"),
            Some("{\"event_id\":\"x\""),
            Some("[]"),
        ] {
            add(&mut other, none);
        }
        one.absorb(other);
        let expected = Counted {
            records: 8,
            distinct_events: 2,
            repeated_events: 1,
            without_id: 5,
        };
        assert_eq!(one.finish(), expected);
    }
}
